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
// shares of the included deals. Openings cannot be verified one by one, so in
// this form the scheme stands crashed hospitals and no liar.
type Shamir struct {
	self   Party
	n, k   int
	length int
}

var _ Scheme = (*Shamir)(nil)

// NewShamir is the scheme at hospital self for updates of length values.
func NewShamir(self Party, t Thresholds, length int) (*Shamir, error) {
	switch {
	case length < 1:
		return nil, fmt.Errorf("an update has at least one value, not %d", length)
	case t.Liars > 0:
		return nil, fmt.Errorf("scheme shamir stands no liar: an opening cannot be verified alone; use scheme paillier, or set the liars to 0")
	case int(self) < 1 || int(self) > t.Parties:
		return nil, fmt.Errorf("hospital %d is not in 1…%d", self, t.Parties)
	}
	return &Shamir{self: self, n: t.Parties, k: t.Openings(), length: length}, nil
}

// Name is "shamir".
func (s *Shamir) Name() string { return SchemeShamir }

// PartSize is that of the shares for one hospital.
func (s *Shamir) PartSize() uint64 { return sharing.Size * uint64(s.length) }

// Deal gives part j the shares of hospital j. Chunk b holds values
// b·blockLength…, and its polynomials come from stream b of the seed.
func (s *Shamir) Deal(update Vector, seed Seed) (Body, error) {
	if len(update) != s.length {
		return Body{}, fmt.Errorf("deal an update of %d values in a round of %d", len(update), s.length)
	}
	for i, v := range update {
		if _, err := sharing.FromInt(v); err != nil {
			return Body{}, fmt.Errorf("deal value %d: %w", i, err)
		}
	}
	d := &shamirDeal{update: update, seed: seed, n: s.n, k: s.k, shares: map[int][][]sharing.Element{}}
	body := Body{Parts: map[Party]Source{}}
	for j := range s.n {
		body.Parts[Party(j+1)] = shamirPart{d, j}
	}
	return body, nil
}

// shamirDeal computes blocks of shares when they are asked for, and keeps as
// many as dealCache allows.
type shamirDeal struct {
	update Vector
	seed   Seed
	n, k   int
	shares map[int][][]sharing.Element // by block, by party
}

// dealCache bounds the elements that a deal keeps: 8 MiB. Beyond that blocks are
// dealt again; the parts of one deal are read side by side, so that this is once
// each time that they are read.
const dealCache = 1 << 20

type shamirPart struct {
	deal  *shamirDeal
	party int // from 0
}

func (p shamirPart) Chunks() int { return blocks(len(p.deal.update)) }

func (p shamirPart) Chunk(i int) ([]byte, error) {
	block, err := p.deal.block(i)
	if err != nil {
		return nil, err
	}
	return sharing.Append(make([]byte, 0, sharing.Size*len(block[p.party])), block[p.party]), nil
}

// block deals block i to everybody.
func (d *shamirDeal) block(i int) ([][]sharing.Element, error) {
	if i < 0 || i >= blocks(len(d.update)) {
		return nil, fmt.Errorf("deal block %d of %d", i, blocks(len(d.update)))
	}
	if known, ok := d.shares[i]; ok {
		return known, nil
	}
	values := d.update[i*blockLength : min((i+1)*blockLength, len(d.update))]
	secrets := make([]sharing.Element, len(values))
	for i, v := range values {
		secrets[i], _ = sharing.FromInt(v) // looked at in Deal
	}
	block := make([][]sharing.Element, d.n)
	for j := range block {
		block[j] = make([]sharing.Element, len(secrets))
	}
	if err := sharing.Deal(block, secrets, d.k, sharing.NewExpander(d.seed, uint64(i))); err != nil {
		return nil, err
	}
	if (len(d.shares)+1)*blockLength*d.n > dealCache {
		clear(d.shares)
	}
	d.shares[i] = block
	return block, nil
}

// Check reads this hospital's shares through: the right number of canonical
// elements.
func (s *Shamir) Check(from Party, deal Body) error {
	if len(deal.Public) > 0 {
		return &Invalid{fmt.Sprintf("a Shamir deal has no public bytes, this one has %d", len(deal.Public))}
	}
	for i := range blocks(s.length) {
		if err := s.read(deal.Parts[s.self], i, s.block(i)); err != nil {
			return err
		}
	}
	return nil
}

// read decodes block i of a part.
func (s *Shamir) read(part Source, i int, block []sharing.Element) error {
	if part == nil || part.Chunks() != blocks(s.length) {
		return &Invalid{fmt.Sprintf("shares for another number of values than %d", s.length)}
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

// block is room for block i, decoded.
func (s *Shamir) block(i int) []sharing.Element {
	return make([]sharing.Element, min(s.length-i*blockLength, blockLength))
}

// Mask is empty: the scheme has no such phase.
func (s *Shamir) Mask(Certified, Vector, Seed) (Body, error) { return Body{}, nil }

// Justify is empty: with no liars nobody complains.
func (s *Shamir) Justify(Complaint) (Body, error) { return Body{}, nil }

// Openers are all hospitals: any k of them open a sum.
func (s *Shamir) Openers() (Set, int) { return AllOf(s.n), s.k }

// Open sums the shares that this hospital holds of the included deals, block by
// block when it is read.
func (s *Shamir) Open(set Certified, _ Seed) (Body, error) {
	for _, deal := range set.Included {
		if part := deal.Body.Parts[s.self]; part == nil || part.Chunks() != blocks(s.length) {
			return Body{}, fmt.Errorf("the shares of hospital %d are not here", deal.From)
		}
	}
	return Body{Parts: map[Party]Source{0: shamirOpening{s, set.Included}}}, nil
}

type shamirOpening struct {
	scheme *Shamir
	deals  []Post
}

func (o shamirOpening) Chunks() int { return blocks(o.scheme.length) }

func (o shamirOpening) Chunk(i int) ([]byte, error) {
	sum, block := o.scheme.block(i), o.scheme.block(i)
	for _, deal := range o.deals {
		if err := o.scheme.read(deal.Body.Parts[o.scheme.self], i, block); err != nil {
			return nil, fmt.Errorf("sum the shares of hospital %d: %w", deal.From, err)
		}
		sharing.AddTo(sum, block)
	}
	return sharing.Append(make([]byte, 0, sharing.Size*len(sum)), sum), nil
}

// Combine interpolates at 0 through the first k openings and checks that every
// further one lies on the same polynomials. Block by block: beside the sum it
// takes memory for one block of each opening.
func (s *Shamir) Combine(_ Certified, openings []Post) (Vector, error) {
	if len(openings) < s.k {
		return nil, ErrMoreOpenings
	}
	c := &shamirCombination{scheme: s, openings: openings, xs: make([]int, s.k)}
	for i := range c.xs {
		c.xs[i] = int(openings[i].From)
	}
	if err := c.coefficients(); err != nil {
		return nil, err
	}
	sum := make(Vector, s.length)
	var inconsistent error
	for i := range blocks(s.length) {
		err := c.block(i, sum[i*blockLength:min((i+1)*blockLength, s.length)])
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

// shamirCombination is what does not change from block to block.
type shamirCombination struct {
	scheme   *Shamir
	openings []Post
	xs       []int
	at       [][]sharing.Element // Lagrange coefficients: at 0, then at each further opening
}

func (c *shamirCombination) coefficients() error {
	points := []int{0}
	for _, extra := range c.openings[len(c.xs):] {
		points = append(points, int(extra.From))
	}
	for _, x := range points {
		lambda, err := sharing.Lagrange(c.xs, x)
		if err != nil {
			return err
		}
		c.at = append(c.at, lambda)
	}
	return nil
}

// block combines block i of the openings into sum.
func (c *shamirCombination) block(i int, sum []int64) error {
	k := len(c.xs)
	shares := make([][]sharing.Element, len(c.openings))
	for j, opening := range c.openings {
		shares[j] = c.scheme.block(i)
		if err := c.scheme.read(opening.Body.Parts[0], i, shares[j]); err != nil {
			return blame(opening.From, err)
		}
	}
	value := c.scheme.block(i)
	for point, lambda := range c.at {
		clear(value)
		for j := range lambda {
			sharing.Accumulate(value, lambda[j], shares[j])
		}
		if point == 0 {
			for at, e := range value {
				sum[at] = e.Int()
			}
		} else if extra := k + point - 1; !slices.Equal(value, shares[extra]) {
			return &Inconsistent{fmt.Sprintf("the openings of hospitals %v and %d do not lie on one polynomial", c.xs, c.openings[extra].From)}
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
