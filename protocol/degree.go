package protocol

import (
	"fmt"

	"consilium/sharing"
)

// repetitions of the degree check. One misses shares that do not lie on
// polynomials with probability 2⁻⁶¹; a dealer can try many deals at home, so
// three are made, which leaves 2⁻¹⁸³ for each try.
const repetitions = 3

// Prove publishes, for each repetition, the polynomial
//
//	Q(x) = M(x) + Σ βᵢ·Pᵢ(x)
//
// by its values at 1…k. The Pᵢ share the update and M one mask. The βᵢ come from
// the names of all parts, and so after the shares. Q is as random as M: it says
// nothing about the update. Every hospital compares its own shares with Q. A
// check by values that the holders post is wrong: one false value would eject an
// honest dealer.
func (s *Shamir) Prove(deal Body, _ Seed) ([]byte, error) {
	if s.f == 0 {
		return nil, nil
	}
	parts := make([]Source, s.k)
	for i := range parts {
		parts[i] = deal.Parts[Party(i+1)]
	}
	values, err := s.combinations(parts, s.length, s.masks, degreeChallenge(deal.Name))
	if err != nil {
		return nil, err
	}
	var public []byte
	for _, v := range values {
		public = sharing.Append(public, v[:])
	}
	return public, nil
}

func degreeChallenge(name Hash) Hash { return digest("consilium/degree/1", name[:]) }

// checkDegree compares the shares that are here with the polynomials that the
// dealer published.
func (s *Shamir) checkDegree(deal Body) error {
	published := make([]sharing.Element, repetitions*s.k)
	if err := sharing.Decode(published, deal.Public); err != nil {
		return &Invalid{"check polynomials: " + err.Error()}
	}
	first := make([]int, s.k)
	for i := range first {
		first[i] = i + 1
	}
	for p, part := range deal.Parts {
		got, err := s.combinations([]Source{part}, s.length, s.masks, degreeChallenge(deal.Name))
		if err != nil {
			return err
		}
		lambda, err := sharing.Lagrange(first, int(p))
		if err != nil {
			return err
		}
		for rep := range repetitions {
			want := sharing.Element(0)
			for i, l := range lambda {
				want = sharing.Add(want, sharing.Mul(l, published[i*repetitions+rep]))
			}
			if got[0][rep] != want {
				return &Invalid{fmt.Sprintf("the shares of hospital %d are not on the published polynomials", p)}
			}
		}
	}
	return nil
}

// combinations reads parts of length values and as many masks as are given, side
// by side, and combines each part at random: one sum for each repetition, with a
// mask of its own.
func (s *Shamir) combinations(parts []Source, length, masks int, challenge Hash) ([][repetitions]sharing.Element, error) {
	var streams [repetitions]*sharing.Expander
	for rep := range streams {
		streams[rep] = sharing.NewExpander(challenge, uint64(rep))
	}
	sums := make([][repetitions]sharing.Element, len(parts))
	for i, part := range parts {
		if part == nil || part.Chunks() != blocks(length+masks) {
			return nil, &wrongPart{i, Invalid{fmt.Sprintf("another number of elements than %d", length+masks)}}
		}
	}
	var beta [repetitions][]sharing.Element
	block := make([]sharing.Element, blockLength)
	for b := range blocks(length + masks) {
		offset := b * blockLength
		values := max(0, min(blockLength, length-offset))
		for rep := range beta {
			beta[rep] = append(beta[rep][:0], block[:values]...)
			streams[rep].Fill(beta[rep])
		}
		for i, part := range parts {
			chunk, err := part.Chunk(b)
			if err != nil {
				return nil, err
			}
			shares := block[:min(blockLength, length+masks-offset)]
			if err := sharing.Decode(shares, chunk); err != nil {
				return nil, &wrongPart{i, Invalid{fmt.Sprintf("block %d: %v", b, err)}}
			}
			for rep := range beta {
				sums[i][rep] = sharing.Add(sums[i][rep], sharing.Dot(beta[rep], shares))
			}
			for j := values; j < len(shares); j++ {
				rep := offset + j - length
				sums[i][rep] = sharing.Add(sums[i][rep], shares[j])
			}
		}
	}
	return sums, nil
}

// wrongPart is content that is not shares, and which of the parts it is.
type wrongPart struct {
	index int
	Invalid
}

func (e *wrongPart) Unwrap() error { return &e.Invalid }
