package wide

import (
	"math/bits"
)

// Bits is the length of the prime p = 2¹²⁷−1.
const Bits = 127

const topHi = 1<<63 - 1 // the upper word of p; the lower is all ones

// Element is a member of GF(p) in canonical form, 0 ≤ x < p, as Hi·2⁶⁴ + Lo.
// Arithmetic on elements takes the same time whatever they are.
type Element struct{ Lo, Hi uint64 }

// FromInt maps a signed integer to the field: negative v becomes p−|v|.
func FromInt(v int64) Element {
	sign := uint64(v >> 63) // all ones for negative numbers
	// v mod 2¹²⁸ in two's complement, plus p for negative numbers.
	lo, borrow := bits.Sub64(uint64(v), sign&1, 0)
	hi := (sign - borrow) & topHi
	return Element{lo, hi}
}

// FromUint is the element of an integer hi·2⁶⁴ + lo < 2¹²⁷; p itself is zero.
func FromUint(lo, hi uint64) Element { return reduce(lo, hi&topHi) }

// Int is the signed integer that e stands for, e or e−p, whichever is smaller
// in magnitude, and whether it fits.
func (e Element) Int() (v int64, fits bool) {
	sign := -(e.Hi >> 62) // all ones in the upper half
	lo, carry := bits.Add64(e.Lo, sign&1, 0)
	hi := (e.Hi | sign<<63) + carry
	return int64(lo), hi == uint64(int64(lo)>>63)
}

// Float is the signed integer that e stands for, rounded.
func (e Element) Float() float64 {
	if e.Hi>>62 == 1 {
		return -Neg(e).Float()
	}
	return float64(e.Hi)*0x1p64 + float64(e.Lo)
}

// IsZero is for public elements.
func (e Element) IsZero() bool { return e == Element{} }

// reduce maps x ≤ 2p to x mod p, without a branch: x ≥ p exactly when x+1 has
// bit 127, and then x−p is x+1 without that bit.
func reduce(lo, hi uint64) Element {
	_, carry := bits.Add64(lo, 1, 0)
	over := (hi + carry) >> 63
	lo, carry = bits.Add64(lo, over, 0)
	return Element{lo, (hi + carry) & topHi}
}

// Add returns a+b.
func Add(a, b Element) Element {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	return reduce(lo, a.Hi+b.Hi+carry)
}

// Sub returns a−b.
func Sub(a, b Element) Element {
	lo, carry := bits.Add64(a.Lo, ^b.Lo, 0)
	return reduce(lo, a.Hi+(b.Hi^topHi)+carry)
}

// Neg returns −a.
func Neg(a Element) Element { return reduce(^a.Lo, a.Hi^topHi) }

// Mul returns a·b.
func Mul(a, b Element) Element {
	h00, l00 := bits.Mul64(a.Lo, b.Lo)
	h01, l01 := bits.Mul64(a.Lo, b.Hi)
	h10, l10 := bits.Mul64(a.Hi, b.Lo)
	h11, l11 := bits.Mul64(a.Hi, b.Hi)
	// The cross terms are below 2¹²⁷ each, so their sum has two words.
	lc, carry := bits.Add64(l01, l10, 0)
	hc := h01 + h10 + carry
	w1, carry := bits.Add64(h00, lc, 0)
	w2, carry := bits.Add64(l11, hc, carry)
	w3 := h11 + carry
	// x = low 127 bits + 2¹²⁷·rest, and 2¹²⁷ = 1.
	lo, carry := bits.Add64(l00, w2<<1|w1>>63, 0)
	return reduce(lo, w1&topHi+(w3<<1|w2>>63)+carry)
}

// Shift returns ⌊x/2ˢ⌋ of the integer 0 ≤ x < p, 0 ≤ s < 64.
func (e Element) Shift(s uint) Element {
	return Element{e.Lo>>s | e.Hi<<(64-s), e.Hi >> s}
}

// PowerOfTwo is 2ᵉ, 0 ≤ e < 127.
func PowerOfTwo(e int) Element {
	if e < 64 {
		return Element{Lo: 1 << e}
	}
	return Element{Hi: 1 << (e - 64)}
}

// InvVarTime returns 1/a by Fermat's theorem; it is used on public numbers
// only. It panics at 0: the caller has checked that abscissae differ.
func InvVarTime(a Element) Element {
	if a.IsZero() {
		panic("wide: inverse of zero")
	}
	// p−2 = 2¹²⁷−3: ones but for bit 1.
	r := a
	for i := Bits - 2; i >= 0; i-- {
		r = Mul(r, r)
		if i != 1 {
			r = Mul(r, a)
		}
	}
	return r
}
