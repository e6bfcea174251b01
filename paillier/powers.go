package paillier

import (
	"math/big"

	"consilium/paillier/internal/kernel"
)

// exp returns b[i]^exponents[i] for secret big-endian exponents, or
// b[i]^exponents[0] where there is one only.
func (m *modulus) exp(b secretBatch, exponents [][]byte) secretBatch {
	out := m.empty(b.count)
	from, to := batch(b).cut(lanes), out.cut(lanes)
	parallel(len(to), func(i int) { m.kernel.Exp(to[i], from[i], forPart(exponents, i)) })
	return secretBatch(out)
}

// forPart are the exponents of part i of a batch that is cut into lanes.
func forPart[E any](exponents []E, i int) []E {
	if len(exponents) == 1 {
		return exponents
	}
	return exponents[i*lanes : min((i+1)*lanes, len(exponents))]
}

// expVarTime returns b[i]^exponents[i] for public exponents that are not
// negative, or b[i]^exponents[0] where there is one only.
func (m *modulus) expVarTime(b batch, exponents ...*big.Int) batch {
	return batch(m.expPublicVarTime(secretBatch(b), exponents...))
}

// expPublicVarTime is expVarTime for secret residues: time depends on the
// exponents, which are public, and not on the residues.
func (m *modulus) expPublicVarTime(b secretBatch, exponents ...*big.Int) secretBatch {
	out := m.empty(b.count)
	from, to := batch(b).cut(lanes), out.cut(lanes)
	parallel(len(to), func(i int) { m.kernel.ExpVarTime(to[i], from[i], forPart(exponents, i)) })
	return secretBatch(out)
}

// powersVarTime returns, for every place i, the product over j of
// bases[j][i]^exponents[j]. Exponents are public and not negative.
func (m *modulus) powersVarTime(bases []batch, exponents []*big.Int) batch {
	out := m.empty(bases[0].count)
	to := out.cut(lanes)
	from := make([][]*kernel.Batch, len(to)) // by part, by base
	for _, b := range bases {
		for i, part := range b.cut(lanes) {
			from[i] = append(from[i], part)
		}
	}
	parallel(len(to), func(i int) { m.kernel.MultiExpVarTime(to[i], from[i], exponents) })
	return out
}

// combinationVarTime returns the batch of one residue ∏ b[i]^weights[i], for
// public weights of weightSize bytes each, one behind the other.
func (m *modulus) combinationVarTime(b batch, weights []byte) batch {
	exponents := make([]*big.Int, b.count)
	for i := range exponents {
		exponents[i] = new(big.Int).SetBytes(weights[i*weightSize : (i+1)*weightSize])
	}
	share := shareOfWork(b.count)
	factors := m.empty((b.count + share - 1) / share)
	parallel(factors.count, func(i int) {
		from, to := i*share, min((i+1)*share, b.count)
		power := m.kernel.ProductOfPowersVarTime(m.flat(b, from, to), exponents[from:to])
		factors.put(i, batch{1, []*kernel.Batch{power}}, 0)
	})
	return m.product(factors)
}

// fixedBase raises one public base to secret exponents with a table. Safe for
// concurrent use.
type fixedBase struct {
	modulus *modulus
	table   *kernel.FixedBase
}

// window is the number of exponent bits looked up at once. The kernel is a tenth
// faster with 6 at most, for a table that is 1.7 times as large and as long in
// the making (docs/performance.md).
const window = 5

// newFixedBase makes the table of a batch of one, for exponents of up to
// exponentBits bits: ⌈exponentBits/5⌉ rows of 32 residues.
func (m *modulus) newFixedBase(base batch, exponentBits int) *fixedBase {
	table, err := kernel.NewFixedBase(m.kernel, m.ints(base)[0], exponentBits, window)
	if err != nil {
		panic("paillier: " + err.Error()) // a residue below N², exponents of 1 bit or more
	}
	return &fixedBase{m, table}
}

// exp returns base^exponents[i] for secret big-endian exponents of one length.
func (f *fixedBase) exp(exponents [][]byte) secretBatch {
	out := f.modulus.empty(len(exponents))
	parts := out.cut(min(shareOfWork(out.count), blockSize))
	first := make([]int, len(parts)+1)
	for i, part := range parts {
		first[i+1] = first[i] + part.Len()
	}
	parallel(len(parts), func(i int) {
		if err := f.table.Exp(parts[i], exponents[first[i]:first[i+1]]); err != nil {
			panic("paillier: " + err.Error()) // callers know what the table is made for
		}
	})
	return secretBatch(out)
}
