package kernel

import (
	"errors"
	"fmt"
	"math/big"
)

// Product returns a batch of one: the product of all numbers of b, 1 if there
// are none. They may be secret.
func (m *Modulus) Product(b *Batch) *Batch {
	scratch := m.borrow()
	defer m.giveBack(scratch)
	product := m.NewBatch(1)
	power := product.group(0)
	copy(power, m.one)
	for g := range b.groups() {
		m.core.mul(power, power, m.filledUp(b, g), *scratch)
	}
	m.foldLanes(power, *scratch)
	return product
}

// filledUp returns group g, with 1 where it has no numbers of the batch.
func (m *Modulus) filledUp(b *Batch, g int) []uint64 {
	lanes := m.core.lanes()
	held := min(lanes, b.count-g*lanes)
	if held == lanes {
		return b.group(g)
	}
	group := alignedWords(m.groupWords())
	copy(group, b.group(g))
	for k := range group {
		if k%lanes >= held {
			group[k] = m.one[k]
		}
	}
	return group
}

// foldLanes multiplies all lanes of a group into the first.
func (m *Modulus) foldLanes(group, scratch []uint64) {
	moved := alignedWords(len(group))
	for distance := m.core.lanes() / 2; distance > 0; distance /= 2 {
		copy(moved, group[distance:])
		m.core.mul(group, group, moved, scratch)
	}
}

// InvertVarTime sets dst[i] = 1/a[i], with one inversion for all (Montgomery
// 1987, section 10.3.1). dst may be a. The numbers are public. It refuses
// batches with a number that shares a factor with N.
func (m *Modulus) InvertVarTime(dst, a *Batch) error {
	dst.mustMatch(a)
	if a.count == 0 {
		return nil
	}
	scratch := m.borrow()
	defer m.giveBack(scratch)
	// before[g] is the product of the groups before g, lane by lane.
	before := alignedWords(m.groupWords() * dst.groups())
	size := m.groupWords()
	all := m.NewBatch(m.core.lanes())
	running := all.group(0)
	copy(running, m.one)
	for g := range a.groups() {
		copy(before[g*size:], running)
		m.core.mul(running, running, m.filledUp(a, g), *scratch)
	}
	if err := m.invertLanes(all); err != nil {
		return err
	}
	for g := a.groups() - 1; g >= 0; g-- {
		own := m.filledUp(a, g)
		inverse := alignedWords(size)
		m.core.mul(inverse, running, before[g*size:(g+1)*size], *scratch)
		m.core.mul(running, running, own, *scratch)
		copy(dst.group(g), inverse)
	}
	return nil
}

// invertLanes inverts the numbers of one group with one inversion.
func (m *Modulus) invertLanes(b *Batch) error {
	numbers := b.Ints()
	before := make([]*big.Int, len(numbers))
	running := big.NewInt(1)
	for i, x := range numbers {
		before[i] = running
		running = new(big.Int).Mul(running, x)
		running.Mod(running, m.square)
	}
	if running.ModInverse(running, m.square) == nil {
		return errors.New("invert numbers: one of them shares a factor with N")
	}
	for i := len(numbers) - 1; i >= 0; i-- {
		x := numbers[i]
		numbers[i] = new(big.Int).Mul(running, before[i])
		numbers[i].Mod(numbers[i], m.square)
		running.Mul(running, x).Mod(running, m.square)
	}
	return b.SetInts(numbers)
}

// ProductOfPowersVarTime returns a batch of one: ∏ᵢ bases[i]^exponents[i], 1 if
// there are none. Bases and exponents are public, exponents ≥ 0; the time
// depends on them.
//
// For many numbers Pippenger's buckets, a set in every lane, which the lanes'
// numbers go through independently (Bernstein, Doumen, Lange and Oosterwijk
// 2012); for fewer, Straus's interleaving in every lane.
func (m *Modulus) ProductOfPowersVarTime(bases *Batch, exponents []*big.Int) *Batch {
	if len(exponents) != bases.count {
		panic(fmt.Sprintf("kernel: %d exponents for %d numbers", len(exponents), bases.count))
	}
	length := maxBitLen(exponents)
	window := bucketWindow(length, bases.groups())
	if window == 0 {
		return m.interleaved(bases, exponents)
	}
	scratch := m.borrow()
	defer m.giveBack(scratch)
	product := m.NewBatch(1)
	power := product.group(0)
	copy(power, m.one)
	buckets := m.newBuckets(window)
	for bit := (length - 1) / window * window; bit >= 0; bit -= window {
		for range window {
			m.core.square(power, power, *scratch)
		}
		buckets.fill(bases, exponents, bit, *scratch)
		buckets.multiplyInto(power, *scratch)
	}
	m.foldLanes(power, *scratch)
	return product
}

// interleaved is ProductOfPowersVarTime with a table of sixteen powers for each
// group, and squarings that all groups share. Entries are picked in constant
// time because that is faster than gathering them from eight places.
func (m *Modulus) interleaved(bases *Batch, exponents []*big.Int) *Batch {
	const window = 4
	e := m.newExponentiation(window)
	defer e.close()
	tables := make([][]uint64, bases.groups())
	for g := range tables {
		tables[g] = alignedWords(len(e.table))
		e.fillTable(tables[g], bases.group(g))
	}
	product := m.NewBatch(1)
	power, lanes := product.group(0), len(e.index)
	copy(power, m.one)
	first := (maxBitLen(exponents) - 1) / window * window
	for bit := first; bit >= 0; bit -= window {
		for range window {
			m.core.square(power, power, *e.scratch)
		}
		for g, table := range tables {
			clear(e.index) // numbers that only fill up a group are left out
			for lane, x := range exponents[g*lanes : min((g+1)*lanes, len(exponents))] {
				e.index[lane] = bitsOf(x, bit, window)
			}
			m.core.pick(e.picked, table, e.index)
			m.core.mul(power, power, e.picked, *e.scratch)
		}
	}
	m.foldLanes(power, *e.scratch)
	return product
}

// bucketWindow returns the width of the window for which buckets need the fewest
// products, or 0 where interleaving needs fewer: for each group, a table of
// sixteen and a product and a half for each digit, reading the table included.
func bucketWindow(bits, groups int) int {
	best, bestCost := 0, groups*(bits/4+bits/8+16)
	for w := 2; w <= 10; w++ {
		if cost := (bits + w - 1) / w * (groups + 2<<w); cost+bits < bestCost {
			best, bestCost = w, cost+bits
		}
	}
	return best
}

// buckets holds, for each lane, the product of the numbers whose digit is v, for
// each v.
type buckets struct {
	m       *Modulus
	window  int
	words   []uint64 // 2^window groups
	picked  []uint64
	running []uint64
	index   []uint64
}

func (m *Modulus) newBuckets(window int) *buckets {
	size := m.groupWords()
	return &buckets{
		m: m, window: window, words: alignedWords(size << window),
		picked: alignedWords(size), running: alignedWords(size), index: make([]uint64, m.core.lanes()),
	}
}

// fill sorts the numbers by the digit of their exponents at bit. Numbers that
// only fill up a group have digit 0, which does not count.
func (b *buckets) fill(bases *Batch, exponents []*big.Int, bit int, scratch []uint64) {
	size, lanes := len(b.picked), len(b.index)
	for at := 0; at < len(b.words); at += size {
		copy(b.words[at:], b.m.one)
	}
	for g := range bases.groups() {
		clear(b.index)
		for lane, e := range exponents[g*lanes : min((g+1)*lanes, len(exponents))] {
			b.index[lane] = bitsOf(e, bit, b.window)
		}
		gather(b.picked, b.words, b.index)
		b.m.core.mul(b.picked, b.picked, bases.group(g), scratch)
		for lane, i := range b.index {
			to := b.words[int(i)*size:][:size]
			for k := lane; k < size; k += lanes {
				to[k] = b.picked[k]
			}
		}
	}
}

// multiplyInto multiplies power by ∏ᵥ bucket[v]^v: bucket v is in the running
// product v times.
func (b *buckets) multiplyInto(power, scratch []uint64) {
	size := len(b.picked)
	copy(b.running, b.m.one)
	for at := len(b.words) - size; at > 0; at -= size {
		b.m.core.mul(b.running, b.running, b.words[at:at+size], scratch)
		b.m.core.mul(power, power, b.running, scratch)
	}
}
