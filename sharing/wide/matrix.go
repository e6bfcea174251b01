package wide

import "math/bits"

// sum is a sum of up to 2⁶⁴ products, not yet reduced, by columns: of low
// words, of low and high ones, of high ones.
type sum struct {
	l0, l1, l2 uint64
	c0, c1, c2 uint64
	h0, h1, h2 uint64
}

func (s *sum) add(a, b Element) {
	var carry uint64
	hi, lo := bits.Mul64(a.Lo, b.Lo)
	s.l0, carry = bits.Add64(s.l0, lo, 0)
	s.l1, carry = bits.Add64(s.l1, hi, carry)
	s.l2 += carry
	h1, l1 := bits.Mul64(a.Lo, b.Hi)
	hi, lo = bits.Mul64(a.Hi, b.Lo)
	lo, carry = bits.Add64(lo, l1, 0)
	hi += h1 + carry // both are below 2¹²⁷
	s.c0, carry = bits.Add64(s.c0, lo, 0)
	s.c1, carry = bits.Add64(s.c1, hi, carry)
	s.c2 += carry
	hi, lo = bits.Mul64(a.Hi, b.Hi)
	s.h0, carry = bits.Add64(s.h0, lo, 0)
	s.h1, carry = bits.Add64(s.h1, hi, carry)
	s.h2 += carry
}

// reduced is the sum mod p: 2⁶⁴·2⁶⁴ = 2, so column c counts 2⁶⁴ and column h
// counts 2.
func (s *sum) reduced() Element {
	l := Add(fold(s.l0, s.l1, 0), fold(s.l2<<1, s.l2>>63, 0))
	h := fold(s.h0, s.h1, s.h2<<1)
	c := fold(s.c0, s.c1, s.c2<<1)
	return Add(Add(l, Add(h, h)), Mul(c, Element{Hi: 1}))
}

// fold reduces lo + 2⁶⁴·hi + more, more < 2⁶⁴.
func fold(lo, hi, more uint64) Element {
	return Add(reduce(lo, hi&topHi), Add(Element{Lo: hi >> 63}, Element{Lo: more}))
}

// Dot returns Σ a[i]·b[i]. The slices have the same length.
func Dot(a, b []Element) Element {
	b = b[:len(a)]
	var s sum
	for i := range a {
		s.add(a[i], b[i])
	}
	return s.reduced()
}

// MatMul writes the product of a, rows×inner, and b, inner×cols, both by rows,
// to dst, rows×cols.
func MatMul(dst, a, b []Element, rows, inner, cols int) {
	for i := range rows {
		row := a[i*inner : (i+1)*inner]
		for j := range cols {
			var s sum
			for k, at := 0, j; k < inner; k, at = k+1, at+cols {
				s.add(row[k], b[at])
			}
			dst[i*cols+j] = s.reduced()
		}
	}
}

// Transpose writes a, rows×cols, as dst, cols×rows.
func Transpose(dst, a []Element, rows, cols int) {
	for i := range rows {
		for j := range cols {
			dst[j*rows+i] = a[i*cols+j]
		}
	}
}

// AddTo adds b to a, element by element. The slices have the same length.
func AddTo(a, b []Element) {
	b = b[:len(a)]
	for i := range a {
		a[i] = Add(a[i], b[i])
	}
}

// SubTo takes b from a, element by element.
func SubTo(a, b []Element) {
	b = b[:len(a)]
	for i := range a {
		a[i] = Sub(a[i], b[i])
	}
}

// Accumulate adds factor·b to a, element by element.
func Accumulate(a []Element, factor Element, b []Element) {
	b = b[:len(a)]
	for i := range a {
		a[i] = Add(a[i], Mul(factor, b[i]))
	}
}

// Combine writes Σ factors[j]·v[j·len(dst)+i] to dst[i]: a sum of the parts of v.
func Combine(dst, factors, v []Element) {
	for i := range dst {
		var s sum
		for j, at := 0, i; j < len(factors); j, at = j+1, at+len(dst) {
			s.add(factors[j], v[at])
		}
		dst[i] = s.reduced()
	}
}
