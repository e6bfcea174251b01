package kernel

import (
	"fmt"
	"math/big"
	"testing"
	"time"
)

// BenchmarkAgainstMathBig measures the operations of Paillier's cryptosystem,
// and math/big on the same numbers between them. Both figures are the fastest
// of the run, because a busy machine only ever adds time; µs/number and ×big
// are the ones to read, ns/op means nothing here. One thread.
//
//	go test -run '^$' -bench AgainstMathBig ./paillier/internal/kernel
func BenchmarkAgainstMathBig(b *testing.B) {
	for _, bits := range []int{2048, 3072} {
		s := &stream{seed: fmt.Sprint("benchmark", bits)}
		n := s.odd(bits)
		for _, kernel := range Kernels() {
			m := mustModulus(b, kernel, n)
			count := m.core.lanes() // short runs, so that some are undisturbed
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
	best, bestTheirs := time.Hour, time.Hour
	for b.Loop() {
		start := time.Now()
		ours()
		best = min(best, time.Since(start))
		if theirs != nil {
			start = time.Now()
			theirs()
			bestTheirs = min(bestTheirs, time.Since(start))
		}
	}
	b.ReportMetric(0, "ns/op")
	each := float64(best.Nanoseconds()) / float64(ourCount)
	b.ReportMetric(each/1000, "µs/number")
	if theirs != nil {
		b.ReportMetric(float64(bestTheirs.Nanoseconds())/float64(theirCount)/1000, "µs/big")
		b.ReportMetric(float64(bestTheirs.Nanoseconds())/float64(theirCount)/each, "×big")
	}
}
