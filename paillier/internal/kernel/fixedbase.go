package kernel

import (
	"fmt"
	"math/big"
)

// FixedBase holds the powers of one number, so that raising it to an exponent
// of b bits takes b/window products and no squaring (Brickell, Gordon, McCurley
// and Wilson 1992, with all digits). It does not change, and may be used by
// several goroutines at once.
type FixedBase struct {
	m      *Modulus
	length int        // of exponents, in bytes
	window int        // bits
	tables [][]uint64 // table i holds base^(v·2^(window·i)) for v below 2^window
}

// fixedBaseStretch is the number of groups that use a table before the next
// one is loaded: few enough that their powers stay in the second-level cache.
const fixedBaseStretch = 32

// DefaultWindow is the width of the window that suits every kernel (docs/performance.md):
// with one bit more, the table is twice as large and hardly anything faster.
const DefaultWindow = 6

// NewFixedBase makes the table of base, 0 … N²−1, for exponents of at most
// exponentBits bits, with windows of 1 to 8 bits. It takes about 2^window ·
// exponentBits/window products. The base is public.
func NewFixedBase(m *Modulus, base *big.Int, exponentBits, window int) (*FixedBase, error) {
	if exponentBits < 1 || window < 1 || window > 8 {
		return nil, fmt.Errorf("make table of a base: exponents of %d bits with windows of %d, want at least 1 and 1 to 8", exponentBits, window)
	}
	f := &FixedBase{m: m, length: exponentBytes(exponentBits), window: window}
	first := m.NewBatch(1)
	if err := first.SetInts([]*big.Int{base}); err != nil {
		return nil, fmt.Errorf("make table of a base: %w", err)
	}
	count := (8*f.length + window - 1) / window
	steps := m.NewBatch(count) // base^(2^(window·i))
	for i := range count {
		steps.Put(i, first, 0)
		for range window {
			m.Square(first, first)
		}
	}
	powers := make([]*Batch, 1<<window)
	powers[0] = m.NewBatch(count)
	m.SetOne(powers[0])
	for v := 1; v < len(powers); v++ {
		powers[v] = m.NewBatch(count)
		m.Mul(powers[v], powers[v-1], steps)
	}
	f.tables = make([][]uint64, count)
	for i := range f.tables {
		f.tables[i] = f.table(powers, i)
	}
	return f, nil
}

// table arranges number i of all batches.
func (f *FixedBase) table(powers []*Batch, i int) []uint64 {
	lanes, size := f.m.core.lanes(), 2*f.m.core.digits()
	numbers := make([]uint64, 0, size*len(powers))
	for _, p := range powers {
		group := p.group(i / lanes)
		for k := i % lanes; k < len(group); k += lanes {
			numbers = append(numbers, group[k])
		}
	}
	return f.m.core.share(numbers)
}

// TableBytes is the memory that the table takes.
func (f *FixedBase) TableBytes() int { return 8 * len(f.tables) * len(f.tables[0]) }

// Exp sets dst[i] = base^exponents[i]. There are as many exponents as numbers;
// they are big-endian, at most as many bytes long as the table is made for, and
// may be secret: the time depends on the count and on the longest one's length.
func (f *FixedBase) Exp(dst *Batch, exponents [][]byte) error {
	if len(exponents) != dst.count || !dst.m.alike(f.m) {
		panic(fmt.Sprintf("kernel: %d exponents for %d numbers, or two moduli", len(exponents), dst.count))
	}
	length := 1
	for i, e := range exponents {
		length = max(length, len(e))
		if len(e) > f.length {
			return fmt.Errorf("raise a fixed base: exponent %d has %d bytes, the table is made for %d", i, len(e), f.length)
		}
	}
	lanes := f.m.core.lanes()
	scratch := f.m.borrow()
	defer f.m.giveBack(scratch)
	picked := alignedWords(f.m.groupWords())
	index := make([]uint64, lanes)
	tables := f.tables[:(8*length+f.window-1)/f.window]
	for from := 0; from < dst.groups(); from += fixedBaseStretch {
		for i, table := range tables {
			for g := from; g < min(from+fixedBaseStretch, dst.groups()); g++ {
				for lane := range index {
					index[lane] = windowOf(exponentAt(exponents, g*lanes+lane), i*f.window, f.window)
				}
				power := dst.group(g)
				if i == 0 {
					f.m.core.pickShared(power, table, index)
					continue
				}
				f.m.core.pickShared(picked, table, index)
				f.m.core.mul(power, power, picked, *scratch)
			}
		}
	}
	return nil
}

func exponentBytes(bits int) int { return (bits + 7) / 8 }
