package protocol

import (
	"errors"
	"fmt"
)

// openingState is somebody's opening of the certified set.
type openingState struct {
	payload openPayload
	held    *Body
	bad     string // why it is proved wrong, or empty
}

// open locks and opens: the choice is certified, and this is the only place
// where an opening is made. The message that carries it is the lock: it names
// the set and the exact bytes, fills the one slot for openings, and is durable
// before it is sent. After a restart an opening that travels over streams is
// computed again, to be served under the name that was posted.
func (r *Round) open() error {
	c := r.ballot.decided
	openers, _ := r.scheme.Openers()
	if c == nil || c.aborts() || !openers.Has(r.cfg.Self) || r.amnesiac || r.opened {
		return nil
	}
	mine := r.openings[r.cfg.Self]
	if mine != nil && mine.payload.Set != r.ballot.decidedID {
		return fmt.Errorf("this hospital is locked on another set than the certified one")
	}
	body, err := r.opening(*c)
	if err != nil || body == nil {
		return err
	}
	h, posted, err := r.announce(Body{Public: body.Public, Parts: map[Party]Source{0: body.Parts[0]}}, nil)
	if err != nil {
		return err
	}
	if mine != nil && mine.payload.Body.root() != h.root() {
		return fmt.Errorf("the opening computed after the restart is not the one that was posted")
	}
	r.opened = true
	if r.dealing != nil && r.scheme.MostAnswers() == 0 {
		r.dealing.opened()
	}
	r.serve(h, posted)
	if err := r.say(Slot{Phase: Open}, openPayload{r.ballot.decidedID, h}.encode()); err != nil {
		return err
	}
	r.openings[r.cfg.Self].held = &posted
	return nil
}

// opening computes this hospital's opening, or nil while a deal that it
// attested is still to be read back after a restart.
func (r *Round) opening(c choice) (*Body, error) {
	set, complete, _ := r.certified(c)
	if !complete {
		return nil, nil
	}
	var seed Seed
	if r.dealing != nil {
		seed = r.dealing.seed
	}
	body, err := r.scheme.Open(set, seed)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return &body, nil
}

// certified is the agreed set for the scheme, whether all is here that this
// hospital needs to open it, and how much is here of what it takes to combine.
func (r *Round) certified(c choice) (set Certified, complete bool, here int) {
	set.ID = r.ballot.decidedID
	joined := &c
	if r.masks != nil {
		joined = r.masks.join.decided
		for _, e := range c.Included {
			post := r.masks.named(e)
			set.Included = append(set.Included, post)
			here += len(post.Body.Parts)
		}
		if joined == nil {
			return set, false, here
		}
		set.JoinedID = r.masks.join.decidedID
	}
	complete = true
	for _, e := range joined.Included {
		post, public, held := r.dealOf(e)
		set.Joined = append(set.Joined, post)
		complete = complete && held
		if public {
			here++
		}
		if held {
			here++
		}
	}
	if r.masks == nil {
		set.Included = set.Joined
	}
	return set, complete, here
}

// combine reconstructs the sum from the openings that are here and posts its
// hash, or the reason why there is none. Both fill one slot. Who has wished to
// abort goes on all the same: a quorum may have signed the sum.
func (r *Round) combine() error {
	c := r.ballot.decided
	if c == nil || c.aborts() || r.sumHash != (Hash{}) {
		return nil
	}
	if r.sums != nil {
		return r.sums.combine(*c)
	}
	return r.withOpenings(*c, func(set Certified, openings []Post) error {
		sum, err := r.scheme.Combine(set, openings)
		if spoiled := (*Spoiled)(nil); errors.As(err, &spoiled) {
			return r.result(nil, spoiled)
		}
		if err != nil {
			return err
		}
		return r.result(sum, sum.plausible(len(c.Included), r.cfg.Description.Limit))
	})
}

// withOpenings hands the openings that are here to a scheme, as soon as there may
// be enough, and again when more has come since it failed.
func (r *Round) withOpenings(c choice, use func(set Certified, openings []Post) error) error {
	openings := r.openingsHere()
	if _, needed := r.scheme.Openers(); len(openings) < needed {
		return nil
	}
	set, _, here := r.certified(c)
	if len(openings)+here == r.combined {
		return r.giveUp(len(openings))
	}
	r.combined = len(openings) + here
	err := use(set, openings)
	switch bad, inconsistent := (*BadOpening)(nil), (*Inconsistent)(nil); {
	case errors.Is(err, ErrMoreOpenings):
		r.lacking = len(openings) + 1
		return nil
	case errors.As(err, &bad):
		r.openings[bad.From].bad = bad.Why
		r.blameOpener(bad.From, c)
		r.combined, r.changed = 0, true
		return nil
	case errors.As(err, &inconsistent):
		return r.say(Slot{Phase: Combine}, resultPayload{Reason: cut(inconsistent.Why, maxReason)}.encode())
	case err != nil:
		return fmt.Errorf("combine: %w", err)
	}
	return nil
}

// openingsHere lists the usable openings, by party. Whoever holds the deals may
// open: holders that lied about it may not be there.
func (r *Round) openingsHere() []Post {
	var list []Post
	coming := 0
	openers, needed := r.scheme.Openers()
	for _, p := range openers.Parties() {
		o := r.openings[p]
		if o == nil || o.bad != "" || o.payload.Set != r.ballot.decidedID {
			continue
		}
		if ref, content := r.openingContent(p, o); content {
			list = append(list, Post{p, *o.held})
		} else if r.wanted[ref] && !r.absent.Has(p) {
			coming++
		}
	}
	r.wantOpenings(openers, max(needed, r.lacking)-len(list)-coming)
	return list
}

// openingContent tells whether an opening is here, or what to fetch of it.
func (r *Round) openingContent(p Party, o *openingState) (Ref, bool) {
	ref, remote := o.payload.Body.part(0)
	switch {
	case o.held != nil:
		return ref, true
	case p == r.cfg.Self: // still to be computed again after a restart
		return ref, false
	}
	held := Body{Public: o.payload.Body.Public, Parts: map[Party]Source{}}
	if remote {
		content := r.contentHere(ref, o.payload.Body.Inline)
		if content == nil {
			return ref, false
		}
		held.Parts[0] = content
	}
	o.held = &held
	return ref, true
}

// wantOpenings asks for as many openings as are missing, and for all when they do
// not come: each may be as large as an update. Every hospital begins behind its
// own number, so that not all ask the same ones.
func (r *Round) wantOpenings(openers Set, missing int) {
	if r.began[Open] == 0 {
		r.began[Open] = r.tick
	}
	if r.tick-r.began[Open] >= uint64(r.cfg.Description.Deadlines.Deal) {
		missing = r.t.Parties
	}
	for i := range r.t.Parties {
		p := Party((int(r.cfg.Self)+i)%r.t.Parties) + 1
		o := r.openings[p]
		if missing <= 0 || !openers.Has(p) || o == nil || o.held != nil || p == r.cfg.Self || o.bad != "" || o.payload.Set != r.ballot.decidedID {
			continue
		}
		if ref, _ := o.payload.Body.part(0); !r.wanted[ref] {
			r.content(p, ref, nil)
			missing--
		}
	}
}

func (r *Round) endWithoutSet(id Hash) {
	r.end(&Outcome{Set: id, Unopened: fmt.Sprintf("fewer than %d hospitals dealt, or too few hold what was dealt", r.t.SmallestSet())})
}

func (r *Round) end(o *Outcome) {
	r.outcome, r.out.Outcome = o, o
	r.forget()
}

// stalled tells that this hospital would end the round without a set: its
// deadline has passed since it had its own update and there is nothing to propose.
// While it is not agreed who masks, only that agreement ends the round.
func (b *ballot) stalled() bool {
	deadline := b.r.cfg.Description.Deadlines.Stall
	if deadline == 0 || !b.r.said(Slot{Phase: Commit}) || b.r.tick-b.r.began[Commit] < uint64(deadline) {
		return false
	}
	if deals := b.r.dealBallot(); b != deals && deals.decided == nil {
		return false
	}
	_, ok := b.attests.candidate()
	return !ok
}

// forget drops what was secret in the round, and what was large. Only the posts
// stay, for slower hospitals. Overwriting is best effort: the runtime may have
// copied what it moved.
func (r *Round) forget() {
	clear(r.private)
	if d := r.dealing; d != nil {
		clear(d.seed[:])
		clear(d.update)
		for _, k := range d.keys {
			clear(k.key)
		}
	}
	r.private, r.dealing, r.update, r.sum = nil, nil, nil, nil
	clear(r.fetched)
	clear(r.deals)
	clear(r.boxes)
	clear(r.answers)
	clear(r.openings)
	if r.masks != nil {
		clear(r.masks.posts)
	}
	r.sums = nil
}

func cut(s string, limit int) string {
	if len(s) > limit {
		return s[:limit]
	}
	return s
}
