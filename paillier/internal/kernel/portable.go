package kernel

import "math/big"

// portable computes on one number at a time in 64-bit limbs.
//
// Both halves of a number are below N, always: R may be as small as N+1, so
// there is no room for more. It makes the form canonical.
type portable struct {
	n       int       // limbs of a half, a multiple of four; R = 2^(64n) > N
	modulus []uint64  // N
	inverse [4]uint64 // −1/N mod 2^256
	adx     bool      // computes with assembly where the time goes
}

func newPortable(modulus *big.Int, adx bool) *portable {
	c := &portable{n: 4 * ((modulus.BitLen() + 255) / 256), adx: adx}
	c.modulus = make([]uint64, c.n)
	publicDigits(c.modulus, modulus, 64)
	publicDigits(c.inverse[:], negativeInverse(modulus, 256), 64)
	return c
}

func (c *portable) lanes() int   { return 1 }
func (c *portable) digits() int  { return c.n }
func (c *portable) radix() int   { return 64 }
func (c *portable) scratch() int { return 5*c.n + 2 }

// buffers cuts scratch into two sums of products, which may have two bits more
// than 2n limbs and so get one limb more, and a quotient.
func (c *portable) buffers(scratch []uint64) (low, high, quotient []uint64) {
	k := 2*c.n + 1
	clear(scratch[:2*k])
	return scratch[:k:k], scratch[k : 2*k : 2*k], scratch[2*k : 2*k+c.n]
}

func (c *portable) mul(dst, a, b, scratch []uint64) {
	n := c.n
	low, high, quotient := c.buffers(scratch)
	c.addProduct(low, a[:n], b[:n])
	c.addProduct(high, a[:n], b[n:2*n])
	c.addProduct(high, a[n:2*n], b[:n])
	c.reduce(dst, low, high, quotient)
}

func (c *portable) square(dst, a, scratch []uint64) {
	n := c.n
	low, high, quotient := c.buffers(scratch)
	c.addSquare(low, a[:n])
	c.addProduct(high, a[:n], a[n:2*n])
	var top uint64
	for i, x := range high {
		high[i], top = x<<1|top, x>>63
	}
	c.reduce(dst, low, high, quotient)
}

func (c *portable) split(dst, wide, scratch []uint64) {
	low, high, quotient := c.buffers(scratch)
	copy(low, wide)
	c.reduce(dst, low, high, quotient)
}

func (c *portable) join(wide, a, scratch []uint64) {
	n := c.n
	low, high, quotient := c.buffers(scratch)
	copy(low, a[:n])
	copy(high, a[n:2*n])
	c.reduce(wide, low, high, quotient)
	low, high, _ = c.buffers(scratch)
	copy(low, wide[:n])
	copy(high, wide[n:2*n])
	c.addProduct(low, high[:n], c.modulus)
	copy(wide, low)
}

// reduce sets dst to the dual form of (low + high·N)/R mod N². Montgomery's
// reduction says low = r·R − q·N: the low half is r, and −q joins the high
// half. Where N is subtracted from r, R joins it too.
//
// Bounds. Operands have halves at most N−1, and N ≤ R−1. So low ≤ (N−1)² and
//
//	r = (low + q·N)/R < (N² + R·N)/R < 2N: one subtraction of N.
//
// high is at most 2(N−1)² + R, and at least −q > −R. Its reduction is above
// −R/R = −1, so an integer that is not negative, and at most
//
//	(2(N−1)² + R + (R−1)·N)/R ≤ 2(N−1) − 4(N−1)/R + 1 + N < 3N: two.
//
// In between, high is a number modulo 2^(64(2n+1)).
func (c *portable) reduce(dst, low, high, quotient []uint64) {
	n := c.n
	c.montgomery(low, quotient)
	subtracted := subtractOnce(low[n:], c.modulus)
	copy(dst[:n], low[n:])
	addDifference(high, quotient, subtracted)
	c.montgomery(high, quotient)
	subtractOnce(high[n:], c.modulus)
	subtractOnce(high[n:], c.modulus)
	copy(dst[n:2*n], high[n:])
}

// addProduct adds a·b to t; both have n limbs, t has one more than both.
func (c *portable) addProduct(t, a, b []uint64) {
	t, a, b = t[:2*c.n+1], a[:c.n], b[:c.n]
	if c.adx {
		addProductADX(&t[0], &a[0], &b[0], c.n)
		return
	}
	var above [4]uint64
	var carry uint64
	for i := 0; i < c.n; i += 4 {
		addFour(t[i:], b, (*[4]uint64)(a[i:]), &above)
		carry = addCarried((*[4]uint64)(t[i+c.n:]), &above, carry)
	}
	t[2*c.n] += carry
}

// addSquare sets t = a², where a has n limbs, and t is zero and has 2n or more.
// What lies beside the diagonal is computed once and doubled.
func (c *portable) addSquare(t, a []uint64) {
	n := c.n
	t, a = t[:2*n], a[:n]
	if c.adx {
		squareADX(&t[0], &a[0], n)
		return
	}
	for i := 0; i+4 < n; i += 4 {
		addFour(t[2*i+4:], a[i+4:], (*[4]uint64)(a[i:]), (*[4]uint64)(t[i+n:]))
	}
	var carry, top uint64
	for i := 0; i < n; i += 4 {
		diagonal := squareFour((*[4]uint64)(a[i:]))
		carry, top = doubleAdd((*[8]uint64)(t[2*i:]), &diagonal, carry, top)
	}
}

// montgomery adds quotient·N to t, so that the low n limbs of the sum are 0;
// the rest is t/R mod N. This is Montgomery's reduction (1985) with digits of
// 256 bits.
func (c *portable) montgomery(t, quotient []uint64) {
	n := c.n
	t, quotient = t[:2*n+1], quotient[:n]
	if c.adx {
		montgomeryADX(&t[0], &c.modulus[0], n, &c.inverse, &quotient[0])
		return
	}
	var above [4]uint64
	var carry uint64
	for i := 0; i < n; i += 4 {
		q := (*[4]uint64)(quotient[i:])
		multiplyLow(q, (*[4]uint64)(t[i:]), &c.inverse)
		addFour(t[i:], c.modulus, q, &above)
		carry = addCarried((*[4]uint64)(t[i+n:]), &above, carry)
	}
	t[2*n] += carry
}

func (c *portable) pick(dst, table, index []uint64) {
	scan(dst, table, index[0])
}

func (c *portable) share(numbers []uint64) []uint64 { return numbers }

func (c *portable) pickShared(dst, table, index []uint64) {
	scan(dst, table, index[0])
}

// scan copies entry number index of table to dst, and reads all others too.
func scan(dst, table []uint64, index uint64) {
	clear(dst)
	for entry := uint64(0); len(table) >= len(dst); entry++ {
		difference := entry ^ index
		mask := (difference|-difference)>>63 - 1 // all ones if equal
		for i, x := range table[:len(dst)] {
			dst[i] |= x & mask
		}
		table = table[len(dst):]
	}
}
