package kernel

import (
	"fmt"
	"math/big"
)

// combineWindow needs the fewest products for exponents of 128 bits: 14 for the
// table of a group and 32 for its digits.
const combineWindow = 4

// CombineVarTime sets the one number of dst to ∏ᵢ bases[i]^exponents[i].
// Exponents are public and ≥ 0, one for each base; the bases may be secret. Its
// tables take sixteen times the memory of bases: hand in 64 or so at a time.
//
// Straus's interleaving, in each lane by itself: the squarings are shared by all
// groups, and the lanes are multiplied at the end. Digits are picked in constant
// time because that is faster than from eight places of memory.
func (m *Modulus) CombineVarTime(dst, bases *Batch, exponents []*big.Int) {
	if dst.count != 1 || len(exponents) != bases.count || !dst.m.alike(bases.m) {
		panic(fmt.Sprintf("kernel: %d bases and %d exponents for %d numbers", bases.count, len(exponents), dst.count))
	}
	e := m.newExponentiation(combineWindow)
	defer e.close()
	tables := make([][]uint64, bases.groups())
	for g := range tables {
		tables[g] = alignedWords(len(e.table))
		e.fillTable(tables[g], bases.group(g))
	}
	lanes := len(e.index)
	power := alignedWords(m.groupWords())
	copy(power, m.one)
	first := (maxBitLen(exponents) - 1) / combineWindow * combineWindow
	for bit := first; bit >= 0; bit -= combineWindow {
		for range combineWindow {
			if bit != first {
				m.core.square(power, power, *e.scratch)
			}
		}
		for g, table := range tables {
			clear(e.index) // numbers behind the last are left out
			for lane, x := range exponents[g*lanes : min((g+1)*lanes, len(exponents))] {
				e.index[lane] = bitsOf(x, bit, combineWindow)
			}
			m.core.pick(e.picked, table, e.index)
			m.core.mul(power, power, e.picked, *e.scratch)
		}
	}
	for shift := lanes / 2; shift > 0; shift /= 2 {
		for i := range power {
			e.picked[i] = power[i/lanes*lanes+(i+shift)%lanes]
		}
		m.core.mul(power, power, e.picked, *e.scratch)
	}
	copy(dst.group(0), power)
}
