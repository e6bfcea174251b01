//go:build !purego

package kernel

import (
	"math/big"

	"golang.org/x/sys/cpu"
)

//go:generate go run ./gen

func hasIFMA() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512IFMA }

// ifma computes on eight numbers at once in digits of 52 bits. Digit j of the
// eight is a row of eight words. The shape of the computation is in gen/doc.go.
//
// # Bounds
//
// R ≥ 64·N, because digits are counted for six bits more than N has. Halves of
// operands are below 2N; that is all a product needs, and no number is ever
// compared with N and reduced until it leaves. The product's low half is
//
//	r = (a₀b₀ + q·N)/R < (4N² + R·N)/R ≤ N/16 + N < 2N,
//
// and, as q < R, what the high half is reduced from lies above −R and below 8N²:
//
//	−1 < −R/R < (a₀b₁ + a₁b₀ − q + q′·N)/R < (8N² + R·N)/R ≤ N/8 + N < 2N,
//
// an integer, so it is not negative.
//
// Columns are sums that nothing is carried out of until the end. A column of a
// sum of two products gets at most 4·digits products' halves, the reduction adds
// 2·digits, each below 2^52, and a carry below 2^12; a column begins above
// −2^52. So it stays between −2^52 and (6·digits+1)·2^52. With the 160 digits of
// 8192 bits that is below 2^62: columns are signed 64-bit numbers. (Squares: a
// column gets half of the products, doubled: no more.) VPMADD52 uses the low 52
// bits of its factors, and those are whole digits: halves are normal, with
// digits below 2^52, and so is q.
type ifma struct {
	n       int      // digits of a half, a multiple of ten
	modulus []uint64 // N, a word a digit
	rows    []uint64 // N, a row a digit
	inverse uint64   // −1/N mod 2^52
}

const (
	ifmaLanes = 8
	ifmaRadix = 52
	ifmaSlack = 6  // bits of R above those of N
	ifmaBlock = 10 // digits
	ifmaMask  = 1<<ifmaRadix - 1
)

func newIFMA(modulus *big.Int) core {
	blocks := (modulus.BitLen() + ifmaSlack + ifmaBlock*ifmaRadix - 1) / (ifmaBlock * ifmaRadix)
	c := &ifma{n: blocks * ifmaBlock}
	c.modulus = make([]uint64, c.n)
	publicDigits(c.modulus, modulus, ifmaRadix)
	c.rows = alignedWords(c.n * ifmaLanes)
	for i := range c.rows {
		c.rows[i] = c.modulus[i/ifmaLanes]
	}
	c.inverse = negativeInverse(modulus, ifmaRadix).Uint64()
	return c
}

func (c *ifma) lanes() int  { return ifmaLanes }
func (c *ifma) digits() int { return c.n }
func (c *ifma) radix() int  { return ifmaRadix }
func (c *ifma) half() int   { return c.n * ifmaLanes } // words
func (c *ifma) steps() int  { return c.n / 5 }

// scratch has room for two sums of products, two quotients, and what
// multiplyParts needs. The code reads, but does not use, a block behind each sum,
// and subtracts a block of zeros behind the first quotient.
func (c *ifma) scratch() int { return (6*c.n+3*ifmaBlock)*ifmaLanes + c.partsScratch() }

func (c *ifma) buffers(scratch []uint64) (low, high, quotient, rest []uint64) {
	sum, q := (2*c.n+ifmaBlock)*ifmaLanes, (c.n+ifmaBlock)*ifmaLanes
	low, scratch = scratch[:sum], scratch[sum:]
	high, scratch = scratch[:sum], scratch[sum:]
	return low, high, scratch[:q], scratch[q:]
}

func (c *ifma) mul(dst, a, b, scratch []uint64) {
	low, high, _, _ := c.buffers(scratch)
	h := c.half()
	a, b = a[:2*h], b[:2*h]
	if c.karatsuba() {
		c.multiplyParts(low, high, a, b, scratch)
	} else {
		productSumIFMA(&high[0], &a[0], &b[h], &a[h], &b[0], c.steps())
		productIFMA(&low[0], &a[0], &b[0], c.steps())
	}
	c.reduce(dst, scratch)
}

func (c *ifma) square(dst, a, scratch []uint64) {
	low, high, _, _ := c.buffers(scratch)
	h := c.half()
	a = a[:2*h]
	if c.karatsuba() {
		c.squareParts(low, high, a, scratch)
	} else {
		productTwiceIFMA(&high[0], &a[0], &a[h], c.steps())
		squareIFMA(&low[0], &a[0], c.steps())
	}
	c.reduce(dst, scratch)
}

// reduce sets dst to the dual form of the sums in scratch.
func (c *ifma) reduce(dst, scratch []uint64) {
	low, high, quotient, rest := c.buffers(scratch)
	h := c.half()
	dst = dst[:2*h]
	reduceIFMA(&dst[0], &low[0], &c.modulus[0], c.steps(), c.inverse, &quotient[0])
	reduceHighIFMA(&dst[h], &high[0], &c.modulus[0], c.steps(), c.inverse, &rest[0], &quotient[0])
}

func (c *ifma) split(dst, wide, scratch []uint64) {
	low, high, _, _ := c.buffers(scratch)
	copy(low, wide)
	clear(high)
	c.reduce(dst, scratch)
}

func (c *ifma) join(wide, a, scratch []uint64) {
	low, high, _, _ := c.buffers(scratch)
	h := c.half()
	clear(low)
	clear(high)
	copy(low, a[:h])
	copy(high, a[h:2*h])
	c.reduce(wide, scratch)
	// Both halves are at most N: (2N + (R−1)·N)/R < N + 1.
	var none, carry [ifmaLanes]uint64
	x0, x1 := wide[:h], wide[h:2*h]
	c.subtractOnce(x0, &none, &carry)
	c.subtractOnce(x1, &carry, &none)
	productIFMA(&low[0], &x1[0], &c.rows[0], c.steps())
	copy(high, x0)
	clear(high[h : 2*h])
	carry = [ifmaLanes]uint64{}
	for i := range 2 * c.n {
		row := (*[ifmaLanes]uint64)(low[i*ifmaLanes:])
		plus := (*[ifmaLanes]uint64)(high[i*ifmaLanes:])
		to := (*[ifmaLanes]uint64)(wide[i*ifmaLanes:])
		for l := range row {
			x := row[l] + plus[l] + carry[l]
			to[l] = x & ifmaMask
			carry[l] = x >> ifmaRadix
		}
	}
}

// subtractOnce adds plus to eight numbers of normal digits, and subtracts N from
// those that are not below it then; it sets subtracted to 1 for these, else 0.
func (c *ifma) subtractOnce(x []uint64, plus, subtracted *[ifmaLanes]uint64) {
	carry := *plus
	var borrow, keep [ifmaLanes]uint64
	for i, n := range c.modulus {
		row := (*[ifmaLanes]uint64)(x[i*ifmaLanes:])
		for l, v := range row {
			v += carry[l]
			row[l] = v & ifmaMask
			carry[l] = v >> ifmaRadix
			borrow[l] = (row[l] - n - borrow[l]) >> 63
		}
	}
	for l, b := range borrow {
		keep[l] = b - 1 // all ones to subtract
		subtracted[l] = 1 - b
		borrow[l] = 0
	}
	for i, n := range c.modulus {
		row := (*[ifmaLanes]uint64)(x[i*ifmaLanes:])
		for l, v := range row {
			v -= n&keep[l] + borrow[l]
			row[l] = v & ifmaMask
			borrow[l] = v >> 63
		}
	}
}

func (c *ifma) pick(dst, table, index []uint64) {
	size := 2 * c.half()
	dst, index = dst[:size], index[:ifmaLanes]
	pickIFMA(&dst[0], &table[0], &index[0], len(table)/size, 2*c.n)
}

// share arranges the table as pickSharedIFMA reads it: by blocks of twenty
// digits, then by sixteen entries, then by digit, then by entry.
func (c *ifma) share(numbers []uint64) []uint64 {
	const block, some = 20, 16
	digits := 2 * c.n
	count := len(numbers) / digits
	sixteens := (count + some - 1) / some
	table := alignedWords(digits * sixteens * some)
	for i, x := range numbers {
		entry, d := i/digits, i%digits
		at := (d/block*sixteens+entry/some)*block + d%block
		table[at*some+entry%some] = x
	}
	return table
}

func (c *ifma) pickShared(dst, table, index []uint64) {
	const some = 16
	dst, index = dst[:2*c.half()], index[:ifmaLanes]
	pickSharedIFMA(&dst[0], &table[0], &index[0], len(table)/(2*c.n*some), 2*c.n)
}

//go:noescape
func productIFMA(t, a, b *uint64, m int)

//go:noescape
func productTwiceIFMA(t, a, b *uint64, m int)

//go:noescape
func productSumIFMA(t, a, b, c, d *uint64, m int)

//go:noescape
func squareIFMA(t, a *uint64, m int)

//go:noescape
func reduceIFMA(r, t, n *uint64, m int, inverse uint64, q *uint64)

//go:noescape
func reduceHighIFMA(r, t, n *uint64, m int, inverse uint64, q, s *uint64)

//go:noescape
func pickIFMA(dst, table, index *uint64, entries, rows int)

//go:noescape
func pickSharedIFMA(dst, table, index *uint64, sixteens, rows int)
