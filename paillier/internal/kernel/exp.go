package kernel

import (
	"fmt"
	"math/big"
)

// Exp sets dst[i] = bases[i]^exponents[i], or bases[i]^exponents[0] where there
// is one exponent only. Exponents are big-endian and may be longer than N; dst
// may be bases. Exponents and bases may be secret: the time depends on the
// count and on the length of the longest exponent in bytes.
//
// A fixed window (Handbook of Applied Cryptography, algorithm 14.82), whose
// table is read in full for every digit.
func (m *Modulus) Exp(dst, bases *Batch, exponents [][]byte) {
	dst.mustMatch(bases)
	mustFitExponents(len(exponents), dst.count)
	length := 0
	for _, e := range exponents {
		length = max(length, len(e))
	}
	if length == 0 {
		m.SetOne(dst)
		return
	}
	e := m.newExponentiation(fixedWindow(8 * length))
	defer e.close()
	for g := range dst.groups() {
		e.fillTable(e.table, bases.group(g))
		first := (8*length - 1) / e.window * e.window
		for bit := first; bit >= 0; bit -= e.window {
			for lane := range e.index {
				e.index[lane] = windowOf(exponentAt(exponents, g*len(e.index)+lane), bit, e.window)
			}
			m.core.pick(e.picked, e.table, e.index)
			e.shiftIn(dst.group(g), bit == first)
		}
	}
}

// ExpVarTime is Exp for public exponents ≥ 0: its time depends on them. It is
// faster where all numbers have the same exponent. Bases may be secret.
// Multiplying what a ciphertext holds by a small number is ExpVarTime with that
// number.
func (m *Modulus) ExpVarTime(dst, bases *Batch, exponents []*big.Int) {
	dst.mustMatch(bases)
	mustFitExponents(len(exponents), dst.count)
	if len(exponents) == 1 {
		m.MultiExpVarTime(dst, []*Batch{bases}, exponents)
		return
	}
	e := m.newExponentiation(fixedWindow(maxBitLen(exponents)))
	defer e.close()
	lanes := len(e.index)
	for g := range dst.groups() {
		own := exponents[g*lanes : min((g+1)*lanes, len(exponents))]
		e.fillTable(e.table, bases.group(g))
		first := (maxBitLen(own) - 1) / e.window * e.window
		for bit := first; bit >= 0; bit -= e.window {
			for lane, x := range own {
				e.index[lane] = bitsOf(x, bit, e.window)
			}
			gather(e.picked, e.table, e.index)
			e.shiftIn(dst.group(g), bit == first)
		}
	}
}

// exponentiation is the working memory of fixed-window exponentiations.
type exponentiation struct {
	m       *Modulus
	window  int
	table   []uint64 // 2^window groups: base^0, base^1, …
	picked  []uint64 // a group
	index   []uint64 // by lane
	scratch *[]uint64
}

func (m *Modulus) newExponentiation(window int) *exponentiation {
	size := m.groupWords()
	return &exponentiation{
		m: m, window: window, scratch: m.borrow(),
		table: alignedWords(size << window), picked: alignedWords(size), index: make([]uint64, m.core.lanes()),
	}
}

func (e *exponentiation) close() { e.m.giveBack(e.scratch) }

func (e *exponentiation) fillTable(table, base []uint64) {
	size := len(base)
	entry := func(i int) []uint64 { return table[i*size : (i+1)*size] }
	copy(entry(0), e.m.one)
	copy(entry(1), base)
	for i := 2; i < 1<<e.window; i++ {
		if i%2 == 0 {
			e.m.core.square(entry(i), entry(i/2), *e.scratch)
		} else {
			e.m.core.mul(entry(i), entry(i-1), base, *e.scratch)
		}
	}
}

// shiftIn sets power = power^(2^window)·picked, or picked for the first digit.
func (e *exponentiation) shiftIn(power []uint64, first bool) {
	if first {
		copy(power, e.picked)
		return
	}
	for range e.window {
		e.m.core.square(power, power, *e.scratch)
	}
	e.m.core.mul(power, power, e.picked, *e.scratch)
}

// gather sets lane l of dst to lane l of group index[l] of table, like pick,
// but from places that depend on the index.
func gather(dst, table, index []uint64) {
	lanes := len(index)
	for lane, i := range index {
		entry := table[int(i)*len(dst):][:len(dst)]
		for k := lane; k < len(dst); k += lanes {
			dst[k] = entry[k]
		}
	}
}

// fixedWindow returns the width of the window that costs least: 2^w products
// for the table, and for each digit a product and reading the table. An entry
// costs a 65th of a product with ifma and a 100th with adx: an 80th is taken.
func fixedWindow(bits int) int {
	best, bestCost := 1, 1<<62
	for w := 1; w <= 8; w++ {
		cost := 80<<w + (bits+w-1)/w*(80+1<<w)
		if cost < bestCost {
			best, bestCost = w, cost
		}
	}
	return best
}

// windowOf returns bits bit … bit+width−1 of a big-endian number, width ≤ 8.
func windowOf(number []byte, bit, width int) uint64 {
	at := func(i int) uint64 {
		if i >= len(number) {
			return 0
		}
		return uint64(number[len(number)-1-i])
	}
	two := at(bit/8) | at(bit/8+1)<<8
	return two >> (bit % 8) & (1<<width - 1)
}

// bitsOf is windowOf for public numbers.
func bitsOf(x *big.Int, bit, width int) uint64 {
	var v uint64
	for i := width - 1; i >= 0; i-- {
		v = v<<1 | uint64(x.Bit(bit+i))
	}
	return v
}

// exponentAt returns the exponent of number i. Numbers behind the last, which
// fill up a group, get the last one's.
func exponentAt[E any](exponents []E, i int) E {
	return exponents[min(i, len(exponents)-1)]
}

func mustFitExponents(exponents, numbers int) {
	if exponents != numbers && exponents != 1 {
		panic(fmt.Sprintf("kernel: %d exponents for %d numbers", exponents, numbers))
	}
}

// maxBitLen returns the length of the longest exponent in bits, at least 1.
func maxBitLen(exponents []*big.Int) int {
	length := 1
	for _, e := range exponents {
		if e.Sign() < 0 {
			panic("kernel: negative exponent")
		}
		length = max(length, e.BitLen())
	}
	return length
}
