package paillier

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"

	"filippo.io/bigmod"
)

// ModulusProof shows that N is the product of two primes that are 3 mod 4, or of
// powers of two such, and has no factor in common with φ(N): Π_mod of CGGMP21 (ePrint
// 2021/060, figure 16; van de Graaf, Peralta 1987). With w of Jacobi symbol −1 and
// y_1 … y_128 hashed from N and w it gives
//
//	z_i^N = y_i mod N,  x_i⁴ = (−1)^a_i·w^b_i·y_i mod N
//
// An N that shares a factor with φ(N), a square's multiple among them, has N-th
// roots of one y in three at most; with one or with three prime factors, or one that
// is 1 mod 4, fourth roots are missing for half of all y. So it fails but with
// probability 2⁻¹²⁸ a try of the hash. It says nothing of the factors' sizes:
// FactorProof does.
type ModulusProof struct {
	twist    []byte   // w
	roots    [][]byte // z
	fourth   [][]byte // x
	negate   []byte   // bits a
	twisting []byte   // bits b
}

// ProveModulus proves that the key is what it should be. context says who speaks,
// where and when. It reads 32 bytes from random. Powers take the same time for
// all factors of one length; two of their exponents, as the factors themselves
// when the key is made, are math/big's, whose time is not.
func (k *PrivateKey) ProveModulus(random io.Reader, context []byte) (*ModulusProof, error) {
	seed, err := read(random, 32)
	if err != nil {
		return nil, fmt.Errorf("prove modulus: %w", err)
	}
	n := k.public.n
	p := &ModulusProof{roots: make([][]byte, proofRows), fourth: make([][]byte, proofRows),
		negate: make([]byte, proofRows/8), twisting: make([]byte, proofRows/8)}
	for p.twist == nil {
		seed = newTranscript("modulus proof twist", seed, k.public.nBytes()).expand(digestSize)
		w := new(big.Int).SetBytes(newTranscript("modulus proof w", seed).expand(k.public.size + 16))
		if big.Jacobi(w.Mod(w, n), n) == -1 {
			p.twist = w.FillBytes(make([]byte, k.public.size))
		}
	}
	numbers := k.public.modulusChallenges(p.twist, context)
	flags := make([][2]byte, proofRows)
	parallel(proofRows, func(i int) {
		p.roots[i], p.fourth[i], flags[i] = k.modulusRoots(p.twist, numbers[i].Bytes())
	})
	for i, f := range flags {
		p.negate[i/8] |= f[0] << (i % 8)
		p.twisting[i/8] |= f[1] << (i % 8)
	}
	return p, nil
}

// modulusRoots are y^(1/N) and a fourth root of (−1)^a·w^b·y, with a and b.
func (k *PrivateKey) modulusRoots(w, y []byte) (root, fourth []byte, flags [2]byte) {
	atP, atQ := k.p.character(y), k.q.character(y)
	flags[1] = atP ^ atQ // w is a square for one of the factors only
	flags[0] = atP ^ flags[1]&k.p.character(w)
	number := func(f *factor) *bigmod.Nat {
		v := reduced(y, f.prime)
		if flags[1] == 1 {
			v.Mul(reduced(w, f.prime), f.prime)
		}
		if flags[0] == 1 {
			v = bigmod.NewNat().ExpandFor(f.prime).Sub(v, f.prime)
		}
		return v
	}
	power := func(exponent func(f, other *factor) []byte, base func(*factor) *bigmod.Nat) []byte {
		atP := bigmod.NewNat().Exp(base(k.p), exponent(k.p, k.q), k.p.prime)
		atQ := bigmod.NewNat().Exp(base(k.q), exponent(k.q, k.p), k.q.prime)
		return k.joined(atP.Bytes(k.p.prime), atQ.Bytes(k.q.prime)).Bytes(k.n)
	}
	root = power(func(f, _ *factor) []byte { return f.inverseOf(k.public.n) }, func(f *factor) *bigmod.Nat { return reduced(y, f.prime) })
	return root, power(func(f, _ *factor) []byte { return f.fourthRoot() }, number), flags
}

// character is 0 for a square mod p and 1 for another number.
func (f *factor) character(y []byte) byte {
	half := new(big.Int).SetBytes(f.minusOne)
	power := bigmod.NewNat().Exp(reduced(y, f.prime), half.Rsh(half, 1).Bytes(), f.prime)
	return byte(power.IsMinusOne(f.prime))
}

// fourthRoot is the exponent ((p+1)/4)² mod p−1, which takes a square to its
// fourth root that is a square.
func (f *factor) fourthRoot() []byte {
	order := new(big.Int).SetBytes(f.minusOne)
	e := new(big.Int).Add(order, two)
	e.Mul(e.Rsh(e, 2), e)
	return e.Mod(e, order).Bytes()
}

// inverseOf is 1/n mod p−1.
func (f *factor) inverseOf(n *big.Int) []byte {
	order := new(big.Int).SetBytes(f.minusOne)
	return new(big.Int).ModInverse(n, order).Bytes()
}

// modulusChallenges are the y.
func (k *PublicKey) modulusChallenges(twist, context []byte) []*big.Int {
	wide := newTranscript("modulus proof", k.nBytes(), twist, context).expand(proofRows * (k.size + 16))
	out := make([]*big.Int, proofRows)
	for i := range out {
		y := new(big.Int).SetBytes(wide[i*(k.size+16) : (i+1)*(k.size+16)])
		out[i] = y.Mod(y, k.n)
	}
	return out
}

// VerifyModulus reports whether the proof shows, for this context, that N is what
// ModulusProof says. NewPublicKey has refused an N that is even or prime.
func (k *PublicKey) VerifyModulus(p *ModulusProof, context []byte) error {
	w := new(big.Int).SetBytes(p.twist)
	if big.Jacobi(w, k.n) != -1 {
		return errors.New("verify modulus: w has not the Jacobi symbol −1")
	}
	numbers := k.modulusChallenges(p.twist, context)
	powers := k.modulus.ints(k.modulus.expVarTime(k.modulus.of(bigsOf(p.roots)...), k.n))
	for i, y := range numbers {
		if powers[i].Mod(powers[i], k.n).Cmp(y) != 0 {
			return errors.New("verify modulus: an N-th root is wrong: N shares a factor with φ(N), or the proof is another's")
		}
		if bit(p.twisting, i) == 1 {
			y.Mul(y, w)
		}
		if bit(p.negate, i) == 1 {
			y.Neg(y)
		}
		x := new(big.Int).SetBytes(p.fourth[i])
		if x.Exp(x, four, k.n).Cmp(y.Mod(y, k.n)) != 0 {
			return errors.New("verify modulus: a fourth root is wrong: N is not a product of two primes that are 3 mod 4")
		}
	}
	return nil
}

func bigsOf(list [][]byte) []*big.Int {
	out := make([]*big.Int, len(list))
	for i, b := range list {
		out[i] = new(big.Int).SetBytes(b)
	}
	return out
}

// ModulusProofSize is the length of an encoded proof in bytes.
func (k *PublicKey) ModulusProofSize() int { return (2*proofRows+1)*k.size + 2*proofRows/8 }

// Encode is the canonical encoding: w, all z, all x, the bits a and the bits b.
func (p *ModulusProof) Encode() []byte {
	out := append([]byte(nil), p.twist...)
	out = append(out, bytes.Join(p.roots, nil)...)
	out = append(out, bytes.Join(p.fourth, nil)...)
	return append(append(out, p.negate...), p.twisting...)
}

// DecodeModulusProof reads Encode's encoding, and refuses another length and what
// is no unit mod N.
func (k *PublicKey) DecodeModulusProof(data []byte) (*ModulusProof, error) {
	if len(data) != k.ModulusProofSize() {
		return nil, fmt.Errorf("open modulus proof: %d bytes, not %d", len(data), k.ModulusProofSize())
	}
	f := fields{data}
	all, err := f.roots(k, 2*proofRows+1)
	if err != nil {
		return nil, fmt.Errorf("open modulus proof: %w", err)
	}
	return &ModulusProof{twist: all[0], roots: all[1 : proofRows+1], fourth: all[proofRows+1:],
		negate: f.take(proofRows / 8), twisting: f.take(proofRows / 8)}, nil
}
