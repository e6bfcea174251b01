package kernel

import (
	"fmt"
	"math/big"
)

// MultiExpVarTime sets dst[i] = ∏ₖ bases[k][i]^exponents[k]. Exponents are
// public, ≥ 0, and the same for all numbers of a batch; the bases may be
// secret. dst may be one of the bases.
//
// Straus's interleaving with sliding windows (Möller 2001): the
// squarings are shared by all bases.
func (m *Modulus) MultiExpVarTime(dst *Batch, bases []*Batch, exponents []*big.Int) {
	dst.mustMatch(bases...)
	if len(bases) != len(exponents) {
		panic(fmt.Sprintf("kernel: %d exponents for %d bases", len(exponents), len(bases)))
	}
	if maxBitLen(exponents) == 1 { // all are 0 or 1
		m.selectedProduct(dst, bases, exponents)
		return
	}
	terms := make([]slidingTerm, len(bases))
	for k, x := range exponents {
		terms[k] = m.newSlidingTerm(x)
	}
	scratch := m.borrow()
	defer m.giveBack(scratch)
	power := alignedWords(m.groupWords())
	top := maxBitLen(exponents) - 1
	for g := range dst.groups() {
		for k := range terms {
			terms[k].fillTable(m.core, bases[k].group(g), *scratch)
		}
		started := false
		for bit := top; bit >= 0; bit-- {
			if started {
				m.core.square(power, power, *scratch)
			}
			for k := range terms {
				entry := terms[k].entryAt(bit)
				switch {
				case entry == nil:
				case started:
					m.core.mul(power, power, entry, *scratch)
				default:
					copy(power, entry)
					started = true
				}
			}
		}
		copy(dst.group(g), power)
	}
}

// selectedProduct is MultiExpVarTime for exponents that are 0 or 1.
func (m *Modulus) selectedProduct(dst *Batch, bases []*Batch, exponents []*big.Int) {
	product := m.NewBatch(dst.count)
	m.SetOne(product)
	for k, x := range exponents {
		if x.Sign() > 0 {
			m.Mul(product, product, bases[k])
		}
	}
	dst.Copy(product)
}

// slidingTerm is one base^exponent of a product: the exponent is a sum of odd
// digits, and the table holds the odd powers of the base.
type slidingTerm struct {
	digits []uint64 // odd or 0, by the bit where the digit ends
	table  []uint64 // groups base^1, base^3, …
	size   int
}

func (m *Modulus) newSlidingTerm(exponent *big.Int) slidingTerm {
	width := slidingWindow(exponent.BitLen())
	t := slidingTerm{digits: make([]uint64, exponent.BitLen()), size: m.groupWords()}
	largest := uint64(1)
	for bit := 0; bit < exponent.BitLen(); {
		if exponent.Bit(bit) == 0 {
			bit++
			continue
		}
		t.digits[bit] = bitsOf(exponent, bit, width)
		largest = max(largest, t.digits[bit])
		bit += width
	}
	t.table = alignedWords(t.size * int(largest/2+1))
	return t
}

// slidingWindow returns the width that needs the fewest products: 2^(w−1) for
// the table, and one for every w+1 bits on average.
func slidingWindow(bits int) int {
	w := 1
	for w < 8 && 1<<w+bits/(w+2) < 1<<(w-1)+bits/(w+1) {
		w++
	}
	return w
}

func (t *slidingTerm) fillTable(c core, base, scratch []uint64) {
	copy(t.table, base)
	if len(t.table) <= t.size {
		return
	}
	square := alignedWords(t.size)
	c.square(square, base, scratch)
	for at := t.size; at < len(t.table); at += t.size {
		c.mul(t.table[at:at+t.size], t.table[at-t.size:at], square, scratch)
	}
}

// entryAt returns the power of the base that belongs to bit, nil for none.
func (t *slidingTerm) entryAt(bit int) []uint64 {
	if bit >= len(t.digits) || t.digits[bit] == 0 {
		return nil
	}
	at := int(t.digits[bit]/2) * t.size
	return t.table[at : at+t.size]
}
