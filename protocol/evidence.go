package protocol

import (
	"fmt"
	"slices"
)

// EvidenceKind says what a hospital is proved to have done.
type EvidenceKind uint8

// What no honest hospital does, whatever it receives and however often it
// crashes.
const (
	Equivocation        EvidenceKind = iota + 1 // two different messages for one slot
	Malformed                                   // a message that nobody can have a reason to sign
	BrokenCommitment                            // commitment, and a deal that is another one
	InvalidDeal                                 // a deal whose public part does not verify
	WrongOpening                                // an opening that does not verify
	InvalidAnswer                               // deal, and a published part that is not of it or not valid
	UnjustifiedProposal                         // a proposal without the attestations that it takes
	WrongResult                                 // a result, and those of f+1 others
	WrongSum                                    // sums of slices, and those of f+1 others that differ in one
)

var evidenceNames = [...]string{"", "equivocation", "malformed message", "broken commitment", "invalid deal", "wrong opening",
	"invalid answer", "unjustified proposal", "wrong result", "wrong sum of a slice"}

func (k EvidenceKind) String() string {
	if k >= 1 && int(k) < len(evidenceNames) {
		return evidenceNames[k]
	}
	return fmt.Sprintf("evidence kind %d", uint8(k))
}

// Evidence proves to whoever knows the roster that a hospital lied in a round.
// It never undoes a certificate.
type Evidence struct {
	Kind        EvidenceKind
	Liar        Party
	Description Description
	Messages    []Message // in the order that the kind names; then what they refer to
	Parts       []Part    // content of theirs that was not inside
}

// accuse notes that a hospital is proved to have lied, once a round. All of
// its messages among these are kept and passed on, so that everybody learns of
// it who can.
func (r *Round) accuse(kind EvidenceKind, liar Party, messages ...Message) {
	if liar == r.cfg.Self || r.liars.Has(liar) {
		return
	}
	r.liars.Add(liar)
	r.evidence = append(r.evidence, Evidence{Kind: kind, Liar: liar, Description: r.cfg.Description, Messages: messages})
	for _, m := range messages {
		if m.From == liar && !r.holds(&m) {
			r.keepSecond(m)
		}
	}
	r.changed = true
}

// excludes tells whether a choice that is not certified is one to vote against:
// an end of the round that has not stalled, a deal that somebody complains about,
// or a liar that the set can do without.
func (b *ballot) excludes(c choice) bool {
	r := b.r
	if c.aborts() {
		return !b.stalled()
	}
	if b.shrinks(c) {
		return true
	}
	if b.attests == r.attests && c.set().And(r.disputed(false)) != (Set{}) {
		return true
	}
	if r.masks != nil && b == r.masks.join && r.masks.leavesOut(c) {
		return true
	}
	return c.set().And(r.liars) != (Set{}) && r.heldFor(b).Minus(r.liars).Len() >= r.t.SmallestSet()
}

// shrinks tells whether a leader has left somebody out without need: this hospital
// would propose the same and more. Who masks: when one who joined and then does not
// mask leaves fewer than the smallest set, no sum is possible any more. Whose updates
// are summed: two sums of one step, or of two that are nearly alike, tell the update of
// a hospital that is in one of them only; so a liar that leads must not choose whom to
// leave out. Attestations may come to some first; after every hospital has led once
// anything goes.
func (b *ballot) shrinks(c choice) bool {
	if b.phase != Mask && b.r.t.Liars == 0 || int(b.view) >= b.r.t.Parties {
		return false
	}
	mine, ok := b.attests.candidate()
	return ok && mine.set() != c.set() && c.set().Within(mine.set())
}

// invalidForAll is the message of a deal that is invalid whoever looks, as it can be
// shown to a third party: all of it is public, or what is public is invalid by
// itself.
func (r *Round) invalidForAll(p Party, d *dealState) (Message, bool) {
	private := slices.ContainsFunc(d.payload.Body.Parts, func(part partRef) bool { return part.For != 0 })
	if private {
		ref, ok := d.payload.Body.part(0)
		if !ok {
			return Message{}, false
		}
		public := Body{Public: d.payload.Body.Public, Parts: map[Party]Source{0: r.contentHere(ref, d.payload.Body.Inline)}, Name: d.payload.Body.dealName(r.hash, p)}
		if public.Parts[0] == nil || !invalid(r.scheme.Check(p, public)) {
			return Message{}, false
		}
	}
	return r.dealMessage(p, d.root())
}

// dealMessage is that of a deal with this root.
func (r *Round) dealMessage(p Party, root Hash) (Message, bool) {
	return r.messageOf(p, Slot{Phase: Deal}, func(content any) bool {
		deal, ok := content.(dealPayload)
		return ok && deal.Body.root() == root
	})
}

// messageOf finds the message of p for a slot, of two the one that is meant.
func (r *Round) messageOf(p Party, slot Slot, meant func(content any) bool) (Message, bool) {
	if first, filled := r.posts[p][slot.key()]; filled {
		if content, err := decodePayload(slot, first.message.Payload); err == nil && meant(content) {
			return first.message, true
		}
	}
	for _, s := range r.seconds[p] {
		if s.message.Slot == slot && s.content != nil && meant(s.content) {
			return s.message, true
		}
	}
	return Message{}, false
}

// blameDealer notes a deal that is not what its dealer had committed to.
func (r *Round) blameDealer(p Party, deal dealPayload) {
	root := deal.Body.root()
	committed, ok := r.messageOf(p, Slot{Phase: Commit}, func(content any) bool {
		c := content.(commitPayload).Commitment
		return c != commitment(r.hash, p, deal.Nonce, root)
	})
	dealt, found := r.messageOf(p, Slot{Phase: Deal}, func(content any) bool {
		d := content.(dealPayload)
		return d.Nonce == deal.Nonce && d.Body.root() == root
	})
	if ok && found {
		r.accuse(BrokenCommitment, p, committed, dealt)
	}
}

// blameOpener notes an opening that does not verify, with all that it takes to
// see that: the deals of the set.
func (r *Round) blameOpener(p Party, c choice) {
	if _, ok := r.scheme.(openingsChecker); ok {
		r.blameByOthers(p)
		return
	}
	if _, ok := r.scheme.(openingChecker); !ok {
		return
	}
	opened := r.posts[p][Slot{Phase: Open}.key()]
	proposed, ok := r.ballot.proposalOf(r.ballot.decidedID)
	if !ok {
		return
	}
	messages := []Message{opened.message, proposed}
	if r.masks != nil {
		masked, ok := r.messageOf(c.Included[0].Party, Slot{Phase: Mask, Step: stepMasked}, func(content any) bool {
			return content.(maskedPayload).name() == c.Included[0].Hash
		})
		joined, known := r.masks.join.proposalOf(r.masks.join.decidedID)
		if !ok || !known {
			return
		}
		messages, c = append(messages, masked, joined), *r.masks.join.decided
	}
	var parts []Part
	attach := func(h header, held Body) {
		if ref, ok := h.part(0); ok && h.Inline == nil {
			parts = append(parts, Part{ref, held.Parts[0]})
		}
	}
	attach(r.openings[p].payload.Body, *r.openings[p].held)
	for _, e := range c.Included {
		m, ok := r.dealMessage(e.Party, e.Hash)
		post, public, _ := r.dealOf(e)
		if !ok || !public {
			return
		}
		messages = append(messages, m)
		attach(r.deals[e.Party].payload.Body, post.Body)
	}
	r.accuse(WrongOpening, p, messages...)
	r.attach(p, parts...)
}

// blameByOthers notes an opening that the others disagree with.
func (r *Round) blameByOthers(p Party) {
	slot := Slot{Phase: Open}
	messages := []Message{r.posts[p][slot.key()].message}
	var parts []Part
	for _, post := range append([]Post{{p, *r.openings[p].held}}, r.openingsHere()...) {
		h := r.openings[post.From].payload.Body
		if ref, ok := h.part(0); ok && h.Inline == nil {
			parts = append(parts, Part{ref, post.Body.Parts[0]})
		}
		if post.From != p {
			messages = append(messages, r.posts[post.From][slot.key()].message)
		}
	}
	r.accuse(WrongOpening, p, messages...)
	r.attach(p, parts...)
}

// blameResult notes a result that is not that of a quorum, once f+1 others have
// signed another one: of these one is honest.
func (r *Round) blameResult(p Party) {
	slot := Slot{Phase: Combine}
	if len(r.results[p]) == 0 || r.sumHash == (Hash{}) {
		return
	}
	if wrong := r.results[p][0]; wrong.Reason != "" || wrong.Sum == r.sumHash {
		return
	}
	messages := []Message{r.posts[p][slot.key()].message}
	for _, other := range r.resulted().Parties() {
		if r.results[other][0].Sum == r.sumHash && len(messages) <= r.t.Liars+1 {
			messages = append(messages, r.posts[other][slot.key()].message)
		}
	}
	if len(messages) == r.t.Liars+2 {
		r.accuse(WrongResult, p, messages...)
	}
}

// attach adds content to the evidence that was just found.
func (r *Round) attach(liar Party, parts ...Part) {
	last := len(r.evidence) - 1
	if last >= 0 && r.evidence[last].Liar == liar && r.evidence[last].Parts == nil {
		r.evidence[last].Parts = parts
	}
}

// openingChecker is a scheme whose openings are verified one by one.
type openingChecker interface {
	// CheckOpening gives *Invalid for an opening that is wrong, whoever looks.
	CheckOpening(set Certified, opening Post) error
}

// openingsChecker is a scheme whose openings are told right from wrong by those
// of others.
type openingsChecker interface {
	// Convicts gives *Invalid for an opening that k+f of the others disagree with.
	Convicts(set Hash, opening Post, others []Post) error
}

var (
	_ openingChecker  = (*Paillier)(nil)
	_ openingChecker  = (*Masked)(nil)
	_ openingsChecker = (*Shamir)(nil)
)
