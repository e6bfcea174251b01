package kernel

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"testing"
)

// stream is a deterministic source of bytes for tests.
type stream struct {
	seed    string
	counter uint64
}

func (s *stream) bytes(n int) []byte {
	var out []byte
	for len(out) < n {
		s.counter++
		block := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(s.seed), s.counter))
		out = append(out, block[:]...)
	}
	return out[:n]
}

// below returns a number below limit.
func (s *stream) below(limit *big.Int) *big.Int {
	x := new(big.Int).SetBytes(s.bytes((limit.BitLen() + 71) / 8))
	return x.Mod(x, limit)
}

// odd returns an odd number of exactly bits bits.
func (s *stream) odd(bits int) *big.Int {
	top := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	x := s.below(top)
	return x.Add(x, top).SetBit(x, 0, 1)
}

// edges returns the numbers modulo n² where carries and halves meet.
func edges(n *big.Int) []*big.Int {
	square := new(big.Int).Mul(n, n)
	var out []*big.Int
	for _, around := range []*big.Int{new(big.Int), n, square, new(big.Int).Rsh(square, 1), new(big.Int).Lsh(n, uint(n.BitLen()-1))} {
		for d := int64(-2); d <= 2; d++ {
			x := new(big.Int).Add(around, big.NewInt(d))
			out = append(out, x.Mod(x, square))
		}
	}
	for bit := 0; bit < square.BitLen(); bit += square.BitLen()/8 + 1 {
		out = append(out, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bit)), big.NewInt(1)))
	}
	return out
}

// moduli returns an N of each shape: random, all ones, one and zeros.
func moduli(bits int) []*big.Int {
	random := (&stream{seed: fmt.Sprint("modulus", bits)}).odd(bits)
	ones := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1))
	power := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
	return []*big.Int{random, ones, power}
}

// onEveryKernel runs a test for each kernel of this machine.
func onEveryKernel(t *testing.T, test func(t *testing.T, kernel string)) {
	for _, kernel := range Kernels() {
		t.Run(kernel, func(t *testing.T) { test(t, kernel) })
	}
}

func mustModulus(t testing.TB, kernel string, n *big.Int) *Modulus {
	t.Helper()
	m, err := NewModulusOn(kernel, n)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustBatch(t testing.TB, m *Modulus, numbers []*big.Int) *Batch {
	t.Helper()
	b := m.NewBatch(len(numbers))
	if err := b.SetInts(numbers); err != nil {
		t.Fatal(err)
	}
	return b
}

// wantNumbers compares a batch with what math/big says.
func wantNumbers(t *testing.T, b *Batch, want func(i int) *big.Int) {
	t.Helper()
	for i, got := range b.Ints() {
		if w := want(i); got.Cmp(w) != 0 {
			t.Fatalf("number %d of %d is %x, want %x", i, b.Len(), got, w)
		}
	}
}
