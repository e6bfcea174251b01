package protocol

import "slices"

// Who holds which slices of the masked updates. A hospital holds the slices in
// whose order it is among the first f+c+1, and says so in its attestation: of
// every update that it attests it holds the slices that it claims. A set is
// acceptable when f+c+1 of its holders claim each slice: so one of them is honest
// and there, whoever lies and whoever goes. Where hospitals are away, or say
// nothing, or attest less than the others, a slice has too few, and those who are
// next in its order step in, up to place 2(f+c)+1.

// duty is which slices this hospital shall hold.
type duty struct {
	first   claim    // whatever happens
	more    claim    // because it steps in
	since   []uint64 // by slice: tick since when it does
	checked uint64   // tick of the last look at who holds what
}

func (s *Slicing) newDuty(self Party) *duty {
	return &duty{first: s.newClaim(s.within(self, s.holders())...), more: s.newClaim(), since: make([]uint64, s.count)}
}

func (d *duty) has(slice int) bool { return d.first.has(slice) || d.more.has(slice) }

func (m *masks) stepIn(slice int) {
	if d := m.duty; !d.has(slice) {
		d.more.add(slice)
		d.since[slice] = m.r.tick
		m.r.changed = true
	}
}

// slice is where the chunks of one slice of a masked update are, or nil.
func (state *maskedState) slice(i int) Source {
	if state.held != nil {
		return state.held
	}
	return state.slices[i]
}

// has tells whether all these slices of a masked update are here.
func (state *maskedState) has(c claim) bool {
	for i := range state.slices {
		if c.has(i) && state.slice(i) == nil {
			return false
		}
	}
	return true
}

// ask wants those slices of a masked update that are neither here nor asked for,
// in runs.
func (m *masks) ask(from Party, state *maskedState, wanted func(slice int) bool) {
	ref, _ := state.payload.Body.part(0)
	begin := -1
	for i := range m.slicing.count + 1 {
		if i < m.slicing.count && wanted(i) && !state.asked.has(i) && state.slice(i) == nil {
			state.asked.add(i)
			if begin < 0 {
				begin = i
			}
		} else if begin >= 0 {
			first, _ := m.slicing.span(begin)
			last, count := m.slicing.span(i - 1)
			m.r.out.Want = append(m.r.out.Want, Want{From: from, Ref: ref, First: uint32(first), Count: uint32(last + count - first), Each: uint32(m.slicing.chunk)})
			begin = -1
		}
	}
}

// arrived takes in chunks of masked updates.
func (m *masks) arrived(e Fetched) {
	for _, states := range m.posts {
		for _, state := range states {
			if ref, _ := state.payload.Body.part(0); ref != e.Ref {
				continue
			}
			for i := range state.slices {
				if first, count := m.slicing.span(i); first >= int(e.First) && first+count <= int(e.First+e.Count) {
					state.slices[i] = e.Source
					m.r.changed = true
				}
			}
		}
	}
}

// holdSlices asks for this hospital's slices of what those who joined have posted.
// Each begins behind its own number, so that not all ask the same ones.
func (m *masks) holdSlices(c choice) {
	parties := c.set().Parties()
	next, _ := slices.BinarySearch(parties, m.r.cfg.Self)
	for i := range parties {
		p := parties[(next+i)%len(parties)]
		for _, state := range m.posts[p] {
			all := m.duty.first.within(state.asked) && m.duty.more.within(state.asked)
			if p != m.r.cfg.Self && state.payload.Joined == m.join.decidedID && !all {
				m.ask(p, state, m.duty.has)
			}
		}
	}
}

// attestSlices says of which masked updates this hospital holds which slices.
func (m *masks) attestSlices(c choice) error {
	r, d, last := m.r, m.duty, m.attests.latest[m.r.cfg.Self]
	lacking := m.cover()
	held, _ := m.held()
	p := attestPayload{Held: held, Claim: slices.Clone(d.first)}
	for i := range m.slicing.count {
		claimed := last != nil && last.payload.Claim.has(i)
		if claimed { // also after a restart
			m.stepIn(i)
		}
		if !d.more.has(i) {
			continue
		}
		some := slices.DeleteFunc(slices.Clone(p.Held), func(e named) bool { return m.stateOf(e).slice(i) == nil })
		overdue := r.tick-d.since[i] >= uint64(r.cfg.Description.Deadlines.Attest) && slices.Contains(lacking, i)
		if claimed || len(some) == len(p.Held) || overdue && len(some) >= r.t.SmallestSet() {
			p.Claim.add(i)
			p.Held = some // without what nobody serves
		}
	}
	var parties Set
	for _, e := range p.Held {
		parties.Add(e.Party)
	}
	return m.attests.attest(p, c.set().Minus(parties), m.began)
}

// cover looks, once a tick, for slices that too few hold of those who could be the
// holders of a set, and steps in where it is this hospital's place.
//
// An update that cannot be had is a liar's. Whoever of the first 2(f+c)+1 of a
// slice's order is honest and there, f+c+1 at least, then attests without it: so
// too few attest it for any set, and it is left out as the least attested.
func (m *masks) cover() (lacking []int) {
	a, r := m.attests, m.r
	if m.duty.checked == r.tick || !a.complete(uint64(r.cfg.Description.Deadlines.Attest)) {
		return nil
	}
	m.duty.checked = r.tick
	c, ok := a.candidateOf(r.all.Minus(r.liars))
	if !ok {
		c, ok = a.candidateOf(r.all)
	}
	if !ok {
		return nil
	}
	lacking = a.uncovered(c.Holders)
	for _, i := range lacking {
		if m.slicing.place(i, r.cfg.Self) < m.slicing.reserve() {
			m.stepIn(i)
		}
	}
	return lacking
}

func (a *attestations) uncovered(holders Set) []int {
	return a.slicing.uncovered(holders, func(p Party) claim { return a.latest[p].payload.Claim })
}
