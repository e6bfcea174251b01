package kernel

import (
	"fmt"
	"math/big"
	"testing"
)

func TestProductsAndInverses(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		s := &stream{seed: "products"}
		m := mustModulus(t, kernel, s.odd(512))
		for _, count := range []int{0, 1, 2, 7, 8, 9, 33} {
			numbers := make([]*big.Int, count)
			product := big.NewInt(1)
			for i := range numbers {
				for numbers[i] = s.below(m.square); new(big.Int).GCD(nil, nil, numbers[i], m.n).BitLen() != 1; {
					numbers[i] = s.below(m.square)
				}
				product = productOf(m, product, numbers[i])
			}
			b := mustBatch(t, m, numbers)
			wantNumbers(t, m.Product(b), func(int) *big.Int { return product })
			if err := m.InvertVarTime(b, b); err != nil {
				t.Fatal(err)
			}
			wantNumbers(t, b, func(i int) *big.Int { return new(big.Int).ModInverse(numbers[i], m.square) })
			if count == 0 {
				continue
			}
			for _, bad := range []*big.Int{new(big.Int), m.n} {
				numbers[count/2] = bad
				if m.InvertVarTime(b, mustBatch(t, m, numbers)) == nil {
					t.Errorf("a batch with %d is inverted", bad)
				}
			}
		}
	})
}

func TestProductOfPowers(t *testing.T) {
	onEveryKernel(t, func(t *testing.T, kernel string) {
		s := &stream{seed: "powers"}
		m := mustModulus(t, kernel, s.odd(256))
		for _, c := range []struct{ count, bits int }{{0, 0}, {1, 128}, {5, 1}, {8, 0}, {9, 128}, {200, 128}, {700, 128}, {300, 33}} {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				numbers, exponents := make([]*big.Int, c.count), make([]*big.Int, c.count)
				want := big.NewInt(1)
				for i := range numbers {
					numbers[i] = s.below(m.square)
					exponents[i] = s.below(new(big.Int).Lsh(big.NewInt(1), uint(c.bits)))
					want = productOf(m, want, new(big.Int).Exp(numbers[i], exponents[i], m.square))
				}
				got := m.ProductOfPowersVarTime(mustBatch(t, m, numbers), exponents)
				wantNumbers(t, got, func(int) *big.Int { return want })
			})
		}
		if bucketWindow(128, 1) != 0 || bucketWindow(128, 90) == 0 || bucketWindow(128, 10000) < 8 {
			t.Errorf("windows of buckets: %d, %d, %d", bucketWindow(128, 1), bucketWindow(128, 90), bucketWindow(128, 10000))
		}
		mustPanic(t, func() { m.ProductOfPowersVarTime(m.NewBatch(2), []*big.Int{m.n}) })
	})
}
