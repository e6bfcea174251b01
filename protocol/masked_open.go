package protocol

import (
	"fmt"
	"slices"

	"consilium/sharing"
)

// included tells for each of those who joined whether its update is in the set.
func (set Certified) included() Set {
	var s Set
	for _, p := range set.Included {
		s.Add(p.From)
	}
	return s
}

// Open gives one share of each hospital that joined: of b when its update is in
// the set, and of s when it is not. It never gives both. The
// public bytes name those who joined, so that the opening can be judged later.
func (s *Masked) Open(set Certified, _ Seed) (Body, error) {
	in := set.included()
	var shares []byte
	for _, deal := range set.Joined {
		both, err := wholePart(deal.Body.Parts[s.self], 2*sharing.GroupSize)
		if err != nil {
			return Body{}, fmt.Errorf("read the shares of hospital %d: %w", deal.From, err)
		}
		if in.Has(deal.From) {
			shares = append(shares, both[sharing.GroupSize:]...)
		} else {
			shares = append(shares, both[:sharing.GroupSize]...)
		}
	}
	return Body{Public: set.JoinedID[:], Parts: map[Party]Source{0: inChunks(shares)}}, nil
}

// shares reads those of an opening, one for each hospital that joined.
func (s *Masked) shares(set Certified, opening Body) ([]sharing.Scalar, error) {
	if string(opening.Public) != string(set.JoinedID[:]) {
		return nil, &Invalid{"an opening of other masks"}
	}
	content, err := wholePart(opening.Parts[0], len(set.Joined)*sharing.GroupSize)
	if err != nil {
		return nil, err
	}
	shares := make([]sharing.Scalar, len(set.Joined))
	for i := range shares {
		if shares[i], err = sharing.DecodeScalar(content[i*sharing.GroupSize : (i+1)*sharing.GroupSize]); err != nil {
			return nil, &Invalid{err.Error()}
		}
	}
	return shares, nil
}

// CheckOpening verifies one opening of a set whose deals are all here; *Invalid
// says that it is wrong.
func (s *Masked) CheckOpening(set Certified, opening Post) error {
	shares, err := s.shares(set, opening.Body)
	if err != nil {
		return err
	}
	in := set.included()
	for i, deal := range set.Joined {
		pair, self, err := s.commitments(deal.Body, s.k)
		if err != nil {
			return err
		}
		if in.Has(deal.From) {
			pair = self
		}
		if !sharing.ShareCommitmentVarTime(pair, int(opening.From)).Opens(shares[i]) {
			return &Invalid{fmt.Sprintf("a share of hospital %d's secret is not what that committed to", deal.From)}
		}
	}
	return nil
}

// Combine reconstructs the secrets from k openings, removes the masks and adds
// up. That a secret is right shows at its commitment; only when it is not, shares
// are verified one by one. It needs all masked updates, and the commitments of
// all who joined.
func (s *Masked) Combine(set Certified, openings []Post) (Vector, error) {
	if len(set.Joined) == 0 || len(openings) < s.k {
		return nil, ErrMoreOpenings
	}
	for _, post := range slices.Concat(set.Joined, set.Included) {
		if post.Body.Parts[0] == nil {
			return nil, ErrMoreOpenings
		}
	}
	masks, err := s.leftOver(set, openings[:s.k])
	if err != nil {
		return nil, err
	}
	return s.addUp(set.Included, masks)
}

// leftOver are the masks that are left in the sum, to be added for removal.
func (s *Masked) leftOver(set Certified, openings []Post) ([]sharing.Mask, error) {
	in := set.included()
	secrets, public, err := s.reconstruct(set, openings)
	if err != nil {
		return nil, err
	}
	var masks []sharing.Mask
	for i, deal := range set.Joined {
		if in.Has(deal.From) {
			masks = append(masks, s.selfMask(secrets[i], set.JoinedID, deal.From, true))
			continue
		}
		for j, other := range set.Joined {
			if in.Has(other.From) {
				masks = append(masks, s.pairMask(secrets[i], public[j], set.JoinedID, other.From, deal.From, true))
			}
		}
	}
	return masks, nil
}

// reconstruct gives of each who joined the secret that is opened, and its public
// key for pairwise masks.
func (s *Masked) reconstruct(set Certified, openings []Post) (secrets []sharing.Scalar, public []sharing.Commitment, err error) {
	in, xs := set.included(), make([]int, len(openings))
	shares := make([][]sharing.Scalar, len(openings))
	for i, opening := range openings {
		xs[i] = int(opening.From)
		if shares[i], err = s.shares(set, opening.Body); err != nil {
			return nil, nil, blame(opening.From, err)
		}
	}
	lambda, err := sharing.LagrangeScalars(xs)
	if err != nil {
		return nil, nil, err
	}
	of := make([]sharing.Scalar, len(openings))
	for v, deal := range set.Joined {
		pair, self, err := s.commitments(deal.Body, 1)
		if err != nil {
			return nil, nil, fmt.Errorf("read the commitments of hospital %d: %w", deal.From, err)
		}
		for i := range of {
			of[i] = shares[i][v]
		}
		secret, committed := sharing.Interpolate(lambda, of), pair[0]
		if in.Has(deal.From) {
			committed = self[0]
		}
		if !committed.Opens(secret) {
			return nil, nil, s.findWrong(set, openings)
		}
		secrets, public = append(secrets, secret), append(public, pair[0])
	}
	return secrets, public, nil
}

// findWrong names one of the openings that is wrong.
func (s *Masked) findWrong(set Certified, openings []Post) error {
	for _, opening := range openings {
		if err := s.CheckOpening(set, opening); err != nil {
			return blame(opening.From, err)
		}
	}
	return fmt.Errorf("openings that are right reconstruct a wrong secret") // against Feldman
}

// addUp adds masked updates and what removes their masks, chunk by chunk: of the
// vectors one is in memory, the result.
func (s *Masked) addUp(updates []Post, masks []sharing.Mask) (Vector, error) {
	sum := make(Vector, s.length)
	room := make([]byte, ChunkSize)
	var m sharing.Masker
	streams := make([]stream, len(updates))
	for i, post := range updates {
		streams[i] = stream{source: post.Body.Parts[0]}
	}
	perChunk := ChunkSize / s.ring.Size()
	for b := 0; b*perChunk < s.length; b++ {
		values := sum[b*perChunk : min((b+1)*perChunk, s.length)]
		lanes := room[:len(values)*s.ring.Size()]
		clear(lanes)
		for i := range streams {
			content, err := streams[i].next(len(lanes))
			if err != nil {
				return nil, fmt.Errorf("read the masked update of hospital %d: %w", updates[i].From, err)
			}
			s.ring.AddTo(lanes, content, false)
		}
		m.Add(s.ring, lanes, b*ChunkSize, masks)
		s.ring.Values(values, lanes)
	}
	return sum, nil
}

// stream reads a part as one run of bytes, however it was cut into chunks: a
// liar must not stop the others by cutting its own otherwise. Behind its end
// there are zeros.
type stream struct {
	source Source
	chunk  int
	rest   []byte
	room   []byte
}

// next are the next n bytes, valid until it is called again.
func (s *stream) next(n int) ([]byte, error) {
	if err := s.fill(); err != nil {
		return nil, err
	}
	if len(s.rest) >= n {
		content := s.rest[:n]
		s.rest = s.rest[n:]
		return content, nil
	}
	s.room = append(s.room[:0], make([]byte, n)...)
	for got := 0; got < n; {
		if err := s.fill(); err != nil {
			return nil, err
		}
		if len(s.rest) == 0 {
			break
		}
		copied := copy(s.room[got:], s.rest)
		got, s.rest = got+copied, s.rest[copied:]
	}
	return s.room, nil
}

// fill reads the next chunk that has something, when nothing is left.
func (s *stream) fill() (err error) {
	for len(s.rest) == 0 && s.chunk < s.source.Chunks() && err == nil {
		s.rest, err = s.source.Chunk(s.chunk)
		s.chunk++
	}
	return err
}
