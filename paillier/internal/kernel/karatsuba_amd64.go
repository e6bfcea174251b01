//go:build !purego

package kernel

// Karatsuba's method saves a quarter of a product's instructions: with the lower
// and the upper part of both factors, x = x₀ + x₁·B,
//
//	x·y = x₀y₀ + (x₀y₀ + x₁y₁ − (x₀−x₁)·(y₀−y₁))·B + x₁y₁·B².
//
// One level pays from 40 digits on: a tenth of a product and a twentieth of a
// square (docs/performance.md).
//
// Columns. With n digits a half, a column of one of the three sums of products
// gets at most 4·n/2 halves of digit products, so what is combined gets three
// times that and loses one, and 4 more digits for the signs: it lies within
// ±(6n+4)·2^52. A reduction adds 2n·2^52 and a carry below 2^12: within
// ±(8n+5)·2^52, which is below 2^63 for the 160 digits of 8192 bits.

// karatsuba tells whether it is used. Parts must be whole blocks.
func (c *ifma) karatsuba() bool { return c.n >= 40 && c.n%(2*ifmaBlock) == 0 }

// partsScratch is room for a sum of products of parts and four differences.
func (c *ifma) partsScratch() int {
	return (c.n + 4*(c.n/2+1)) * ifmaLanes
}

// parts returns working memory: the middle product, and four differences, each
// of n/2 digits and a sign.
func (c *ifma) parts(scratch []uint64) (middle []uint64, differences [4]*uint64) {
	scratch = scratch[c.scratch()-c.partsScratch():]
	middle, scratch = scratch[:c.n*ifmaLanes], scratch[c.n*ifmaLanes:]
	for i := range differences {
		differences[i] = &scratch[i*(c.n/2+1)*ifmaLanes]
	}
	return middle, differences
}

// multiplyParts sets high = a₀b₁ + a₁b₀ and low = a₀b₀.
func (c *ifma) multiplyParts(low, high, a, b, scratch []uint64) {
	middle, d := c.parts(scratch)
	h, p, digits, m := c.half(), c.half()/2, c.n/2, c.steps()/2
	for i, x := range []*uint64{&a[0], &a[h], &b[0], &b[h]} {
		differenceIFMA(d[i], x, digits)
	}
	productSumIFMA(&high[0], &a[0], &b[h], &a[h], &b[0], m)
	productSumIFMA(&high[h], &a[p], &b[h+p], &a[h+p], &b[p], m)
	productSumIFMA(&middle[0], d[0], d[3], d[1], d[2], m)
	recombineSumIFMA(&high[0], &middle[0], digits, d[0], d[3], d[1], d[2])
	productIFMA(&low[0], &a[0], &b[0], m)
	productIFMA(&low[h], &a[p], &b[p], m)
	productIFMA(&middle[0], d[0], d[2], m)
	recombineIFMA(&low[0], &middle[0], digits, d[0], d[2])
}

// squareParts sets high = 2·a₀a₁ and low = a₀².
func (c *ifma) squareParts(low, high, a, scratch []uint64) {
	middle, d := c.parts(scratch)
	h, p, digits, m := c.half(), c.half()/2, c.n/2, c.steps()/2
	differenceIFMA(d[0], &a[0], digits)
	differenceIFMA(d[1], &a[h], digits)
	productIFMA(&high[0], &a[0], &a[h], m)
	productIFMA(&high[h], &a[p], &a[h+p], m)
	productIFMA(&middle[0], d[0], d[1], m)
	recombineTwiceIFMA(&high[0], &middle[0], digits, d[0], d[1])
	squareIFMA(&low[0], &a[0], m)
	squareIFMA(&low[h], &a[p], m)
	squareIFMA(&middle[0], d[0], m)
	recombineIFMA(&low[0], &middle[0], digits, d[0], d[0])
}

//go:noescape
func differenceIFMA(d, x *uint64, h int)

//go:noescape
func recombineIFMA(t, m *uint64, h int, x, y *uint64)

//go:noescape
func recombineTwiceIFMA(t, m *uint64, h int, x, y *uint64)

//go:noescape
func recombineSumIFMA(t, m *uint64, h int, x, y, z, w *uint64)
