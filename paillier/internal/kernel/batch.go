package kernel

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/bits"
	"unsafe"
)

// Batch is a list of numbers modulo N² in the kernel's own form. Batches of one
// N and kernel work together. A batch whose count is not a multiple of eight costs
// as much as the next multiple.
type Batch struct {
	m     *Modulus
	count int
	words []uint64 // groups, see core; numbers behind the last are valid too
}

// NewBatch returns count numbers, all 0.
func (m *Modulus) NewBatch(count int) *Batch {
	lanes := m.core.lanes()
	groups := (count + lanes - 1) / lanes
	return &Batch{m: m, count: count, words: alignedWords(groups * m.groupWords())}
}

// Len is the count of numbers.
func (b *Batch) Len() int { return b.count }

// Slice returns the numbers from i to before j. They share their memory with b,
// so that several goroutines can work on parts of one batch. i is a multiple of
// eight, and so is j unless it is b.Len().
func (b *Batch) Slice(i, j int) *Batch {
	if i < 0 || i > j || j > b.count || i%groupAlignment != 0 || j%groupAlignment != 0 && j != b.count {
		panic(fmt.Sprintf("kernel: slice of a batch of %d from %d to %d", b.count, i, j))
	}
	lanes, size := b.m.core.lanes(), b.m.groupWords()
	from, to := i/lanes, (j+lanes-1)/lanes
	return &Batch{m: b.m, count: j - i, words: b.words[from*size : to*size : to*size]}
}

// Copy sets b to a, which has the same count.
func (b *Batch) Copy(a *Batch) {
	b.mustMatch(a)
	copy(b.words, a.words)
}

// Put sets number i of b to number j of a.
func (b *Batch) Put(i int, a *Batch, j int) {
	if !a.m.alike(b.m) || i < 0 || i >= b.count || j < 0 || j >= a.count {
		panic(fmt.Sprintf("kernel: put number %d of %d at %d of %d", j, a.count, i, b.count))
	}
	lanes := b.m.core.lanes()
	from, to := a.group(j / lanes)[j%lanes:], b.group(i / lanes)[i%lanes:]
	for k := 0; k < len(to); k += lanes {
		to[k] = from[k]
	}
}

// SetBytes sets b to the numbers in data: each NumberBytes long, big-endian,
// below N². Its time does not depend on them unless one is too large.
func (b *Batch) SetBytes(data []byte) error {
	m, lanes, size := b.m, b.m.core.lanes(), b.m.NumberBytes()
	if len(data) != b.count*size {
		return fmt.Errorf("read numbers: %d bytes for %d numbers of %d", len(data), b.count, size)
	}
	for i := range b.count {
		if !less(data[i*size:(i+1)*size], m.limit) {
			return fmt.Errorf("read numbers: number %d is not below N²", i)
		}
	}
	scratch := m.borrow()
	defer m.giveBack(scratch)
	wide := alignedWords(m.groupWords())
	for g := range b.groups() {
		clear(wide)
		for lane := range min(lanes, b.count-g*lanes) {
			i := g*lanes + lane
			digitsOf(wide[lane:], lanes, data[i*size:(i+1)*size], m.core.radix())
		}
		group := b.group(g)
		m.core.split(group, wide, *scratch)
		m.core.mul(group, group, m.enter, *scratch)
	}
	return nil
}

// Bytes returns the numbers, each NumberBytes long, big-endian. Its time does
// not depend on them.
func (b *Batch) Bytes() []byte {
	m, lanes, size := b.m, b.m.core.lanes(), b.m.NumberBytes()
	data := make([]byte, b.count*size)
	scratch := m.borrow()
	defer m.giveBack(scratch)
	wide := alignedWords(m.groupWords())
	for g := range b.groups() {
		m.core.join(wide, b.group(g), *scratch)
		for lane := range min(lanes, b.count-g*lanes) {
			i := g*lanes + lane
			bytesOf(data[i*size:(i+1)*size], wide[lane:], lanes, m.core.radix())
		}
	}
	return data
}

// SetInts sets b to numbers 0 … N²−1, as many as b has.
func (b *Batch) SetInts(numbers []*big.Int) error {
	if len(numbers) != b.count {
		return fmt.Errorf("read numbers: %d for a batch of %d", len(numbers), b.count)
	}
	size := b.m.NumberBytes()
	data := make([]byte, b.count*size)
	for i, x := range numbers {
		if x.Sign() < 0 || x.BitLen() > 8*size {
			return fmt.Errorf("read numbers: number %d is not between 0 and N²−1", i)
		}
		x.FillBytes(data[i*size : (i+1)*size])
	}
	return b.SetBytes(data)
}

// Ints returns the numbers.
func (b *Batch) Ints() []*big.Int {
	size := b.m.NumberBytes()
	data := b.Bytes()
	numbers := make([]*big.Int, b.count)
	for i := range numbers {
		numbers[i] = new(big.Int).SetBytes(data[i*size : (i+1)*size])
	}
	return numbers
}

func (b *Batch) groups() int { return len(b.words) / b.m.groupWords() }

func (b *Batch) group(i int) []uint64 {
	size := b.m.groupWords()
	return b.words[i*size : (i+1)*size : (i+1)*size]
}

func (b *Batch) mustMatch(others ...*Batch) {
	for _, o := range others {
		if !o.m.alike(b.m) || o.count != b.count {
			panic(fmt.Sprintf("kernel: batches of %d and %d numbers, or of two moduli", b.count, o.count))
		}
	}
}

// less tells whether big-endian a is below b, of the same length, in time that
// depends on the length.
func less(a, b []byte) bool {
	var borrow uint64
	for len(a) >= 8 {
		rest := len(a) - 8
		_, borrow = bits.Sub64(binary.BigEndian.Uint64(a[rest:]), binary.BigEndian.Uint64(b[rest:]), borrow)
		a, b = a[:rest], b[:rest]
	}
	for i := len(a) - 1; i >= 0; i-- {
		_, borrow = bits.Sub64(uint64(a[i]), uint64(b[i]), borrow)
	}
	return borrow == 1
}

// alignedWords returns n zero words that begin at a multiple of 64 bytes: a
// 512-bit load that crosses two cache lines costs two.
func alignedWords(n int) []uint64 {
	const line = 8
	words := make([]uint64, n+line-1)
	skip := 0
	if past := int(uintptr(unsafe.Pointer(unsafe.SliceData(words))) / 8 % line); past != 0 {
		skip = line - past
	}
	return words[skip : skip+n : skip+n]
}
