package paillier

import (
	"errors"
	"fmt"
	"math/big"

	"consilium/paillier/internal/kernel"
)

// This file and powers.go are all arithmetic mod N², in batches: package kernel
// computes, on eight numbers at once where the processor can. A batch holds
// public residues and a secretBatch secret ones: operations on the latter, and
// exponents given as bytes, take the same time for all values of one length. The
// rest says VarTime.
//
// Batches of one take the same kernel: eight numbers in lanes cost no more than
// one without. Up to eight numbers with kernel ifma, one with kernel adx:
//
//	bits  product          table, |N|/2 bits  r^N             partial decryption
//	1024  0.57 and 0.59 µs   68 and 88 µs      0.51 and 0.56 ms  1.3 and 1.3 ms
//	2048  1.9 and 2.0 µs    475 and 532 µs     3.6 and 3.7 ms    8.7 and 8.4 ms
//	3072  4.3 and 4.3 µs    1.5 and 1.7 ms    11.9 and 12.1 ms  27.3 and 27.1 ms
//
// So there is no count from which on the lanes pay, but two numbers already
// cost half. Independent powers go into one batch where there is a choice.

// lanes is the number of residues that cost as much as one. Work is divided at
// multiples of it.
const lanes = 8

// blockSize is the number of residues in a block of a batch, a multiple of lanes:
// enough that allocating one is little beside a product for each, and a block
// stays in the second-level cache.
const blockSize = 64

// modulus is N² with what is precomputed for it. Safe for concurrent use.
type modulus struct {
	n, square *big.Int
	kernel    *kernel.Modulus
	size      int // bytes of a residue mod N²
}

// batch is a list of public residues in [0, N²), in the kernel's form. It does
// not change.
type batch struct {
	count  int
	blocks []*kernel.Batch // of blockSize residues each, the last of 1…blockSize
}

// secretBatch is a batch of which nothing but the number of residues is public.
type secretBatch batch

// newModulus prepares arithmetic modulo n²; n is odd and above 1.
func newModulus(n *big.Int) *modulus {
	k, err := kernel.NewModulus(n)
	if err != nil {
		panic("paillier: " + err.Error()) // callers have checked n
	}
	return &modulus{n: n, square: new(big.Int).Mul(n, n), kernel: k, size: k.NumberBytes()}
}

func (b batch) len() int { return b.count }

// empty is room for count residues.
func (m *modulus) empty(count int) batch {
	b := batch{count: count}
	for from := 0; from < count; from += blockSize {
		b.blocks = append(b.blocks, m.kernel.NewBatch(min(blockSize, count-from)))
	}
	return b
}

// cut gives the residues in parts of up to size, a multiple of lanes, that share
// their memory with b. Batches of one length are cut alike.
func (b batch) cut(size int) []*kernel.Batch {
	var parts []*kernel.Batch
	for _, block := range b.blocks {
		for from := 0; from < block.Len(); from += size {
			parts = append(parts, block.Slice(from, min(from+size, block.Len())))
		}
	}
	return parts
}

// fill sets the residues of a new batch to big-endian numbers of m.size bytes
// each. It refuses values ≥ N².
func (m *modulus) fill(data []byte) (batch, error) {
	b := m.empty(len(data) / m.size)
	for i, block := range b.blocks {
		from := i * blockSize
		if err := block.SetBytes(data[from*m.size : (from+block.Len())*m.size]); err != nil {
			return batch{}, fmt.Errorf("from number %d on: %w", from, err)
		}
	}
	return b, nil
}

// of is the batch of these residues in [0, N²).
func (m *modulus) of(values ...*big.Int) batch {
	data := make([]byte, len(values)*m.size)
	for i, v := range values {
		v.FillBytes(data[i*m.size : (i+1)*m.size])
	}
	b, err := m.fill(data)
	if err != nil {
		panic("paillier: " + err.Error())
	}
	return b
}

// ints returns the residues.
func (m *modulus) ints(b batch) []*big.Int {
	out := make([]*big.Int, 0, b.count)
	for _, block := range b.blocks {
		out = append(out, block.Ints()...)
	}
	return out
}

// put sets residue i of a new batch to residue j of another.
func (b batch) put(i int, from batch, j int) {
	b.blocks[i/blockSize].Put(i%blockSize, from.blocks[j/blockSize], j%blockSize)
}

// flat are residues from…to−1 in one piece.
func (m *modulus) flat(b batch, from, to int) *kernel.Batch {
	out := batch{to - from, []*kernel.Batch{m.kernel.NewBatch(to - from)}}
	for i := range out.count {
		out.blocks[0].Put(i, b.blocks[(from+i)/blockSize], (from+i)%blockSize)
	}
	return out.blocks[0]
}

// slice is the batch of residues from…to−1, at most blockSize.
func (m *modulus) slice(b batch, from, to int) batch {
	return batch{to - from, []*kernel.Batch{m.flat(b, from, to)}}
}

// at is the batch of the one residue i.
func (m *modulus) at(b batch, i int) batch { return m.slice(b, i, i+1) }

// join is a, then b.
func (m *modulus) join(a, b batch) batch {
	whole := a.count / blockSize
	out := batch{a.count + b.count, a.blocks[:whole:whole]}
	if a.count%blockSize == 0 {
		out.blocks = append(out.blocks, b.blocks...)
		return out
	}
	rest := m.empty(out.count - whole*blockSize)
	for i := range a.count % blockSize {
		rest.put(i, a, whole*blockSize+i)
	}
	for i := range b.count {
		rest.put(a.count%blockSize+i, b, i)
	}
	out.blocks = append(out.blocks, rest.blocks...)
	return out
}

// decode reads units of m.size big-endian bytes each. It refuses values ≥ N² and
// what shares a factor with N, 0 among them.
func (m *modulus) decode(data []byte) (batch, error) {
	if len(data)%m.size != 0 {
		return batch{}, fmt.Errorf("%d bytes are not a number of residues of %d", len(data), m.size)
	}
	b, err := m.fill(data)
	if err != nil {
		return batch{}, err
	}
	// One greatest common divisor for all of them.
	product := m.ints(m.product(b))[0]
	if new(big.Int).GCD(nil, nil, product.Mod(product, m.n), m.n).Cmp(one) != 0 {
		return batch{}, errors.New("a number shares a factor with N")
	}
	return b, nil
}

// appendTo appends the encodings of residues from…to−1 to dst, m.size bytes each.
func (m *modulus) appendTo(dst []byte, b batch, from, to int) []byte {
	for from < to {
		block, at := b.blocks[from/blockSize], from%blockSize
		end := min(at+to-from, block.Len())
		first := at / lanes * lanes
		data := block.Slice(first, min((end+lanes-1)/lanes*lanes, block.Len())).Bytes()
		dst = append(dst, data[(at-first)*m.size:(end-first)*m.size]...)
		from += end - at
	}
	return dst
}

// mulVarTime returns the products of residues at the same place.
func (m *modulus) mulVarTime(a, b batch) batch {
	return batch(m.mul(secretBatch(a), secretBatch(b)))
}

// mul returns the products of secret residues at the same place.
func (m *modulus) mul(a, b secretBatch) secretBatch {
	out := m.empty(a.count)
	parallel(len(out.blocks), func(i int) { m.kernel.Mul(out.blocks[i], a.blocks[i], b.blocks[i]) })
	return secretBatch(out)
}

// product returns the batch of one residue that is the product of all.
func (m *modulus) product(b batch) batch {
	if b.count == 0 {
		return m.of(one)
	}
	factors := m.empty(len(b.blocks))
	for i, block := range b.blocks {
		factors.put(i, batch{1, []*kernel.Batch{m.kernel.Product(block)}}, 0)
	}
	if factors.count == 1 {
		return factors
	}
	return m.product(factors)
}

// inverseVarTime returns inverses of units, with one inversion for each block.
func (m *modulus) inverseVarTime(b batch) batch {
	out := m.empty(b.count)
	parallel(len(out.blocks), func(i int) {
		if err := m.kernel.InvertVarTime(out.blocks[i], b.blocks[i]); err != nil {
			panic("paillier: " + err.Error()) // what is read from others are units, and so are their powers
		}
	})
	return out
}

// logarithmsVarTime returns x with b[i] = 1 + x·N. It refuses other residues.
func (m *modulus) logarithmsVarTime(b batch) ([]*big.Int, error) {
	out := m.ints(b)
	rest := new(big.Int)
	for i, v := range out {
		v.QuoRem(v.Sub(v, one), m.n, rest)
		if rest.Sign() != 0 {
			return nil, fmt.Errorf("number %d is not a power of 1+N", i)
		}
	}
	return out, nil
}

// hideBytes makes a secret batch of big-endian numbers below N².
func (m *modulus) hideBytes(values [][]byte) secretBatch {
	b, err := m.fill(aligned(values, m.size))
	if err != nil {
		panic("paillier: " + err.Error())
	}
	return secretBatch(b)
}

// aligned are the big-endian numbers with size bytes each, one behind the other.
func aligned(values [][]byte, size int) []byte {
	data := make([]byte, len(values)*size)
	for i, v := range values {
		copy(data[(i+1)*size-len(v):], v)
	}
	return data
}

// onePlus returns 1 + x·N for big-endian messages x below N.
func (m *modulus) onePlus(messages [][]byte) secretBatch {
	out := m.empty(len(messages))
	for i, block := range out.blocks {
		own := messages[i*blockSize:][:block.Len()]
		if err := m.kernel.OnePlusN(block, aligned(own, m.kernel.HalfBytes())); err != nil {
			panic("paillier: " + err.Error()) // callers have checked that x < N
		}
	}
	return secretBatch(out)
}

// hide makes a secret batch of residues that were public.
func (m *modulus) hide(b batch) secretBatch { return secretBatch(b) }

// publish says that the residues may be known from here on.
func (m *modulus) publish(b secretBatch) batch { return batch(b) }

var one = big.NewInt(1)
