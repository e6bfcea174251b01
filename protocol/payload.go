package protocol

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Steps within a phase that has more than one message.
const (
	stepCommitment uint8 = 0 // Commit: the commitment of one's own deal
	stepList       uint8 = 1 // Commit: the commitments that one holds

	stepDeal uint8 = 0 // Deal: what was committed to, with boxes
	stepBox  uint8 = 1 // Deal: a box for a hospital that came later, the subject

	stepPropose   uint8 = 0 // agreements
	stepPrevote   uint8 = 1
	stepPrecommit uint8 = 2

	stepMasked       uint8 = 3 // Mask: an update, masked for those who were agreed on
	stepAttestMasked uint8 = 4 // Mask: the masked updates that one holds
)

// describePayload opens a round: the description in full, so that a hospital
// that sees it differently can say what differs, and the sender's key to seal
// boxes to.
type describePayload struct {
	Description []byte
	Key         []byte
}

const (
	maxDescription = 4 << 10
	maxKey         = 4 << 10
)

func (p describePayload) encode() []byte {
	return appendBytes(appendBytes(nil, p.Description), p.Key)
}

func decodeDescribe(data []byte) (p describePayload, err error) {
	r := reader{data: data}
	p = describePayload{r.bytes(maxDescription), r.bytes(maxKey)}
	return p, r.end()
}

// commitPayload binds the sender to the deal that it will post. The zero hash
// says that it will not deal in this round.
type commitPayload struct{ Commitment Hash }

func (p commitPayload) encode() []byte { return p.Commitment[:] }

func decodeCommit(data []byte) (p commitPayload, err error) {
	r := reader{data: data}
	p.Commitment = r.hash()
	return p, r.end()
}

// commitment is H(sender, round, nonce, payload root); the description hash
// stands for the round.
func commitment(description Hash, from Party, nonce, root Hash) Hash {
	return digest("consilium/commitment/1", description[:], appendParty(nil, from), nonce[:], root[:])
}

// named is a hash of one hospital: a commitment, or the root of a deal.
type named struct {
	Party Party
	Hash  Hash
}

func appendNamed(dst []byte, list []named) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(list)))
	for _, e := range list {
		dst = append(appendParty(dst, e.Party), e.Hash[:]...)
	}
	return dst
}

// named reads a list with each hospital at most once, in ascending order.
func (r *reader) named() []named {
	list := make([]named, 0, 8)
	for range r.count(MaxParties) {
		e := named{r.party(), r.hash()}
		if r.err != nil {
			return nil
		}
		if e.Party < 1 || len(list) > 0 && list[len(list)-1].Party >= e.Party {
			r.fail("hospitals are not in ascending order")
		}
		list = append(list, e)
	}
	return list
}

// find returns the hash of p in an ascending list.
func find(list []named, p Party) (Hash, bool) {
	i, found := slices.BinarySearchFunc(list, p, func(e named, p Party) int { return cmp.Compare(e.Party, p) })
	if !found {
		return Hash{}, false
	}
	return list[i].Hash, true
}

// listPayload is the signed list of commitments that the sender holds.
type listPayload struct{ Commitments []named }

func (p listPayload) encode() []byte { return appendNamed(nil, p.Commitments) }

func decodeList(data []byte) (p listPayload, err error) {
	r := reader{data: data}
	p.Commitments = r.named()
	return p, r.end()
}

// dealPayload reveals what was committed to, and carries the boxes for those
// whose keys the dealer had by then. The commitment is to what is in the boxes
// and not to the boxes: a box can be sealed later, or again.
type dealPayload struct {
	Nonce Hash
	Body  header
	Boxes []sealedBox // ascending by recipient
}

// sealedBox announces a box, with the box itself when it is small. What is in
// it is checked against the commitment, so nothing hangs on its name.
type sealedBox struct {
	To     Party
	Ref    Ref
	Inline Chunks
}

func (b sealedBox) append(dst []byte) []byte {
	return appendInline(b.Ref.append(appendParty(dst, b.To)), b.Inline)
}

func (r *reader) box() sealedBox {
	b := sealedBox{To: r.party(), Ref: r.ref()}
	b.Inline = r.inline(b.Ref)
	if b.To < 1 {
		r.fail("a box for nobody")
	}
	return b
}

func (p dealPayload) encode() []byte {
	b := p.Body.append(append([]byte{}, p.Nonce[:]...))
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Boxes)))
	for _, x := range p.Boxes {
		b = x.append(b)
	}
	return b
}

func decodeDeal(data []byte) (p dealPayload, err error) {
	r := reader{data: data}
	p = dealPayload{Nonce: r.hash(), Body: r.header()}
	for range r.count(MaxParties) {
		b := r.box()
		if last := len(p.Boxes) - 1; last >= 0 && b.To <= p.Boxes[last].To {
			r.fail("boxes are not in ascending order")
		}
		if r.err != nil {
			return p, r.err
		}
		p.Boxes = append(p.Boxes, b)
	}
	return p, r.end()
}

// boxPayload is a box that is sealed after the deal was posted.
type boxPayload struct{ Box sealedBox }

func (p boxPayload) encode() []byte { return p.Box.append(nil) }

func decodeBox(data []byte) (p boxPayload, err error) {
	r := reader{data: data}
	p.Box = r.box()
	return p, r.end()
}

// attestPayload lists the deals, by root, that the sender holds and has
// verified.
type attestPayload struct{ Held []named }

func (p attestPayload) encode() []byte { return appendNamed(nil, p.Held) }

func decodeAttest(data []byte) (p attestPayload, err error) {
	r := reader{data: data}
	p.Held = r.named()
	return p, r.end()
}

// votePayload is a prevote or precommit: the hash of a value, or zero for none.
type votePayload struct{ Value Hash }

func (p votePayload) encode() []byte { return p.Value[:] }

func decodeVote(data []byte) (p votePayload, err error) {
	r := reader{data: data}
	p.Value = r.hash()
	return p, r.end()
}

// openPayload is an opening for one certified set.
type openPayload struct {
	Set  Hash
	Body header
}

func (p openPayload) encode() []byte { return p.Body.append(p.Set[:]) }

func decodeOpen(data []byte) (p openPayload, err error) {
	r := reader{data: data}
	p = openPayload{r.hash(), r.header()}
	return p, r.end()
}

// resultPayload ends the round for its sender: the hash of the sum, or the
// reason to abort. Both share one slot, so nobody can sign both.
type resultPayload struct {
	Sum    Hash
	At     Ref    // where the sum is served; zero where nobody lies, or there is none
	Reason string // not empty: abort, and Sum is zero
}

const maxReason = 200

func (p resultPayload) encode() []byte {
	return appendBytes(p.At.append(p.Sum[:]), []byte(p.Reason))
}

// agrees tells whether two results are one, or both are aborts.
func (p resultPayload) agrees(other resultPayload) bool {
	return p.Sum == other.Sum && (p.Reason == "") == (other.Reason == "")
}

func decodeResult(data []byte) (p resultPayload, err error) {
	r := reader{data: data}
	p = resultPayload{r.hash(), r.ref(), string(r.bytes(maxReason))}
	if (p.Sum == Hash{}) == (p.Reason == "") || p.Reason != "" && p.At != (Ref{}) {
		r.fail("neither a result nor an abort")
	}
	if !printable(p.Reason) {
		r.fail("a reason that cannot be printed")
	}
	return p, r.end()
}

// printable tells whether people can be shown a text of somebody else.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}
