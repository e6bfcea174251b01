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
}

var _ Scheme = (*Shamir)(nil)

// NewShamir is the scheme at hospital self for updates of length values.
func NewShamir(self Party, t Thresholds, length int) (*Shamir, error) {
	switch {
	case length < 1:
		return nil, fmt.Errorf("an update has at least one value, not %d", length)
	case int(self) < 1 || int(self) > t.Parties:
		return nil, fmt.Errorf("hospital %d is not in 1…%d", self, t.Parties)
	}
	if err := CheckCorrection(t); err != nil {
		return nil, err
	}
	s := &Shamir{self: self, n: t.Parties, k: t.Openings(), f: t.Liars, length: length}
	if s.f > 0 {
		s.masks = repetitions
	}
	return s, nil
}

// CheckCorrection says why scheme shamir does not stand so many liars: it takes
// n ≥ k+2f+c, so that after f wrong openings and c that never come k+f remain.
func CheckCorrection(t Thresholds) error {
	if n, k, f, c := t.Parties, t.Openings(), t.Liars, t.Dropouts; f > 0 && n < k+2*f+c {
		return fmt.Errorf("scheme shamir does not find %d wrong openings among %d hospitals with %d dropouts: "+
			"it takes %d, or scheme paillier, whose openings are verified one by one", f, n, c, leastCorrecting(f, c))
	}
	return nil
}

// leastCorrecting is the smallest n with n ≥ k+2f+c.
func leastCorrecting(f, c int) int { return 5*f + 2*c + 1 }

// Name is "shamir".
func (s *Shamir) Name() string { return SchemeShamir }

// PartSize is that of the shares for one hospital.
func (s *Shamir) PartSize() uint64 { return sharing.Size * uint64(s.dealt()) }

// dealt is how many values are shared in a deal.
func (s *Shamir) dealt() int { return s.length + s.masks }

// streamMasks of a seed gives the masks of a deal; streams from 0 its blocks.
const streamMasks = 1 << 62

// Deal gives part j the shares of hospital j. Chunk b holds values
// b·blockLength…, and its polynomials come from stream b of the seed. Masks
// follow the update.
func (s *Shamir) Deal(update Vector, seed Seed) (Body, error) {
	if len(update) != s.length {
		return Body{}, fmt.Errorf("deal an update of %d values in a round of %d", len(update), s.length)
	}
	d := &shamirDeal{secrets: make([]sharing.Element, s.dealt()), seed: seed, n: s.n, k: s.k, shares: map[int][][]sharing.Element{}}
	for i, v := range update {
		var err error
		if d.secrets[i], err = sharing.FromInt(v); err != nil {
			return Body{}, fmt.Errorf("deal value %d: %w", i, err)
		}
	}
	sharing.NewExpander(seed, streamMasks).Fill(d.secrets[s.length:])
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
	for _, part := range deal.Parts {
		if err := s.eachBlock(part, s.dealt(), func(int, []sharing.Element) {}); err != nil {
			return err
		}
	}
	return nil
}

// eachBlock decodes a part of so many elements block by block, and calls do with
// the offset of each.
func (s *Shamir) eachBlock(part Source, length int, do func(offset int, block []sharing.Element)) error {
	if part == nil || part.Chunks() != blocks(length) {
		return &Invalid{fmt.Sprintf("another number of elements than %d", length)}
	}
	room := make([]sharing.Element, min(length, blockLength))
	for b := range part.Chunks() {
		offset := b * blockLength
		chunk, err := part.Chunk(b)
		if err != nil {
			return err
		}
		block := room[:min(blockLength, length-offset)]
		if err := sharing.Decode(block, chunk); err != nil {
			return &Invalid{fmt.Sprintf("block %d: %v", b, err)}
		}
		do(offset, block)
	}
	return nil
}

// Mask is empty: the scheme has no such phase.
func (s *Shamir) Mask([]Party) (Body, error) { return Body{}, nil }

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

// Open sums the shares that this hospital holds of the included deals.
func (s *Shamir) Open(set Certified, _ Seed) (Body, error) {
	sum := make([]sharing.Element, s.dealt())
	for _, deal := range set.Included {
		err := s.eachBlock(deal.Body.Parts[s.self], s.dealt(), func(offset int, block []sharing.Element) {
			sharing.AddTo(sum[offset:offset+len(block)], block)
		})
		if err != nil {
			return Body{}, fmt.Errorf("sum the shares of hospital %d: %w", deal.From, err)
		}
	}
	return Body{Parts: map[Party]Source{0: elements(sum[:s.length])}}, nil
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

// Combine interpolates at 0. With liars it first finds wrong openings; without,
// openings that contradict each other end the round.
func (s *Shamir) Combine(set Certified, openings []Post) (Vector, error) {
	if len(openings) < s.k+s.f {
		return nil, ErrMoreOpenings
	}
	if s.f > 0 {
		if err := s.findWrong(set.ID, openings); err != nil {
			return nil, err
		}
	}
	sum, err := s.interpolate(openings[:s.k], 0)
	if err != nil {
		return nil, err
	}
	if s.f == 0 {
		for _, extra := range openings[s.k:] {
			if err := s.onPolynomial(openings[:s.k], extra); err != nil {
				return nil, err
			}
		}
	}
	result := make(Vector, s.length)
	for i, e := range sum {
		result[i] = e.Int()
	}
	return result, nil
}

func abscissae(posts []Post) []int {
	xs := make([]int, len(posts))
	for i, post := range posts {
		xs[i] = int(post.From)
	}
	return xs
}

func (s *Shamir) interpolate(openings []Post, at int) ([]sharing.Element, error) {
	lambda, err := sharing.Lagrange(abscissae(openings), at)
	if err != nil {
		return nil, err
	}
	sum := make([]sharing.Element, s.length)
	for i, opening := range openings {
		err := s.eachBlock(opening.Body.Parts[0], s.length, func(offset int, block []sharing.Element) {
			sharing.Accumulate(sum[offset:offset+len(block)], lambda[i], block)
		})
		if err != nil {
			return nil, blame(opening.From, err)
		}
	}
	return sum, nil
}

func (s *Shamir) onPolynomial(openings []Post, extra Post) error {
	want, err := s.interpolate(openings, int(extra.From))
	if err != nil {
		return err
	}
	inconsistent := false
	err = s.eachBlock(extra.Body.Parts[0], s.length, func(offset int, block []sharing.Element) {
		for i, e := range block {
			inconsistent = inconsistent || e != want[offset+i]
		}
	})
	if err != nil {
		return blame(extra.From, err)
	}
	if inconsistent {
		return &Inconsistent{fmt.Sprintf("the openings of hospitals %v and %d do not lie on one polynomial", abscissae(openings), extra.From)}
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
