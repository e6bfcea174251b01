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
		return r.result(*c, sum, err)
	})
}

// result posts the hash of the sum, or that it is spoiled. Other errors are
// returned.
func (r *Round) result(c choice, sum Vector, err error) error {
	if err == nil {
		err = sum.plausible(len(c.Included), r.cfg.Description.Limit)
	}
	switch spoiled := (*Spoiled)(nil); {
	case errors.As(err, &spoiled):
		r.spoiled, r.sumHash = cut(spoiled.Why, maxReason), spoiledHash(r.hash, r.ballot.decidedID)
	case err != nil:
		return err
	default:
		r.sum, r.sumHash = sum, sum.hash(r.hash, r.ballot.decidedID)
	}
	r.changed = true
	return r.say(Slot{Phase: Combine}, resultPayload{Sum: r.sumHash}.encode())
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
		} else if r.wanted[ref.Root] && !r.absent.Has(p) {
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
		if ref, _ := o.payload.Body.part(0); !r.wanted[ref.Root] {
			r.content(p, ref, nil)
			missing--
		}
	}
}

// finish ends the round when a quorum has signed the same result, or the same
// wish to abort.
func (r *Round) finish() error {
	if c := r.dealBallot().decided; r.outcome == nil && c != nil && c.aborts() {
		r.endWithoutSet(r.dealBallot().decidedID)
	}
	if r.outcome != nil || r.ballot.decided == nil {
		return nil
	}
	votes := map[Hash]int{}
	aborts, reason := 0, ""
	for _, p := range r.all.Parties() {
		for _, v := range r.results[p] {
			if v.Reason != "" {
				aborts++
				reason = v.Reason
			} else {
				votes[v.Sum]++
			}
		}
	}
	if r.ballot.decided.aborts() {
		r.endWithoutSet(r.ballot.decidedID)
		return nil
	}
	c, q := r.ballot.decided, r.t.Quorum()
	o := &Outcome{Set: r.ballot.decidedID, Included: c.set().Parties(), Holders: c.Holders.Parties()}
	switch {
	case r.sumHash != (Hash{}) && votes[r.sumHash] >= q:
		o.Sum, o.Hash, o.Spoiled = r.sum, r.sumHash, r.spoiled
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

func (r *Round) endWithoutSet(id Hash) {
	r.end(&Outcome{Set: id, Aborted: fmt.Sprintf("fewer than %d hospitals dealt, or too few hold what was dealt", r.t.SmallestSet())})
}

func (r *Round) end(o *Outcome) {
	r.outcome, r.out.Outcome = o, o
	r.forget()
}

// stalled tells that this hospital would end the round without a set: its
// deadline has passed and there is nothing to propose. While it is not agreed who
// masks, only that agreement ends the round.
func (b *ballot) stalled() bool {
	if deadline := b.r.cfg.Description.Deadlines.Stall; deadline == 0 || b.r.tick < uint64(deadline) {
		return false
	}
	if deals := b.r.dealBallot(); b != deals && deals.decided == nil {
		return false
	}
	_, ok := b.attests.candidate()
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
	if r.masks != nil {
		clear(r.masks.posts)
	}
	r.sums = nil
}

// hash names a sum of a set: the digest of its values, eight bytes each.
func (v Vector) hash(description, set Hash) Hash {
	d := newDigest("consilium/sum/1")
	d.field(description[:])
	d.field(set[:])
	d.begin(8 * len(v))
	buffer := make([]byte, 0, 8<<10)
	for i, x := range v {
		buffer = binary.BigEndian.AppendUint64(buffer, uint64(x))
		if len(buffer) == cap(buffer) || i == len(v)-1 {
			d.Write(buffer)
			buffer = buffer[:0]
		}
	}
	return Hash(d.Sum(nil))
}

// spoiledHash is signed in the place of a sum's hash. Why does not matter: what was
// opened is the same everywhere.
func spoiledHash(description, set Hash) Hash {
	return digest("consilium/spoiled/1", description[:], set[:])
}

func cut(s string, limit int) string {
	if len(s) > limit {
		return s[:limit]
	}
	return s
}
