package protocol

import (
	"encoding/binary"
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
	h, err := announce(Body{Public: body.Public, Parts: map[Party]Source{0: body.Parts[0]}}, 0, nil)
	if err != nil {
		return err
	}
	if mine != nil && mine.payload.Body.root() != h.root() {
		return fmt.Errorf("the opening computed after the restart is not the one that was posted")
	}
	r.opened = true
	r.serve(h, *body)
	if err := r.say(Slot{Phase: Open}, openPayload{r.ballot.decidedID, h}.encode()); err != nil {
		return err
	}
	r.openings[r.cfg.Self].held = body
	return nil
}

// opening computes this hospital's opening, or nil while a deal that it
// attested is still to be read back after a restart.
func (r *Round) opening(c choice) (*Body, error) {
	set, held := r.certified(c)
	if held < len(set.Included) {
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

// certified is the agreed set for the scheme, and how many of its deals are
// held here.
func (r *Round) certified(c choice) (Certified, int) {
	set, held := Certified{ID: r.ballot.decidedID, Joined: c.set().Parties()}, 0
	for _, e := range c.Included {
		post := Post{From: e.Party}
		if d := r.deals[e.Party]; d != nil && d.status == dealHeld && d.root() == e.Hash {
			post.Body = d.held
			held++
		}
		set.Included = append(set.Included, post)
	}
	return set, held
}

// combine reconstructs the sum from the openings that are here and posts its
// hash, or the reason why there is none. Both fill one slot.
func (r *Round) combine() error {
	c := r.ballot.decided
	slot := Slot{Phase: Combine}
	if c == nil || c.aborts() || r.sum != nil {
		return nil
	}
	if mine := r.results[r.cfg.Self]; mine != nil && mine.Reason != "" {
		return nil
	}
	openings := r.openingsHere()
	if _, needed := r.scheme.Openers(); len(openings) < needed {
		return nil
	}
	set, held := r.certified(*c)
	if len(openings)+held == r.combined {
		return r.giveUp(len(openings))
	}
	r.combined = len(openings) + held
	sum, err := r.scheme.Combine(set, openings)
	bad, inconsistent := (*BadOpening)(nil), (*Inconsistent)(nil)
	switch {
	case errors.Is(err, ErrMoreOpenings):
		return nil
	case errors.As(err, &bad):
		r.openings[bad.From].bad = bad.Why
		r.blameOpener(bad.From, *c)
		r.combined, r.changed = 0, true
		return nil
	case errors.As(err, &inconsistent):
		return r.say(slot, resultPayload{Reason: cut(inconsistent.Why, maxReason)}.encode())
	case err != nil:
		return fmt.Errorf("combine: %w", err)
	}
	r.sum, r.sumHash, r.changed = sum, sum.hash(r.hash, r.ballot.decidedID), true
	return r.say(slot, resultPayload{Sum: r.sumHash}.encode())
}

// openingsHere lists the usable openings, by party. Whoever holds the deals may
// open: holders that lied about it may not be there.
func (r *Round) openingsHere() []Post {
	var list []Post
	openers, _ := r.scheme.Openers()
	for _, p := range openers.Parties() {
		o := r.openings[p]
		if o == nil || o.bad != "" || o.payload.Set != r.ballot.decidedID {
			continue
		}
		if o.held == nil {
			if p == r.cfg.Self { // still to be computed again after a restart
				continue
			}
			held := Body{Public: o.payload.Body.Public, Parts: map[Party]Source{}}
			if ref, ok := o.payload.Body.part(0); ok {
				content := r.content(p, ref, o.payload.Body.Inline)
				if content == nil {
					continue
				}
				held.Parts[0] = content
			}
			o.held = &held
		}
		list = append(list, Post{p, *o.held})
	}
	return list
}

// finish ends the round when a quorum has signed the same result, or the same
// wish to abort.
func (r *Round) finish() error {
	if r.outcome != nil || r.ballot.decided == nil {
		return nil
	}
	votes := map[Hash]int{}
	aborts, reason := 0, ""
	for _, p := range r.all.Parties() {
		switch v := r.results[p]; {
		case v == nil:
		case v.Reason != "":
			aborts++
			reason = v.Reason
		default:
			votes[v.Sum]++
		}
	}
	if r.ballot.decided.aborts() {
		r.end(&Outcome{Set: r.ballot.decidedID, Aborted: fmt.Sprintf("fewer than %d hospitals dealt, or too few hold what was dealt", r.t.SmallestSet())})
		return nil
	}
	c, q := r.ballot.decided, r.t.Quorum()
	o := &Outcome{Set: r.ballot.decidedID, Included: c.set().Parties(), Holders: c.Holders.Parties()}
	switch {
	case r.sum != nil && votes[r.sumHash] >= q:
		o.Sum, o.Hash = r.sum, r.sumHash
		for _, p := range r.resulted().Parties() {
			r.blameResult(p)
		}
	case aborts >= q:
		o.Aborted = reason
	default:
		return nil
	}
	r.end(o)
	return nil
}

func (r *Round) end(o *Outcome) {
	r.outcome, r.out.Outcome = o, o
	r.forget()
}

// stalled tells that this hospital would end the round without a set: its
// deadline has passed and there is nothing to propose.
func (r *Round) stalled() bool {
	if deadline := r.cfg.Description.Deadlines.Stall; deadline == 0 || r.tick < uint64(deadline) {
		return false
	}
	_, ok := r.candidate()
	return !ok
}

// giveUp wishes to abort a round whose openings are here and still do not give
// the sum: dealers that lied, and hospitals too slow to complain in time. Who is
// away is waited for. A result and an abort share one slot, and q hospitals sign
// the one or the other.
func (r *Round) giveUp(openings int) error {
	deadline := r.cfg.Description.Deadlines.Stall
	if r.began[Open] == 0 {
		r.began[Open] = r.tick + 1
	}
	if deadline == 0 || openings < r.t.Parties-r.t.Missing() || r.tick+1-r.began[Open] < uint64(deadline) {
		return nil
	}
	return r.say(Slot{Phase: Combine}, resultPayload{Reason: "too few of the openings agree"}.encode())
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
}

// hash names a sum of a set.
func (v Vector) hash(description, set Hash) Hash {
	data := make([]byte, 0, 8*len(v))
	for _, x := range v {
		data = binary.BigEndian.AppendUint64(data, uint64(x))
	}
	return digest("consilium/sum/1", description[:], set[:], data)
}

func cut(s string, limit int) string {
	if len(s) > limit {
		return s[:limit]
	}
	return s
}
