package wide

import "math/bits"

// sum is a sum of up to 2⁶⁰ products, not yet reduced, by columns: of low
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
// counts 2, and of each the third word counts twice its first.
func (s *sum) reduced() Element {
	// Two columns of 2⁶⁴: of ones, and above them. Third words are below 2⁶⁰.
	lo, up := bits.Add64(s.l0, s.l2<<1+s.h2<<2, 0)
	lo, carry := bits.Add64(lo, s.h0<<1, 0)
	up += carry + s.h0>>63
	lo, carry = bits.Add64(lo, s.c1<<1, 0)
	up += carry + s.c1>>63
	hi, over := bits.Add64(s.l1, s.c2<<1, 0)
	hi, carry = bits.Add64(hi, s.h1<<1, 0)
	over += carry + s.h1>>63
	hi, carry = bits.Add64(hi, s.c0, 0)
	over += carry
	hi, carry = bits.Add64(hi, up, 0)
	over += carry
	lo, carry = bits.Add64(lo, over<<1|hi>>63, 0)
	return reduce(lo, hi&topHi+carry)
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

// CubicDots takes the four quarters of a for the values at 0, 1, 2, 3 of as many
// cubic polynomials, and so with b, and returns the inner products of a and b at
// 1…6.
func CubicDots(a, b []Element) (dots [6]Element) {
	length := len(a) / 4
	var s [6]sum
	for i := range length {
		p, q := quarters(a, i, length), quarters(b, i, length)
		s[0].add(p.at1, q.at1)
		s[1].add(p.at2, q.at2)
		s[2].add(p.last, q.last)
		for j := 3; j < 6; j++ {
			s[j].add(p.next(), q.next())
		}
	}
	for j := range dots {
		dots[j] = s[j].reduced()
	}
	return dots
}

// cubic is a cubic polynomial at the last place, with its differences.
type cubic struct {
	at1, at2, last       Element
	first, second, third Element
}

func quarters(v []Element, i, length int) cubic {
	v0, v1, v2, v3 := v[i], v[i+length], v[i+2*length], v[i+3*length]
	d1, d2, d3 := Sub(v1, v0), Sub(v2, v1), Sub(v3, v2)
	second := Sub(d3, d2)
	return cubic{v1, v2, v3, d3, second, Sub(second, Sub(d2, d1))}
}

// next goes to the next place, and returns the value there.
func (c *cubic) next() Element {
	c.second = Add(c.second, c.third)
	c.first = Add(c.first, c.second)
	c.last = Add(c.last, c.first)
	return c.last
}
