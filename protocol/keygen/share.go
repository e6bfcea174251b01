package keygen

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"

	"consilium/paillier"
)

// sharing is the end of a ceremony: N is found, and becomes a key. With the sums
// β, φ(N) and R of what the parties draw, θ' = βφ(N) + N·R is opened by one secure
// product modulo a number above it. θ' is also what Boneh and Franklin's last test
// asks for: modulo N it is β·(1−p−q), a unit only if p+q−1 is one.
type sharing struct {
	*ceremony
	n           *big.Int
	found       *Found
	root        []byte // own
	leads       int
	commitments [][]byte // by party
	dealt       [][]byte // by party
	products    [][]byte // shares of θ', by party
	values      [][]byte // verification values, by party
}

// dealing are the polynomials that a party draws.
type dealing struct {
	product [3][]*big.Int // of β, φ(N) and N·R: degrees t', t' and 2t'
	masks   []*big.Int    // f_R over the integers, degree k−1
}

func (s *sharing) draw(root []byte, party int, own parts) dealing {
	random := newStream("consilium/keygen/1/sharing", root, s.n.Bytes())
	phi := new(big.Int).Add(own.p, own.q)
	if party == s.leads {
		phi.Sub(new(big.Int).Add(s.n, one), phi)
	} else {
		phi.Sub(s.opened.m, phi)
	}
	beta, mask := random.below(s.n), random.integer(s.sizes.Mask)
	permutations := new(big.Int).MulRange(1, int64(s.parties))
	var d dealing
	d.product[0] = s.opened.polynomial(random, beta, s.degree)
	d.product[1] = s.opened.polynomial(random, phi, s.degree)
	d.product[2] = s.opened.polynomial(random, new(big.Int).Mul(s.n, mask), 2*s.degree)
	d.masks = []*big.Int{permutations.Mul(permutations, mask)}
	for range s.threshold - 1 {
		d.masks = append(d.masks, random.integer(s.sizes.Coefficient))
	}
	return d
}

// maskBytes is the length of f_R(i) of one party.
func (s *sharing) maskBytes() int { return (s.sizes.Masked + 7) / 8 }

// deal are a party's shares, by recipient.
func (s *sharing) deal(d dealing) [][]byte {
	to := make([][]byte, s.parties+1)
	for party := 1; party <= s.parties; party++ {
		for _, p := range d.product {
			to[party] = appendNumber(to[party], s.opened.evaluate(p, party), s.opened.bytes)
		}
		to[party] = appendNumber(to[party], horner(d.masks, party), s.maskBytes())
	}
	return to
}

// shares reads what a party dealt to one.
func (s *sharing) shares(data []byte) (product [3]*big.Int, mask *big.Int, err error) {
	if len(data) != 3*s.opened.bytes+s.maskBytes() {
		return product, nil, fmt.Errorf("%d bytes", len(data))
	}
	numbers, err := readNumbers(data[:3*s.opened.bytes], 3, s.opened.bytes, s.opened.m)
	if err != nil {
		return product, nil, err
	}
	mask = new(big.Int).SetBytes(data[3*s.opened.bytes:])
	if mask.BitLen() > s.sizes.Masked {
		return product, nil, errors.New("a share of R is out of range")
	}
	return [3]*big.Int(numbers), mask, nil
}

// answer is a party's share of θ' and its f_R(i), given the shares that came to
// it.
func (s *sharing) answer(dealt [][]byte) (product []byte, mask *big.Int, err error) {
	var sums [3]*big.Int
	mask = new(big.Int)
	for i := range sums {
		sums[i] = new(big.Int)
	}
	for party := 1; party <= s.parties; party++ {
		numbers, its, err := s.shares(dealt[party])
		if err != nil {
			return nil, nil, s.talk.accuse(party, err.Error())
		}
		for i := range sums {
			sums[i] = s.opened.reduce(sums[i].Add(sums[i], numbers[i]))
		}
		mask.Add(mask, its)
	}
	theta := sums[0].Mul(sums[0], sums[1])
	return appendNumber(nil, s.opened.reduce(theta.Add(theta, sums[2])), s.opened.bytes), mask, nil
}

// share makes the key from the candidate found.
func (c *ceremony) share() error {
	c.report(StageShare, 0)
	f := c.state.Found
	s := &sharing{ceremony: c, n: f.modulus(), found: f, leads: leader(f.Batch, c.parties)}
	public, err := paillier.NewPublicKey(s.n, c.config.MinBits)
	if err != nil {
		return err
	}
	theta, mask, err := s.openTheta()
	if err != nil {
		return err
	}
	if theta == nil {
		return s.explain(nil)
	}
	var verification []byte // empty: the shares that came here make no share of a key
	value, err := paillier.JointShare(s.n, s.sizes, s.parties, s.talk.self(), mask, theta)
	if err == nil {
		verification = paillier.JointVerification(public, s.parties, value)
	}
	s.talk.step = "verification values"
	if s.values, err = s.talk.broadcast(verification); err != nil {
		return err
	}
	key, err := paillier.JoinKey(public, s.threshold, s.sizes, theta, s.values[1:])
	if err != nil {
		return s.explain(theta)
	}
	own, err := key.NewKeyShare(s.talk.self(), value)
	if err != nil {
		return err // its verification value was made of it above
	}
	right, err := c.trial(key, own)
	if err != nil {
		return err
	}
	if !right {
		return s.explain(theta)
	}
	c.state.Made = &Made{Key: key.Encode(), Share: own.Encode(), Transcript: append([]byte(nil), c.talk.heard[:]...)}
	return c.save()
}

// openTheta deals and opens θ', and returns this party's f_R(i) with it; θ' is nil
// if what was opened cannot be θ'.
func (s *sharing) openTheta() (theta, mask *big.Int, err error) {
	if s.root, err = s.random(); err != nil {
		return nil, nil, err
	}
	s.talk.step = "share"
	commitment := sha256.Sum256(s.root)
	if s.commitments, err = s.talk.broadcast(commitment[:]); err != nil {
		return nil, nil, err
	}
	// A candidate is shared once. Whoever deals more than its β, and falls silent when
	// it has seen θ', reads a few bits of φ(N): once is nothing, again and again is all.
	s.state.Found = nil
	if err := s.save(); err != nil {
		return nil, nil, err
	}
	own, _ := s.partsOf(s.found.Seeds, s.leads == s.talk.self())
	if s.dealt, err = s.talk.exchange(s.deal(s.draw(s.root, s.talk.self(), own))); err != nil {
		return nil, nil, err
	}
	product, mask, err := s.answer(s.dealt)
	if err != nil {
		return nil, nil, err
	}
	if s.products, err = s.talk.reveal(product); err != nil {
		return nil, nil, err
	}
	shares := make([]*big.Int, s.parties+1)
	for party := 1; party <= s.parties; party++ {
		numbers, err := readNumbers(s.products[party], 1, s.opened.bytes, s.opened.m)
		if err != nil {
			return nil, nil, &CheatError{party, s.talk.step, err.Error()}
		}
		shares[party] = numbers[0]
	}
	theta, err = s.opened.opening(shares, 2*s.degree)
	if err != nil || theta.BitLen() > s.sizes.Opened {
		return nil, nil, nil
	}
	return theta, mask, nil
}

// trial decrypts something with every party's share. It reports whether it came
// out right.
func (c *ceremony) trial(key *paillier.ThresholdKey, own *paillier.KeyShare) (right bool, err error) {
	c.report(StageTrial, 0)
	c.talk.step = "trial decryption"
	random := newStream("consilium/keygen/1/trial", c.talk.heard[:])
	message := random.below(key.N())
	ciphertext, err := key.Encrypt(random, []*big.Int{message})
	if err != nil {
		return false, err
	}
	place := []byte("consilium/keygen/1/trial")
	partials, proof, err := key.PartialDecrypt(c.config.Random, own, ciphertext, place, c.talk.session)
	if err != nil {
		return false, err
	}
	bodies, err := c.talk.broadcast(append(partials.Encode(), key.EncodeDecryptionProof(proof)...))
	if err != nil {
		return false, err
	}
	var all []*paillier.Partials
	var proofs []*paillier.DecryptionProof
	for party := 1; party <= c.parties; party++ {
		its, proof, err := decodeTrial(key, party, bodies[party])
		if err != nil {
			return false, &CheatError{party, c.talk.step, err.Error()}
		}
		all, proofs = append(all, its), append(proofs, proof)
	}
	for i, err := range key.VerifyAllPartials(ciphertext, all, proofs, place, c.talk.session) {
		if err != nil {
			return false, &CheatError{i + 1, c.talk.step, err.Error()}
		}
	}
	for _, chosen := range [][]*paillier.Partials{all[:c.threshold], all[c.parties-c.threshold:]} {
		opened, err := key.Combine(chosen)
		if err != nil || opened[0].Cmp(message) != 0 {
			return false, nil
		}
	}
	return true, nil
}

func decodeTrial(key *paillier.ThresholdKey, party int, data []byte) (*paillier.Partials, *paillier.DecryptionProof, error) {
	if len(data) != key.CiphertextSize()+key.DecryptionProofSize() {
		return nil, nil, fmt.Errorf("%d bytes", len(data))
	}
	partials, err := key.DecodePartials(party, data[:key.CiphertextSize()])
	if err != nil {
		return nil, nil, err
	}
	proof, err := key.DecodeDecryptionProof(data[key.CiphertextSize():])
	return partials, proof, err
}

// explain finds out who deviated since the candidate was found: its seeds are
// opened.
func (s *sharing) explain(theta *big.Int) error {
	s.talk.step = "open"
	bodies, err := s.talk.broadcast(append(append([]byte(nil), s.root...), bytes.Join(s.found.Seeds, nil)...))
	if err != nil {
		return err
	}
	dealt := make([][][]byte, s.parties+1)
	for party := 1; party <= s.parties; party++ {
		own, err := s.decodeSeeds(party, bodies[party])
		if err != nil {
			return &CheatError{party, s.talk.step, err.Error()}
		}
		dealt[party] = s.deal(s.draw(bodies[party][:seedSize], party, own))
	}
	if err := s.talk.complain(dealt, s.dealt, nil, nil); err != nil {
		return err
	}
	return s.compare(theta, dealt)
}

// compare finds who said to all what does not follow from the dealings.
func (s *sharing) compare(theta *big.Int, dealt [][][]byte) error {
	masks := make([]*big.Int, s.parties+1)
	for party := 1; party <= s.parties; party++ {
		product, mask, err := s.answer(transposed(dealt, party))
		if err != nil || !bytes.Equal(product, s.products[party]) {
			return &CheatError{party, "share", "its product is not that of the shares that it got"}
		}
		masks[party] = mask
	}
	if theta == nil || s.values == nil {
		return ErrUnexplained
	}
	public, err := paillier.NewPublicKey(s.n, s.config.MinBits)
	if err != nil {
		return err
	}
	for party := 1; party <= s.parties; party++ {
		var should []byte
		if value, err := paillier.JointShare(s.n, s.sizes, s.parties, party, masks[party], theta); err == nil {
			should = paillier.JointVerification(public, s.parties, value)
		}
		if !bytes.Equal(should, s.values[party]) {
			return &CheatError{party, "verification values", "its value is not that of the shares that it got"}
		}
	}
	return ErrUnexplained
}

// decodeSeeds reads the seeds that a party opens: that of its sharing, and those of
// the candidate.
func (s *sharing) decodeSeeds(party int, data []byte) (parts, error) {
	hashes := s.found.Hashes[party-1]
	if len(data) != (1+len(hashes))*seedSize {
		return parts{}, fmt.Errorf("%d bytes", len(data))
	}
	if root := sha256.Sum256(data[:seedSize]); !bytes.Equal(root[:], s.commitments[party]) {
		return parts{}, errNotCommitted
	}
	var seeds [][]byte
	for i, hash := range hashes {
		seed := data[(1+i)*seedSize : (2+i)*seedSize]
		if sum := sha256.Sum256(seed); !bytes.Equal(sum[:], hash) {
			return parts{}, errNotCommitted
		}
		seeds = append(seeds, seed)
	}
	own, _ := s.partsOf(seeds, party == s.leads)
	return own, nil
}
