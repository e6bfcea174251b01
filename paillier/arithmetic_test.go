package paillier

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"
)

// residues are units mod N², the same in every run.
func residues(t *testing.T, m *modulus, count int) []*big.Int {
	t.Helper()
	random := seeded(fmt.Sprint("residues ", count))
	out := make([]*big.Int, count)
	for i := range out {
		data, err := read(random, m.size)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = new(big.Int).Mod(new(big.Int).SetBytes(data), m.square)
	}
	return out
}

// Batches of every length around a group of eight and a block, against math/big.
func TestBatches(t *testing.T) {
	key := testPrivateKey(t).Public()
	m := key.modulus
	for _, count := range []int{1, 7, 8, 9, 63, 64, 65, 130, 200} {
		values := residues(t, m, count)
		b := m.of(values...)
		product, exponents, weights := big.NewInt(1), make([]*big.Int, count), []byte{}
		combination := big.NewInt(1)
		want := map[string][]*big.Int{"squares": nil, "inverses": nil, "powers": nil}
		for i, v := range values {
			product = key.times(product, v)
			weight := bytes.Repeat([]byte{byte(i * 77)}, weightSize)
			weights = append(weights, weight...)
			exponents[i] = new(big.Int).SetBytes(weight)
			power := new(big.Int).Exp(v, exponents[i], m.square)
			combination = key.times(combination, power)
			want["squares"] = append(want["squares"], key.times(v, v))
			want["inverses"] = append(want["inverses"], new(big.Int).ModInverse(v, m.square))
			want["powers"] = append(want["powers"], power)
		}
		for name, got := range map[string]batch{
			"squares":  m.mulVarTime(b, b),
			"inverses": m.inverseVarTime(b),
			"powers":   m.expVarTime(b, exponents...),
		} {
			if !sameInts(m.ints(got), want[name]) {
				t.Errorf("%d residues: wrong %s", count, name)
			}
		}
		if got := m.ints(m.product(b))[0]; got.Cmp(product) != 0 {
			t.Errorf("%d residues: the product is %x, want %x", count, got, product)
		}
		if got := m.ints(m.combinationVarTime(b, weights))[0]; got.Cmp(combination) != 0 {
			t.Errorf("%d residues: the combination is %x, want %x", count, got, combination)
		}
	}
}

// A part or a whole made of parts has the same bytes, wherever it is cut.
func TestBatchesCutAndJoined(t *testing.T) {
	m := testPrivateKey(t).Public().modulus
	values := residues(t, m, 200)
	whole := m.of(values...)
	data := m.appendTo(nil, whole, 0, 200)
	for _, cut := range []int{0, 1, 8, 63, 64, 65, 85, 128, 170, 200} {
		joined := m.join(m.of(values[:cut]...), m.of(values[cut:]...))
		if !bytes.Equal(m.appendTo(nil, joined, 0, 200), data) || !sameInts(m.ints(joined), values) {
			t.Errorf("joined at %d: another batch", cut)
		}
		for _, to := range []int{cut, cut + 1, cut + 64, 200} {
			to = min(to, 200)
			if got := m.appendTo(nil, joined, cut, to); !bytes.Equal(got, data[cut*m.size:to*m.size]) {
				t.Errorf("encoded from %d to %d: other bytes", cut, to)
			}
		}
		if cut < 200 {
			end := min(cut+2, 200)
			if !sameInts(m.ints(m.slice(whole, cut, end)), values[cut:end]) {
				t.Errorf("residues %d to %d are others", cut, end)
			}
		}
	}
}

// The table gives what an exponentiation gives, for exponents of every length
// that is in use, on all threads.
func TestFixedBase(t *testing.T) {
	m := testPrivateKey(t).Public().modulus
	base := residues(t, m, 1)[0]
	f := m.newFixedBase(m.of(base), 680)
	for _, length := range []int{1, 32, 85} {
		exponents, want := make([][]byte, 150), make([]*big.Int, 150)
		random := seeded("exponents")
		for i := range exponents {
			var err error
			if exponents[i], err = read(random, length); err != nil {
				t.Fatal(err)
			}
			want[i] = new(big.Int).Exp(base, new(big.Int).SetBytes(exponents[i]), m.square)
		}
		if got := m.ints(m.publish(f.exp(exponents))); !sameInts(got, want) {
			t.Errorf("exponents of %d bytes: wrong powers", length)
		}
	}
}
