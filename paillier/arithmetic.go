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

// batch is a list of public residues in [0, N²).
type batch []*big.Int

// secretBatch is a list of residues of which nothing but the number is public.
type secretBatch []*bigmod.Nat

// newModulus prepares arithmetic modulo n²; n is odd and above 1.
func newModulus(n *big.Int) *modulus {
	square := new(big.Int).Mul(n, n)
	secret := modulusOf(square)
	return &modulus{n: n, square: square, secret: secret, factor: natOf(n.Bytes(), secret), size: 2 * bytesFor(n.BitLen())}
}

// decode appends residues of m.size big-endian bytes each to b. It refuses
// values ≥ N²; unitsVarTime refuses what has no inverse.
func (m *modulus) decode(b batch, data []byte) (batch, error) {
	if len(data)%m.size != 0 {
		return nil, fmt.Errorf("%d bytes are not a number of residues of %d", len(data), m.size)
	}
	for ; len(data) > 0; data = data[m.size:] {
		v := new(big.Int).SetBytes(data[:m.size])
		if v.Cmp(m.square) >= 0 {
			return nil, fmt.Errorf("number %d is not below N²", len(b))
		}
		b = append(b, v)
	}
	return b, nil
}

// appendTo appends the encodings of b to dst, m.size bytes each.
func (m *modulus) appendTo(dst []byte, b batch) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, len(b)*m.size)...)
	for i, v := range b {
		v.FillBytes(dst[at+i*m.size : at+(i+1)*m.size])
	}
	return dst
}

// unitsVarTime refuses residues that share a factor with N, 0 among them: one
// greatest common divisor for the whole batch.
func (m *modulus) unitsVarTime(b batch) error {
	product, quotient := big.NewInt(1), new(big.Int)
	for _, v := range b {
		product.Mul(product, v)
		quotient.QuoRem(product, m.n, product)
	}
	if new(big.Int).GCD(nil, nil, product, m.n).Cmp(one) != 0 {
		return errors.New("a number shares a factor with N")
	}
	return nil
}

// mulVarTime returns the products of residues at the same place.
func (m *modulus) mulVarTime(a, b batch) batch {
	out := make(batch, len(a))
	parallel(len(a), func(i int) { out[i] = m.productVarTime(a[i], b[i]) })
	return out
}

func (m *modulus) productVarTime(a, b *big.Int) *big.Int {
	product := new(big.Int).Mul(a, b)
	_, product = new(big.Int).QuoRem(product, m.square, product)
	return product
}

// inverseVarTime returns inverses of units, with one inversion for all of them
// (Montgomery's trick).
func (m *modulus) inverseVarTime(b batch) batch {
	out := make(batch, len(b))
	running := big.NewInt(1)
	for i, v := range b {
		out[i] = running
		running = m.productVarTime(running, v)
	}
	running.ModInverse(running, m.square)
	for i := len(b) - 1; i >= 0; i-- {
		out[i] = m.productVarTime(out[i], running)
		running = m.productVarTime(running, b[i])
	}
	return out
}

// powersVarTime returns, for every place i, the product over j of
// bases[j][i]^exponents[j]. Exponents are public and not negative. Straus: the
// squarings are shared.
func (m *modulus) powersVarTime(bases []batch, exponents []*big.Int) batch {
	if len(bases) == 1 { // one long exponent: a window pays
		out := make(batch, len(bases[0]))
		parallel(len(out), func(i int) { out[i] = new(big.Int).Exp(bases[0][i], exponents[0], m.square) })
		return out
	}
	length := 0
	for _, e := range exponents {
		length = max(length, e.BitLen())
	}
	out := make(batch, len(bases[0]))
	parallel(len(out), func(i int) {
		r := big.NewInt(1)
		for bit := length - 1; bit >= 0; bit-- {
			r = m.productVarTime(r, r)
			for j, e := range exponents {
				if e.Bit(bit) == 1 {
					r = m.productVarTime(r, bases[j][i])
				}
			}
		}
		out[i] = r
	})
	return out
}

// mulSmallVarTime returns b[i]^w for a public w.
func (m *modulus) mulSmallVarTime(b batch, w uint64) batch {
	return m.powersVarTime([]batch{b}, []*big.Int{new(big.Int).SetUint64(w)})
}

// combinationVarTime returns the batch of one residue ∏ b[i]^weights[i], for
// public weights of weightSize bytes each, one behind the other. Pippenger: one
// bucket for each value of a byte.
func (m *modulus) combinationVarTime(b batch, weights []byte) batch {
	columns := make([]*big.Int, weightSize)
	parallel(weightSize, func(column int) {
		var buckets [256]*big.Int
		for i, v := range b {
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
	return batch{r}
}

// logarithmsVarTime returns x with b[i] = 1 + x·N. It refuses other residues.
func (m *modulus) logarithmsVarTime(b batch) ([]*big.Int, error) {
	out := make([]*big.Int, len(b))
	for i, v := range b {
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
	out := make(secretBatch, len(b))
	for i, v := range b {
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
	out := make(batch, len(b))
	for i, v := range b {
		limbs := v.Bits()
		words := make([]big.Word, len(limbs))
		for j, l := range limbs {
			words[j] = big.Word(l)
		}
		out[i] = new(big.Int).SetBits(words)
	}
	return out
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

// newFixedBase makes the table for exponents of up to exponentBits bits:
// ⌈exponentBits/5⌉ rows of 32 residues, which is 3.4 MB for 1024 bits mod a
// 4096-bit N², and 7.6 MB for 1536 bits mod a 6144-bit N².
func (m *modulus) newFixedBase(base *big.Int, exponentBits int) *fixedBase {
	limbs := len(m.factor.Bits())
	f := &fixedBase{modulus: m, windows: (exponentBits + window - 1) / window, limbs: limbs}
	f.table = make([]uint, f.windows<<window*limbs)
	step := base
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
