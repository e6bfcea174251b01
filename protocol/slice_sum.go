package protocol

import (
	"fmt"
	"slices"
)

// sums are what takes the place of one large sum in a sliced round: the first f+1
// hospitals of a slice's order add it up and post the root of their sum. Where
// f+1 hospitals post the same root it is right, because one of them is honest,
// and everybody fetches that slice from one of them. Where hospitals say nothing,
// are away, or contradict each other, those who are next in the order add the
// slice up from the committed updates, too, until f+1 agree. Who had posted
// another root is a liar, and the others' signatures prove it.
type sums struct {
	r        *Round
	slicing  *Slicing
	slicer   Slicer
	masks    Masks
	unmasked bool
	slices   []*slicedSum
}

// slicedSum is the sum of one slice.
type slicedSum struct {
	posted  map[Party][]Hash // roots; of a liar there can be several
	best    Hash             // that most have posted
	by      Set              // who has
	called  []uint64         // by place: 1 + the tick at which it was that hospital's turn
	mine    *Part            // as this hospital has added it up
	root    Hash             // that is right
	settled bool             // it is known
	content Source           // of that root
}

func newSums(r *Round, slicing *Slicing) (*sums, error) {
	slicer, ok := r.scheme.(Slicer)
	if !ok {
		return nil, fmt.Errorf("scheme %s has no slices", r.scheme.Name())
	}
	s := &sums{r: r, slicing: slicing, slicer: slicer}
	for range slicing.count {
		s.slices = append(s.slices, &slicedSum{posted: map[Party][]Hash{}, called: make([]uint64, r.t.Parties)})
	}
	return s, nil
}

func (s *sums) keep(m Message, p sumPayload) {
	of, _ := s.slicing.summed(m.From, m.Slot.Subject) // the message was accepted
	for i, slice := range of {
		s.count(slice, m.From, p.Roots[i])
	}
}

// count notes that a hospital has posted a root of a slice. When that makes it
// right, or contradicts what is, who has posted another is named.
func (s *sums) count(i int, from Party, root Hash) {
	sum := s.slices[i]
	sum.posted[from] = append(sum.posted[from], root)
	var by Set
	for p, roots := range sum.posted {
		if slices.Contains(roots, root) {
			by.Add(p)
		}
	}
	if by.Len() > sum.by.Len() {
		sum.best, sum.by = root, by
	}
	if sum.by.Len() >= s.slicing.adders() {
		s.blame(i, sum.best, sum.by)
	}
}

// admits tells whether a second root that a hospital has posted must count: others
// post it, too, and have perhaps taken it as settled.
func (s *sums) admits(m Message, p sumPayload) bool {
	of, _ := s.slicing.summed(m.From, m.Slot.Subject)
	for i, slice := range of {
		sum, agree, known := s.slices[slice], 0, false
		for from, roots := range sum.posted {
			for _, h := range roots {
				if h == p.Roots[i] && from == m.From {
					known = true
				} else if h == p.Roots[i] {
					agree++
				}
			}
		}
		if !sum.settled && !known && agree > 0 {
			return true
		}
	}
	return false
}

// combine does what there is to do for the sums of the certified set, and puts
// the result together when all are here.
func (s *sums) combine(c choice) error {
	r := s.r
	if !s.unmasked {
		if err := r.withOpenings(c, func(set Certified, openings []Post) (err error) {
			s.masks, err = s.slicer.Unmask(set, openings)
			s.unmasked = err == nil
			return err
		}); err != nil {
			return err
		}
	}
	missing := 0
	for i, sum := range s.slices {
		if s.unmasked && sum.mine == nil && s.turn(i) {
			if err := s.add(i, c); err != nil {
				return err
			}
		}
		if err := s.settle(i); err != nil {
			return err
		}
		if sum.content == nil {
			missing++
		}
	}
	if err := s.post(); err != nil {
		return err
	}
	if missing > 0 {
		return r.giveUp(r.openers().Len())
	}
	return s.finish(c)
}

// turn tells whether it is this hospital's turn to add up a slice: as many must
// have been called as it takes for f+1 to agree. Who is away, a liar, or silent
// for long is passed over. (A liar may tell one root to some and another to others:
// who lacks what those are content with takes the result from them, Round.adopt.)
func (s *sums) turn(i int) bool {
	r, sum := s.r, s.slices[i]
	patience := uint64(r.cfg.Description.Deadlines.Attest)
	if s.slicing.place(i, r.cfg.Self) < s.slicing.adders() {
		return !r.amnesiac
	}
	if sum.settled {
		return false
	}
	coming := sum.by.Len()
	for place := range r.t.Parties {
		p := s.slicing.at(i, place)
		switch {
		case coming >= s.slicing.adders():
			return false
		case sum.posted[p] != nil:
			continue
		case sum.called[place] == 0:
			sum.called[place] = r.tick + 1
		}
		if p == r.cfg.Self {
			return !r.amnesiac
		}
		if !r.absent.Has(p) && !r.liars.Has(p) && r.tick+1-sum.called[place] < patience {
			coming++
		}
	}
	return false
}

// add adds up a slice when it is here of all updates in the set, and asks for what
// is not.
func (s *sums) add(i int, c choice) error {
	r, m := s.r, s.r.masks
	updates := make([]Source, 0, len(c.Included))
	for _, e := range c.Included {
		state := m.stateOf(e)
		if state == nil {
			continue
		}
		if content := state.slice(i); content != nil {
			updates = append(updates, content)
		} else if !state.asked.has(i) && (e.Party != r.cfg.Self || r.dealing == nil) { // one's own is made again
			m.ask(e.Party, state, func(slice int) bool { return slice == i })
		}
	}
	if len(updates) < len(c.Included) {
		return nil
	}
	parts, err := r.spool(s.slicer.SumSlice(i, updates, s.masks))
	if err != nil {
		return fmt.Errorf("add up slice %d: %w", i, err)
	}
	for _, said := range s.slices[i].posted[r.cfg.Self] {
		if said != parts[0].Ref.Root {
			return fmt.Errorf("the sum of slice %d computed after the restart is not the one that was posted", i)
		}
	}
	s.slices[i].mine = &parts[0]
	r.out.Serve = append(r.out.Serve, parts[0])
	r.changed = true
	return nil
}

// post says what this hospital has added up.
func (s *sums) post() error {
	var first []Hash
	own := s.slicing.within(s.r.cfg.Self, s.slicing.adders())
	for _, i := range own {
		if mine := s.slices[i].mine; mine != nil {
			first = append(first, mine.Ref.Root)
		}
	}
	if len(first) == len(own) && len(own) > 0 {
		if err := s.r.say(sumSlot(0), sumPayload{first}.encode()); err != nil {
			return err
		}
	}
	for i, sum := range s.slices {
		if sum.mine == nil || s.slicing.place(i, s.r.cfg.Self) < s.slicing.adders() {
			continue
		}
		if err := s.r.say(sumSlot(Party(i+1)), sumPayload{[]Hash{sum.mine.Ref.Root}}.encode()); err != nil {
			return err
		}
	}
	return nil
}

// settle finds out what the sum of a slice is, and fetches it.
func (s *sums) settle(i int) error {
	r, sum := s.r, s.slices[i]
	agreed := sum.by.Len() >= s.slicing.adders()
	switch {
	case agreed && sum.mine != nil && sum.mine.Ref.Root != sum.best:
		return fmt.Errorf("%d hospitals have another sum of slice %d than this one: its disk or its memory is damaged", sum.by.Len(), i)
	case sum.content != nil:
	case sum.mine != nil:
		sum.root, sum.settled, sum.content = sum.mine.Ref.Root, true, sum.mine.Source
	case agreed:
		sum.root, sum.settled = sum.best, true
		from := sum.by.Parties()
		_, count := s.slicing.span(i)
		ref := Ref{Root: sum.root, Chunks: uint32(count), Size: uint64(s.slicing.bytes(i))}
		sum.content = r.content(from[(int(r.cfg.Self)+i)%len(from)], ref, nil)
	}
	return nil
}

// finish puts the slices together.
func (s *sums) finish(c choice) error {
	r := s.r
	sum := make(Vector, r.cfg.Description.Length)
	rest := sum
	for i, slice := range s.slices {
		first, count := s.slicing.span(i)
		for j := range count {
			lanes, err := slice.content.Chunk(j)
			if err == nil && len(lanes) != s.slicing.length(first+j) {
				err = fmt.Errorf("%d bytes", len(lanes))
			}
			if err != nil {
				return fmt.Errorf("read chunk %d of the sum of slice %d: %w", j, i, err)
			}
			values := rest[:len(lanes)*8/int(r.cfg.Description.Modulus)]
			s.slicer.Values(values, lanes)
			rest = rest[len(values):]
		}
	}
	return r.result(sum, sum.plausible(len(c.Included), r.cfg.Description.Limit))
}

// waiting are those of whom one is needed to go on: who has posted the sum of a
// slice that is not here, or who holds the slice.
func (s *sums) waiting() Set {
	r := s.r
	for i, sum := range s.slices {
		if sum.content != nil {
			continue
		}
		by := sum.by
		if sum.settled {
			return by
		}
		for _, p := range r.masks.attests.said.Parties() {
			if r.masks.attests.latest[p].payload.Claim.has(i) {
				by.Add(p)
			}
		}
		return by.Minus(NewSet(r.cfg.Self))
	}
	return Set{}
}
