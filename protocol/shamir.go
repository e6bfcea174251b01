package protocol

import (
	"errors"
	"fmt"

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
	d := &shamirDeal{secrets: make([]sharing.Element, s.length), seed: seed, n: s.n, k: s.k, shares: map[int][][]sharing.Element{}}
	for i, v := range update {
		var err error
		if d.secrets[i], err = sharing.FromInt(v); err != nil {
			return Body{}, fmt.Errorf("deal value %d: %w", i, err)
		}
	}
	body := Body{Parts: map[Party]Source{}}
	for j := range s.n {
		body.Parts[Party(j+1)] = shamirPart{d, j}
	}
	return body, nil
}

// shamirDeal computes blocks of shares when they are asked for, and keeps as
// many as dealCache allows.
type shamirDeal struct {
	secrets []sharing.Element
	seed    Seed
	n, k    int
	shares  map[int][][]sharing.Element // by block, by party
}

// dealCache bounds the shares that a deal keeps: 64 MiB, which is all of them in
// the range that the scheme is for. Beyond that blocks are dealt again.
const dealCache = 8 << 20

type shamirPart struct {
	deal  *shamirDeal
	party int // from 0
}

func (p shamirPart) Chunks() int { return blocks(len(p.deal.secrets)) }

func (p shamirPart) Chunk(i int) ([]byte, error) {
	block, err := p.deal.block(i)
	if err != nil {
		return nil, err
	}
	return sharing.Append(make([]byte, 0, sharing.Size*len(block[p.party])), block[p.party]), nil
}

// block deals block i to everybody.
func (d *shamirDeal) block(i int) ([][]sharing.Element, error) {
	if i < 0 || i >= blocks(len(d.secrets)) {
		return nil, fmt.Errorf("deal block %d of %d", i, blocks(len(d.secrets)))
	}
	if known, ok := d.shares[i]; ok {
		return known, nil
	}
	secrets := d.secrets[i*blockLength : min((i+1)*blockLength, len(d.secrets))]
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
	block := s.block()
	return s.eachBlock(deal.Parts[s.self], block, func(int) error { return nil })
}

// eachBlock decodes a part block by block into block, and calls do with the
// offset of each.
func (s *Shamir) eachBlock(part Source, block []sharing.Element, do func(offset int) error) error {
	if part == nil || part.Chunks() != blocks(s.length) {
		return &Invalid{fmt.Sprintf("shares for another number of values than %d", s.length)}
	}
	for b := range part.Chunks() {
		offset := b * blockLength
		chunk, err := part.Chunk(b)
		if err != nil {
			return err
		}
		if err := sharing.Decode(block[:min(blockLength, s.length-offset)], chunk); err != nil {
			return &Invalid{fmt.Sprintf("block %d: %v", b, err)}
		}
		if err := do(offset); err != nil {
			return err
		}
	}
	return nil
}

// block is room for one decoded block.
func (s *Shamir) block() []sharing.Element {
	return make([]sharing.Element, min(s.length, blockLength))
}

// Mask is empty: the scheme has no such phase.
func (s *Shamir) Mask(Certified, Vector, Seed) (Body, error) { return Body{}, nil }

// Justify is empty: with no liars nobody complains.
func (s *Shamir) Justify(Complaint) (Body, error) { return Body{}, nil }

// Openers are all hospitals: any k of them open a sum.
func (s *Shamir) Openers() (Set, int) { return AllOf(s.n), s.k }

// Open sums the shares that this hospital holds of the included deals.
func (s *Shamir) Open(set Certified, _ Seed) (Body, error) {
	sum := make([]sharing.Element, s.length)
	block := s.block()
	for _, deal := range set.Included {
		err := s.eachBlock(deal.Body.Parts[s.self], block, func(offset int) error {
			end := min(offset+blockLength, s.length)
			sharing.AddTo(sum[offset:end], block)
			return nil
		})
		if err != nil {
			return Body{}, fmt.Errorf("sum the shares of hospital %d: %w", deal.From, err)
		}
	}
	return Body{Parts: map[Party]Source{0: elements(sum)}}, nil
}

// elements is a vector of elements as a source.
type elements []sharing.Element

func (e elements) Chunks() int { return blocks(len(e)) }

func (e elements) Chunk(i int) ([]byte, error) {
	if i < 0 || i >= e.Chunks() {
		return nil, fmt.Errorf("read block %d of %d", i, e.Chunks())
	}
	block := e[i*blockLength : min((i+1)*blockLength, len(e))]
	return sharing.Append(make([]byte, 0, sharing.Size*len(block)), block), nil
}

// Combine interpolates at 0 through the first k openings and checks that every
// further one lies on the same polynomials.
func (s *Shamir) Combine(_ Certified, openings []Post) (Vector, error) {
	if len(openings) < s.k {
		return nil, ErrMoreOpenings
	}
	xs := make([]int, s.k)
	for i := range xs {
		xs[i] = int(openings[i].From)
	}
	sum, err := s.interpolate(xs, openings, 0)
	if err != nil {
		return nil, err
	}
	for _, extra := range openings[s.k:] {
		if err := s.onPolynomial(xs, openings, extra); err != nil {
			return nil, err
		}
	}
	result := make(Vector, s.length)
	for i, e := range sum {
		result[i] = e.Int()
	}
	return result, nil
}

func (s *Shamir) interpolate(xs []int, openings []Post, at int) ([]sharing.Element, error) {
	lambda, err := sharing.Lagrange(xs, at)
	if err != nil {
		return nil, err
	}
	sum := make([]sharing.Element, s.length)
	block := s.block()
	for i := range xs {
		err := s.eachBlock(openings[i].Body.Parts[0], block, func(offset int) error {
			end := min(offset+blockLength, s.length)
			sharing.Accumulate(sum[offset:end], lambda[i], block)
			return nil
		})
		if err != nil {
			return nil, blame(openings[i].From, err)
		}
	}
	return sum, nil
}

func (s *Shamir) onPolynomial(xs []int, openings []Post, extra Post) error {
	want, err := s.interpolate(xs, openings, int(extra.From))
	if err != nil {
		return err
	}
	block := s.block()
	inconsistent := false
	err = s.eachBlock(extra.Body.Parts[0], block, func(offset int) error {
		for i, e := range block[:min(blockLength, s.length-offset)] {
			inconsistent = inconsistent || e != want[offset+i]
		}
		return nil
	})
	if err != nil {
		return blame(extra.From, err)
	}
	if inconsistent {
		return &Inconsistent{fmt.Sprintf("the openings of hospitals %v and %d do not lie on one polynomial", xs, extra.From)}
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
