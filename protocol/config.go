package protocol

import (
	"fmt"
	"io"
	"slices"
)

// Config is what one hospital brings to one round.
type Config struct {
	// Self is this hospital's number in the roster.
	Self Party
	// Description is the round as this hospital sees it.
	Description Description
	// Signer signs for Self and verifies for everybody.
	Signer Signer
	// Sealer agrees on the keys of sealed boxes.
	Sealer Sealer
	// Random gives the seeds and nonces: crypto/rand, or a seeded source in a
	// simulation.
	Random io.Reader
	// Spool keeps the large parts of one's own posts; nil keeps them in memory.
	Spool Spool
}

// maxLimit bounds the values of an update: what every scheme can add up.
const maxLimit = 1 << 60

// Validate says what is missing.
func (c Config) Validate() error {
	t := c.Description.Thresholds
	if err := t.Validate(); err != nil {
		return err
	}
	switch {
	case c.Self < 1 || int(c.Self) > t.Parties:
		return fmt.Errorf("hospital %d is not in a roster of %d", c.Self, t.Parties)
	case c.Signer == nil || c.Sealer == nil || c.Random == nil:
		return fmt.Errorf("a round needs a signer, a sealer and randomness")
	case c.Description.Length < 1:
		return fmt.Errorf("an update of %d values", c.Description.Length)
	case c.Description.Limit < 1 || c.Description.Limit > maxLimit:
		return fmt.Errorf("values of up to %d; at least 1 and at most 2⁶⁰", c.Description.Limit)
	case c.Description.Sliced && c.Description.Scheme != SchemeMasked:
		return fmt.Errorf("scheme %s has no slices", c.Description.Scheme)
	}
	return nil
}

// Event is something that happens to a hospital in a round: Received, Fetched,
// Trained or Ticked.
type Event interface{ event() }

// Received is a message from the network, from whomever it came.
type Received struct{ Message Message }

// Fetched is a part that the round wanted, or the chunks of it that it wanted,
// verified against its name. It is durable before anything of a later step is
// sent.
type Fetched struct {
	Ref          Ref    // as in the Want
	First, Count uint32 // likewise; 0 for all of the part
	Source       Source // of which these chunks can be read
}

// Trained is this hospital's own update, or the reason why it has none: then
// it takes part in the round without dealing.
type Trained struct {
	Update Vector // nil: no update
}

// Ticked is the passing of one tick. Absent are hospitals that are known to be
// unreachable; it is a hint that saves waiting and nothing depends on it.
type Ticked struct{ Absent Set }

func (Received) event() {}
func (Fetched) event()  {}
func (Trained) event()  {}
func (Ticked) event()   {}

// Effects are what the caller must do after a step, in field order.
type Effects struct {
	// Save must be durable, in this order, before anything is sent.
	Save []Record
	// Serve are parts of this hospital's posts that others will ask for: read
	// them now, the sources need not last.
	Serve []Part
	// Send goes to every hospital.
	Send []Message
	// Want are parts to fetch; each is answered with Fetched, whenever.
	Want []Want
	// Outcome ends the round. It is given once.
	Outcome *Outcome
	// Behind says that a quorum has begun a later round, and how it describes
	// it: fetch the State named there, then begin that round. Given by a
	// Session only.
	Behind *Description
}

func (e *Effects) add(more Effects) {
	e.Save = append(e.Save, more.Save...)
	e.Serve = append(e.Serve, more.Serve...)
	e.Send = append(e.Send, more.Send...)
	e.Want = append(e.Want, more.Want...)
	if more.Outcome != nil {
		e.Outcome = more.Outcome
	}
	if more.Behind != nil {
		e.Behind = more.Behind
	}
}

// Part is content under its name.
type Part struct {
	Ref    Ref
	Source Source
}

// Want is a part to fetch from the hospital that announced it, or from any
// other that has it; or some chunks of it. A part whose chunks are not as long as
// wanted is not fetched.
type Want struct {
	From         Party
	Ref          Ref
	First, Count uint32 // of the chunks; 0 for all of the part
	Each         uint32 // bytes of every chunk but the part's last; 0 where all are wanted
}

// Split parts the effects before the first message of a phase, or of a later
// one, and tells whether there is such a message; else all comes before. A
// fault that is bound to a phase strikes between the two parts.
func (e Effects) Split(phase Phase) (before, after Effects, found bool) {
	reaches := func(m Message) bool { return m.Slot.Phase >= phase }
	send := slices.IndexFunc(e.Send, reaches)
	if send < 0 {
		return e, Effects{}, false
	}
	self := e.Send[send].From
	save := slices.IndexFunc(e.Save, func(rec Record) bool {
		return rec.Message != nil && rec.Message.From == self && reaches(*rec.Message)
	})
	save = max(save, 0)
	before = Effects{Save: e.Save[:save], Send: e.Send[:send], Serve: e.Serve, Want: e.Want}
	after = Effects{Save: e.Save[save:], Send: e.Send[send:], Outcome: e.Outcome, Behind: e.Behind}
	return before, after, true
}

// Outcome is how the round ended.
type Outcome struct {
	Sum      Vector  // nil when there is none, for one of the reasons below
	Hash     Hash    // of the sum, or that it is spoiled; signed by a quorum
	Set      Hash    // names the certified set
	Included []Party // whose updates are in the sum
	Holders  []Party
	Aborted  string // why the round was aborted, or empty
	Unopened string // why a quorum ended the round without a set, or empty: nothing of it was opened, or ever will be
	Spoiled  string // why what was opened cannot be a sum of honest updates, or empty
}

// Record is an entry of the store: a message that was sent or received, or a
// secret. A secret must be stored encrypted, under a key that is erased when
// the round ends.
type Record struct {
	Message *Message // nil for a secret
	Secret  []byte
}

// Refusal says that an event was refused and nothing changed. From is the
// hospital that caused it, 0 when that cannot be told.
type Refusal struct {
	From Party
	Why  string
	// Lie tells that From signed something that an honest hospital cannot have
	// signed; otherwise the message may have been damaged on its way.
	Lie bool
	// Unsigned tells that nothing shows that From sent it: whoever passed it on is to
	// blame.
	Unsigned bool
	// Described is the sender's description of the round when it is another one.
	Described *Description
}

func (e *Refusal) Error() string {
	if e.From == 0 {
		return "refused a message: " + e.Why
	}
	return fmt.Sprintf("refused a message of hospital %d: %s", e.From, e.Why)
}
