package sharing

import (
	"fmt"
	"math/bits"
)

// Prime is p = 2⁶¹−1, a Mersenne prime: the order of the field in which
// updates are shared. Sums of signed 60-bit integers fit, and reduction is a
// shift and an add.
const Prime = 1<<61 - 1

// MaxInt is the largest magnitude that FromInt and Int carry, (p−1)/2.
const MaxInt = (Prime - 1) / 2

// Element is a member of GF(p) in canonical form, 0 ≤ x < p. Arithmetic on
// elements takes the same time whatever they are.
type Element uint64

// FromInt maps a signed integer to the field: negative v becomes p−|v|. It
// refuses |v| > MaxInt, which would come back as another number.
func FromInt(v int64) (Element, error) {
	if v > MaxInt || v < -MaxInt {
		return 0, fmt.Errorf("%d does not fit the field: the largest magnitude is %d", v, int64(MaxInt))
	}
	return reduceOnce(uint64(v) + Prime), nil
}

// Int is the signed integer that FromInt maps to e.
func (e Element) Int() int64 {
	v := int64(e)
	// The mask is all ones when e lies in the upper, negative half.
	return v - Prime&((MaxInt-v)>>63)
}

// Add returns a+b.
func Add(a, b Element) Element { return reduceOnce(uint64(a) + uint64(b)) }

// Sub returns a−b.
func Sub(a, b Element) Element { return reduceOnce(uint64(a) + Prime - uint64(b)) }

// Mul returns a·b.
func Mul(a, b Element) Element {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	// hi·2⁶⁴ + lo = (hi·8 + lo>>61)·2⁶¹ + lo mod 2⁶¹, and 2⁶¹ = 1.
	return reduceOnce((hi<<3 | lo>>61) + lo&Prime)
}

// InvVarTime returns 1/a by Fermat's theorem; it is used on public abscissae
// only. It panics at 0: the caller has checked that abscissae differ.
func InvVarTime(a Element) Element {
	if a == 0 {
		panic("sharing: inverse of zero")
	}
	r := Element(1)
	for e := uint64(Prime - 2); e > 0; e >>= 1 {
		if e&1 == 1 {
			r = Mul(r, a)
		}
		a = Mul(a, a)
	}
	return r
}

// reduceOnce maps x < 2p to x mod p without a branch.
func reduceOnce(x uint64) Element {
	d := x - Prime
	// d's top bit is set exactly when x < p, since x < 2p < 2⁶³.
	return Element(d + Prime&-(d>>63))
}

// AddTo adds b to a, element by element. The slices have the same length.
func AddTo(a, b []Element) {
	b = b[:len(a)]
	for i := range a {
		a[i] = Add(a[i], b[i])
	}
}
