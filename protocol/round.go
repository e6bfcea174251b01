package protocol

import (
	"errors"
	"fmt"
)

// Round is one hospital's view of one round. It changes in Step only.
//
// What a hospital has said is what it remembers: every rule first looks for its
// own message in the slot that it would fill. So a round restored from its
// records goes on where it was and can never say two things in one slot.
type Round struct {
	cfg    Config
	scheme Scheme
	hash   Hash // of the description
	t      Thresholds
	all    Set

	posts     []map[slotKey]post // by party
	described Set
	keys      [][]byte // by party: public keys for boxes
	commits   []*commitPayload
	committed Set     // have said whether they will deal
	abstained Set     // will not deal
	lists     []tally // by party: on how many lists its commitments are
	listed    Set     // parties whose lists are held
	deals     []*dealState
	boxes     []*sealedBox             // by dealer: boxes for this hospital, sealed after the deal
	answers   []map[Party]*answerState // by dealer, by whom they are for
	attests   *attestations            // of deals
	masks     *masks                   // scheme masked only
	sums      *sums                    // sliced rounds only
	ballot    *ballot                  // on the set whose sum is opened
	openings  []*openingState
	results   [][]resultPayload // by party; of a liar there can be several
	seconds   [][]second        // by party: further messages for slots that are filled
	weight    []int             // by party: bytes of its messages that are kept
	liars     Set               // proved to have lied in this round
	evidence  []Evidence

	private   []byte   // of the round's sealing key
	dealing   *dealing // this hospital's own deal
	restoring *dealing // of which not all values are restored yet
	boxed     Set      // whom this hospital has posted a box for, and itself
	update    Vector
	trained   bool
	fetched   map[Ref]Source
	wanted    map[Ref]bool
	tick      uint64
	began     [Done + 1]uint64 // when this hospital began to wait in a phase
	absent    Set
	amnesiac  bool // has seen a message of its own that it does not remember
	restored  bool // own messages wait to be sent again
	changed   bool // a rule acted in this pass
	sum       Vector
	sumHash   Hash   // of the sum, or that there is none
	spoiled   string // why there is none
	opened    bool   // the opening is made, and served where it needs to be
	combined  int    // openings and deals that the last attempt to combine had
	lacking   int    // openings that it takes as far as is known by now
	outcome   *Outcome
	out       Effects
}

// post is a message that was accepted.
type post struct {
	message Message
	id      MessageID
}

// maxWeight bounds what one hospital can make the others keep in a round: bytes.
const maxWeight = 16 << 20

// mostPosts bounds the same in messages: a box, an answer and two attestations for
// each hospital, and the votes of a few hundred views.
func (t Thresholds) mostPosts() int { return 4*t.Parties + 2048 }

// NewRound begins a round. Nothing happens before the first Step.
func NewRound(cfg Config, s Scheme) (*Round, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if s.Name() != cfg.Description.Scheme {
		return nil, fmt.Errorf("scheme %s in a round described as %s", s.Name(), cfg.Description.Scheme)
	}
	n := cfg.Description.Thresholds.Parties
	r := &Round{
		cfg: cfg, scheme: s, hash: cfg.Description.Hash(), t: cfg.Description.Thresholds, all: AllOf(n),
		posts: make([]map[slotKey]post, n+1), keys: make([][]byte, n+1), commits: make([]*commitPayload, n+1),
		lists: make([]tally, n+1), deals: make([]*dealState, n+1), boxes: make([]*sealedBox, n+1), answers: make([]map[Party]*answerState, n+1),
		openings: make([]*openingState, n+1), results: make([][]resultPayload, n+1), seconds: make([][]second, n+1), weight: make([]int, n+1),
		fetched: map[Ref]Source{}, wanted: map[Ref]bool{},
	}
	for p := range r.posts {
		r.posts[p] = map[slotKey]post{}
		r.answers[p] = map[Party]*answerState{}
	}
	r.attests = newAttestations(r, cfg.Description.attestSlot(Attest))
	r.ballot = newBallot(r, Agree, r.attests)
	if s.Name() == SchemeMasked {
		r.masks = newMasks(r)
		r.ballot = newBallot(r, Agree, r.masks.attests)
	}
	if slicing := cfg.Description.Slicing(); slicing != nil {
		var err error
		if r.sums, err = newSums(r, slicing); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Restore continues a round from what the store kept of it, in the order in
// which it was saved; the records after some point may be missing. Records are
// this hospital's own and are trusted.
func Restore(cfg Config, s Scheme, records []Record) (*Round, error) {
	r, err := NewRound(cfg, s)
	if err != nil {
		return nil, err
	}
	for i, rec := range records {
		if err := r.restore(rec); err != nil {
			return nil, fmt.Errorf("restore record %d: %w", i, err)
		}
	}
	r.restored = true
	return r, nil
}

func (r *Round) restore(rec Record) error {
	if rec.Message == nil {
		return r.restoreSecret(rec.Secret)
	}
	m := *rec.Message
	if m.Description != r.hash || m.From < 1 || int(m.From) >= len(r.posts) {
		return fmt.Errorf("a message of hospital %d for another round", m.From)
	}
	content, err := decodePayload(m.Slot, m.Payload)
	if m.From != r.cfg.Self {
		if err == nil {
			err = acceptable(r.cfg.Description, r.hash, m, content, r.cfg.Sealer)
		}
		if err != nil { // it was kept as evidence
			r.accuse(Malformed, m.From, m)
			return nil
		}
		if first, filled := r.posts[m.From][m.Slot.key()]; filled {
			r.accuse(Equivocation, m.From, first.message, m)
			if !r.holds(&m) { // it counted, and will again when the rules have come to where they were
				r.keepSecond(m)
			}
			return nil
		}
	}
	if err != nil {
		return err
	}
	r.keep(m, content)
	return nil
}

// Step lets an event happen. A *Refusal is about a peer's message, which does
// not count; that it was sent may be kept as evidence, so carry out the
// effects all the same. Any other error means that this hospital itself cannot
// go on, because of its disk, its randomness or its keys.
func (r *Round) Step(e Event) (Effects, error) {
	r.out = Effects{}
	r.changed = false
	refused := r.take(e)
	if !r.changed && !r.restored || refused != nil && !errors.As(refused, new(*Refusal)) {
		return r.effects(), refused
	}
	if r.restored {
		r.restored = false
		if err := r.resend(); err != nil {
			return Effects{}, err
		}
	}
	if err := r.advance(); err != nil {
		return Effects{}, err
	}
	return r.effects(), refused
}

func (r *Round) effects() Effects {
	out := r.out
	r.out = Effects{}
	return out
}

func (r *Round) take(e Event) error {
	switch e := e.(type) {
	case Received:
		return r.receive(e.Message)
	case Fetched:
		if e.Count > 0 && r.masks != nil {
			r.masks.arrived(e)
		} else if r.wanted[e.Ref] {
			r.fetched[e.Ref] = e.Source
			r.changed = true
		}
	case Trained:
		if r.trained || r.dealing != nil {
			return nil // after a restart the first update stands
		}
		if e.Update != nil && uint64(len(e.Update)) != r.cfg.Description.Length {
			return fmt.Errorf("an update of %d values in a round of %d", len(e.Update), r.cfg.Description.Length)
		}
		r.trained, r.update, r.changed = true, e.Update, true
	case Ticked:
		r.tick++
		r.absent, r.changed = e.Absent, true
	default:
		return fmt.Errorf("unknown event %T", e)
	}
	return nil
}

// advance applies the rules until none of them acts. They are idempotent: each
// looks at what is held and at what this hospital has said so far.
func (r *Round) advance() error {
	rules := []func() error{
		r.reconsider, r.describe, r.commit, r.list, r.reveal, r.sealLate, r.check, r.hold, r.attest, r.answer, r.mask, r.ballot.advance,
		r.open, r.combine, r.finish,
	}
	for r.changed = true; r.changed && r.outcome == nil; {
		r.changed = false
		for _, rule := range rules {
			if err := rule(); err != nil {
				return err
			}
		}
	}
	return nil
}

// say fills a slot with a payload: saved, then sent, and held like anybody's.
// A slot that is filled already stays as it is.
func (r *Round) say(slot Slot, payload []byte) error {
	if _, said := r.posts[r.cfg.Self][slot.key()]; said || r.amnesiac {
		return nil
	}
	m := Message{Round: r.cfg.Description.Round, Description: r.hash, Slot: slot, From: r.cfg.Self, Payload: payload}
	m.Signature = r.cfg.Signer.Sign(m.signedBytes(r.cfg.Description.Federation, r.cfg.Description.Epoch))
	if m.Size() > MaxMessage {
		return fmt.Errorf("a message of %d bytes for slot %v, at most %d", m.Size(), slot, MaxMessage)
	}
	content, err := decodePayload(slot, payload)
	if err != nil {
		return fmt.Errorf("a message of one's own for slot %v: %w", slot, err)
	}
	r.out.Save = append(r.out.Save, Record{Message: &m})
	r.out.Send = append(r.out.Send, m)
	r.keep(m, content)
	return nil
}

func (r *Round) saveSecret(data []byte) {
	r.out.Save = append(r.out.Save, Record{Secret: data})
}

// resend repeats what was said before the restart; others ignore what they
// already hold.
func (r *Round) resend() error {
	for _, p := range r.sorted(r.cfg.Self) {
		r.out.Send = append(r.out.Send, p.message)
	}
	return r.serveAgain()
}

func (r *Round) said(slot Slot) bool {
	_, ok := r.posts[r.cfg.Self][slot.key()]
	return ok
}

// ready decides whether to go on in a phase with those that we have, out of
// those that may still come. Never with more than f+c of all missing; at once
// when nobody else can be expected; else when the deadline has passed.
func (r *Round) ready(have, expected Set, began uint64, deadline uint32) bool {
	return r.all.Minus(have).Len() <= r.t.Missing() && r.waited(expected.Minus(have), began, deadline)
}

// waited tells whether there is no reason to wait for these hospitals any more.
func (r *Round) waited(missing Set, began uint64, deadline uint32) bool {
	return missing.Within(r.absent) || r.tick-began >= uint64(deadline)
}

// Follow is a round in which this hospital says nothing: it has forgotten what
// it signed. It still learns the sum.
func Follow(cfg Config, s Scheme) (*Round, error) {
	r, err := NewRound(cfg, s)
	if err != nil {
		return nil, err
	}
	r.amnesiac = true
	return r, nil
}
