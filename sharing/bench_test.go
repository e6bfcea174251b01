package sharing

import (
	"fmt"
	"testing"
)

func perValue(b *testing.B, values int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(values), "ns/value")
}

func BenchmarkFill(b *testing.B) {
	dst := make([]Element, 8192)
	random := NewExpander([SeedSize]byte{1}, 0)
	for b.Loop() {
		random.Fill(dst)
	}
	perValue(b, len(dst))
}

// BenchmarkDeal deals one block, all randomness included.
func BenchmarkDeal(b *testing.B) {
	for _, c := range []struct{ n, k, l int }{{3, 2, 1}, {10, 6, 1}, {10, 6, 4}, {30, 16, 1}, {100, 51, 1}} {
		b.Run(fmt.Sprintf("n=%d/k=%d/packed=%d", c.n, c.k, c.l), func(b *testing.B) {
			const width = 8192
			secrets, shares := make([][]Element, c.l), make([][]Element, c.n)
			for i := range secrets {
				secrets[i] = make([]Element, width)
			}
			for i := range shares {
				shares[i] = make([]Element, width)
			}
			random := NewExpander([SeedSize]byte{1}, 0)
			dealer, err := NewDealer(c.n, c.k, c.l, 0)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for _, share := range shares[:c.k-c.l] {
					random.Fill(share)
				}
				dealer.Extend(shares, secrets)
			}
			perValue(b, width*c.l)
		})
	}
}

func BenchmarkReconstruct(b *testing.B) {
	const width, k = 8192, 6
	rows, weights, sum := make([][]Element, k), make([]Element, k), make([]Element, width)
	for j := range rows {
		rows[j], weights[j] = make([]Element, width), Element(j)<<50+12345
		NewExpander([SeedSize]byte{1}, uint64(j)).Fill(rows[j])
	}
	for b.Loop() {
		Weigh(sum, weights, rows)
	}
	perValue(b, width)
}
