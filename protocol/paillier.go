package protocol

import (
	"fmt"
	"math/big"

	"consilium/paillier"
	"consilium/sharing"
)

// PaillierKey is what a hospital holds of the federation's threshold key. The
// holders of the shares are the first hospitals of the roster: hospital i
// holds share i.
type PaillierKey struct {
	Public *paillier.ThresholdKey
	// Encryptor is of Public, with the same context at all hospitals. Its table
	// is large: one serves all rounds.
	Encryptor *paillier.Encryptor
	// Share is nil at a hospital that contributes and does not decrypt.
	Share *paillier.KeyShare
}

// NewPaillierKey prepares a key for rounds. It computes the table for
// encryption, which takes some hundred milliseconds at 3072 bits.
func NewPaillierKey(public *paillier.ThresholdKey, share *paillier.KeyShare) (*PaillierKey, error) {
	encryptor, err := paillier.NewEncryptor(public.PublicKey, []byte("consilium/paillier/1"), paillier.DefaultExponentBits(public.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("prepare encryption: %w", err)
	}
	return &PaillierKey{public, encryptor, share}, nil
}

// Digest names the public part.
func (k *PaillierKey) Digest() Hash { return k.Public.Digest() }

// Paillier hides an update in ciphertexts under a key that k hospitals must use
// together. A deal is the packed ciphertexts, which everybody adds up, and a
// proof that their maker knows what is in them; an opening is the partial
// decryptions of the sum, with one proof of them all. Up to k−1 holders of
// the key learn nothing; secrecy assumes that N cannot be factored.
type Paillier struct {
	self        Party
	key         *PaillierKey
	length      int
	packing     *paillier.Packing
	description Hash
	verified    map[Party]*paillier.Partials // openings whose proof holds
}

var _ Scheme = (*Paillier)(nil)

// Streams of a deal's seed.
const (
	streamEncryption uint64 = iota
	streamPlaintextProof
	streamDecryptionProof
)

// NewPaillier is the scheme at hospital self for the round that d describes.
func NewPaillier(self Party, d Description, key *PaillierKey) (*Paillier, error) {
	t := d.Thresholds
	switch {
	case key == nil:
		return nil, fmt.Errorf("scheme paillier needs the federation's key, and the roster has none: make one with `hospital-node cluster keygen`, or have one dealt with `hospital-node cluster deal`")
	case key.Digest() != d.Key:
		return nil, fmt.Errorf("the key here is not the one that the round is described with")
	case int(self) < 1 || int(self) > t.Parties:
		return nil, fmt.Errorf("hospital %d is not in 1…%d", self, t.Parties)
	}
	if err := CheckHolders(t, key.Public.Holders(), key.Public.Threshold()); err != nil {
		return nil, err
	}
	if key.Share != nil && key.Share.Holder() != int(self) {
		return nil, fmt.Errorf("hospital %d has the key share of hospital %d", self, key.Share.Holder())
	}
	packing, err := paillier.NewPacking(key.Public.Bits(), int64(d.Limit), t.Parties, int(d.Length))
	if err != nil {
		return nil, fmt.Errorf("lay out the update: %w", err)
	}
	return &Paillier{
		self: self, key: key, length: int(d.Length), packing: packing, description: d.Hash(),
		verified: map[Party]*paillier.Partials{},
	}, nil
}

// CheckHolders says why a key with so many holders, any k of whom decrypt, does
// not fit the thresholds: two sets must not both find k honest holders, and
// the dropouts that the federation stands must leave k.
func CheckHolders(t Thresholds, holders, k int) error {
	switch {
	case holders < 1 || holders > t.Parties || holders > paillier.MaxHolders:
		return fmt.Errorf("a key with %d holders does not fit %d hospitals: at most %d of them hold a share", holders, t.Parties, paillier.MaxHolders)
	case 2*k <= holders+t.Liars:
		return fmt.Errorf("a key that %d of %d holders use does not exclude that two sets are opened: it takes %d", k, holders, HolderThreshold(t))
	case holders-t.Missing() < k:
		return fmt.Errorf("with %d of %d key holders missing fewer than %d remain to decrypt: tolerate at most %d missing hospitals",
			t.Missing(), holders, k, holders-k)
	}
	return nil
}

// Holders is how many hospitals hold a share of a Paillier key.
func Holders(t Thresholds) int { return min(t.Parties, paillier.MaxHolders) }

// HolderThreshold is k of a Paillier key: ⌊(holders+f)/2⌋+1, the quorum among
// the holders.
func HolderThreshold(t Thresholds) int { return (Holders(t)+t.Liars)/2 + 1 }

// Name is "paillier".
func (s *Paillier) Name() string { return SchemePaillier }

// MostDropoutsOf is the largest c for n hospitals and f liars with a scheme; −1
// when n hospitals do not stand f liars at all.
func MostDropoutsOf(scheme string, n, f int) int {
	c, t := MostDropouts(n, f), Thresholds{Parties: n, Liars: f}
	switch {
	case scheme == SchemePaillier:
		c = min(c, Holders(t)-HolderThreshold(t)-f)
	case scheme == SchemeShamir && f > 0:
		c = max(-1, min(c, n-t.Openings()-2*f))
	}
	return c
}

// PartSize is that of the ciphertexts, and of the partial decryptions.
func (s *Paillier) PartSize() uint64 {
	return uint64(s.packing.Plaintexts()) * uint64(s.key.Public.CiphertextSize())
}

// Deal packs and encrypts. The proof binds the ciphertexts to this hospital and
// this round: copied, inverted or replayed they are refused.
func (s *Paillier) Deal(update Vector, seed Seed) (Body, error) {
	messages, err := s.packing.Pack(update)
	if err != nil {
		return Body{}, fmt.Errorf("pack the update: %w", err)
	}
	return s.encrypted(messages, seed)
}

// encrypted is the deal of these plaintexts.
func (s *Paillier) encrypted(messages []*big.Int, seed Seed) (Body, error) {
	ciphertexts, witness, err := s.key.Encryptor.Encrypt(sharing.NewExpander(seed, streamEncryption), messages)
	if err != nil {
		return Body{}, fmt.Errorf("encrypt the update: %w", err)
	}
	proof, err := s.key.Encryptor.ProvePlaintexts(sharing.NewExpander(seed, streamPlaintextProof), ciphertexts, witness, s.proofContext(s.self))
	if err != nil {
		return Body{}, fmt.Errorf("prove the update: %w", err)
	}
	return Body{
		Public: s.key.Encryptor.EncodePlaintextProof(proof),
		Parts:  map[Party]Source{0: s.numbers(ciphertexts.Append)},
	}, nil
}

// proofContext says who proves in which round.
func (s *Paillier) proofContext(from Party) []byte { return appendParty(s.description[:], from) }

// Check verifies the proof of plaintext knowledge.
func (s *Paillier) Check(from Party, deal Body) error {
	ciphertexts, err := s.ciphertexts(deal)
	if err != nil {
		return err
	}
	proof, err := s.key.Encryptor.DecodePlaintextProof(deal.Public)
	if err != nil {
		return &Invalid{err.Error()}
	}
	if err := s.key.Encryptor.VerifyPlaintexts(ciphertexts, proof, s.proofContext(from)); err != nil {
		return &Invalid{err.Error()}
	}
	return nil
}

// ciphertexts reads those of a deal.
func (s *Paillier) ciphertexts(deal Body) (*paillier.Ciphertexts, error) {
	all, err := s.key.Public.DecodeCiphertexts(nil)
	if err != nil {
		return nil, err
	}
	return all, s.eachChunk(deal.Parts[0], all.Extend)
}

// eachChunk hands the chunks of a deal or an opening to extend. The part has as
// many numbers in every chunk as this hospital would put there.
func (s *Paillier) eachChunk(part Source, extend func([]byte) error) error {
	perChunk, total := s.perChunk(), s.packing.Plaintexts()
	if part == nil || part.Chunks() != (total+perChunk-1)/perChunk {
		return &Invalid{fmt.Sprintf("another number of ciphertexts than %d", total)}
	}
	for i := range part.Chunks() {
		chunk, err := part.Chunk(i)
		if err != nil {
			return err
		}
		if want := min(perChunk, total-i*perChunk) * s.key.Public.CiphertextSize(); len(chunk) != want {
			return &Invalid{fmt.Sprintf("chunk %d has %d bytes instead of %d", i, len(chunk), want)}
		}
		if err := extend(chunk); err != nil {
			return &Invalid{fmt.Sprintf("chunk %d: %v", i, err)}
		}
	}
	return nil
}

func (s *Paillier) perChunk() int { return ChunkSize / s.key.Public.CiphertextSize() }

// numbers are the ciphertexts or partial decryptions that appended encodes, as
// a source.
func (s *Paillier) numbers(appended func(dst []byte, from, to int) []byte) Source {
	return paillierPart{appended, s.packing.Plaintexts(), s.perChunk()}
}

type paillierPart struct {
	append          func(dst []byte, from, to int) []byte
	total, perChunk int
}

func (p paillierPart) Chunks() int { return (p.total + p.perChunk - 1) / p.perChunk }

func (p paillierPart) Chunk(i int) ([]byte, error) {
	if i < 0 || i >= p.Chunks() {
		return nil, fmt.Errorf("read chunk %d of %d", i, p.Chunks())
	}
	return p.append(nil, i*p.perChunk, min((i+1)*p.perChunk, p.total)), nil
}

// Mask is empty: the scheme has no such phase.
func (s *Paillier) Mask(Certified, Vector, Seed) (Body, error) { return Body{}, nil }

// Prove has nothing to add to the proof of plaintext knowledge.
func (s *Paillier) Prove(deal Body, _ Seed) ([]byte, error) { return deal.Public, nil }

// MostAnswers is 0: a deal is the same for everybody, and so is its fault.
func (s *Paillier) MostAnswers() int { return 0 }

// Openers are the holders of the key.
func (s *Paillier) Openers() (Set, int) {
	return AllOf(s.key.Public.Holders()), s.key.Public.Threshold()
}

// Open decrypts the sum of the included deals partially.
func (s *Paillier) Open(set Certified, seed Seed) (Body, error) {
	if s.key.Share == nil {
		return Body{}, fmt.Errorf("hospital %d holds no share of the key: put the one that it was dealt into its home", s.self)
	}
	sum, err := s.sum(set)
	if err != nil {
		return Body{}, err
	}
	partials, proof, err := s.key.Public.PartialDecrypt(sharing.NewExpander(seed, streamDecryptionProof), s.key.Share, sum, s.description[:], set.ID[:])
	if err != nil {
		return Body{}, fmt.Errorf("decrypt partially: %w", err)
	}
	s.verified[s.self] = partials // no need to convince oneself
	return Body{
		Public: s.key.Public.EncodeDecryptionProof(proof),
		Parts:  map[Party]Source{0: s.numbers(partials.Append)},
	}, nil
}

// sum adds the included deals up.
func (s *Paillier) sum(set Certified) (*paillier.Ciphertexts, error) {
	var sum *paillier.Ciphertexts
	for _, deal := range set.Included {
		ciphertexts, err := s.ciphertexts(deal.Body)
		if err == nil && sum != nil {
			err = sum.AddTo(ciphertexts)
		}
		if err != nil {
			return nil, fmt.Errorf("add the ciphertexts of hospital %d: %w", deal.From, err)
		}
		if sum == nil {
			sum = ciphertexts
		}
	}
	return sum, nil
}

// Combine verifies openings until k hold, decrypts with those, and unpacks. It
// needs all included deals: partial decryptions are verified against their sum.
func (s *Paillier) Combine(set Certified, openings []Post) (Vector, error) {
	for _, deal := range set.Included {
		if deal.Body.Parts == nil {
			return nil, ErrMoreOpenings
		}
	}
	if len(openings) < s.key.Public.Threshold() {
		return nil, ErrMoreOpenings
	}
	sum, err := s.sum(set)
	if err != nil {
		return nil, err
	}
	valid, err := s.valid(set, sum, openings)
	if err != nil {
		return nil, err
	}
	messages, err := s.key.Public.Combine(valid)
	if err != nil {
		return nil, fmt.Errorf("combine partial decryptions: %w", err)
	}
	values, err := s.packing.Unpack(messages, len(set.Included))
	if err != nil {
		return nil, &Spoiled{err.Error()}
	}
	return values, nil
}

// CheckOpening verifies one opening of a set whose deals are all here; *Invalid
// says that it is wrong.
func (s *Paillier) CheckOpening(set Certified, opening Post) error {
	sum, err := s.sum(set)
	if err != nil {
		return err
	}
	partials, proof, err := s.opening(opening)
	if err != nil {
		return err
	}
	if err := s.key.Public.VerifyPartials(sum, partials, proof, s.description[:], set.ID[:]); err != nil {
		return &Invalid{err.Error()}
	}
	return nil
}

// valid are the partial decryptions of k openings. It takes those that are
// verified already, and as many others as are still needed, and verifies all of
// these at once: that takes hardly longer than one.
func (s *Paillier) valid(set Certified, sum *paillier.Ciphertexts, openings []Post) ([]*paillier.Partials, error) {
	var valid, unverified []*paillier.Partials
	var proofs []*paillier.DecryptionProof
	for _, opening := range openings {
		if known := s.verified[opening.From]; known != nil {
			valid = append(valid, known)
		}
	}
	threshold := s.key.Public.Threshold()
	for _, opening := range openings {
		if s.verified[opening.From] != nil || len(valid)+len(unverified) >= threshold {
			continue
		}
		partials, proof, err := s.opening(opening)
		if err != nil {
			return nil, blame(opening.From, err)
		}
		unverified, proofs = append(unverified, partials), append(proofs, proof)
	}
	var bad error
	for i, err := range s.key.Public.VerifyAllPartials(sum, unverified, proofs, s.description[:], set.ID[:]) {
		from := Party(unverified[i].Holder())
		if err == nil {
			s.verified[from] = unverified[i]
		} else if bad == nil {
			bad = &BadOpening{from, err.Error()}
		}
	}
	return append(valid, unverified...), bad
}

// opening reads one.
func (s *Paillier) opening(opening Post) (*paillier.Partials, *paillier.DecryptionProof, error) {
	partials, err := s.key.Public.DecodePartials(int(opening.From), nil)
	if err != nil {
		return nil, nil, &Invalid{err.Error()}
	}
	if err := s.eachChunk(opening.Body.Parts[0], partials.Extend); err != nil {
		return nil, nil, err
	}
	proof, err := s.key.Public.DecodeDecryptionProof(opening.Body.Public)
	if err != nil {
		return nil, nil, &Invalid{err.Error()}
	}
	return partials, proof, nil
}
