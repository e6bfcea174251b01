package kernel

import (
	"fmt"
	"math"
	"math/big"
	"runtime"
	"testing"
)

// BenchmarkAgainstMathBig measures the operations of Paillier's cryptosystem,
// and math/big on the same numbers in turns with them. Figures are processor
// time, the smallest of the run; µs/number and ×big are the ones to read, ns/op
// means nothing here. One thread.
//
//	go test -run '^$' -bench AgainstMathBig ./paillier/internal/kernel
func BenchmarkAgainstMathBig(b *testing.B) {
	for _, bits := range []int{2048, 3072} {
		s := &stream{seed: fmt.Sprint("benchmark", bits)}
		n := s.odd(bits)
		for _, kernel := range Kernels() {
			m := mustModulus(b, kernel, n)
			count := m.core.lanes()
			numbers := make([]*big.Int, max(count, 2))
			for i := range numbers {
				numbers[i] = s.below(m.square)
			}
			x, y := mustBatch(b, m, numbers[:count]), m.NewBatch(count)
			run := func(name string, times int, ours func(), theirs func()) {
				b.Run(fmt.Sprintf("bits=%d/kernel=%s/%s", bits, kernel, name), func(b *testing.B) {
					compare(b, count*times, times, ours, theirs)
				})
			}
			z := new(big.Int)
			power := func(e *big.Int) func() { return func() { z.Exp(numbers[0], e, m.square) } }
			secret := s.bytes(2 * bits / 8)
			small := []*big.Int{new(big.Int).SetUint64(0x9e3779b97f4a7c15)}
			run("Encrypt", 1, func() { m.ExpVarTime(y, x, []*big.Int{n}) }, power(n))
			run("PartialDecrypt", 1, func() { m.Exp(y, x, [][]byte{secret}) }, power(new(big.Int).SetBytes(secret)))
			run("Add", 200, func() {
				for range 200 {
					m.Mul(y, x, x)
				}
			}, func() {
				for range 200 {
					z.Mul(numbers[0], numbers[1])
					z.Mod(z, m.square)
				}
			})
			run("Square", 200, func() {
				for range 200 {
					m.Square(y, x)
				}
			}, nil)
			run("Scalar64", 1, func() { m.ExpVarTime(y, x, small) }, power(small[0]))
		}
	}
}

// BenchmarkFixedBase measures encryption with the table of one number, 1024-bit
// exponents and every window. One thread, 128 numbers.
func BenchmarkFixedBase(b *testing.B) {
	for _, bits := range []int{2048, 3072} {
		s := &stream{seed: fmt.Sprint("benchmark", bits)}
		n := s.odd(bits)
		for _, kernel := range Kernels() {
			m := mustModulus(b, kernel, n)
			for window := 4; window <= 8; window++ {
				b.Run(fmt.Sprintf("bits=%d/kernel=%s/window=%d", bits, kernel, window), func(b *testing.B) {
					f, err := NewFixedBase(m, big.NewInt(3), 1024, window)
					if err != nil {
						b.Fatal(err)
					}
					const count = 128
					dst, messages, exponents := m.NewBatch(count), m.NewBatch(count), make([][]byte, count)
					for i := range exponents {
						exponents[i] = s.bytes(128)
					}
					plain := make([]byte, count*m.HalfBytes())
					compare(b, count, 1, func() {
						if err := f.Exp(dst, exponents); err != nil {
							b.Fatal(err)
						}
						if err := m.OnePlusN(messages, plain); err != nil {
							b.Fatal(err)
						}
						m.Mul(dst, dst, messages)
						dst.Bytes()
					}, nil)
				})
			}
		}
	}
}

// BenchmarkNewFixedBase measures how long a table takes to make.
func BenchmarkNewFixedBase(b *testing.B) {
	for _, bits := range []int{2048, 3072} {
		n := (&stream{seed: fmt.Sprint("benchmark", bits)}).odd(bits)
		for _, kernel := range Kernels() {
			m := mustModulus(b, kernel, n)
			b.Run(fmt.Sprintf("bits=%d/kernel=%s", bits, kernel), func(b *testing.B) {
				for b.Loop() {
					f, err := NewFixedBase(m, big.NewInt(3), bits/2, DefaultWindow)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(f.TableBytes())/1e6, "MB")
				}
			})
		}
	}
}

// BenchmarkProductOfPowers measures the batched proof's ∏ c^ρ with 128-bit ρ.
func BenchmarkProductOfPowers(b *testing.B) {
	s := &stream{seed: "benchmark2048"}
	n := s.odd(2048)
	for _, kernel := range Kernels() {
		m := mustModulus(b, kernel, n)
		for _, count := range []int{8, 64, 512, 4096} {
			numbers, exponents := make([]*big.Int, count), make([]*big.Int, count)
			for i := range numbers {
				numbers[i], exponents[i] = big.NewInt(int64(i+3)), s.below(new(big.Int).Lsh(big.NewInt(1), 128))
			}
			x := mustBatch(b, m, numbers)
			b.Run(fmt.Sprintf("kernel=%s/count=%d", kernel, count), func(b *testing.B) {
				compare(b, count, 1, func() { m.ProductOfPowersVarTime(x, exponents) }, nil)
			})
		}
	}
}

// BenchmarkConvert measures bytes to the kernel's form and back.
func BenchmarkConvert(b *testing.B) {
	n := (&stream{seed: "convert"}).odd(2048)
	for _, kernel := range Kernels() {
		m := mustModulus(b, kernel, n)
		const count = 64
		x := m.NewBatch(count)
		data := x.Bytes()
		b.Run("kernel="+kernel+"/SetBytes", func(b *testing.B) {
			compare(b, count, 1, func() {
				if err := x.SetBytes(data); err != nil {
					b.Fatal(err)
				}
			}, nil)
		})
		b.Run("kernel="+kernel+"/Bytes", func(b *testing.B) { compare(b, count, 1, func() { x.Bytes() }, nil) })
	}
}

// compare runs ours, on a count of numbers, and theirs, on another, in turns.
func compare(b *testing.B, ourCount, theirCount int, ours, theirs func()) {
	runtime.LockOSThread() // whose time it is
	defer runtime.UnlockOSThread()
	timed := func(f func()) float64 {
		start := processorTime(b)
		f()
		return float64((processorTime(b) - start).Nanoseconds()) / 1000
	}
	best, bestTheirs := math.Inf(1), math.Inf(1)
	for b.Loop() {
		best = min(best, timed(ours))
		if theirs != nil {
			bestTheirs = min(bestTheirs, timed(theirs))
		}
	}
	best, bestTheirs = best/float64(ourCount), bestTheirs/float64(theirCount)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(best, "µs/number")
	if theirs != nil {
		b.ReportMetric(bestTheirs, "µs/big")
		b.ReportMetric(bestTheirs/best, "×big")
	}
}
