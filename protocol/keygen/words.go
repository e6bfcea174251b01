package keygen

import (
	"math/big"
	"math/bits"
)

// wordRing is arithmetic modulo an odd m < 2⁶² that is a product of primes above
// MaxHolders, in time that does not depend on the numbers. Points 1…16 differ by
// units there, so Shamir's sharing works as in a field.
type wordRing struct {
	m       uint64
	inverse uint64 // 1/m mod 2⁶⁴
	square  uint64 // 2¹²⁸ mod m
	mask    uint64 // the largest 2^j−1 below m
}

func newWordRing(m uint64) wordRing {
	inverse := m // right modulo 8; each step doubles the bits
	for range 5 {
		inverse *= 2 - m*inverse
	}
	_, r := bits.Div64(1, 0, m) // 2⁶⁴ mod m; m is public
	hi, lo := bits.Mul64(r, r)
	_, square := bits.Div64(hi, lo, m)
	return wordRing{m, inverse, square, 1<<(bits.Len64(m)-1) - 1}
}

// reduce is (hi·2⁶⁴ + lo)/2⁶⁴ mod m, for hi < m (Montgomery 1985).
func (r wordRing) reduce(hi, lo uint64) uint64 {
	carry, _ := bits.Mul64(lo*r.inverse, r.m)
	d, borrow := bits.Sub64(hi, carry, 0)
	return d + r.m&-borrow
}

func (r wordRing) mul(a, b uint64) uint64 {
	product := r.reduce(bits.Mul64(a, b))
	return r.reduce(bits.Mul64(product, r.square))
}

func (r wordRing) add(a, b uint64) uint64 {
	d, borrow := bits.Sub64(a+b, r.m, 0)
	return d + r.m&-borrow
}

// draw makes a number of 16 random bytes, within 2⁻⁶⁰ of uniform.
func (r wordRing) draw(s *stream) uint64 {
	hi, lo := s.word(), s.word()
	return r.reduce(hi&r.mask, lo)
}

// evaluate is the polynomial with these coefficients, lowest first, at x.
func (r wordRing) evaluate(coefficients []uint64, x int) uint64 {
	value := uint64(0)
	for i := len(coefficients) - 1; i >= 0; i-- {
		value = r.add(r.mul(value, uint64(x)), coefficients[i])
	}
	return value
}

// lagrangeAt are the coefficients that give the value at x from those at 1…count.
func (r wordRing) lagrangeAt(x, count int) []uint64 {
	m := new(big.Int).SetUint64(r.m)
	out := make([]uint64, count)
	for i, c := range lagrangeModulo(m, x, count) {
		out[i] = c.Uint64()
	}
	return out
}

// lagrangeModulo are the coefficients that give, modulo m, the value at x of a
// polynomial of degree < count from those at 1…count.
func lagrangeModulo(m *big.Int, x, count int) []*big.Int {
	out := make([]*big.Int, count)
	for i := 1; i <= count; i++ {
		numerator, denominator := big.NewInt(1), big.NewInt(1)
		for j := 1; j <= count; j++ {
			if j != i {
				numerator.Mul(numerator, big.NewInt(int64(x-j)))
				denominator.Mul(denominator, big.NewInt(int64(i-j)))
			}
		}
		inverse := new(big.Int).ModInverse(denominator.Mod(denominator, m), m)
		out[i-1] = numerator.Mod(numerator.Mul(numerator, inverse), m)
	}
	return out
}
