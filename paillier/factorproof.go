package paillier

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"

	"filippo.io/bigmod"
)

// FactorProof shows one verifier, who made the Pedersen parameters s, t mod N̂, that
// no factor of N is small: Π_fac of CGGMP21 (ePrint 2021/060, figure 28), against
// moduli like that of CVE-2023-33241. With |N| = 2b bits:
//
//	P = s^p·t^μ, Q = s^q·t^ν, σ = ν·p + σ̂, R = s^N·t^σ
//	A = s^α·t^x, B = s^β·t^y, T = Q^α·t^r     α, β below 2^(b+256)
//	e = 128 bits of hash(N, N̂, s, t, context, P, Q, σ, A, B, T)
//	z₁ = α + e·p, z₂ = β + e·q, w₁ = x + e·μ, w₂ = y + e·ν, v = r + e·σ̂
//
// (e, P, Q, σ, z₁, z₂, w₁, w₂, v) is sent; accepted if z₁ and z₂ are below
// 2^(b+257) and e is the hash of A = s^z₁·t^w₁·P^−e, B = s^z₂·t^w₂·Q^−e and
// T = Q^z₁·t^v·R^−e. Then N is a product of two numbers below 2^(b+258) each, and
// so above 2^(b−259): 2^765 for an N of 2048 bits, 2^253 for one of 1024. Soundness
// as of Pedersen. All is hidden by 128 bits.
//
// Secrecy does not rest on it here: LaneProof and AffineProof hold whatever N is.
// It keeps away keys that anybody can factor.
type FactorProof struct {
	challenge []byte
	p, q      []byte // P, Q
	sigma     []byte
	responses [5][]byte // z₁, z₂, w₁, w₂, v
}

// factorSizes are the bit lengths of what is drawn.
type factorSizes struct{ half, blind, sigma int }

func sizesOf(prover, verifier *PublicKey) factorSizes {
	half, blind := prover.Bits()/2, verifier.Bits()+hidingBits
	return factorSizes{half: half, blind: blind, sigma: half + blind + hidingBits}
}

// responseBits are the lengths of z₁, z₂, w₁, w₂ and v.
func (s factorSizes) responseBits() [5]int {
	const more = challengeBits + hidingBits + 1
	return [5]int{s.half + more, s.half + more, s.blind + more, s.blind + more, s.sigma + more}
}

// ProveFactors proves to the maker of v that the key has no small factor. It reads
// 32 bytes from random. Powers take the same time for all factors.
func (k *PrivateKey) ProveFactors(random io.Reader, v *Pedersen, context []byte) (*FactorProof, error) {
	p, q := k.Factors()
	return proveFactors(random, k.public, p, q, v, context)
}

func proveFactors(random io.Reader, key *PublicKey, p, q *big.Int, v *Pedersen, context []byte) (*FactorProof, error) {
	seed, err := read(random, 32)
	if err != nil {
		return nil, fmt.Errorf("prove factors: %w", err)
	}
	s, n := sizesOf(key, v.key), modulusOf(v.key.n)
	z := newIntegers(max(s.sigma, s.half+key.Bits()) + 2*hidingBits + challengeBits)
	nonce := newTranscript("factor proof nonce", seed, p.Bytes(), key.nBytes(), v.key.nBytes(), v.s, v.t, context)
	draw := func(bits int) *bigmod.Nat {
		return z.fromBig(drawBelow(nonce.expand(bytesFor(bits)), bits, 1, 1)[0][0])
	}
	mu, nu, sigmaHat := draw(s.blind), draw(s.blind), draw(s.sigma)
	var masks [5]*bigmod.Nat // α, β, x, y, r
	for i, bits := range s.responseBits() {
		masks[i] = draw(bits - 1)
	}
	pNat, qNat := z.fromBig(p), z.fromBig(q)
	power := func(base []byte, e *bigmod.Nat) *bigmod.Nat {
		return bigmod.NewNat().Exp(natOf(base, n), z.bytes(e), n)
	}
	commit := func(base []byte, a, b *bigmod.Nat) []byte { return power(base, a).Mul(power(v.t, b), n).Bytes(n) }

	f := &FactorProof{p: commit(v.s, pNat, mu), q: commit(v.s, qNat, nu)}
	f.sigma = padded(trimmedTo(z.bytes(z.mulAdd(nu, pNat, sigmaHat)), bytesFor(s.sigma+1)), bytesFor(s.sigma+1))
	f.challenge = f.hash(key, v, context, commit(v.s, masks[0], masks[2]), commit(v.s, masks[1], masks[3]), commit(f.q, masks[0], masks[4]))
	e := z.from(f.challenge)
	for i, secret := range []*bigmod.Nat{pNat, qNat, mu, nu, sigmaHat} {
		f.responses[i] = trimmedTo(z.bytes(z.mulAdd(e, secret, masks[i])), bytesFor(s.responseBits()[i]))
	}
	return f, nil
}

// trimmedTo leaves the last size bytes of a number that fits them.
func trimmedTo(b []byte, size int) []byte { return b[max(0, len(b)-size):] }

func (f *FactorProof) hash(key *PublicKey, v *Pedersen, context, a, b, t []byte) []byte {
	return newTranscript("factor proof", key.nBytes(), v.key.nBytes(), v.s, v.t, context, f.p, f.q, f.sigma, a, b, t).expand(challengeSize)
}

// VerifyFactors reports whether the proof, made for these parameters of one's own,
// shows for this context that N has no small factor.
func (k *PublicKey) VerifyFactors(f *FactorProof, v *Pedersen, context []byte) error {
	n := v.key.n
	number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	power := func(base, e *big.Int) *big.Int { return new(big.Int).Exp(base, e, n) }
	times := func(factors ...*big.Int) *big.Int {
		product := big.NewInt(1)
		for _, x := range factors {
			product.Mod(product.Mul(product, x), n)
		}
		return product
	}
	s, t, p, q, e := number(v.s), number(v.t), number(f.p), number(f.q), number(f.challenge)
	var z [5]*big.Int
	for i, bits := range sizesOf(k, v.key).responseBits() {
		if z[i] = number(f.responses[i]); z[i].BitLen() > bits {
			return errors.New("verify factors: a response is out of range: a factor may be small")
		}
	}
	less := func(base *big.Int) *big.Int { return power(new(big.Int).ModInverse(base, n), e) }
	r := times(power(s, k.n), power(t, number(f.sigma)))
	a := times(power(s, z[0]), power(t, z[2]), less(p))
	b := times(power(s, z[1]), power(t, z[3]), less(q))
	c := times(power(q, z[0]), power(t, z[4]), less(r))
	encode := func(x *big.Int) []byte { return x.FillBytes(make([]byte, v.key.size)) }
	if !bytes.Equal(f.hash(k, v, context, encode(a), encode(b), encode(c)), f.challenge) {
		return errors.New("verify factors: the proof is not of this modulus for this verifier")
	}
	return nil
}

// FactorProofSize is the length of an encoded proof for v in bytes.
func (k *PublicKey) FactorProofSize(v *Pedersen) int {
	s := sizesOf(k, v.key)
	size := challengeSize + 2*v.key.size + bytesFor(s.sigma+1)
	for _, bits := range s.responseBits() {
		size += bytesFor(bits)
	}
	return size
}

// Encode is the canonical encoding: e, P, Q, σ, z₁, z₂, w₁, w₂, v of fixed lengths.
func (f *FactorProof) Encode() []byte {
	return bytes.Join([][]byte{f.challenge, f.p, f.q, f.sigma, bytes.Join(f.responses[:], nil)}, nil)
}

// DecodeFactorProof reads Encode's encoding, and refuses another length, numbers
// out of range and what is no unit mod N̂.
func (k *PublicKey) DecodeFactorProof(v *Pedersen, data []byte) (*FactorProof, error) {
	if len(data) != k.FactorProofSize(v) {
		return nil, fmt.Errorf("open factor proof: %d bytes, not %d", len(data), k.FactorProofSize(v))
	}
	s, d, f := sizesOf(k, v.key), fields{data}, &FactorProof{}
	f.challenge = d.take(challengeSize)
	units, err := d.roots(v.key, 2)
	if err != nil {
		return nil, fmt.Errorf("open factor proof: %w", err)
	}
	f.p, f.q = units[0], units[1]
	f.sigma = d.take(bytesFor(s.sigma + 1))
	if new(big.Int).SetBytes(f.sigma).BitLen() > s.sigma+1 {
		return nil, errors.New("open factor proof: σ is out of range")
	}
	for i, bits := range s.responseBits() {
		f.responses[i] = d.take(bytesFor(bits))
		if new(big.Int).SetBytes(f.responses[i]).BitLen() > bits {
			return nil, errors.New("open factor proof: a response is out of range: a factor may be small")
		}
	}
	return f, nil
}
