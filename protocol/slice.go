package protocol

// Slicing is how the masked updates of a sliced round are divided: into slices of
// whole chunks, each of which a few hospitals hold and add up, so that a
// hospital's traffic does not grow with n (reduce-scatter and all-gather). The
// chunks of a sliced round are as small as it takes to have slices of one size.
//
// Every slice has all hospitals in an order of its own. The first f+c+1 are its
// holders: with f liars and c more away one of them is honest and there. The
// first f+1 of these, but at least two, add it up; each later one takes over when
// it is needed.
type Slicing struct {
	t     Thresholds
	round uint64
	size  int // of a vector, bytes
	chunk int // of every chunk but the last, bytes
	per   int // chunks in every slice but the last
	count int // slices, at most one for each hospital
}

// Slicing divides the vectors of the round, or is nil when the round is not
// sliced.
func (d Description) Slicing() *Slicing {
	if !d.Sliced || d.Thresholds.Validate() != nil || d.Length > maxPart || d.maskedSize() < 1 || d.maskedSize() > maxPart {
		return nil
	}
	const block = 16 // of AES: where a mask can begin
	n, size := d.Thresholds.Parties, int(d.maskedSize())
	s := &Slicing{t: d.Thresholds, round: d.Round, size: size, per: max(1, ceilDiv(size, n*ChunkSize))}
	s.chunk = block * ceilDiv(size, n*s.per*block)
	s.count = ceilDiv(s.chunks(), s.per)
	return s
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// chunks is how many there are of a vector.
func (s *Slicing) chunks() int { return ceilDiv(s.size, s.chunk) }

// span gives the chunks of a slice: the first, and how many.
func (s *Slicing) span(slice int) (first, count int) {
	first = slice * s.per
	return first, min(s.per, s.chunks()-first)
}

// length is how many bytes a chunk has.
func (s *Slicing) length(chunk int) int { return min(s.chunk, s.size-chunk*s.chunk) }

// bytes is how many bytes a slice has.
func (s *Slicing) bytes(slice int) int {
	first, count := s.span(slice)
	return min(s.size, (first+count)*s.chunk) - first*s.chunk
}

// at is the hospital at a place of a slice's order, from 0. The orders begin
// evenly spread over the roster, and move on with the round.
func (s *Slicing) at(slice, place int) Party {
	n := s.t.Parties
	return Party((slice*n/s.count+int(s.round%uint64(n))+place)%n) + 1
}

// place of a hospital in a slice's order, from 0.
func (s *Slicing) place(slice int, p Party) int {
	n := s.t.Parties
	return (int(p) - int(s.at(slice, 0)) + n) % n
}

// holders is how many hospitals hold every slice: with this many, one of them is
// honest and there.
func (s *Slicing) holders() int { return s.t.Missing() + 1 }

// reserve is how many hospitals may be asked to hold a slice: so many that
// holders() of them are honest and there.
func (s *Slicing) reserve() int { return 2*s.t.Missing() + 1 }

// adders is how many hospitals must say the same of the sum of a slice for it to
// be right: one of them is honest. Two do where nobody lies: so no machine that
// computes wrong gives everybody a wrong sum.
func (s *Slicing) adders() int { return max(2, s.t.Liars+1) }

// within lists the slices in whose order a hospital has one of the first places.
func (s *Slicing) within(p Party, places int) (list []int) {
	for i := range s.count {
		if s.place(i, p) < places {
			list = append(list, i)
		}
	}
	return list
}

// claim is a set of slices: bit i%8 of byte i/8 is slice i. It has as many bytes
// as it takes for all slices of the round, and none where nothing is sliced.
type claim []byte

const maxClaim = MaxParties / 8

func (s *Slicing) newClaim(slices ...int) claim {
	c := make(claim, s.claimSize())
	for _, i := range slices {
		c.add(i)
	}
	return c
}

// claimSize is the length of a claim; 0 where nothing is sliced.
func (s *Slicing) claimSize() int {
	if s == nil {
		return 0
	}
	return ceilDiv(s.count, 8)
}

// fits tells whether c is a claim of this round.
func (s *Slicing) fits(c claim) bool {
	return len(c) == s.claimSize() && (s == nil || s.count%8 == 0 || c[len(c)-1]>>(s.count%8) == 0)
}

func (c claim) add(slice int) { c[slice/8] |= 1 << (slice % 8) }

func (c claim) has(slice int) bool { return c[slice/8]>>(slice%8)&1 == 1 }

// within tells whether all slices of c are in another claim of the round.
func (c claim) within(other claim) bool {
	for i := range c {
		if c[i]&^other[i] != 0 {
			return false
		}
	}
	return true
}

// uncovered lists the slices that fewer of the holders claim than it takes; none
// where nothing is sliced.
func (s *Slicing) uncovered(holders Set, claimed func(Party) claim) (list []int) {
	if s == nil {
		return nil
	}
	count := make([]int, s.count)
	for _, p := range holders.Parties() {
		c := claimed(p)
		for i := range count {
			if c.has(i) {
				count[i]++
			}
		}
	}
	for i, by := range count {
		if by < s.holders() {
			list = append(list, i)
		}
	}
	return list
}

// slicingAt is the slicing that attestations in a slot are about, or nil.
func (d Description) slicingAt(slot Slot) *Slicing {
	if slot.Phase == Mask && slot.Step == stepAttestMasked {
		return d.Slicing()
	}
	return nil
}
