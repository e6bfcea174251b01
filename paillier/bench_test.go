package paillier_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"testing"
	"time"

	"consilium/paillier"
	"consilium/paillier/internal/kernel"
	"consilium/paillier/testkey"
)

// Benchmarks work on batches of eight on one thread, and ns/op is the processor
// time of one ciphertext in the fastest batch: a busy machine only ever adds.
// kernel=big is math/big in the same run, which is not constant-time. Compare
// the figures of one run.

const benchmarkBatch = 8

// setting is a dealt key of 3 among 5 holders, and ciphertexts.
type setting struct {
	key       *paillier.ThresholdKey
	shares    []*paillier.KeyShare
	encryptor *paillier.Encryptor
	messages  []*big.Int
	c         *paillier.Ciphertexts
}

func newSetting(b *testing.B, bits, holders, threshold, ciphertexts int) *setting {
	b.Helper()
	s := &setting{}
	var err error
	s.key, s.shares, err = testkey.Deal(bits, holders, threshold)
	must(b, err)
	s.encryptor, err = paillier.NewEncryptor(s.key.PublicKey, nil, paillier.DefaultExponentBits(s.key.PublicKey))
	must(b, err)
	for range ciphertexts {
		s.messages = append(s.messages, random(b, bits-1))
	}
	s.c, _, err = s.encryptor.Encrypt(rand.Reader, s.messages)
	must(b, err)
	return s
}

// onEveryKernel runs work with a key on each kernel of this machine.
func onEveryKernel(b *testing.B, work func(b *testing.B, s *setting)) {
	for _, bits := range []int{2048, 3072} {
		for _, name := range kernel.Kernels() {
			b.Run(fmt.Sprintf("bits=%d/kernel=%s", bits, label(name)), func(b *testing.B) {
				choose(b, name)
				work(b, newSetting(b, bits, 5, 3, benchmarkBatch))
			})
		}
	}
}

// label names a kernel in benchmarks: portable is what runs without SIMD, with the
// carry chains of ADX where the processor has them; go is Go alone.
func label(name string) string {
	switch {
	case name == kernel.ADX:
		return "portable"
	case name == kernel.Portable && slices.Contains(kernel.Kernels(), kernel.ADX):
		return "go"
	}
	return name
}

// choose makes the keys of this benchmark use a kernel.
func choose(b *testing.B, name string) {
	b.Helper()
	switch name {
	case kernel.Portable:
		b.Setenv("CONSILIUM_NOASM", "1")
	case kernel.ADX:
		b.Setenv("CONSILIUM_NOSIMD", "1")
	}
	if got := kernel.Kernels()[0]; got != name {
		b.Fatalf("kernel %s would run instead of %s", got, name)
	}
}

// onBig runs work on two numbers mod N² with math/big.
func onBig(b *testing.B, work func(b *testing.B, n, square, x, y *big.Int)) {
	for _, bits := range []int{2048, 3072} {
		b.Run(fmt.Sprintf("bits=%d/kernel=big", bits), func(b *testing.B) {
			key, err := testkey.Private(bits)
			must(b, err)
			n := key.Public().N()
			work(b, n, new(big.Int).Mul(n, n), random(b, 2*bits-1), random(b, 2*bits-1))
		})
	}
}

// each measures work on count items, and reports the time of one. It returns
// nanoseconds of the fastest run of work.
func each(b *testing.B, count int, work func() error) float64 {
	b.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	best := time.Hour
	for b.Loop() {
		start := processorTime(b)
		must(b, work())
		best = min(best, processorTime(b)-start)
	}
	b.ReportMetric(float64(best.Nanoseconds())/float64(count), "ns/op")
	return float64(best.Nanoseconds())
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// random is a number of exactly this many bits.
func random(b *testing.B, bits int) *big.Int {
	b.Helper()
	v, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-1)))
	must(b, err)
	return v.SetBit(v, bits-1, 1)
}

// power measures math/big's x^exponent mod N².
func power(b *testing.B, exponent func(n *big.Int) *big.Int) {
	onBig(b, func(b *testing.B, n, square, x, _ *big.Int) {
		e, z := exponent(n), new(big.Int)
		each(b, 1, func() error { z.Exp(x, e, square); return nil })
	})
}

// The textbook's r^N.
func BenchmarkEncrypt(b *testing.B) {
	onEveryKernel(b, func(b *testing.B, s *setting) {
		each(b, benchmarkBatch, func() error { return last(s.key.Encrypt(rand.Reader, s.messages)) })
	})
	power(b, func(n *big.Int) *big.Int { return n })
}

// Fixed base and packing: 28-bit values of 8 hospitals, in lanes of 32 bits.
func BenchmarkEncryptPacked(b *testing.B) {
	for _, exponentBits := range []int{512, 1024, 1536} {
		b.Run(fmt.Sprintf("exponent=%d", exponentBits), func(b *testing.B) {
			onEveryKernel(b, func(b *testing.B, s *setting) { encryptPacked(b, s, exponentBits) })
		})
	}
}

func encryptPacked(b *testing.B, s *setting, exponentBits int) {
	e, err := paillier.NewEncryptor(s.key.PublicKey, nil, exponentBits)
	must(b, err)
	p, err := paillier.NewPacking(s.key.Bits(), 1<<27-1, 8, 1)
	must(b, err)
	values := make([]int64, 8*benchmarkBatch*p.Lanes())
	p, err = paillier.NewPacking(s.key.Bits(), 1<<27-1, 8, len(values))
	must(b, err)
	best := each(b, 8*benchmarkBatch, func() error {
		plaintexts, err := p.Pack(values)
		must(b, err)
		_, _, err = e.Encrypt(rand.Reader, plaintexts)
		return err
	})
	b.ReportMetric(best/float64(len(values)), "ns/value")
}

// Constant-time. The exponent has twice the length of N and some.
func BenchmarkPartialDecrypt(b *testing.B) {
	bits := map[int]int{}
	onEveryKernel(b, func(b *testing.B, s *setting) {
		bits[s.key.Bits()] = s.key.PartialExponentBits()
		each(b, benchmarkBatch, func() error { s.key.Partials(s.shares[0], s.c); return nil })
	})
	power(b, func(n *big.Int) *big.Int { return random(b, bits[n.BitLen()]) })
}

// A proof of eight partial decryptions, and the verification of one, and of
// several together: ns/op is the time of one proof.
func BenchmarkDecryptionProof(b *testing.B) {
	onEveryKernel(b, func(b *testing.B, s *setting) {
		partials, proofs := make([]*paillier.Partials, 4), make([]*paillier.DecryptionProof, 4)
		for i := range partials {
			var err error
			partials[i], proofs[i], err = s.key.PartialDecrypt(rand.Reader, s.shares[i], s.c, nil, nil)
			must(b, err)
		}
		b.Run("prove", func(b *testing.B) {
			each(b, 1, func() error { s.key.Prove(s.shares[0], s.c, partials[0]); return nil })
		})
		for _, count := range []int{1, 2, 4} {
			b.Run(fmt.Sprintf("verify=%d", count), func(b *testing.B) {
				each(b, count, func() error {
					return errors.Join(s.key.VerifyAllPartials(s.c, partials[:count], proofs[:count], nil, nil)...)
				})
			})
		}
	})
}

// A hundred at once: one is too short for the clock.
func BenchmarkAdd(b *testing.B) {
	const times = 100
	onEveryKernel(b, func(b *testing.B, s *setting) {
		each(b, times*benchmarkBatch, func() error {
			for range times {
				must(b, last(s.c.Add(s.c)))
			}
			return nil
		})
	})
	onBig(b, func(b *testing.B, _, square, x, y *big.Int) {
		z := new(big.Int)
		each(b, times, func() error {
			for range times {
				z.Mod(z.Mul(x, y), square)
			}
			return nil
		})
	})
}

func BenchmarkMulSmall(b *testing.B) {
	const weight = 0x9e3779b97f4a7c15
	onEveryKernel(b, func(b *testing.B, s *setting) {
		each(b, benchmarkBatch, func() error { return last(s.c.MulSmallVarTime(weight)) })
	})
	power(b, func(*big.Int) *big.Int { return new(big.Int).SetUint64(weight) })
}

func BenchmarkCombine(b *testing.B) {
	onEveryKernel(b, func(b *testing.B, s *setting) {
		var partials []*paillier.Partials
		for _, share := range s.shares[:3] {
			p, _, err := s.key.PartialDecrypt(rand.Reader, share, s.c, nil, nil)
			must(b, err)
			partials = append(partials, p)
		}
		each(b, benchmarkBatch, func() error { return last(s.key.Combine(partials)) })
	})
}

// The table of an Encryptor, made once for all rounds.
func BenchmarkNewEncryptor(b *testing.B) {
	onEveryKernel(b, func(b *testing.B, s *setting) {
		each(b, 1, func() error { return last(paillier.NewEncryptor(s.key.PublicKey, nil, s.key.Bits()/2)) })
	})
}

func last[T any](_ T, err error) error { return err }
