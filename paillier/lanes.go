package paillier

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
)

// MaxLaneProof is how many ciphertexts one LaneProof or AffineProof covers, and
// how many terms an answer has, at most.
const MaxLaneProof = 1 << countLog

const countLog = 10

// Lanes says how numbers of Value bits lie side by side in a plaintext so that a
// party that does not have the key can multiply them by a number of as many bits,
// one for the whole plaintext, and hide what it adds: SPDZ's triples and MACs.
// A plaintext has Count lanes.
//
// Widths, in bits, with h = 128 for hiding and c = 10 for counts up to 1024:
//
//	proven = Value + c + h + 1           what a LaneProof shows of a lane
//	masked = proven + Value + c + h      a mask hides a sum of 2ᶜ products by h bits
//	shown  = masked + c + h + 1          what an AffineProof shows of a mask
//	width  = shown + 2                   product plus mask, and a sign
//
// So whatever passes the proofs, no lane runs into the next and no plaintext
// around N: an answer is an affine function of the lanes over the integers. That
// is what keeps a selective failure away: an answer that overflows for some
// secrets only would tell, by being caught or not, which they are.
type Lanes struct{ Value, Count int }

// NewLanes lays out lanes for numbers of so many bits under a key of so many.
func NewLanes(keyBits, value int) (Lanes, error) {
	l := Lanes{Value: value}
	if value < 1 || value > 256 {
		return l, fmt.Errorf("lanes: numbers of %d bits are not in 1…256", value)
	}
	if l.Count = (keyBits - 2) / l.width(); l.Count < 1 {
		return l, fmt.Errorf("lanes: numbers of %d bits take a key of %d bits, not %d", value, l.width()+2, keyBits)
	}
	return l, nil
}

func (l Lanes) proven() int { return l.Value + countLog + hidingBits + 1 }
func (l Lanes) masked() int { return l.proven() + l.Value + countLog + hidingBits }
func (l Lanes) shown() int  { return l.masked() + countLog + hidingBits + 1 }
func (l Lanes) width() int  { return l.shown() + 2 }

// pack is Σ lanes[i]·2^(i·width).
func (l Lanes) pack(lanes []*big.Int) *big.Int {
	sum := new(big.Int)
	for i := len(lanes) - 1; i >= 0; i-- {
		sum.Add(sum.Lsh(sum, uint(l.width())), lanes[i])
	}
	return sum
}

// unpack finds the lanes, each in [−2^(width−1), 2^(width−1)), of a plaintext mod n.
func (l Lanes) unpack(plaintext, n *big.Int) []*big.Int {
	rest := new(big.Int).Set(plaintext)
	if new(big.Int).Lsh(rest, 1).Cmp(n) > 0 {
		rest.Sub(rest, n)
	}
	half := new(big.Int).Lsh(one, uint(l.width()-1))
	mask := new(big.Int).Sub(new(big.Int).Lsh(half, 1), one)
	lanes := make([]*big.Int, l.Count)
	for i := range lanes {
		rest.Add(rest, half)
		lanes[i] = new(big.Int).And(rest, mask)
		lanes[i].Sub(lanes[i], half)
		rest.Rsh(rest, uint(l.width()))
	}
	return lanes
}

// messages packs rows of lanes into plaintexts of k.size bytes.
func (k *PublicKey) messages(l Lanes, rows [][]*big.Int) [][]byte {
	out := make([][]byte, len(rows))
	for i, lanes := range rows {
		out[i] = l.pack(lanes).FillBytes(make([]byte, k.size))
	}
	return out
}

// LaneWitness is what the maker of ciphertexts with lanes knows of them. It is
// secret, and never printed.
type LaneWitness struct {
	lanes [][]*big.Int
	roots [][]byte // r of (1+N)^m·r^N, of the length of N
}

// Len is the number of ciphertexts.
func (w *LaneWitness) Len() int { return len(w.lanes) }

// Slice is the witness of ciphertexts from…to−1.
func (w *LaneWitness) Slice(from, to int) *LaneWitness {
	return &LaneWitness{w.lanes[from:to], w.roots[from:to]}
}

// Format hides the witness from every verb of fmt.
func (LaneWitness) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue hides the witness from slog.
func (LaneWitness) LogValue() slog.Value { return slog.StringValue(redacted) }

// EncryptLanes encrypts rows of up to l.Count numbers 0 ≤ v < 2^Value, a
// ciphertext each, by the textbook: (1+N)^m·r^N, which takes no assumption beyond
// Paillier's. It reads ⌈|N|/8⌉+16 bytes a ciphertext from random.
//
// Sums and products of lanes are math/big's here and in the proofs: their time
// depends on lengths in words, powers take the same for all secrets.
func (k *PublicKey) EncryptLanes(random io.Reader, l Lanes, rows [][]*big.Int) (*Ciphertexts, *LaneWitness, error) {
	w := &LaneWitness{}
	for i, row := range rows {
		if len(row) > l.Count {
			return nil, nil, fmt.Errorf("encrypt lanes: row %d has %d numbers for %d lanes", i, len(row), l.Count)
		}
		full := make([]*big.Int, l.Count)
		for j := range full {
			full[j] = new(big.Int)
			if j < len(row) {
				full[j].Set(row[j])
			}
			if full[j].Sign() < 0 || full[j].BitLen() > l.Value {
				return nil, nil, fmt.Errorf("encrypt lanes: a number of row %d is not in [0, 2^%d)", i, l.Value)
			}
		}
		w.lanes = append(w.lanes, full)
	}
	var err error
	if w.roots, err = k.drawRoots(random, len(rows)); err != nil {
		return nil, nil, fmt.Errorf("encrypt lanes: %w", err)
	}
	return k.encryptWith(k.messages(l, w.lanes), w.roots), w, nil
}

func (k *PublicKey) drawRoots(random io.Reader, count int) ([][]byte, error) {
	roots := make([][]byte, count)
	n := modulusOf(k.n)
	for i := range roots {
		wide, err := read(random, k.size+16)
		if err != nil {
			return nil, err
		}
		roots[i] = reduced(wide, n).Bytes(n)
	}
	return roots, nil
}

// DecryptLanes opens ciphertexts to their lanes, each of which may be negative.
func (k *PrivateKey) DecryptLanes(l Lanes, c *Ciphertexts) ([][]*big.Int, error) {
	plaintexts, err := k.Decrypt(c)
	if err != nil {
		return nil, err
	}
	rows := make([][]*big.Int, len(plaintexts))
	for i, m := range plaintexts {
		rows[i] = l.unpack(m, k.public.n)
	}
	return rows, nil
}

// selected is the product of the residues whose bit is set, in the same time for
// all residues.
func (m *modulus) selected(b batch, bits []byte) batch {
	count := 0
	for i := range b.count {
		count += int(bit(bits, i))
	}
	chosen, at := m.empty(count), 0
	for i := range b.count {
		if bit(bits, i) == 1 {
			chosen.put(at, b, i)
			at++
		}
	}
	return m.product(chosen)
}

func bit(bits []byte, i int) byte { return bits[i/8] >> (i % 8) & 1 }

// modN takes residues mod N² to big-endian numbers mod N, in the same time for
// all.
func (k *PublicKey) modN(b batch) [][]byte {
	n := modulusOf(k.n)
	out := make([][]byte, b.count)
	for i := range out {
		out[i] = reduced(k.modulus.appendTo(nil, b, i, i+1), n).Bytes(n)
	}
	return out
}

// drawBelow cuts numbers below 2^bits out of random bytes, rows of count.
func drawBelow(wide []byte, bits, rows, count int) [][]*big.Int {
	size := bytesFor(bits)
	out := make([][]*big.Int, rows)
	for i := range out {
		for range count {
			v := new(big.Int).SetBytes(wide[:size])
			out[i] = append(out[i], v.Rsh(v, uint(8*size-bits)))
			wide = wide[size:]
		}
	}
	return out
}

// fixedBytes encodes numbers that are not negative with size bytes each.
func fixedBytes(rows [][]*big.Int, size int) []byte {
	var out []byte
	for _, row := range rows {
		for _, v := range row {
			out = append(out, v.FillBytes(make([]byte, size))...)
		}
	}
	return out
}

// fields cuts an encoding into fields of fixed lengths.
type fields struct{ rest []byte }

func (f *fields) take(size int) []byte {
	field := f.rest[:size:size]
	f.rest = f.rest[size:]
	return field
}

// numbers reads rows of count numbers below 2^bits.
func (f *fields) numbers(bits, rows, count int) ([][]*big.Int, error) {
	out := make([][]*big.Int, rows)
	for i := range out {
		for range count {
			v := new(big.Int).SetBytes(f.take(bytesFor(bits)))
			if v.BitLen() > bits {
				return nil, errors.New("a number is out of range")
			}
			out[i] = append(out[i], v)
		}
	}
	return out, nil
}

// roots reads units mod N.
func (f *fields) roots(k *PublicKey, count int) ([][]byte, error) {
	out, product := make([][]byte, count), big.NewInt(1)
	for i := range out {
		out[i] = f.take(k.size)
		v := new(big.Int).SetBytes(out[i])
		if v.Cmp(k.n) >= 0 {
			return nil, errors.New("a root is not below N")
		}
		product.Mod(product.Mul(product, v), k.n)
	}
	if new(big.Int).GCD(nil, nil, product, k.n).Cmp(one) != 0 {
		return nil, errors.New("a root shares a factor with N")
	}
	return out, nil
}
