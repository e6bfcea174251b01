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

// attestations are what hospitals say that they hold and have verified: deals,
// and in scheme masked then masked updates. Each of the two agreements of a round
// is on what was attested before.
type attestations struct {
	r      *Round
	slot   Slot           // of the first issue; View counts further ones
	latest []*attestState // by party
	said   Set            // who has attested something
	began  uint64         // tick of this hospital's own latest
}

func newAttestations(r *Round, slot Slot) *attestations {
	return &attestations{r: r, slot: slot, latest: make([]*attestState, r.t.Parties+1)}
}

func (a *attestations) keep(m Message, p attestPayload) {
	known := a.latest[m.From]
	if known != nil && known.message.Slot.View >= m.Slot.View {
		return
	}
	state := &attestState{message: m, payload: p, since: map[Party]uint64{}}
	for _, e := range p.Held {
		state.set.Add(e.Party)
	}
	for _, p := range a.r.all.Minus(state.set).Parties() {
		state.since[p] = a.r.tick
		if known != nil && !known.set.Has(p) {
			state.since[p] = known.since[p]
		}
		if !a.r.dealBallot().started || known != nil && known.early.Has(p) {
			state.early.Add(p)
		}
	}
	a.latest[m.From] = state
	a.said.Add(m.From)
}

// attest says which deals this hospital holds and has verified, until it is
// decided which count.
func (r *Round) attest() error {
	if r.listed.Len() < r.t.Quorum() || r.dealBallot().decided != nil {
		return nil
	}
	held := r.dealers(dealHeld)
	missing := r.expectedDeals().Minus(held).Minus(r.dealers(dealInvalid))
	var list []named
	for _, d := range held.Parties() {
		list = append(list, named{d, r.deals[d].root()})
	}
	return r.attests.attest(list, missing, r.began[Deal])
}

// attest says what this hospital holds: when all is here, or when what is
// missing is little and overdue, after a wait that began at a tick. When more
// arrives later, it attests again. (After a restart less may be here for a while:
// to say so would be to complain.)
func (a *attestations) attest(held []named, missing Set, began uint64) error {
	r, deadlines := a.r, a.r.cfg.Description.Deadlines
	slot, last := a.slot, a.latest[a.r.cfg.Self]
	if last == nil {
		if len(held) < r.t.SmallestSet() || missing.Len() > r.t.Missing() || !r.waited(missing, began, deadlines.Deal) {
			return nil
		}
	} else {
		more := func(e named) bool { return !slices.Contains(last.payload.Held, e) }
		if !slices.ContainsFunc(held, more) || r.tick-a.began < uint64(deadlines.Attest) && !a.answeredAny(held) {
			return nil
		}
		slot.View = last.message.Slot.View + 1
	}
	a.began = r.tick
	return r.say(slot, attestPayload{held}.encode())
}

// complete tells whether to go on with the attestations that are here.
func (a *attestations) complete(deadline uint64) bool {
	return a.r.said(a.slot) && a.r.ready(a.said, a.r.described, a.began, uint32(deadline))
}

// answeredAny tells whether a deal among these was not held when this hospital
// last attested, and has come as the answer to its complaint.
func (a *attestations) answeredAny(held []named) bool {
	last := a.latest[a.r.cfg.Self].set
	return a == a.r.attests && slices.ContainsFunc(held, func(e named) bool { return !last.Has(e.Party) && a.r.answered(e.Party) != nil })
}

// candidate is the best choice that the attestations here allow: every holder
// holds every included deal, at least n−f−c hold, and as many deals as possible
// are included. Dealers with an open complaint are out: an honest one answers.
// Who is proved to have lied is out, as long as enough remain.
func (a *attestations) candidate() (choice, bool) {
	r, dealers := a.r, a.r.all
	if a == r.attests {
		dealers = dealers.Minus(r.disputed(true))
	}
	if c, ok := a.candidateOf(dealers.Minus(r.liars)); ok || r.liars == (Set{}) {
		return c, ok
	}
	return a.candidateOf(dealers)
}

func (a *attestations) candidateOf(dealers Set) (choice, bool) {
	included := a.commonRoots(dealers)
	for len(included) >= a.r.t.SmallestSet() {
		holders := a.holdersOf(included)
		if a.r.t.Liars > 0 && holders.Len() >= a.r.t.Parties-a.r.t.Missing() {
			holders = a.concise(holders)
		}
		if holders.Len() >= a.r.t.Parties-a.r.t.Missing() {
			return choice{holders, included}, true
		}
		included = a.withoutLeastHeld(included)
	}
	return choice{}, false
}

// commonRoots gives, for each dealer, the root that most hospitals attest. A
// dealer that posted different deals to different hospitals has several.
func (a *attestations) commonRoots(dealers Set) []named {
	votes := map[named]int{}
	for _, h := range a.said.Parties() {
		for _, e := range a.latest[h].payload.Held {
			votes[e]++
		}
	}
	var best []named
	for _, p := range dealers.Parties() {
		var top named
		for _, h := range a.said.Parties() {
			root, ok := find(a.latest[h].payload.Held, p)
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
func (a *attestations) holdersOf(included []named) Set {
	var holders Set
	for _, h := range a.said.Parties() {
		if attestsAll(a.latest[h].payload, included) {
			holders.Add(h)
		}
	}
	return holders
}

// concise leaves out holders whose attestations would make the table of roots too
// long for a proposal: liars can attest deals that there are not, each by another
// root. Honest hospitals attest one root of each dealer, and come first, because
// in the end more than f attest what one of them does.
func (a *attestations) concise(holders Set) Set {
	votes := map[named]int{}
	for _, h := range a.said.Parties() {
		for _, e := range a.latest[h].payload.Held {
			votes[e]++
		}
	}
	odd := func(h Party) (count int) {
		for _, e := range a.latest[h].payload.Held {
			if votes[e] <= a.r.t.Liars {
				count++
			}
		}
		return count
	}
	order := holders.Parties()
	slices.SortStableFunc(order, func(g, h Party) int { return odd(g) - odd(h) })
	table, kept := map[named]bool{}, Set{}
	for _, h := range order {
		var added []named
		for _, e := range a.latest[h].payload.Held {
			if !table[e] {
				added = append(added, e)
			}
		}
		if len(table)+len(added) > maxRoots {
			continue
		}
		kept.Add(h)
		for _, e := range added {
			table[e] = true
		}
	}
	return kept
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
func (a *attestations) withoutLeastHeld(included []named) []named {
	least, fewest := 0, len(a.r.all)*64+1
	for i, e := range included {
		if holders := a.holdersOf([]named{e}).Len(); holders < fewest {
			least, fewest = i, holders
		}
	}
	rest := append([]named{}, included[:least]...)
	return append(rest, included[least+1:]...)
}

// justify attaches the attestations of the holders to a choice.
func (a *attestations) justify(c choice) proposalPayload {
	p := proposalPayload{Choice: c}
	for _, h := range c.Holders.Parties() {
		p.Roots = append(p.Roots, a.latest[h].payload.Held...)
	}
	slices.SortFunc(p.Roots, func(a, b named) int {
		return cmp.Or(cmp.Compare(a.Party, b.Party), bytes.Compare(a.Hash[:], b.Hash[:]))
	})
	p.Roots = slices.Compact(p.Roots)
	for _, h := range c.Holders.Parties() {
		said := a.latest[h]
		row := attestRow{From: h, View: said.message.Slot.View, Held: make([]byte, (len(p.Roots)+7)/8), Signature: said.message.Signature}
		for i, e := range p.Roots {
			if root, ok := find(said.payload.Held, e.Party); ok && root == e.Hash {
				row.Held[i/8] |= 1 << (i % 8)
			}
		}
		p.Attests = append(p.Attests, row)
	}
	return p
}
