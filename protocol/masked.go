package protocol

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"consilium/sharing"
)

// Masked hides an update under masks that vanish from the sum (Bonawitz and
// others, CCS 2017, without their server): one for each pair of hospitals, which
// the one adds and the other subtracts, and one of its own. A deal is the shares
// of two secrets, s and b, from which these masks come; the masked update follows
// when it is agreed on who masks. An opening is shares of b for those in the set,
// whose own masks are then removed, and shares of s for those that dropped out,
// whose pairwise masks are left in the others' updates. Never both for one
// hospital: together they show its update.
//
// Any k hospitals that compare notes can open, k−1 learn nothing; secrecy
// assumes that discrete logarithms in ristretto255 are hard, and AES. Shares are
// verified one by one (Feldman), so a wrong one names a liar. That a hospital
// masked its update and nothing else cannot be verified, as it cannot be verified
// what it trained with.
type Masked struct {
	self        Party
	n, k, f     int
	length      int
	ring        sharing.Ring
	description Hash
	slicing     *Slicing // nil: not sliced
}

var _ Scheme = (*Masked)(nil)

// NewMasked is the scheme at hospital self for the round that d describes.
func NewMasked(self Party, d Description) (*Masked, error) {
	t, ring := d.Thresholds, sharing.Ring(d.Modulus)
	switch {
	case d.Length < 1:
		return nil, fmt.Errorf("an update has at least one value, not %d", d.Length)
	case int(self) < 1 || int(self) > t.Parties:
		return nil, fmt.Errorf("hospital %d is not in 1…%d", self, t.Parties)
	case ring != sharing.Ring32 && ring != sharing.Ring64:
		return nil, fmt.Errorf("scheme masked adds up modulo 2^32 or 2^64, not 2^%d", d.Modulus)
	case !ring.Fits(t.Parties, d.Limit):
		return nil, fmt.Errorf("sums of %d values of up to %d do not fit %d bits: take a wider modulus, or fewer fraction bits", t.Parties, d.Limit, ring)
	case d.Sliced && d.Slicing() == nil:
		return nil, fmt.Errorf("a vector of %d bytes cannot be sliced; at most %d", d.maskedSize(), maxPart)
	}
	return &Masked{
		self: self, n: t.Parties, k: t.Openings(), f: t.Liars, length: int(d.Length), ring: ring, description: d.Hash(), slicing: d.Slicing(),
	}, nil
}

// Name is "masked".
func (s *Masked) Name() string { return SchemeMasked }

// PartSize is that of the commitments, or of the shares in an opening.
func (s *Masked) PartSize() uint64 { return sharing.GroupSize * uint64(max(2*s.k, s.n)) }

// Streams of a deal's seed.
const (
	streamPairSecret uint64 = iota // s
	streamSelfSecret               // b
)

// secrets are s and b of this hospital.
func (s *Masked) secrets(seed Seed) (pair, self sharing.SharedSecret) {
	return sharing.NewSharedSecret(s.k, sharing.NewExpander(seed, streamPairSecret)),
		sharing.NewSharedSecret(s.k, sharing.NewExpander(seed, streamSelfSecret))
}

// Deal shares s and b: part 0 has the commitments to both polynomials, part j the
// two shares of hospital j.
func (s *Masked) Deal(update Vector, seed Seed) (Body, error) {
	if len(update) != s.length {
		return Body{}, fmt.Errorf("deal an update of %d values in a round of %d", len(update), s.length)
	}
	pair, self := s.secrets(seed)
	body := Body{Parts: map[Party]Source{0: inChunks(self.AppendCommitments(pair.AppendCommitments(nil)))}}
	for j := 1; j <= s.n; j++ {
		body.Parts[Party(j)] = Chunks{self.Share(j).Append(pair.Share(j).Append(nil))}
	}
	return body, nil
}

// inChunks cuts content into chunks.
func inChunks(content []byte) (chunks Chunks) {
	for len(content) > ChunkSize {
		chunks, content = append(chunks, content[:ChunkSize]), content[ChunkSize:]
	}
	return append(chunks, content)
}

// commitments are those of a deal, to s and to b: the first coefficients only,
// which are to the secrets, or all k.
func (s *Masked) commitments(deal Body, count int) (pair, self []sharing.Commitment, err error) {
	content, err := wholePart(deal.Parts[0], 2*s.k*sharing.GroupSize)
	if err != nil {
		return nil, nil, err
	}
	decode := func(from int) (list []sharing.Commitment) {
		for i := from; i < from+count && err == nil; i++ {
			var c sharing.Commitment
			c, err = sharing.DecodeCommitment(content[i*sharing.GroupSize : (i+1)*sharing.GroupSize])
			list = append(list, c)
		}
		if err == nil && list[0].IsZero() {
			err = fmt.Errorf("a secret is 0")
		}
		return list
	}
	if pair, self = decode(0), decode(s.k); err != nil {
		return nil, nil, &Invalid{err.Error()}
	}
	return pair, self, nil
}

// wholePart reads a part of so many bytes.
func wholePart(part Source, size int) ([]byte, error) {
	if part == nil || part.Chunks() != (size+ChunkSize-1)/ChunkSize {
		return nil, &Invalid{fmt.Sprintf("not %d bytes", size)}
	}
	var content []byte
	for i := range part.Chunks() {
		chunk, err := part.Chunk(i)
		if err != nil {
			return nil, err
		}
		if len(chunk) != min(ChunkSize, size-len(content)) {
			return nil, &Invalid{fmt.Sprintf("chunk %d has %d bytes", i, len(chunk))}
		}
		content = append(content, chunk...)
	}
	return content, nil
}

// Check verifies the shares that are here against the commitments.
func (s *Masked) Check(_ Party, deal Body) error {
	if len(deal.Public) > 0 {
		return &Invalid{fmt.Sprintf("a deal of masks has no public bytes, this one has %d", len(deal.Public))}
	}
	pair, self, err := s.commitments(deal, s.k)
	if err != nil {
		return err
	}
	for p, part := range deal.Parts {
		if p == 0 {
			continue
		}
		shares, err := wholePart(part, 2*sharing.GroupSize)
		if err != nil {
			return err
		}
		for i, commitments := range [][]sharing.Commitment{pair, self} {
			share, err := sharing.DecodeScalar(shares[i*sharing.GroupSize : (i+1)*sharing.GroupSize])
			if err != nil {
				return &Invalid{err.Error()}
			}
			if !sharing.ShareCommitmentVarTime(commitments, int(p)).Opens(share) {
				return &Invalid{fmt.Sprintf("the shares of hospital %d are not what was committed to", p)}
			}
		}
	}
	return nil
}

// Prove has nothing to add: shares are verified against the commitments.
func (s *Masked) Prove(deal Body, _ Seed) ([]byte, error) { return deal.Public, nil }

// MostAnswers is k−1−f: with the shares that dealers publish, f liars must still
// hold fewer than k.
func (s *Masked) MostAnswers() int {
	if s.f == 0 {
		return 0
	}
	return s.k - 1 - s.f
}

// Openers are all hospitals: any k of them open a sum.
func (s *Masked) Openers() (Set, int) { return AllOf(s.n), s.k }

// maskLabel binds a mask to the round, to who joined by which deals, and to the
// hospitals whose mask it is.
func (s *Masked) maskKey(secret []byte, joined Hash, what string, parties ...Party) [sharing.MaskKeySize]byte {
	label := []byte("consilium/mask/1/" + what)
	label = append(label, joined[:]...)
	for _, p := range parties {
		label = appendParty(label, p)
	}
	key, err := hkdf.Key(sha256.New, secret, s.description[:], string(label), sharing.MaskKeySize)
	if err != nil {
		panic("protocol: " + err.Error()) // the length is fixed
	}
	return [sharing.MaskKeySize]byte(key)
}

// pairMask is the mask of two hospitals as it is in the update of one of them:
// the lower adds, the higher subtracts. undo gives its inverse.
func (s *Masked) pairMask(secret sharing.Scalar, public sharing.Commitment, joined Hash, in, other Party, undo bool) sharing.Mask {
	key := s.maskKey(sharing.Agree(secret, public), joined, "pair", min(in, other), max(in, other))
	return sharing.NewMask(key, (in > other) != undo)
}

// selfMask is the mask that a hospital has alone.
func (s *Masked) selfMask(secret sharing.Scalar, joined Hash, of Party, undo bool) sharing.Mask {
	return sharing.NewMask(s.maskKey(secret.Append(nil), joined, "self", of), undo)
}

// Mask masks the update over those who joined: y = x + PRG(b) ± PRG(DH).
func (s *Masked) Mask(joined Certified, update Vector, seed Seed) (Body, error) {
	pair, self := s.secrets(seed)
	masks := []sharing.Mask{s.selfMask(self.Secret(), joined.JoinedID, s.self, false)}
	for _, deal := range joined.Joined {
		if deal.From == s.self {
			continue
		}
		public, _, err := s.commitments(deal.Body, 1)
		if err != nil {
			return Body{}, fmt.Errorf("agree with hospital %d: %w", deal.From, err)
		}
		masks = append(masks, s.pairMask(pair.Secret(), public[0], joined.JoinedID, s.self, deal.From, false))
	}
	return Body{Parts: map[Party]Source{0: maskedUpdate{s.ring, update, masks, s.chunk()}}}, nil
}

// chunk is how many bytes every chunk of a masked update has, but the last.
func (s *Masked) chunk() int {
	if s.slicing != nil {
		return s.slicing.chunk
	}
	return ChunkSize
}

// maskedUpdate is masked chunk by chunk when it is read.
type maskedUpdate struct {
	ring   sharing.Ring
	update Vector
	masks  []sharing.Mask
	chunk  int // bytes
}

func (u maskedUpdate) perChunk() int { return u.chunk / u.ring.Size() }

func (u maskedUpdate) Chunks() int { return (len(u.update) + u.perChunk() - 1) / u.perChunk() }

func (u maskedUpdate) Chunk(i int) ([]byte, error) {
	if i < 0 || i >= u.Chunks() {
		return nil, fmt.Errorf("mask chunk %d of %d", i, u.Chunks())
	}
	values := u.update[i*u.perChunk() : min((i+1)*u.perChunk(), len(u.update))]
	lanes := make([]byte, len(values)*u.ring.Size())
	u.ring.Put(lanes, values)
	var m sharing.Masker
	m.Add(u.ring, lanes, i*u.chunk, u.masks)
	return lanes, nil
}
