package keygen

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"consilium/protocol/interactive"
)

// CheatError names a party that deviated, in something that it told everybody.
type CheatError struct {
	Party int
	Step  string
	Why   string
}

func (e *CheatError) Error() string {
	return fmt.Sprintf("party %d deviated from the ceremony (%s): %s", e.Party, e.Step, e.Why)
}

// DisputeError names two parties, one of which deviated: By says that Accused
// sent it something wrong, which nobody else saw. Each of the two knows which.
type DisputeError struct {
	Step        string
	By, Accused int
}

func (e *DisputeError) Error() string {
	return fmt.Sprintf("party %d says that party %d sent it something wrong (%s): one of the two deviated", e.By, e.Accused, e.Step)
}

// First bytes of a message.
const (
	frameData = iota
	frameAccuse
)

// talk is the channel with a memory: every message carries a digest of all that
// was told to all before it, so that it is found out when somebody told two things
// before anything else is made of them; and any message may be an accusation
// instead, which ends the ceremony.
type talk struct {
	channel *interactive.Channel
	session []byte // names this ceremony
	heard   [sha256.Size]byte
	step    string
	lie     func(step string, body []byte) []byte // in tests only: what this party says instead
}

func newTalk(c *interactive.Channel) *talk {
	return &talk{channel: c, heard: sha256.Sum256([]byte("consilium/keygen/1/transcript"))}
}

func (t *talk) self() int    { return t.channel.Self() }
func (t *talk) parties() int { return t.channel.Parties() }

// exchange sends every party its own body, and returns theirs.
func (t *talk) exchange(to [][]byte) ([][]byte, error) {
	framed := make([][]byte, len(to))
	for party := 1; party < len(to); party++ {
		framed[party] = t.frame(to[party])
	}
	from, err := t.channel.Exchange(framed)
	if err != nil {
		return nil, err
	}
	return from, t.unframe(from)
}

// broadcast tells everybody the same, and returns what all told.
func (t *talk) broadcast(body []byte) ([][]byte, error) {
	from, err := t.channel.Tell(t.frame(body))
	if err != nil {
		return nil, err
	}
	if err := t.unframe(from); err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(t.heard[:])
	h.Write(counted([]byte(t.step)))
	for _, b := range from[1:] {
		h.Write(counted(b))
	}
	h.Sum(t.heard[:0])
	return from, nil
}

func (t *talk) frame(body []byte) []byte {
	if t.lie != nil {
		body = t.lie(t.step, body)
	}
	return append(append([]byte{frameData}, t.heard[:]...), body...)
}

// unframe strips the frames in place.
func (t *talk) unframe(from [][]byte) error {
	for party := 1; party < len(from); party++ {
		body := from[party]
		if len(body) == 2 && body[0] == frameAccuse {
			return &DisputeError{Step: t.step, By: party, Accused: int(body[1])}
		}
		if len(body) < 1+len(t.heard) || body[0] != frameData {
			return t.accuse(party, "a message without form")
		}
		if string(body[1:1+len(t.heard)]) != string(t.heard[:]) {
			return &interactive.DifferentError{Party: party}
		}
		from[party] = body[1+len(t.heard):]
	}
	return nil
}

// accuse ends the ceremony because a party sent what no honest party sends, and
// says so to the others.
func (t *talk) accuse(party int, why string) error {
	for other := 1; other <= t.parties(); other++ {
		if other != t.self() {
			t.channel.Send(other, []byte{frameAccuse, byte(party)})
		}
	}
	return &CheatError{Party: party, Step: t.step, Why: why}
}

// reveal is broadcast behind commitments: nobody hears another's body before his
// own is fixed.
func (t *talk) reveal(body []byte) ([][]byte, error) {
	before := t.heard
	commitment := func(party int, body []byte) []byte {
		h := sha256.New()
		h.Write(before[:])
		h.Write([]byte{byte(party)})
		h.Write(body)
		return h.Sum(nil)
	}
	if t.lie != nil {
		body = t.lie(t.step+", before the commitment", body)
	}
	commitments, err := t.broadcast(commitment(t.self(), body))
	if err != nil {
		return nil, err
	}
	bodies, err := t.broadcast(body)
	if err != nil {
		return nil, err
	}
	for party := 1; party <= t.parties(); party++ {
		if string(commitment(party, bodies[party])) != string(commitments[party]) {
			return nil, &CheatError{party, t.step, "it reveals something else than it has committed to"}
		}
	}
	return bodies, nil
}

// counted is b behind its length.
func counted(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(len(b))), b...)
}
