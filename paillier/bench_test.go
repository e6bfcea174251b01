package paillier_test

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"runtime"
	"testing"

	"consilium/paillier"
	"consilium/paillier/testkey"
)

// Benchmarks work on batches and report the time of one ciphertext, so that a
// kernel that takes eight at once shows what it does. kernel=big is math/big in
// the same run, which is not constant-time: what there was before.

const benchmarkBatch = 16

// measure runs both: per is the number of items that one call handles.
func measure(b *testing.B, unit string, per int, ours func(), reference func()) {
	b.Helper()
	run := func(name string, threads int, work func()) {
		b.Run("kernel="+name, func(b *testing.B) {
			for b.Loop() {
				work()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(per), "ns/"+unit)
			b.ReportMetric(float64(threads), "threads")
		})
	}
	if reference != nil {
		run("big", 1, reference)
	}
	run("ours", runtime.GOMAXPROCS(0), ours)
}

// setting is a dealt key of 3 among 5 holders, and ciphertexts.
type setting struct {
	key       *paillier.ThresholdKey
	shares    []*paillier.KeyShare
	encryptor *paillier.Encryptor
	messages  []*big.Int
	c         *paillier.Ciphertexts
	values    []*big.Int // of c
	n, square *big.Int
}

func forBits(b *testing.B, work func(b *testing.B, s *setting)) {
	for _, bits := range []int{2048, 3072} {
		b.Run(fmt.Sprintf("bits=%d", bits), func(b *testing.B) {
			s := &setting{}
			var err error
			if s.key, s.shares, err = testkey.Deal(bits, 5, 3); err != nil {
				b.Fatal(err)
			}
			if s.encryptor, err = paillier.NewEncryptor(s.key.PublicKey, nil, paillier.DefaultExponentBits(s.key.PublicKey)); err != nil {
				b.Fatal(err)
			}
			for range benchmarkBatch {
				m, err := rand.Int(rand.Reader, s.key.N())
				if err != nil {
					b.Fatal(err)
				}
				s.messages = append(s.messages, m)
			}
			if s.c, _, err = s.encryptor.Encrypt(rand.Reader, s.messages); err != nil {
				b.Fatal(err)
			}
			s.values = split(s.c.Encode(), s.key.CiphertextSize())
			s.n = s.key.N()
			s.square = new(big.Int).Mul(s.n, s.n)
			work(b, s)
		})
	}
}

func split(data []byte, size int) []*big.Int {
	var out []*big.Int
	for ; len(data) > 0; data = data[size:] {
		out = append(out, new(big.Int).SetBytes(data[:size]))
	}
	return out
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

// The textbook's r^N.
func BenchmarkEncrypt(b *testing.B) {
	forBits(b, func(b *testing.B, s *setting) {
		r := random(b, s.key.Bits()-1)
		measure(b, "ciphertext", benchmarkBatch, func() {
			_, err := s.key.Encrypt(rand.Reader, s.messages)
			must(b, err)
		}, func() {
			for _, m := range s.messages {
				c := new(big.Int).Mul(m, s.n)
				c.Mul(c.Add(c, big.NewInt(1)), new(big.Int).Exp(r, s.n, s.square))
				c.Mod(c, s.square)
			}
		})
	})
}

// Fixed base and packing: 28-bit values of 8 hospitals, in lanes of 32 bits.
func BenchmarkEncryptPacked(b *testing.B) {
	forBits(b, func(b *testing.B, s *setting) {
		for _, exponentBits := range []int{512, s.key.Bits() / 2} {
			e, err := paillier.NewEncryptor(s.key.PublicKey, nil, exponentBits)
			must(b, err)
			p, err := paillier.NewPacking(s.key.Bits(), 1<<27-1, 8, 1)
			must(b, err)
			values := make([]int64, benchmarkBatch*p.Lanes())
			p, err = paillier.NewPacking(s.key.Bits(), 1<<27-1, 8, len(values))
			must(b, err)
			b.Run(fmt.Sprintf("exponent=%d", exponentBits), func(b *testing.B) {
				measure(b, "value", len(values), func() {
					plaintexts, err := p.Pack(values)
					must(b, err)
					_, _, err = e.Encrypt(rand.Reader, plaintexts)
					must(b, err)
				}, nil)
			})
		}
	})
}

func BenchmarkPartialDecrypt(b *testing.B) {
	forBits(b, func(b *testing.B, s *setting) {
		exponent := random(b, s.key.PartialExponentBits())
		measure(b, "ciphertext", benchmarkBatch, func() {
			_, _, err := s.key.PartialDecrypt(rand.Reader, s.shares[0], s.c, nil, nil)
			must(b, err)
		}, func() {
			for _, c := range s.values {
				new(big.Int).Exp(c, exponent, s.square)
			}
		})
	})
}

func BenchmarkAdd(b *testing.B) {
	forBits(b, func(b *testing.B, s *setting) {
		measure(b, "ciphertext", benchmarkBatch, func() {
			_, err := s.c.Add(s.c)
			must(b, err)
		}, func() {
			for _, c := range s.values {
				product := new(big.Int).Mul(c, c)
				product.Mod(product, s.square)
			}
		})
	})
}

func BenchmarkMulSmall(b *testing.B) {
	forBits(b, func(b *testing.B, s *setting) {
		const weight = 1<<63 + 12345
		measure(b, "ciphertext", benchmarkBatch, func() {
			_, err := s.c.MulSmallVarTime(weight)
			must(b, err)
		}, func() {
			for _, c := range s.values {
				new(big.Int).Exp(c, new(big.Int).SetUint64(weight), s.square)
			}
		})
	})
}

func BenchmarkCombine(b *testing.B) {
	forBits(b, func(b *testing.B, s *setting) {
		var partials []*paillier.Partials
		for _, share := range s.shares[:3] {
			p, _, err := s.key.PartialDecrypt(rand.Reader, share, s.c, nil, nil)
			must(b, err)
			partials = append(partials, p)
		}
		measure(b, "ciphertext", benchmarkBatch, func() {
			_, err := s.key.Combine(partials)
			must(b, err)
		}, nil)
	})
}

// A hospital's checks: one of each for every other hospital in a round.
func BenchmarkVerify(b *testing.B) {
	forBits(b, func(b *testing.B, s *setting) {
		c, w, err := s.encryptor.Encrypt(rand.Reader, s.messages)
		must(b, err)
		plaintexts, err := s.encryptor.ProvePlaintexts(rand.Reader, c, w, nil)
		must(b, err)
		partials, proof, err := s.key.PartialDecrypt(rand.Reader, s.shares[0], c, nil, nil)
		must(b, err)
		b.Run("plaintexts", func(b *testing.B) {
			measure(b, "proof", 1, func() { must(b, s.encryptor.VerifyPlaintexts(c, plaintexts, nil)) }, nil)
		})
		b.Run("partials", func(b *testing.B) {
			measure(b, "proof", 1, func() { must(b, s.key.VerifyPartials(c, partials, proof, nil, nil)) }, nil)
		})
	})
}

// The table of an Encryptor, made once a round.
func BenchmarkNewEncryptor(b *testing.B) {
	forBits(b, func(b *testing.B, s *setting) {
		measure(b, "table", 1, func() {
			_, err := paillier.NewEncryptor(s.key.PublicKey, nil, s.key.Bits()/2)
			must(b, err)
		}, nil)
	})
}
