package kernel

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
)

// Sizes around every boundary of limbs (64, 256), digits (52, 520) and slack.
var sizes = []int{64, 65, 104, 127, 128, 255, 256, 257, 510, 512, 513, 514, 516, 517, 520, 521, 768, 1000, 1024, 1033, 1034, 1035, 1536, 2048}

func TestMulAndSquareAreThoseOfMathBig(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		for _, bits := range sizes {
			for shape, n := range moduli(bits) {
				m := mustModulus(t, kernel, n)
				numbers := edges(n)
				a := mustBatch(t, m, numbers)
				wantNumbers(t, a, func(i int) *big.Int { return numbers[i] })
				square := m.NewBatch(a.Len())
				m.Square(square, a)
				wantNumbers(t, square, func(i int) *big.Int { return productOf(m, numbers[i], numbers[i]) })
				// Every pair, by rotating one of the factors.
				for shift := 1; shift < len(numbers); shift += 1 + shape*3 {
					turned := slices.Concat(numbers[shift:], numbers[:shift])
					b := mustBatch(t, m, turned)
					m.Mul(b, a, b)
					wantNumbers(t, b, func(i int) *big.Int { return productOf(m, numbers[i], turned[i]) })
				}
			}
		}
	})
}

// Halves grow and shrink: what one operation leaves is fit for the next one.
func TestLongChains(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		for _, bits := range []int{64, 512, 514, 520, 1024, 3072} {
			for _, n := range moduli(bits) {
				m := mustModulus(t, kernel, n)
				want := edges(n)
				a, first := mustBatch(t, m, want), mustBatch(t, m, want)
				for range 40 {
					m.Square(a, a)
					m.Mul(a, first, a)
				}
				exponent := big.NewInt(1<<41 - 1)
				wantNumbers(t, a, func(i int) *big.Int { return new(big.Int).Exp(want[i], exponent, m.square) })
			}
		}
	})
}

func TestBatchesOfEveryCount(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		s := &stream{seed: "counts"}
		m := mustModulus(t, kernel, s.odd(512))
		for count := range 19 {
			numbers := make([]*big.Int, count)
			exponents := make([]*big.Int, count)
			keys := make([][]byte, count)
			for i := range numbers {
				numbers[i], exponents[i] = s.below(m.square), s.below(big.NewInt(1<<60))
				keys[i] = exponents[i].Bytes() // of various lengths
			}
			a, b := mustBatch(t, m, numbers), m.NewBatch(count)
			power := func(i int) *big.Int { return new(big.Int).Exp(numbers[i], exponents[i], m.square) }
			m.Exp(b, a, keys)
			wantNumbers(t, b, power)
			m.ExpVarTime(b, a, exponents)
			wantNumbers(t, b, power)
			m.Mul(a, a, a)
			wantNumbers(t, a, func(i int) *big.Int { return productOf(m, numbers[i], numbers[i]) })
		}
	})
}

func TestBytes(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		for _, bits := range []int{64, 67, 511, 512, 1001, 2048} {
			s := &stream{seed: fmt.Sprint("bytes", bits)}
			m := mustModulus(t, kernel, s.odd(bits))
			if m.NumberBytes() != 2*((bits+7)/8) {
				t.Fatalf("numbers have %d bytes at %d bits", m.NumberBytes(), bits)
			}
			var data []byte
			for range 11 {
				data = append(data, s.below(m.square).FillBytes(make([]byte, m.NumberBytes()))...)
			}
			b := m.NewBatch(11)
			if err := b.SetBytes(data); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), data) {
				t.Errorf("at %d bits the bytes change on their way through the kernel", bits)
			}
			copy(data[10*m.NumberBytes():], m.limit)
			if b.SetBytes(data) == nil {
				t.Errorf("at %d bits N² is accepted as a number below N²", bits)
			}
			if b.SetBytes(data[1:]) == nil || b.SetInts([]*big.Int{big.NewInt(1)}) == nil {
				t.Error("too few numbers are accepted")
			}
		}
	})
}

func TestIntsOutOfRange(t *testing.T) {
	m := mustModulus(t, Portable, (&stream{seed: "range"}).odd(65))
	for _, x := range []*big.Int{big.NewInt(-1), m.square, new(big.Int).Lsh(m.square, 100)} {
		if m.NewBatch(1).SetInts([]*big.Int{x}) == nil {
			t.Errorf("%d is accepted as a number below N²", x)
		}
	}
}

func TestOnePlusN(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		for _, bits := range []int{65, 512, 1024} {
			s := &stream{seed: fmt.Sprint("messages", bits)}
			m := mustModulus(t, kernel, s.odd(bits))
			messages := []*big.Int{new(big.Int), big.NewInt(1), new(big.Int).Sub(m.n, big.NewInt(1))}
			for len(messages) < 9 {
				messages = append(messages, s.below(m.n))
			}
			var data []byte
			for _, x := range messages {
				data = append(data, x.FillBytes(make([]byte, m.HalfBytes()))...)
			}
			b := m.NewBatch(len(messages))
			if err := m.OnePlusN(b, data); err != nil {
				t.Fatal(err)
			}
			onePlus := new(big.Int).Add(m.n, big.NewInt(1))
			wantNumbers(t, b, func(i int) *big.Int { return new(big.Int).Exp(onePlus, messages[i], m.square) })
			copy(data, m.limitHalf)
			if m.OnePlusN(b, data) == nil {
				t.Error("N is accepted as a message below N")
			}
			if m.OnePlusN(b, data[1:]) == nil {
				t.Error("too few bytes are accepted")
			}
		}
	})
}

func TestSliceSharesMemory(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		s := &stream{seed: "slice"}
		m := mustModulus(t, kernel, s.odd(256))
		numbers := make([]*big.Int, 21)
		for i := range numbers {
			numbers[i] = s.below(m.square)
		}
		b := mustBatch(t, m, numbers)
		for _, part := range []*Batch{b.Slice(0, 8), b.Slice(8, 16), b.Slice(16, 21), b.Slice(16, 16)} {
			m.Square(part, part)
		}
		wantNumbers(t, b, func(i int) *big.Int { return productOf(m, numbers[i], numbers[i]) })
		b.Put(20, b, 3)
		wantNumbers(t, b.Slice(16, 21), func(i int) *big.Int {
			j := []int{16, 17, 18, 19, 3}[i]
			return productOf(m, numbers[j], numbers[j])
		})
		for _, cut := range [][2]int{{1, 8}, {0, 7}, {8, 0}, {0, 22}, {-8, 8}} {
			mustPanic(t, func() { b.Slice(cut[0], cut[1]) })
		}
	})
}

// A key that was read twice is the same key.
func TestBatchesOfOneN(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		n := s512()
		a := mustBatch(t, mustModulus(t, kernel, n), []*big.Int{big.NewInt(6)})
		m := mustModulus(t, kernel, n)
		m.Mul(a, a, mustBatch(t, m, []*big.Int{big.NewInt(7)}))
		wantNumbers(t, a, func(int) *big.Int { return big.NewInt(42) })
	})
}

// Several goroutines use one modulus, each on its part of a batch.
func TestConcurrentUse(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		s := &stream{seed: "concurrent"}
		m := mustModulus(t, kernel, s.odd(512))
		numbers := make([]*big.Int, 40)
		for i := range numbers {
			numbers[i] = s.below(m.square)
		}
		b := mustBatch(t, m, numbers)
		exponent := s.bytes(16)
		var group sync.WaitGroup
		for from := 0; from < b.Len(); from += 8 {
			group.Go(func() {
				part := b.Slice(from, from+8)
				m.Exp(part, part, [][]byte{exponent})
			})
		}
		group.Wait()
		e := new(big.Int).SetBytes(exponent)
		wantNumbers(t, b, func(i int) *big.Int { return new(big.Int).Exp(numbers[i], e, m.square) })
	})
}

func TestMisuse(t *testing.T) {
	s := &stream{seed: "misuse"}
	m, other := mustModulus(t, Portable, s.odd(128)), mustModulus(t, Portable, s.odd(128))
	one, two, foreign := m.NewBatch(1), m.NewBatch(2), other.NewBatch(1)
	for _, f := range []func(){
		func() { m.Mul(one, one, two) },
		func() { m.Mul(one, foreign, one) },
		func() { m.Square(two, one) },
		func() { one.Copy(two) },
		func() { one.Put(1, two, 0) },
		func() { m.Exp(one, one, nil) },
		func() { m.Exp(one, one, make([][]byte, 2)) },
		func() { m.ExpVarTime(one, one, []*big.Int{big.NewInt(-1)}) },
		func() { m.MultiExpVarTime(one, []*Batch{one}, nil) },
	} {
		mustPanic(t, f)
	}
}

func TestModuliThatAreRefused(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		s := &stream{seed: "refused"}
		even := new(big.Int).Lsh(big.NewInt(1), 512)
		for _, n := range []*big.Int{new(big.Int), big.NewInt(-5), big.NewInt(1<<14 + 1), even, s.odd(8193)} {
			if _, err := NewModulusOn(kernel, n); err == nil {
				t.Errorf("a modulus of %d bits is accepted: %x", n.BitLen(), n)
			}
		}
	})
	if _, err := NewModulusOn("cuda", s512()); err == nil {
		t.Error("an unknown kernel is accepted")
	}
}

func TestEnvironmentForcesPortable(t *testing.T) {
	t.Setenv("CONSILIUM_NOSIMD", "1")
	m, err := NewModulus(s512())
	if err != nil {
		t.Fatal(err)
	}
	if m.Kernel() == IFMA {
		t.Errorf("CONSILIUM_NOSIMD=1 runs kernel %s", m.Kernel())
	}
	if _, err := NewModulusOn(IFMA, s512()); err == nil {
		t.Error("CONSILIUM_NOSIMD=1 runs kernel ifma where it is asked for by name")
	}
}

func TestEnvironmentLeavesAssemblyOut(t *testing.T) {
	t.Setenv("CONSILIUM_NOASM", "1")
	if names := Kernels(); len(names) != 1 || names[0] != Portable {
		t.Errorf("CONSILIUM_NOASM=1 leaves kernels %v", names)
	}
}

func s512() *big.Int { return (&stream{seed: "512"}).odd(512) }

func productOf(m *Modulus, a, b *big.Int) *big.Int {
	x := new(big.Int).Mul(a, b)
	return x.Mod(x, m.square)
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil {
			t.Error("misuse goes unnoticed")
		}
	}()
	f()
}
