package paillier

import (
	"math/big"

	"filippo.io/bigmod"
)

// integers computes with secret integers in [0, 2^bits−1) in constant time: as
// residues modulo the odd number 2^bits−1, which no result reaches. The caller
// chooses bits so that this is so.
//
// This, arithmetic mod N in the proofs and what surrounds the powers of decryption
// with the factors need sums and reductions of secrets, which the kernel does not
// have, and little speed: bigmod has them.
type integers struct {
	modulus *bigmod.Modulus
	size    int // bytes of an encoded integer
}

func newIntegers(bits int) *integers {
	all := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	m, err := bigmod.NewModulus(all.Sub(all, big.NewInt(1)).Bytes())
	if err != nil {
		panic("paillier: " + err.Error()) // 2^bits−1 is odd and above 1
	}
	return &integers{modulus: m, size: m.Size()}
}

// from reads a big-endian integer that is known to be in range.
func (z *integers) from(b []byte) *bigmod.Nat { return natOf(b, z.modulus) }

// fromBig reads a public integer, or one of which only the length is public.
func (z *integers) fromBig(v *big.Int) *bigmod.Nat { return z.from(v.Bytes()) }

// mulAdd returns a·b + c, and leaves all three as they are.
func (z *integers) mulAdd(a, b, c *bigmod.Nat) *bigmod.Nat {
	return z.from(z.bytes(a)).Mul(b, z.modulus).Add(c, z.modulus)
}

// bytes is x in big-endian bytes, z.size of them.
func (z *integers) bytes(x *bigmod.Nat) []byte { return x.Bytes(z.modulus) }

// natOf reads a big-endian number below m.
func natOf(b []byte, m *bigmod.Modulus) *bigmod.Nat {
	x, err := bigmod.NewNat().SetBytes(b, m)
	if err != nil {
		panic("paillier: a number is not below its modulus")
	}
	return x
}

// reduced is b mod m in constant time, for b of any length.
func reduced(b []byte, m *bigmod.Modulus) *bigmod.Nat {
	// A power of 256 above b serves as a modulus under which b is itself.
	wide := make([]byte, len(b)+2)
	wide[0] = 1
	container, err := bigmod.NewModulus(wide)
	if err != nil {
		panic("paillier: " + err.Error()) // the top byte is one
	}
	return bigmod.NewNat().Mod(natOf(b, container), m)
}

// modulusOf is n for bigmod; n is public or its length is.
func modulusOf(n *big.Int) *bigmod.Modulus {
	m, err := bigmod.NewModulus(n.Bytes())
	if err != nil {
		panic("paillier: " + err.Error()) // callers have checked n > 1
	}
	return m
}

// bytesFor is the number of bytes that hold bits.
func bytesFor(bits int) int { return (bits + 7) / 8 }
