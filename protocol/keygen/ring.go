package keygen

import (
	"fmt"
	"math/big"
)

// bigRing is arithmetic modulo m = 2^bits − c, c the least that leaves m coprime
// to 16!: points 1…16 differ by units, which is all that Shamir's sharing needs of
// a field. Sums and products are math/big's: their time depends on lengths in
// words, which are public but for numbers with leading zero words, one in 2⁶⁴.
type bigRing struct {
	m     *big.Int
	bits  uint
	c     *big.Int
	bytes int
}

// newBigRing takes a multiple of 64 bits.
func newBigRing(bits int) bigRing {
	bits = (bits + 63) / 64 * 64
	small := big.NewInt(2 * 3 * 5 * 7 * 11 * 13)
	for c := int64(1); ; c++ {
		m := new(big.Int).Lsh(big.NewInt(1), uint(bits))
		m.Sub(m, big.NewInt(c))
		if new(big.Int).GCD(nil, nil, m, small).IsInt64() && new(big.Int).GCD(nil, nil, m, small).Int64() == 1 {
			return bigRing{m, uint(bits), big.NewInt(c), bits / 8}
		}
	}
}

// reduce brings x ≥ 0 below m, in place, by 2^bits = c.
func (r bigRing) reduce(x *big.Int) *big.Int {
	high := new(big.Int)
	for x.BitLen() > int(r.bits) {
		high.Rsh(x, r.bits)
		low := new(big.Int).Lsh(high, r.bits)
		x.Sub(x, low)
		x.Add(x, high.Mul(high, r.c))
	}
	if x.Cmp(r.m) >= 0 {
		x.Sub(x, r.m)
	}
	return x
}

// draw reads a uniform number; 2^bits is as good as m.
func (r bigRing) draw(s *stream) *big.Int { return r.reduce(s.integer(int(r.bits))) }

// polynomial has the coefficients that follow constant, drawn from s.
func (r bigRing) polynomial(s *stream, constant *big.Int, degree int) []*big.Int {
	p := []*big.Int{constant}
	for range degree {
		p = append(p, r.draw(s))
	}
	return p
}

// evaluate is the polynomial at x.
func (r bigRing) evaluate(p []*big.Int, x int) *big.Int {
	return r.reduce(horner(p, x))
}

// horner is the polynomial at x over the integers, lowest coefficient first.
func horner(p []*big.Int, x int) *big.Int {
	at, value := big.NewInt(int64(x)), new(big.Int)
	for i := len(p) - 1; i >= 0; i-- {
		value.Add(value.Mul(value, at), p[i])
	}
	return value
}

// opening interpolates opened shares of degree 2t', by party, and compares all
// that are beyond the first 2t'+1.
func (r bigRing) opening(shares []*big.Int, degree int) (*big.Int, error) {
	at := func(x int) *big.Int {
		value := new(big.Int)
		for i, c := range lagrangeModulo(r.m, x, degree+1) {
			value.Add(value, new(big.Int).Mul(c, shares[i+1]))
		}
		return value.Mod(value, r.m)
	}
	for x := degree + 2; x < len(shares); x++ {
		if at(x).Cmp(shares[x]) != 0 {
			return nil, fmt.Errorf("the shares are of no polynomial of degree %d", degree)
		}
	}
	return at(0), nil
}
