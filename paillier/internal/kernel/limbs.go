package kernel

import "math/bits"

// The loops below run in time that depends on the lengths only: bits.Mul64 and
// bits.Add64 are intrinsics without branches on every 64-bit architecture.

// addFour adds x·y to z, which is as long as y, and sets carry to the four
// limbs that belong above it. Multiplying by four limbs at once keeps the
// carries in registers, and loads and stores a limb of z once for four
// products: 1.2 times as fast as a row at a time.
func addFour(z, y []uint64, x, carry *[4]uint64) {
	var c0, c1, c2, c3 uint64
	z = z[:len(y)]
	for j, w := range y {
		h0, l0 := bits.Mul64(x[0], w)
		h1, l1 := bits.Mul64(x[1], w)
		h2, l2 := bits.Mul64(x[2], w)
		h3, l3 := bits.Mul64(x[3], w)
		var k uint64
		l0, k = bits.Add64(l0, c0, 0)
		l1, k = bits.Add64(l1, c1, k)
		l2, k = bits.Add64(l2, c2, k)
		l3, k = bits.Add64(l3, c3, k)
		h3 += k
		z[j], k = bits.Add64(z[j], l0, 0)
		c0, k = bits.Add64(l1, h0, k)
		c1, k = bits.Add64(l2, h1, k)
		c2, k = bits.Add64(l3, h2, k)
		c3 = h3 + k
	}
	*carry = [4]uint64{c0, c1, c2, c3}
}

// addCarried adds x and carry to z, and returns what does not fit.
func addCarried(z, x *[4]uint64, carry uint64) uint64 {
	z[0], carry = bits.Add64(z[0], x[0], carry)
	z[1], carry = bits.Add64(z[1], x[1], carry)
	z[2], carry = bits.Add64(z[2], x[2], carry)
	z[3], carry = bits.Add64(z[3], x[3], carry)
	return carry
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

// squareFour returns x².
func squareFour(x *[4]uint64) (z [8]uint64) {
	var k uint64
	z[2], z[1] = bits.Mul64(x[0], x[1]) // beside the diagonal …
	z[4], z[3] = bits.Mul64(x[0], x[3])
	z[6], z[5] = bits.Mul64(x[2], x[3])
	h, l := bits.Mul64(x[0], x[2])
	z[2], k = bits.Add64(z[2], l, 0)
	z[3], k = bits.Add64(z[3], h, k)
	h, l = bits.Mul64(x[1], x[3])
	z[4], k = bits.Add64(z[4], l, k)
	z[5], k = bits.Add64(z[5], h, k)
	z[6] += k
	h, l = bits.Mul64(x[1], x[2])
	z[3], k = bits.Add64(z[3], l, 0)
	z[4], k = bits.Add64(z[4], h, k)
	z[5], k = bits.Add64(z[5], 0, k)
	z[6] += k

	z[7] = z[6] >> 63 // … twice …
	for i := 6; i > 1; i-- {
		z[i] = z[i]<<1 | z[i-1]>>63
	}
	z[1] <<= 1

	h, z[0] = bits.Mul64(x[0], x[0]) // … and the diagonal
	z[1], k = bits.Add64(z[1], h, 0)
	h, l = bits.Mul64(x[1], x[1])
	z[2], k = bits.Add64(z[2], l, k)
	z[3], k = bits.Add64(z[3], h, k)
	h, l = bits.Mul64(x[2], x[2])
	z[4], k = bits.Add64(z[4], l, k)
	z[5], k = bits.Add64(z[5], h, k)
	h, l = bits.Mul64(x[3], x[3])
	z[6], k = bits.Add64(z[6], l, k)
	z[7] += h + k
	return z
}

// doubleAdd sets z = 2·z + x + carry + top, and returns the new carry and the
// new top, both 0 or 1, that belong above z.
func doubleAdd(z, x *[8]uint64, carry, top uint64) (uint64, uint64) {
	z0, z3, z4, z7 := z[0], z[3], z[4], z[7]
	z1, z2, z5, z6 := z[1], z[2], z[5], z[6]
	z[0], carry = bits.Add64(z0<<1|top, x[0], carry)
	z[1], carry = bits.Add64(z1<<1|z0>>63, x[1], carry)
	z[2], carry = bits.Add64(z2<<1|z1>>63, x[2], carry)
	z[3], carry = bits.Add64(z3<<1|z2>>63, x[3], carry)
	z[4], carry = bits.Add64(z4<<1|z3>>63, x[4], carry)
	z[5], carry = bits.Add64(z5<<1|z4>>63, x[5], carry)
	z[6], carry = bits.Add64(z6<<1|z5>>63, x[6], carry)
	z[7], carry = bits.Add64(z7<<1|z6>>63, x[7], carry)
	return carry, z7 >> 63
}

// The functions below take four limbs a turn: the carry stays in the flag.

// addDifference adds x·R to the 2n+1 limbs of z and subtracts y, of n limbs, a
// multiple of four; x is 0 or 1 and R = 2^(64n).
func addDifference(z, y []uint64, x uint64) {
	n := len(y)
	var borrow uint64
	for i := 0; i < n; i += 4 {
		borrow = subtractFour((*[4]uint64)(z[i:]), (*[4]uint64)(z[i:]), (*[4]uint64)(y[i:]), borrow)
	}
	// x − borrow is −1, 0 or 1: the sum of x−1 ≤ 0 and 1−borrow ≥ 0.
	minus := [4]uint64{x - 1, x - 1, x - 1, x - 1}
	carry := 1 - borrow
	for i := n; i < 2*n; i += 4 {
		carry = addCarried((*[4]uint64)(z[i:]), &minus, carry)
	}
	z[2*n] += x - 1 + carry
}

// subtractOnce subtracts n from t if t ≥ n, and returns 1 if it did. t has one
// limb more than n, which has a multiple of four.
func subtractOnce(t, n []uint64) uint64 {
	var ignored [4]uint64
	var borrow uint64
	for i := 0; i < len(n); i += 4 {
		borrow = subtractFour(&ignored, (*[4]uint64)(t[i:]), (*[4]uint64)(n[i:]), borrow)
	}
	_, borrow = bits.Sub64(t[len(n)], 0, borrow)
	mask := borrow - 1 // all ones if t ≥ n
	borrow = 0
	for i := 0; i < len(n); i += 4 {
		from := (*[4]uint64)(n[i:])
		masked := [4]uint64{from[0] & mask, from[1] & mask, from[2] & mask, from[3] & mask}
		borrow = subtractFour((*[4]uint64)(t[i:]), (*[4]uint64)(t[i:]), &masked, borrow)
	}
	t[len(n)] -= borrow
	return mask & 1
}

// subtractFour sets z = x − y − borrow, and returns the new borrow.
func subtractFour(z, x, y *[4]uint64, borrow uint64) uint64 {
	z[0], borrow = bits.Sub64(x[0], y[0], borrow)
	z[1], borrow = bits.Sub64(x[1], y[1], borrow)
	z[2], borrow = bits.Sub64(x[2], y[2], borrow)
	z[3], borrow = bits.Sub64(x[3], y[3], borrow)
	return borrow
}
