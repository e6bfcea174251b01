package paillier

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"

	"filippo.io/bigmod"
)

// This file is all arithmetic mod N², in batches, so that another kernel needs
// no other file. A batch holds public residues and a secretBatch secret ones:
// operations on the latter, and exponents given as bytes, take the same time for
// all values of one length. The rest says VarTime.

// arithmeticName names the kernel in benchmarks.
const arithmeticName = "bigmod"

// modulus is N² with what is precomputed for it. Safe for concurrent use.
type modulus struct {
	n, square *big.Int
	secret    *bigmod.Modulus
	factor    *bigmod.Nat // N
	size      int         // bytes of a residue mod N²
}

// batch is a list of public residues in [0, N²). It does not change.
type batch struct{ list []*big.Int }

// secretBatch is a list of residues of which nothing but the number is public.
type secretBatch []*bigmod.Nat

// newModulus prepares arithmetic modulo n²; n is odd and above 1.
func newModulus(n *big.Int) *modulus {
	square := new(big.Int).Mul(n, n)
	secret := modulusOf(square)
	return &modulus{n: n, square: square, secret: secret, factor: natOf(n.Bytes(), secret), size: 2 * bytesFor(n.BitLen())}
}

func (b batch) len() int { return len(b.list) }

// of is the batch of these residues in [0, N²).
func (m *modulus) of(values ...*big.Int) batch { return batch{values} }

// ints returns the residues, which the caller does not change.
func (m *modulus) ints(b batch) []*big.Int { return b.list }

// at is the batch of the one residue i.
func (m *modulus) at(b batch, i int) batch { return batch{b.list[i : i+1 : i+1]} }

// join is a, then b. a is not used afterwards.
func (m *modulus) join(a, b batch) batch { return batch{append(a.list, b.list...)} }

// decode reads units of m.size big-endian bytes each. It refuses values ≥ N² and
// what shares a factor with N, 0 among them.
func (m *modulus) decode(data []byte) (batch, error) {
	if len(data)%m.size != 0 {
		return batch{}, fmt.Errorf("%d bytes are not a number of residues of %d", len(data), m.size)
	}
	list := make([]*big.Int, len(data)/m.size)
	product, quotient := big.NewInt(1), new(big.Int)
	for i := range list {
		list[i] = new(big.Int).SetBytes(data[i*m.size : (i+1)*m.size])
		if list[i].Cmp(m.square) >= 0 {
			return batch{}, fmt.Errorf("number %d is not below N²", i)
		}
		product.Mul(product, list[i])
		quotient.QuoRem(product, m.n, product)
	}
	// One greatest common divisor for all of them.
	if new(big.Int).GCD(nil, nil, product, m.n).Cmp(one) != 0 {
		return batch{}, errors.New("a number shares a factor with N")
	}
	return batch{list}, nil
}

// appendTo appends the encodings of residues from…to−1 to dst, m.size bytes each.
func (m *modulus) appendTo(dst []byte, b batch, from, to int) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, (to-from)*m.size)...)
	for i, v := range b.list[from:to] {
		v.FillBytes(dst[at+i*m.size : at+(i+1)*m.size])
	}
	return dst
}

// mulVarTime returns the products of residues at the same place.
func (m *modulus) mulVarTime(a, b batch) batch {
	out := make([]*big.Int, a.len())
	parallel(len(out), func(i int) { out[i] = m.productVarTime(a.list[i], b.list[i]) })
	return batch{out}
}

func (m *modulus) productVarTime(a, b *big.Int) *big.Int {
	product := new(big.Int).Mul(a, b)
	_, product = new(big.Int).QuoRem(product, m.square, product)
	return product
}

// inverseVarTime returns inverses of units, with one inversion for all of them
// (Montgomery's trick).
func (m *modulus) inverseVarTime(b batch) batch {
	out := make([]*big.Int, b.len())
	running := big.NewInt(1)
	for i, v := range b.list {
		out[i] = running
		running = m.productVarTime(running, v)
	}
	running.ModInverse(running, m.square)
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = m.productVarTime(out[i], running)
		running = m.productVarTime(running, b.list[i])
	}
	return batch{out}
}

// powersVarTime returns, for every place i, the product over j of
// bases[j][i]^exponents[j]. Exponents are public and not negative. Straus: the
// squarings are shared.
func (m *modulus) powersVarTime(bases []batch, exponents []*big.Int) batch {
	out := make([]*big.Int, bases[0].len())
	if len(bases) == 1 { // one long exponent: a window pays
		parallel(len(out), func(i int) { out[i] = new(big.Int).Exp(bases[0].list[i], exponents[0], m.square) })
		return batch{out}
	}
	length := 0
	for _, e := range exponents {
		length = max(length, e.BitLen())
	}
	parallel(len(out), func(i int) {
		r := big.NewInt(1)
		for bit := length - 1; bit >= 0; bit-- {
			r = m.productVarTime(r, r)
			for j, e := range exponents {
				if e.Bit(bit) == 1 {
					r = m.productVarTime(r, bases[j].list[i])
				}
			}
		}
		out[i] = r
	})
	return batch{out}
}

// expVarTime returns b[i]^exponent for a public exponent that is not negative.
func (m *modulus) expVarTime(b batch, exponent *big.Int) batch {
	return m.powersVarTime([]batch{b}, []*big.Int{exponent})
}

// combinationVarTime returns the batch of one residue ∏ b[i]^weights[i], for
// public weights of weightSize bytes each, one behind the other. Pippenger: one
// bucket for each value of a byte.
func (m *modulus) combinationVarTime(b batch, weights []byte) batch {
	columns := make([]*big.Int, weightSize)
	parallel(weightSize, func(column int) {
		var buckets [256]*big.Int
		for i, v := range b.list {
			digit := weights[i*weightSize+column]
			if buckets[digit] == nil {
				buckets[digit] = v
			} else {
				buckets[digit] = m.productVarTime(buckets[digit], v)
			}
		}
		// ∏ buckets[d]^d: bucket d is in the running product d times.
		running, total := big.NewInt(1), big.NewInt(1)
		for digit := 255; digit > 0; digit-- {
			if buckets[digit] != nil {
				running = m.productVarTime(running, buckets[digit])
			}
			total = m.productVarTime(total, running)
		}
		columns[column] = total
	})
	r := big.NewInt(1)
	for _, total := range columns {
		for range 8 {
			r = m.productVarTime(r, r)
		}
		r = m.productVarTime(r, total)
	}
	return m.of(r)
}

// logarithmsVarTime returns x with b[i] = 1 + x·N. It refuses other residues.
func (m *modulus) logarithmsVarTime(b batch) ([]*big.Int, error) {
	out := make([]*big.Int, b.len())
	for i, v := range b.list {
		x, rest := new(big.Int).QuoRem(new(big.Int).Sub(v, one), m.n, new(big.Int))
		if rest.Sign() != 0 {
			return nil, fmt.Errorf("number %d is not a power of 1+N", i)
		}
		out[i] = x
	}
	return out, nil
}

// hide makes a secret batch of residues that were public.
func (m *modulus) hide(b batch) secretBatch {
	out := make(secretBatch, b.len())
	for i, v := range b.list {
		out[i] = natOf(v.FillBytes(make([]byte, m.size)), m.secret)
	}
	return out
}

// hideBytes makes a secret batch of big-endian numbers below N².
func (m *modulus) hideBytes(values [][]byte) secretBatch {
	out := make(secretBatch, len(values))
	for i, v := range values {
		out[i] = natOf(v, m.secret)
	}
	return out
}

// publish says that the residues may be known from here on.
func (m *modulus) publish(b secretBatch) batch {
	out := make([]*big.Int, len(b))
	for i, v := range b {
		limbs := v.Bits()
		words := make([]big.Word, len(limbs))
		for j, l := range limbs {
			words[j] = big.Word(l)
		}
		out[i] = new(big.Int).SetBits(words)
	}
	return batch{out}
}

// exp returns b[i]^exponents[i] for secret big-endian exponents of one length.
func (m *modulus) exp(b secretBatch, exponents [][]byte) secretBatch {
	out := make(secretBatch, len(b))
	parallel(len(b), func(i int) { out[i] = bigmod.NewNat().Exp(b[i], exponents[i], m.secret) })
	return out
}

// mul returns the products of secret residues at the same place.
func (m *modulus) mul(a, b secretBatch) secretBatch {
	out := make(secretBatch, len(a))
	parallel(len(a), func(i int) { out[i] = natOf(a[i].Bytes(m.secret), m.secret).Mul(b[i], m.secret) })
	return out
}

// onePlus returns 1 + x·N for big-endian messages x below N.
func (m *modulus) onePlus(messages [][]byte) secretBatch {
	out := m.hideBytes(messages)
	unit := natOf([]byte{1}, m.secret)
	parallel(len(out), func(i int) { out[i].Mul(m.factor, m.secret).Add(unit, m.secret) })
	return out
}

// fixedBase raises one public base to secret exponents: a table of the base to
// digit·2^(window·i) for each window i and digit, and one product for each
// window. Safe for concurrent use.
type fixedBase struct {
	modulus *modulus
	windows int
	limbs   int
	table   []uint // by window, digit, limb
}

// window is the number of exponent bits looked up at once. The whole row of
// 2^window entries is read, so that the memory access is the same for all
// digits: with a longer window reading costs more than a product saves.
const window = 5

// newFixedBase makes the table of a batch of one, for exponents of up to exponentBits bits:
// ⌈exponentBits/5⌉ rows of 32 residues, which is 3.4 MB for 1024 bits mod a
// 4096-bit N², and 7.6 MB for 1536 bits mod a 6144-bit N².
func (m *modulus) newFixedBase(base batch, exponentBits int) *fixedBase {
	limbs := len(m.factor.Bits())
	f := &fixedBase{modulus: m, windows: (exponentBits + window - 1) / window, limbs: limbs}
	f.table = make([]uint, f.windows<<window*limbs)
	step := base.list[0]
	for w := range f.windows {
		entry := big.NewInt(1)
		for digit := range 1 << window {
			row := f.table[(w<<window+digit)*limbs:]
			for i, word := range entry.Bits() {
				row[i] = uint(word)
			}
			entry = m.productVarTime(entry, step)
		}
		step = entry // step^32
	}
	return f
}

// exp returns base^exponents[i] for secret big-endian exponents.
func (f *fixedBase) exp(exponents [][]byte) secretBatch {
	out := make(secretBatch, len(exponents))
	parallel(len(out), func(i int) {
		r := f.lookup(0, digit(exponents[i], 0))
		for w := 1; w < f.windows; w++ {
			r.Mul(f.lookup(w, digit(exponents[i], w)), f.modulus.secret)
		}
		out[i] = r
	})
	return out
}

// lookup reads all entries of row w and keeps the one of the digit.
func (f *fixedBase) lookup(w int, digit uint) *bigmod.Nat {
	entry := bigmod.NewNat().ExpandFor(f.modulus.secret)
	limbs := entry.Bits()[:f.limbs]
	row := f.table[w<<window*f.limbs : (w+1)<<window*f.limbs]
	for d := range 1 << window {
		mask := -uint(subtle.ConstantTimeEq(int32(d), int32(digit)))
		for i, v := range row[d*f.limbs : (d+1)*f.limbs] {
			limbs[i] |= v & mask
		}
	}
	return entry
}

// digit is window w of a big-endian exponent, counted from its low end.
func digit(exponent []byte, w int) uint {
	at := w * window
	low := len(exponent) - 1 - at/8
	if low < 0 {
		return 0
	}
	pair := uint(exponent[low])
	if low > 0 {
		pair |= uint(exponent[low-1]) << 8
	}
	return pair >> (at % 8) & (1<<window - 1)
}

var one = big.NewInt(1)
