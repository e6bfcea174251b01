package protocol

import (
	"errors"
	"fmt"
	"slices"

	"consilium/sharing"
)

// blockLength is how many elements a chunk carries.
const blockLength = ChunkSize / sharing.Size

// Shamir hides an update as Shamir shares over 2⁶¹−1: any k hospitals that
// compare notes can open it, k−1 learn nothing. An opening is the sum of the
// shares of the included deals.
//
// Openings cannot be verified one by one. With f > 0 liars the shares of a deal
// are checked to lie on polynomials (degree.go), and wrong openings are found
// among the others (correct.go): that takes k+f openings that agree, of whom k
// are honest, and so n ≥ k+2f+c hospitals.
type Shamir struct {
	self   Party
	n, k   int
	f      int // liars
	length int // of an update
	masks  int // values that are dealt behind the update, to hide it in the degree check
	packed int // values in one polynomial
	dealer *sharing.Dealer
}

var _ Scheme = (*Shamir)(nil)

// NewShamir is the scheme at hospital self for updates of length values.
func NewShamir(self Party, t Thresholds, length int) (*Shamir, error) {
	return newShamir(self, t, length, 1)
}

// Packed secrets take so many hospitals, of whom so many that compare notes learn
// nothing.
const (
	leastPacked = 7
	leastSecret = 2
)

// newShamir packs so many values into a polynomial. k openings still reconstruct
// all of them, and only k−packed hospitals that compare notes learn nothing.
func newShamir(self Party, t Thresholds, length, packed int) (*Shamir, error) {
	switch {
	case packed > 1 && t.Liars > 0:
		return nil, fmt.Errorf("packed secrets stand no liar")
	case packed > 1 && (t.Parties < leastPacked || t.Openings()-packed < leastSecret):
		return nil, fmt.Errorf("packing %d values takes %d hospitals or more, of whom 2 that compare notes learn nothing: %d open, and %d would be protected against",
			packed, leastPacked, t.Openings(), t.Openings()-packed)
	case length < 1:
		return nil, fmt.Errorf("an update has at least one value, not %d", length)
	case int(self) < 1 || int(self) > t.Parties:
		return nil, fmt.Errorf("hospital %d is not in 1…%d", self, t.Parties)
	}
	if err := CheckCorrection(t); err != nil {
		return nil, err
	}
	s := &Shamir{self: self, n: t.Parties, k: t.Openings(), f: t.Liars, length: length, packed: packed}
	if s.f > 0 {
		s.masks = repetitions
	}
	var err error
	s.dealer, err = sharing.NewDealer(s.n, s.k, packed, int(self))
	return s, err
}

// drawn tells whether a dealer draws a hospital's shares: those of the k−packed
// hospitals behind the dealer are random by themselves.
func (s *Shamir) drawn(dealer, p Party) bool {
	return sharing.Seeded(s.n, s.k, s.packed, int(dealer), int(p))
}

// seeded tells whether they are sent as the seed that they are drawn from. Where
// somebody may lie all have shares, which the degree check reads.
func (s *Shamir) seeded(dealer, p Party) bool { return s.f == 0 && s.drawn(dealer, p) }

// polynomials is how many there are: the length of a vector of shares.
func (s *Shamir) polynomials() int { return (s.dealt() + s.packed - 1) / s.packed }

// CheckCorrection says why scheme shamir does not stand so many liars: it takes
// n ≥ k+2f+c, so that after f wrong openings and c that never come k+f remain.
func CheckCorrection(t Thresholds) error {
	if n, k, f, c := t.Parties, t.Openings(), t.Liars, t.Dropouts; f > 0 && n < k+2*f+c {
		return fmt.Errorf("scheme shamir does not find %d wrong openings among %d hospitals with %d dropouts: "+
			"it takes %d, or scheme masked or paillier, whose openings are verified one by one", f, n, c, leastCorrecting(f, c))
	}
	return nil
}

// leastCorrecting is the smallest n with n ≥ k+2f+c.
func leastCorrecting(f, c int) int { return 5*f + 2*c + 1 }

// Name is "shamir".
func (s *Shamir) Name() string { return SchemeShamir }

// PartSize is that of the shares for one hospital.
func (s *Shamir) PartSize() uint64 {
	return max(sharing.SeedSize, sharing.Size*uint64(s.polynomials()))
}

// dealt is how many values are shared in a deal.
func (s *Shamir) dealt() int { return s.length + s.masks }

// streamMasks of a seed gives the masks of a deal; streams from 0 its blocks.
const streamMasks = 1 << 62

// Deal gives part j the shares of hospital j, or the seed of which stream b is
// chunk b of them. Masks follow the update.
func (s *Shamir) Deal(update Vector, seed Seed) (Body, error) {
	if len(update) != s.length {
		return Body{}, fmt.Errorf("deal an update of %d values in a round of %d", len(update), s.length)
	}
	for i, v := range update {
		if _, err := sharing.FromInt(v); err != nil {
			return Body{}, fmt.Errorf("deal value %d: %w", i, err)
		}
	}
	d := &shamirDeal{scheme: s, update: update, masks: make([]sharing.Element, s.masks), shares: map[int][][]sharing.Element{}}
	sharing.NewExpander(seed, streamMasks).Fill(d.masks)
	body := Body{Parts: map[Party]Source{}}
	for j := range s.n {
		p := Party(j + 1)
		d.seeds = append(d.seeds, Seed(digest("consilium/shares/1", seed[:], appendParty(nil, p))))
		if s.seeded(s.self, p) {
			body.Parts[p] = Chunks{d.seeds[j][:]}
		} else {
			body.Parts[p] = shamirPart{d, j}
		}
	}
	return body, nil
}

// Check reads the shares that are here: the right number of canonical elements,
// on polynomials of degree below k when somebody may lie.
func (s *Shamir) Check(from Party, deal Body) error {
	if len(deal.Parts) == 0 {
		return &Invalid{"no shares"}
	}
	if s.f > 0 {
		return s.checkDegree(deal)
	}
	if len(deal.Public) > 0 {
		return &Invalid{fmt.Sprintf("a Shamir deal has no public bytes, this one has %d", len(deal.Public))}
	}
	for p, part := range deal.Parts {
		if s.seeded(from, p) {
			if _, err := wholePart(part, sharing.SeedSize); err != nil {
				return err
			}
			continue
		}
		for i := range blocks(s.polynomials()) {
			if err := read(part, s.polynomials(), i, room(s.polynomials(), i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// shares are those of this hospital in a deal, of which block i is read.
func (s *Shamir) shares(deal Post, i int, block []sharing.Element) error {
	part := deal.Body.Parts[s.self]
	if !s.seeded(deal.From, s.self) {
		return read(part, s.polynomials(), i, block)
	}
	seed, err := wholePart(part, sharing.SeedSize)
	if err != nil {
		return err
	}
	sharing.NewExpander(Seed(seed), uint64(i)).Fill(block)
	return nil
}

// read decodes block i of a part of so many elements.
func read(part Source, length, i int, block []sharing.Element) error {
	if part == nil || part.Chunks() != blocks(length) {
		return &Invalid{fmt.Sprintf("another number of elements than %d", length)}
	}
	chunk, err := part.Chunk(i)
	if err != nil {
		return err
	}
	if err := sharing.Decode(block, chunk); err != nil {
		return &Invalid{fmt.Sprintf("block %d: %v", i, err)}
	}
	return nil
}

// room is room for block i of so many elements.
func room(length, i int) []sharing.Element {
	return make([]sharing.Element, min(blockLength, length-i*blockLength))
}

// Mask is empty: the scheme has no such phase.
func (s *Shamir) Mask(Certified, Vector, Seed) (Body, error) { return Body{}, nil }

// MostAnswers is k−1−f: with the shares that dealers publish, f liars must still
// hold fewer than k.
func (s *Shamir) MostAnswers() int {
	if s.f == 0 {
		return 0
	}
	return s.k - 1 - s.f
}

// Openers are all hospitals. k of them determine a sum; with liars among them it
// takes f more that agree.
func (s *Shamir) Openers() (Set, int) { return AllOf(s.n), s.k + s.f }

// Open sums the shares that this hospital holds of the included deals, block by
// block when it is read.
func (s *Shamir) Open(set Certified, _ Seed) (Body, error) {
	for _, deal := range set.Included {
		if deal.Body.Parts[s.self] == nil {
			return Body{}, fmt.Errorf("the shares of hospital %d are not here", deal.From)
		}
	}
	return Body{Parts: map[Party]Source{0: shamirOpening{s, set.Included}}}, nil
}

// shamirOpening is without the masks behind the update.
type shamirOpening struct {
	scheme *Shamir
	deals  []Post
}

func (o shamirOpening) Chunks() int { return blocks(o.scheme.opened()) }

// opened is how many elements an opening has.
func (s *Shamir) opened() int { return (s.length + s.packed - 1) / s.packed }

func (o shamirOpening) Chunk(i int) ([]byte, error) {
	if i < 0 || i >= o.Chunks() {
		return nil, fmt.Errorf("open block %d of %d", i, o.Chunks())
	}
	s := o.scheme
	sum, block := room(s.opened(), i), room(s.polynomials(), i)
	for _, deal := range o.deals {
		if err := s.shares(deal, i, block); err != nil {
			return nil, fmt.Errorf("sum the shares of hospital %d: %w", deal.From, err)
		}
		sharing.AddTo(sum, block[:len(sum)])
	}
	return sharing.Append(make([]byte, 0, sharing.Size*len(sum)), sum), nil
}

// Combine interpolates at 0. With liars it first finds wrong openings; without,
// openings that contradict each other end the round. It goes block by block:
// beside the sum it takes memory for one block of each opening.
func (s *Shamir) Combine(set Certified, openings []Post) (Vector, error) {
	if len(openings) < s.k+s.f {
		return nil, ErrMoreOpenings
	}
	if s.f > 0 {
		if err := s.findWrong(set.ID, openings); err != nil {
			return nil, err
		}
		openings = openings[:s.k] // all agree
	}
	c, err := s.combination(openings)
	if err != nil {
		return nil, err
	}
	sum := make(Vector, s.length)
	var inconsistent error
	perBlock := blockLength * s.packed
	for i := range blocks(s.opened()) {
		err := c.block(i, sum[i*perBlock:min((i+1)*perBlock, s.length)])
		if errors.As(err, new(*Inconsistent)) {
			inconsistent = err // a bad opening further on is worth more: it has a sender
		} else if err != nil {
			return nil, err
		}
	}
	if inconsistent != nil {
		return nil, inconsistent
	}
	return sum, nil
}

// shamirCombination is what does not change from block to block: the first k
// openings determine the polynomials, the others are compared with them.
type shamirCombination struct {
	scheme   *Shamir
	openings []Post
	at       [][]sharing.Element // Lagrange coefficients: at the secrets, then at each further opening
}

func (s *Shamir) combination(openings []Post) (*shamirCombination, error) {
	c := &shamirCombination{scheme: s, openings: openings}
	for _, x := range append(sharing.SecretsAt(s.packed), abscissae(openings[s.k:])...) {
		lambda, err := sharing.Lagrange(abscissae(openings[:s.k]), x)
		if err != nil {
			return nil, err
		}
		c.at = append(c.at, lambda)
	}
	return c, nil
}

func abscissae(posts []Post) []int {
	xs := make([]int, len(posts))
	for i, post := range posts {
		xs[i] = int(post.From)
	}
	return xs
}

// block combines block i of the openings into sum.
func (c *shamirCombination) block(i int, sum []int64) error {
	k, packed, length := c.scheme.k, c.scheme.packed, c.scheme.opened()
	shares := make([][]sharing.Element, len(c.openings))
	for j, opening := range c.openings {
		shares[j] = room(length, i)
		if err := read(opening.Body.Parts[0], length, i, shares[j]); err != nil {
			return blame(opening.From, err)
		}
	}
	value := room(length, i)
	for point, weights := range c.at {
		sharing.Weigh(value, weights, shares[:k])
		if point < packed {
			for at, e := range value[:min(len(value), len(sum))] {
				sum[at] = e.Int()
			}
			sum = sum[min(len(value), len(sum)):]
		} else if extra := k + point - packed; !slices.Equal(value, shares[extra]) {
			return &Inconsistent{fmt.Sprintf("the openings of hospitals %v and %d do not lie on one polynomial", abscissae(c.openings[:k]), c.openings[extra].From)}
		}
	}
	return nil
}

// blame turns invalid content into a bad opening of its sender; a failure to
// read one's own copy stays what it is.
func blame(from Party, err error) error {
	if invalid := (*Invalid)(nil); errors.As(err, &invalid) {
		return &BadOpening{from, invalid.Why}
	}
	return err
}

func blocks(length int) int { return (length + blockLength - 1) / blockLength }
