package keygen

import (
	"fmt"
	"testing"
	"time"

	"consilium/internal/processor"
	"consilium/paillier/testkey"
	"consilium/protocol"
)

// BenchmarkPaillierRound is what one hospital of ten computes in a round of scheme
// paillier, 10,000 values of 28 bits, with a key that ten parties share and seven
// use: processor seconds by phase, and bytes posted. The key is one of published
// primes with shares as a ceremony makes them.
func BenchmarkPaillierRound(b *testing.B) {
	for _, bits := range []int{512, 2048, 3072} {
		b.Run(fmt.Sprintf("bits=%d", bits), func(b *testing.B) { benchmarkRound(b, bits) })
	}
}

func benchmarkRound(b *testing.B, bits int) {
	const n, k, values = 10, 7, 10_000
	key, shares, err := testkey.Joint(bits, n, k)
	if err != nil {
		b.Fatal(err)
	}
	d := protocol.Description{
		Federation: "benchmark", Epoch: 1, Round: 1, Step: "train", Scheme: protocol.SchemePaillier,
		Thresholds: protocol.Thresholds{Parties: n, Liars: 2, Dropouts: 1}, Length: values, Limit: 1 << 27,
	}
	first, err := protocol.NewPaillierKey(key, nil)
	if err != nil {
		b.Fatal(err)
	}
	d.Key = first.Digest()
	schemes := make([]*protocol.Paillier, n+1)
	for party := 1; party <= n; party++ {
		own := *first
		own.Share = shares[party-1]
		if schemes[party], err = protocol.NewPaillier(protocol.Party(party), d, &own); err != nil {
			b.Fatal(err)
		}
	}
	update := make(protocol.Vector, values)
	for i := range update {
		update[i] = int64(i * 1000)
	}
	for b.Loop() {
		set := protocol.Certified{ID: protocol.Hash{1}}
		for party := 1; party <= n; party++ {
			start := processor.Time()
			body, err := schemes[party].Deal(update, protocol.Seed{byte(party)})
			if err != nil {
				b.Fatal(err)
			}
			report(b, party == 1, start, "deal")
			set.Included = append(set.Included, protocol.Post{From: protocol.Party(party), Body: body})
		}
		start := processor.Time()
		for _, deal := range set.Included[1:] {
			if err := schemes[1].Check(deal.From, deal.Body); err != nil {
				b.Fatal(err)
			}
		}
		report(b, true, start, "check")
		var openings []protocol.Post
		for party := 1; party <= k; party++ {
			start := processor.Time()
			body, err := schemes[party].Open(set, protocol.Seed{byte(party)})
			if err != nil {
				b.Fatal(err)
			}
			report(b, party == 1, start, "open")
			openings = append(openings, protocol.Post{From: protocol.Party(party), Body: body})
		}
		start = processor.Time()
		sum, err := schemes[1].Combine(set, openings)
		if err != nil || sum[7] != 7000*n {
			b.Fatal(sum[7], err)
		}
		report(b, true, start, "combine")
		b.ReportMetric(float64(bytesOf(b, set.Included[0].Body))/1e3, "kB-deal")
		b.ReportMetric(float64(bytesOf(b, openings[0].Body))/1e3, "kB-opening")
	}
}

func report(b *testing.B, first bool, start time.Duration, phase string) {
	if first {
		b.ReportMetric((processor.Time() - start).Seconds(), "s-"+phase)
	}
}

func bytesOf(b *testing.B, body protocol.Body) int {
	total := len(body.Public)
	for _, part := range body.Parts {
		for i := range part.Chunks() {
			chunk, err := part.Chunk(i)
			if err != nil {
				b.Fatal(err)
			}
			total += len(chunk)
		}
	}
	return total
}

// Whoever checks the remainders one by one draws the units that a greatest common
// divisor finds.
func TestFixedUnitsAreUnits(t *testing.T) {
	seen := map[uint64]bool{}
	for i := range 200_000 {
		u := fixedUnitFrom(newStream("test", []byte{byte(i), byte(i >> 8), byte(i >> 16)}))
		if u >= fixed || u%4 != 3 || !coprime(u, fixed) {
			t.Fatalf("%d is no unit that is 3 mod 4", u)
		}
		seen[u] = true
	}
	if want := 2 * 4 * 6 * 10 * 12; len(seen) != want {
		t.Errorf("%d units, want %d", len(seen), want)
	}
}
