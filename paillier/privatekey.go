package paillier

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"

	"filippo.io/bigmod"
)

// PrivateKey is the factors of N: whoever has it reads everything. A group that
// trusts nobody with it shares it (see Deal). It is never printed.
type PrivateKey struct {
	public *PublicKey
	p, q   *factor
	n      *bigmod.Modulus
	// Idempotents: 1 mod one factor and 0 mod the other.
	unitP, unitQ *bigmod.Nat
}

// GenerateKey makes two primes of bits/2 bits, both 3 mod 4 and with their two
// highest bits set, so that N has exactly bits bits. bits is a multiple of 128,
// at least minBits (MinBits, or InsecureTestBits by name).
//
// It reads bits/16 bytes a candidate until both primes are found, so the same
// random bytes give the same key.
func GenerateKey(random io.Reader, bits, minBits int) (*PrivateKey, error) {
	if err := checkBits(bits, minBits); err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	if bits%128 != 0 {
		return nil, fmt.Errorf("generate key: N of %d bits is not a multiple of 128 bits", bits)
	}
	for {
		p, err := blumPrime(random, bits/2)
		if err != nil {
			return nil, fmt.Errorf("generate key: %w", err)
		}
		q, err := blumPrime(random, bits/2)
		if err != nil {
			return nil, fmt.Errorf("generate key: %w", err)
		}
		if checkFactors(p, q) == nil {
			return newPrivateKey(p, q), nil
		}
	}
}

// blumPrime finds a prime ≡ 3 mod 4 of the given length. A composite passes with
// probability below 4⁻³² (Rabin 1980; far less for random candidates), and
// ProbablyPrime adds a Lucas test.
func blumPrime(random io.Reader, bits int) (*big.Int, error) {
	for {
		candidate, err := read(random, bits/8)
		if err != nil {
			return nil, err
		}
		candidate[0] |= 0xc0
		candidate[len(candidate)-1] |= 3
		if p := new(big.Int).SetBytes(candidate); p.ProbablyPrime(32) {
			return p, nil
		}
	}
}

// NewPrivateKey takes two different primes of equal length, both 3 mod 4, whose
// product has at least minBits bits.
func NewPrivateKey(p, q *big.Int, minBits int) (*PrivateKey, error) {
	if err := checkBits(new(big.Int).Mul(p, q).BitLen(), minBits); err != nil {
		return nil, fmt.Errorf("open private key: %w", err)
	}
	for _, f := range []*big.Int{p, q} {
		if f.Sign() <= 0 || f.Bit(0) != 1 || f.Bit(1) != 1 || !f.ProbablyPrime(32) {
			return nil, errors.New("open private key: a factor is not a prime that is 3 mod 4")
		}
	}
	if err := checkFactors(p, q); err != nil {
		return nil, fmt.Errorf("open private key: %w", err)
	}
	return newPrivateKey(p, q), nil
}

// checkFactors refuses factors so near that Fermat's method finds them (FIPS
// 186-5, A.1.1: |p−q| > 2^(|p|−100)). Factors of equal length also give
// gcd(N, φ(N)) = 1, without which nothing decrypts.
func checkFactors(p, q *big.Int) error {
	switch {
	case p.BitLen() != q.BitLen():
		return errors.New("the factors are of different lengths")
	case new(big.Int).Sub(p, q).BitLen() <= p.BitLen()-100:
		return errors.New("the factors are too near to each other")
	}
	return nil
}

// newPrivateKey takes any two odd primes that do not divide each other's φ.
func newPrivateKey(p, q *big.Int) *PrivateKey {
	n := new(big.Int).Mul(p, q)
	k := &PrivateKey{public: newPublicKey(n), p: newFactor(p, q), q: newFactor(q, p), n: modulusOf(n)}
	idempotent := func(this, other *big.Int) *bigmod.Nat {
		v := new(big.Int).ModInverse(other, this)
		return natOf(v.Mul(v, other).Bytes(), k.n)
	}
	k.unitP, k.unitQ = idempotent(p, q), idempotent(q, p)
	return k
}

// Public is the key's public part.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Factors are p and q: all that there is to keep secret.
func (k *PrivateKey) Factors() (p, q *big.Int) {
	return new(big.Int).SetBytes(k.p.prime.Nat().Bytes(k.p.prime)), new(big.Int).SetBytes(k.q.prime.Nat().Bytes(k.q.prime))
}

// Decrypt opens ciphertexts (Paillier 1999, section 7: mod p² and q², then the
// Chinese remainder theorem).
func (k *PrivateKey) Decrypt(c *Ciphertexts) ([]*big.Int, error) {
	if !k.public.Equal(c.key) {
		return nil, errors.New("decrypt: the ciphertexts are under another key")
	}
	atP, atQ := k.p.decrypt(c), k.q.decrypt(c)
	out := make([]*big.Int, c.Len())
	for i := range out {
		out[i] = new(big.Int).SetBytes(k.joined(atP[i], atQ[i]).Bytes(k.n))
	}
	return out, nil
}

// joined is the number mod N that is these mod p and mod q.
func (k *PrivateKey) joined(atP, atQ []byte) *bigmod.Nat {
	m := reduced(atP, k.n).Mul(k.unitP, k.n)
	return m.Add(reduced(atQ, k.n).Mul(k.unitQ, k.n), k.n)
}

// factor is one prime p of N = p·q, with what decryption mod p² needs.
type factor struct {
	prime, square *bigmod.Modulus
	kernel        *modulus        // mod p²
	power         *bigmod.Modulus // 2^w > p², under which p has an inverse
	inverse       *bigmod.Nat     // 1/p mod 2^w
	minusOne      []byte          // p−1
	scale         *bigmod.Nat     // 1/(−q) mod p: (1+N)^(p−1) = 1 − p·q mod p²
}

func newFactor(p, q *big.Int) *factor {
	square := new(big.Int).Mul(p, p)
	power := new(big.Int).Lsh(one, uint(square.BitLen()))
	scale := new(big.Int).Neg(q)
	f := &factor{prime: modulusOf(p), square: modulusOf(square), kernel: newModulus(p), power: modulusOf(power)}
	f.inverse = natOf(new(big.Int).ModInverse(p, power).Bytes(), f.power)
	f.minusOne = new(big.Int).Sub(p, one).Bytes()
	f.scale = natOf(scale.ModInverse(scale.Mod(scale, p), p).Bytes(), f.prime)
	return f
}

// decrypt returns the messages mod p.
func (f *factor) decrypt(c *Ciphertexts) [][]byte {
	residues := make([][]byte, c.Len())
	parallel(c.Len(), func(i int) { residues[i] = reduced(c.Append(nil, i, i+1), f.square).Bytes(f.square) })
	powers := batch(f.kernel.exp(f.kernel.hideBytes(residues), [][]byte{f.minusOne}))
	parallel(c.Len(), func(i int) {
		x := natOf(f.kernel.appendTo(nil, powers, i, i+1), f.square).SubOne(f.square)
		// x is now p·l with l < p. The quotient of this exact division is x/p mod 2^w,
		// which takes the same time for all x and p.
		l := natOf(x.Bytes(f.square), f.power).Mul(f.inverse, f.power)
		residues[i] = reduced(l.Bytes(f.power), f.prime).Mul(f.scale, f.prime).Bytes(f.prime)
	})
	return residues
}

const redacted = "paillier: a secret, not printed"

// Format hides the key from every verb of fmt.
func (PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue hides the key from slog.
func (PrivateKey) LogValue() slog.Value { return slog.StringValue(redacted) }
