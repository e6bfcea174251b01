package protocol

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// Description is what the hospitals must agree on before a round begins. Its
// hash is in every signature, box and proof of the round, so hospitals that
// see the round differently cannot combine anything (model inconsistency,
// arXiv 2111.07380).
type Description struct {
	Federation   string // name of the federation
	Epoch        uint64 // of the roster
	Roster       Hash   // of the roster
	Study        Hash   // of the study and its task: data columns, model, trainer, quantiser
	Round        uint64
	Step         string // what is summed, for people: "standardise", "train", …
	State        Ref    // the model that the round starts from
	Scheme       string
	Key          Hash // of the key that the scheme needs; zero if it needs none
	Thresholds   Thresholds
	Length       uint64 // values in an update
	Limit        uint64 // largest |value| in an update
	FractionBits uint32 // of the fixed-point encoding of a value
	Modulus      uint32 // bits of the ring of scheme masked, 32 or 64; 0 elsewhere
	Packing      uint32 // values in one polynomial of scheme shamir; 0 as 1
	Deadlines    Deadlines
}

// Deadlines say how many ticks a hospital waits in a phase for those that may
// be missing. They are local: clocks are never compared.
type Deadlines struct {
	Commit uint32 // for commitments, from one's own: the slack in training time and the wait for who is away
	Deal   uint32 // for deals and their boxes, from the list of commitments
	Attest uint32 // for attestations, from one's own
	View   uint32 // for each step of an agreement; grows with the view
	// Stall is after how many ticks from one's own commitment, or from the openings,
	// to wish to end a round that has nothing to go on with; 0 for never.
	Stall uint32
}

// Again are the deadlines of a round before which so many came to nothing. Whoever
// waits for messages that were too late for the others would wait for ever, and so
// a liar could stop a round that was late once: where somebody may lie there always
// is a deadline Stall. It doubles with every round that came to nothing, so that in
// the end it exceeds what the network takes.
func (d Deadlines) Again(unopened int, t Thresholds) Deadlines {
	if d.Stall == 0 && t.Liars > 0 {
		d.Stall = saturated(3*(uint64(d.Commit)+uint64(d.Deal)+uint64(d.Attest)) + 20*uint64(d.View))
	}
	d.Stall = saturated(uint64(d.Stall) << min(unopened, 20))
	return d
}

func saturated(v uint64) uint32 { return uint32(min(v, math.MaxUint32)) }

const maxName = 256

// Encode is the canonical encoding of d.
func (d Description) Encode() []byte {
	b := appendBytes(nil, []byte(d.Federation))
	b = binary.BigEndian.AppendUint64(b, d.Epoch)
	b = append(b, d.Roster[:]...)
	b = append(b, d.Study[:]...)
	b = binary.BigEndian.AppendUint64(b, d.Round)
	b = appendBytes(b, []byte(d.Step))
	b = append(b, d.State.Root[:]...)
	b = binary.BigEndian.AppendUint32(b, d.State.Chunks)
	b = binary.BigEndian.AppendUint64(b, d.State.Size)
	b = appendBytes(b, []byte(d.Scheme))
	b = append(b, d.Key[:]...)
	for _, v := range []int{d.Thresholds.Parties, d.Thresholds.Liars, d.Thresholds.Dropouts} {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	b = binary.BigEndian.AppendUint64(b, d.Length)
	b = binary.BigEndian.AppendUint64(b, d.Limit)
	b = binary.BigEndian.AppendUint32(b, d.FractionBits)
	b = binary.BigEndian.AppendUint32(b, d.Modulus)
	b = binary.BigEndian.AppendUint32(b, d.Packing)
	for _, v := range []uint32{d.Deadlines.Commit, d.Deadlines.Deal, d.Deadlines.Attest, d.Deadlines.View, d.Deadlines.Stall} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// DecodeDescription is the inverse of Encode; it accepts nothing else.
func DecodeDescription(data []byte) (Description, error) {
	r := reader{data: data}
	d := Description{
		Federation: string(r.bytes(maxName)),
		Epoch:      r.uint64(),
		Roster:     r.hash(),
		Study:      r.hash(),
		Round:      r.uint64(),
		Step:       string(r.bytes(maxName)),
		State:      Ref{Root: r.hash(), Chunks: r.uint32(), Size: r.uint64()},
		Scheme:     string(r.bytes(maxName)),
		Key:        r.hash(),
		Thresholds: Thresholds{Parties: int(r.uint16()), Liars: int(r.uint16()), Dropouts: int(r.uint16())},
		Length:     r.uint64(), Limit: r.uint64(), FractionBits: r.uint32(), Modulus: r.uint32(), Packing: r.uint32(),
		Deadlines: Deadlines{Commit: r.uint32(), Deal: r.uint32(), Attest: r.uint32(), View: r.uint32(), Stall: r.uint32()},
	}
	if err := r.end(); err != nil {
		return Description{}, fmt.Errorf("decode round description: %w", err)
	}
	return d, nil
}

// Hash names d.
func (d Description) Hash() Hash { return digest("consilium/description/1", d.Encode()) }

// Differences lists for people what another hospital's description says
// otherwise.
func (d Description) Differences(other Description) string {
	var diffs []string
	note := func(what string, mine, theirs any) {
		if mine != theirs {
			diffs = append(diffs, fmt.Sprintf("%s is %v there and %v here", what, theirs, mine))
		}
	}
	note("the federation", d.Federation, other.Federation)
	note("the epoch", d.Epoch, other.Epoch)
	note("the roster", d.Roster.Short(), other.Roster.Short())
	note("the study", d.Study.Short(), other.Study.Short())
	note("the round", d.Round, other.Round)
	note("the step", d.Step, other.Step)
	note("the model", d.State.Root.Short(), other.State.Root.Short())
	note("the scheme", d.Scheme, other.Scheme)
	note("the key", d.Key.Short(), other.Key.Short())
	note("the threshold setting", d.Thresholds, other.Thresholds)
	note("the number of values", d.Length, other.Length)
	note("the largest value", d.Limit, other.Limit)
	note("the fixed point", d.FractionBits, other.FractionBits)
	note("the modulus", d.Modulus, other.Modulus)
	note("the packing", d.Packing, other.Packing)
	note("the deadline setting", d.Deadlines, other.Deadlines)
	return strings.Join(diffs, "; ")
}
