package sharing

import (
	"fmt"
	"testing"

	"consilium/internal/processor"
)

// perValue reports, when what it returns is called, the processor time that a
// value took: other work on the machine does not count.
func perValue(b *testing.B, values int) func() {
	b.Helper()
	before := processor.Time()
	return func() {
		b.ReportMetric(float64((processor.Time()-before).Nanoseconds())/float64(b.N)/float64(values), "cpu-ns/value")
	}
}

func BenchmarkFill(b *testing.B) {
	dst := make([]Element, 8192)
	random := NewExpander([SeedSize]byte{1}, 0)
	done := perValue(b, len(dst))
	for b.Loop() {
		random.Fill(dst)
	}
	done()
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
			done := perValue(b, width*c.l)
			for b.Loop() {
				for _, share := range shares[:c.k-c.l] {
					random.Fill(share)
				}
				dealer.Extend(shares, secrets)
			}
			done()
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
	done := perValue(b, width)
	for b.Loop() {
		Weigh(sum, weights, rows)
	}
	done()
}

// dealByDifferences is what was planned instead of Dealer, for ten parties and six
// coefficients: the first five differences at 0 are drawn, and each party takes
// five additions from the one before. Sums below 2⁶⁴ are reduced at every second
// party. No share is random by itself, so none can be sent as a seed.
func dealByDifferences(shares [][]Element, secrets []Element, differences *[5][]Element) {
	length := len(secrets)
	r1, r2, r3, r4, r5 := differences[0][:length], differences[1][:length], differences[2][:length], differences[3][:length], differences[4][:length]
	out := [10][]Element{}
	for i := range out {
		out[i] = shares[i][:length]
	}
	for i, secret := range secrets {
		d0, d1, d2, d3, d4, d5 := uint64(secret), uint64(r1[i]), uint64(r2[i]), uint64(r3[i]), uint64(r4[i]), uint64(r5[i])
		for party := 0; party < 10; party += 2 {
			d0, d1, d2, d3, d4 = d0+d1, d1+d2, d2+d3, d3+d4, d4+d5
			out[party][i] = reduceOnce(foldOnce(d0))
			d0, d1, d2, d3, d4 = d0+d1, d1+d2, d2+d3, d3+d4, d4+d5
			d0, d1, d2, d3, d4 = foldOnce(d0), foldOnce(d1), foldOnce(d2), foldOnce(d3), foldOnce(d4)
			out[party+1][i] = reduceOnce(d0)
		}
	}
}

func TestDealByDifferences(t *testing.T) {
	shares, secrets := make([][]Element, 10), make([]Element, 100)
	var differences [5][]Element
	random := NewExpander([SeedSize]byte{1}, 0)
	random.Fill(secrets)
	for i := range shares {
		shares[i] = make([]Element, len(secrets))
	}
	for i := range differences {
		differences[i] = make([]Element, len(secrets))
		random.Fill(differences[i])
	}
	dealByDifferences(shares, secrets, &differences)
	for _, xs := range [][]int{{1, 2, 3, 4, 5, 6}, {1, 3, 5, 7, 9, 10}} {
		lambda := lagrange(xs, 0)
		for i, secret := range secrets {
			sum := Element(0)
			for j, x := range xs {
				sum = Add(sum, Mul(lambda[j], shares[x-1][i]))
			}
			if sum != secret {
				t.Fatalf("parties %v open %d, not %d", xs, sum, secret)
			}
		}
	}
}

// BenchmarkDealByDifferences stands beside BenchmarkDeal/n=10/k=6/packed=1.
func BenchmarkDealByDifferences(b *testing.B) {
	const width = 8192
	shares, secrets := make([][]Element, 10), make([]Element, width)
	var differences [5][]Element
	for i := range shares {
		shares[i] = make([]Element, width)
	}
	for i := range differences {
		differences[i] = make([]Element, width)
	}
	random := NewExpander([SeedSize]byte{1}, 0)
	done := perValue(b, width)
	for b.Loop() {
		for _, row := range differences {
			random.Fill(row)
		}
		dealByDifferences(shares, secrets, &differences)
	}
	done()
}
