package protocol

import (
	"bytes"
	"cmp"
	"slices"
)

// attestState is the latest attestation of a hospital.
type attestState struct {
	message Message
	payload attestPayload
	set     Set              // whose deals it holds
	early   Set              // whose deals it has lacked since before this hospital voted
	since   map[Party]uint64 // tick since when it has lacked deals
}

func (r *Round) keepAttest(m Message, p attestPayload) {
	known := r.attests[m.From]
	if known != nil && known.message.Slot.View >= m.Slot.View {
		return
	}
	state := &attestState{message: m, payload: p, since: map[Party]uint64{}}
	for _, e := range p.Held {
		state.set.Add(e.Party)
	}
	for _, p := range r.all.Minus(state.set).Parties() {
		state.since[p] = r.tick
		if known != nil && !known.set.Has(p) {
			state.since[p] = known.since[p]
		}
		if !r.ballot.started || known != nil && known.early.Has(p) {
			state.early.Add(p)
		}
	}
	r.attests[m.From] = state
	r.attested.Add(m.From)
}

// attest says which deals this hospital holds and has verified: when all are
// here, or when those that are missing are few and overdue. When more arrive
// later and nothing is decided, it attests again.
func (r *Round) attest() error {
	if r.listed.Len() < r.t.Quorum() || r.ballot.decided != nil {
		return nil
	}
	held := r.dealers(dealHeld)
	deadlines := r.cfg.Description.Deadlines
	last := r.attests[r.cfg.Self]
	if last == nil {
		missing := r.expectedDeals().Minus(held).Minus(r.dealers(dealInvalid))
		if held.Len() < r.t.SmallestSet() || missing.Len() > r.t.Missing() || !r.waited(missing, r.began[Deal], deadlines.Deal) {
			return nil
		}
	} else if held == last.set || r.tick-r.began[Attest] < uint64(deadlines.Attest) && !r.answeredAny(held.Minus(last.set)) {
		return nil
	}
	view := uint32(0)
	if last != nil {
		view = last.message.Slot.View + 1
	}
	r.began[Attest] = r.tick
	var p attestPayload
	for _, d := range held.Parties() {
		p.Held = append(p.Held, named{d, r.deals[d].root()})
	}
	return r.say(Slot{Phase: Attest, View: view}, p.encode())
}

func (r *Round) answeredAny(dealers Set) bool {
	return slices.ContainsFunc(dealers.Parties(), func(p Party) bool { return r.answered(p) != nil })
}

// candidate is the best choice that the attestations here allow: every holder
// holds every included deal, at least n−f−c hold, and as many deals as possible
// are included. Dealers with an open complaint are out: an honest one answers.
// Who is proved to have lied is out, as long as enough remain.
func (r *Round) candidate() (choice, bool) {
	dealers := r.all.Minus(r.disputed(true))
	if c, ok := r.candidateOf(dealers.Minus(r.liars)); ok || r.liars == (Set{}) {
		return c, ok
	}
	return r.candidateOf(dealers)
}

func (r *Round) candidateOf(dealers Set) (choice, bool) {
	included := r.commonRoots(dealers)
	for len(included) >= r.t.SmallestSet() {
		holders := r.holdersOf(included)
		if holders.Len() >= r.t.Parties-r.t.Missing() {
			return choice{holders, included}, true
		}
		included = r.withoutLeastHeld(included)
	}
	return choice{}, false
}

// commonRoots gives, for each dealer, the root that most hospitals attest. A
// dealer that posted different deals to different hospitals has several.
func (r *Round) commonRoots(dealers Set) []named {
	votes := map[named]int{}
	for _, h := range r.attested.Parties() {
		for _, e := range r.attests[h].payload.Held {
			votes[e]++
		}
	}
	var best []named
	for _, p := range dealers.Parties() {
		var top named
		for _, h := range r.attested.Parties() {
			root, ok := find(r.attests[h].payload.Held, p)
			if e := (named{p, root}); ok && votes[e] > votes[top] {
				top = e
			}
		}
		if top.Party != 0 {
			best = append(best, top)
		}
	}
	return best
}

// holdersOf are the hospitals that attest all of these deals.
func (r *Round) holdersOf(included []named) Set {
	var holders Set
	for _, h := range r.attested.Parties() {
		if attestsAll(r.attests[h].payload, included) {
			holders.Add(h)
		}
	}
	return holders
}

func attestsAll(p attestPayload, included []named) bool {
	for _, e := range included {
		if root, ok := find(p.Held, e.Party); !ok || root != e.Hash {
			return false
		}
	}
	return true
}

// withoutLeastHeld drops the deal that fewest hospitals attest.
func (r *Round) withoutLeastHeld(included []named) []named {
	least, fewest := 0, len(r.all)*64+1
	for i, e := range included {
		if holders := r.holdersOf([]named{e}).Len(); holders < fewest {
			least, fewest = i, holders
		}
	}
	rest := append([]named{}, included[:least]...)
	return append(rest, included[least+1:]...)
}

// justify attaches the attestations of the holders to a choice.
func (r *Round) justify(c choice) proposalPayload {
	p := proposalPayload{Choice: c}
	for _, h := range c.Holders.Parties() {
		p.Roots = append(p.Roots, r.attests[h].payload.Held...)
	}
	slices.SortFunc(p.Roots, func(a, b named) int {
		return cmp.Or(cmp.Compare(a.Party, b.Party), bytes.Compare(a.Hash[:], b.Hash[:]))
	})
	p.Roots = slices.Compact(p.Roots)
	for _, h := range c.Holders.Parties() {
		a := r.attests[h]
		row := attestRow{From: h, View: a.message.Slot.View, Held: make([]byte, (len(p.Roots)+7)/8), Signature: a.message.Signature}
		for i, e := range p.Roots {
			if root, ok := find(a.payload.Held, e.Party); ok && root == e.Hash {
				row.Held[i/8] |= 1 << (i % 8)
			}
		}
		p.Attests = append(p.Attests, row)
	}
	return p
}
