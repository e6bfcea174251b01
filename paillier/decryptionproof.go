package paillier

import (
	"errors"
	"fmt"
	"math/big"
)

// DecryptionProof shows that all of a holder's partial decryptions have the
// exponent of its verification value (Chaum, Pedersen 1992, in a group of unknown
// order; without safe primes, Tiresias, ePrint 2023/998).
//
// With weights ρ_m of 128 bits, hashed from everything that is public,
// A = ∏ c_m^ρ_m, B = ∏ (partial m)^ρ_m and x = n!·f(i), it shows that B² = (A⁴)^x
// and v_i = V^x for one x:
//
//	a = (A⁴)^w, b = V^w    w < 2^(|x|+256)
//	e = hash(statement, a, b), 128 bits
//	z = w + e·x over the integers
//
// and (e, z) is accepted when e is the hash of a = (A⁴)^z·(B²)^−e and
// b = V^z·v_i^−e. Everything lies in the squares: a partial decryption times −1
// passes, and opens to the same message because Combine squares it too.
//
// w hides e·x by 128 bits more than it has. It must be sized by the secret
// exponent x: sized by anything shorter, ⌊z/e⌋ is x (the division attack of the
// tests).
//
// Soundness assumes that the holder knows neither the factors of N nor an element
// of low order mod N² other than ±1; a holder who knows the factors can pass a
// wrong partial decryption off, of order 3 for example.
type DecryptionProof struct {
	challenge []byte   // e
	response  *big.Int // z
}

// prove makes the proof; its nonce w comes from seed, share and statement.
func (k *ThresholdKey) prove(seed []byte, s *KeyShare, c *Ciphertexts, p *Partials, round, set []byte) *DecryptionProof {
	statement := k.statement(c, p, round, set)
	noise := newTranscript("decryption proof nonce", seed, statement, s.value).expand(k.proofNoiseBits() / 8)
	return k.proveWith(noise, statement, s, c)
}

func (k *ThresholdKey) proveWith(noise, statement []byte, s *KeyShare, c *Ciphertexts) *DecryptionProof {
	m := k.modulus
	bases := k.bases(statement, c)
	ab := m.publish(m.exp(m.hide(bases), [][]byte{noise}))
	challenge := k.challenge(statement, ab)

	z := newIntegers(k.proofNoiseBits() + 1)
	exponent := z.from(scaled(s.value, factorial(k.holders)))
	response := z.mulAdd(z.from(challenge), exponent, z.from(noise))
	return &DecryptionProof{challenge, new(big.Int).SetBytes(z.bytes(response))}
}

// VerifyPartials reports whether p are the holder's partial decryptions of c, for
// this round and set.
func (k *ThresholdKey) VerifyPartials(c *Ciphertexts, p *Partials, proof *DecryptionProof, round, set []byte) error {
	return k.VerifyAllPartials(c, []*Partials{p}, []*DecryptionProof{proof}, round, set)[0]
}

// VerifyAllPartials is VerifyPartials for several holders, with a proof for each:
// error i is nil if what holder i gave holds. With few ciphertexts four
// holders take a fifth longer than one.
func (k *ThresholdKey) VerifyAllPartials(c *Ciphertexts, partials []*Partials, proofs []*DecryptionProof, round, set []byte) []error {
	errs := make([]error, len(partials))
	statements := make([][]byte, len(partials))
	m := k.modulus
	var bases, images batch // a pair for each holder that is to be looked at
	var responses, challenges []*big.Int
	for i, p := range partials {
		if errs[i] = k.comparable(c, p); errs[i] != nil {
			continue
		}
		statements[i] = k.statement(c, p, round, set)
		bases = m.join(bases, k.bases(statements[i], c))
		images = m.join(m.join(images, m.expVarTime(k.combination(statements[i], p.values), two)), m.at(k.verification, p.holder-1))
		challenge := new(big.Int).SetBytes(proofs[i].challenge)
		responses = append(responses, proofs[i].response, proofs[i].response)
		challenges = append(challenges, challenge, challenge)
	}
	if bases.len() == 0 {
		return errs
	}
	ab := m.mulVarTime(m.expVarTime(bases, responses...), m.expVarTime(m.inverseVarTime(images), challenges...))
	pair := 0
	for i, p := range partials {
		if errs[i] != nil {
			continue
		}
		if string(k.challenge(statements[i], m.slice(ab, pair, pair+2))) != string(proofs[i].challenge) {
			errs[i] = fmt.Errorf("verify partial decryptions: holder %d's proof is wrong for this round and set", p.holder)
		}
		pair += 2
	}
	return errs
}

// comparable reports whether p can be partial decryptions of c at all.
func (k *ThresholdKey) comparable(c *Ciphertexts, p *Partials) error {
	switch {
	case !k.PublicKey.Equal(c.key) || p.key.digest != k.digest:
		return errors.New("verify partial decryptions: they are under another key")
	case c.Len() != p.Len() || c.Len() == 0:
		return fmt.Errorf("verify partial decryptions: %d of %d ciphertexts", p.Len(), c.Len())
	}
	return nil
}

// statement is the digest of all that is public: N, n, k, θ and all v (in the
// key's digest), V, v_i, i, the round, the set, ciphertexts and partials.
func (k *ThresholdKey) statement(c *Ciphertexts, p *Partials, round, set []byte) []byte {
	t := newTranscript("decryption proof", k.nBytes(), k.digest[:], round, set)
	t.number(p.holder)
	t.batch(k.modulus, k.base)
	t.batch(k.modulus, k.modulus.at(k.verification, p.holder-1))
	t.batch(k.modulus, c.values)
	t.batch(k.modulus, p.values)
	return t.expand(digestSize)
}

// bases are A⁴ and V.
func (k *ThresholdKey) bases(statement []byte, c *Ciphertexts) batch {
	return k.modulus.join(k.modulus.expVarTime(k.combination(statement, c.values), four), k.base)
}

// combination is ∏ b[m]^ρ_m with the statement's weights.
func (k *ThresholdKey) combination(statement []byte, b batch) batch {
	weights := newTranscript("decryption proof weights", statement).expand(b.len() * weightSize)
	return k.modulus.combinationVarTime(b, weights)
}

func (k *ThresholdKey) challenge(statement []byte, ab batch) []byte {
	t := newTranscript("decryption proof challenge", statement)
	t.batch(k.modulus, ab)
	return t.expand(challengeSize)
}

// responseSize is the length of z < 2^(proofNoiseBits+1) in bytes.
func (k *ThresholdKey) responseSize() int { return bytesFor(k.proofNoiseBits() + 1) }

// DecryptionProofSize is the length of an encoded proof in bytes.
func (k *ThresholdKey) DecryptionProofSize() int { return challengeSize + k.responseSize() }

// EncodeDecryptionProof is the canonical encoding: e in 16 bytes, then z in a
// fixed number that follows from the key, big-endian.
func (k *ThresholdKey) EncodeDecryptionProof(p *DecryptionProof) []byte {
	return append(append([]byte(nil), p.challenge...), p.response.FillBytes(make([]byte, k.responseSize()))...)
}

// DecodeDecryptionProof reads EncodeDecryptionProof's encoding, and refuses
// another length and a response that is out of range.
func (k *ThresholdKey) DecodeDecryptionProof(data []byte) (*DecryptionProof, error) {
	if len(data) != k.DecryptionProofSize() {
		return nil, fmt.Errorf("open decryption proof: %d bytes, not %d", len(data), k.DecryptionProofSize())
	}
	p := &DecryptionProof{append([]byte(nil), data[:challengeSize]...), new(big.Int).SetBytes(data[challengeSize:])}
	if p.response.BitLen() > k.proofNoiseBits()+1 {
		return nil, errors.New("open decryption proof: the response is out of range")
	}
	return p, nil
}

var two, four = big.NewInt(2), big.NewInt(4)
