package kernel

import (
	"fmt"
	"math/big"
	"testing"
)

func TestExponents(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		s := &stream{seed: "exponents"}
		m := mustModulus(t, kernel, s.odd(521))
		bases := append(edges(m.n), s.below(m.square))
		a, b := mustBatch(t, m, bases), m.NewBatch(len(bases))
		exponents := []*big.Int{new(big.Int), big.NewInt(1), big.NewInt(2), big.NewInt(255), big.NewInt(256), m.n,
			new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 1042), big.NewInt(1)), new(big.Int).Lsh(big.NewInt(1), 1041)}
		for _, e := range exponents {
			power := func(i int) *big.Int { return new(big.Int).Exp(bases[i], e, m.square) }
			m.ExpVarTime(b, a, []*big.Int{e})
			wantNumbers(t, b, power)
			for _, length := range []int{131, 140} {
				m.Exp(b, a, [][]byte{e.FillBytes(make([]byte, length))})
				wantNumbers(t, b, power)
			}
		}
		m.Exp(b, a, [][]byte{nil})
		wantNumbers(t, b, func(int) *big.Int { return big.NewInt(1) })
		// In place.
		m.ExpVarTime(a, a, []*big.Int{m.n})
		wantNumbers(t, a, func(i int) *big.Int { return new(big.Int).Exp(bases[i], m.n, m.square) })
	})
}

// Every width of the window, and every digit in it.
func TestWindows(t *testing.T) {
	for bits, want := range map[int]int{1: 1, 8: 2, 64: 4, 1024: 5, 4096: 5} {
		if got := fixedWindow(bits); got < want-1 || got > want+1 {
			t.Errorf("the window for %d bits is %d", bits, got)
		}
	}
	number := (&stream{seed: "windows"}).bytes(33)
	x := new(big.Int).SetBytes(number)
	for width := 1; width <= 8; width++ {
		for bit := range 300 {
			want := new(big.Int).Rsh(x, uint(bit)).Uint64() & (1<<width - 1)
			if got := windowOf(number, bit, width); got != want {
				t.Fatalf("bits %d to %d are %d, want %d", bit, bit+width, got, want)
			}
			if got := bitsOf(x, bit, width); got != want {
				t.Fatalf("public bits %d to %d are %d, want %d", bit, bit+width, got, want)
			}
		}
	}
}

func TestFixedBase(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		s := &stream{seed: "fixed base"}
		m := mustModulus(t, kernel, s.odd(512))
		for window := 1; window <= 8; window++ {
			bits := 40 + 9*window
			base := s.below(m.square)
			f, err := NewFixedBase(m, base, bits, window)
			if err != nil {
				t.Fatal(err)
			}
			exponents := [][]byte{nil, {}, {1}, make([]byte, f.length)}
			for range 300 { // more than a stretch of groups
				exponents = append(exponents, s.bytes(f.length))
			}
			b := m.NewBatch(len(exponents))
			if err := f.Exp(b, exponents); err != nil {
				t.Fatal(err)
			}
			wantNumbers(t, b, func(i int) *big.Int {
				return new(big.Int).Exp(base, new(big.Int).SetBytes(exponents[i]), m.square)
			})
			if want := (8*f.length + window - 1) / window * m.NumberBytes() << window; f.TableBytes() < want {
				t.Errorf("window %d: a table of %d bytes, which holds %d", window, f.TableBytes(), want)
			}
			short := m.NewBatch(2)
			if err := f.Exp(short, [][]byte{{3}, nil}); err != nil {
				t.Fatal(err)
			}
			wantNumbers(t, short, func(i int) *big.Int { return new(big.Int).Exp(base, big.NewInt(3-3*int64(i)), m.square) })
			exponents[7] = make([]byte, f.length+1)
			if f.Exp(b, exponents) == nil {
				t.Error("an exponent longer than the table is accepted")
			}
		}
		for _, bad := range [][2]int{{0, 4}, {10, 0}, {10, 9}} {
			if _, err := NewFixedBase(m, big.NewInt(3), bad[0], bad[1]); err == nil {
				t.Errorf("exponents of %d bits with windows of %d are accepted", bad[0], bad[1])
			}
		}
		if _, err := NewFixedBase(m, m.square, 10, 4); err == nil {
			t.Error("N² is accepted as a base")
		}
	})
}

func TestMultiExp(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		s := &stream{seed: "multi"}
		m := mustModulus(t, kernel, s.odd(512))
		for _, lengths := range [][]int{{}, {0}, {1, 0, 1}, {64}, {128, 1, 0, 77, 300}} {
			t.Run(fmt.Sprint(lengths), func(t *testing.T) {
				const count = 10
				dst := m.NewBatch(count)
				var bases []*Batch
				var exponents []*big.Int
				want := make([]*big.Int, count)
				for i := range want {
					want[i] = big.NewInt(1)
				}
				for _, bits := range lengths {
					e := s.below(new(big.Int).Lsh(big.NewInt(1), uint(bits)))
					if bits == 1 {
						e.SetInt64(1)
					}
					numbers := make([]*big.Int, count)
					for i := range numbers {
						numbers[i] = s.below(m.square)
						want[i] = productOf(m, want[i], new(big.Int).Exp(numbers[i], e, m.square))
					}
					bases, exponents = append(bases, mustBatch(t, m, numbers)), append(exponents, e)
				}
				m.MultiExpVarTime(dst, bases, exponents)
				wantNumbers(t, dst, func(i int) *big.Int { return want[i] })
			})
		}
	})
}
