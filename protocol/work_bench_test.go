package protocol

import (
	"fmt"
	"testing"
	"time"

	"consilium/internal/measured"
	"consilium/internal/processor"
	"consilium/paillier/testkey"
)

// BenchmarkWork is what one hospital computes in a round with everybody there, its
// update of up to 2²⁰ (and 2⁴⁰ in the wide ring) a value: deal, check the others'
// deals, mask, open, combine, and hash whatever it posts and fetches. Sealing, disk
// and network are not in it; beside it stands what the hospital sends when every
// body goes straight to whom it is for. With -csv it writes docs/figures/work.csv.
func BenchmarkWork(b *testing.B) {
	for _, c := range []struct {
		name string
		work func(b *testing.B, n, length int) (time.Duration, int)
	}{
		{"shamir", func(b *testing.B, n, length int) (time.Duration, int) { return shamirWork(b, n, length, 1) }},
		{"packed", func(b *testing.B, n, length int) (time.Duration, int) { return shamirWork(b, n, length, halfPacked(n)) }},
		{"masked", func(b *testing.B, n, length int) (time.Duration, int) { return maskedWork(b, n, length, 32) }},
		{"masked64", func(b *testing.B, n, length int) (time.Duration, int) { return maskedWork(b, n, length, 64) }},
		{"paillier", paillierWork},
	} {
		for _, n := range []int{3, 5, 10, 20, 30, 50, 100} {
			for _, length := range []int{1_000, 10_000, 100_000, 1_000_000, 10_000_000} {
				tooLarge := n*length > 200_000_000 || c.name == "shamir" && n*n*length > 2_000_000_000 ||
					c.name == "paillier" && (n > 10 || n*length > 1_000_000) || c.name == "packed" && n < leastPacked
				if tooLarge {
					continue
				}
				b.Run(fmt.Sprintf("%s/n=%d/d=%d", c.name, n, length), func(b *testing.B) {
					least, sent := time.Duration(1<<62), 0
					for b.Loop() {
						spent, bytes := c.work(b, n, length)
						least, sent = min(least, spent), bytes
					}
					b.ReportMetric(least.Seconds(), "cpu-s")
					b.ReportMetric(float64(sent)/1e6, "MB-sent")
					measured.Add(b, []string{"processor_seconds", "megabytes_sent"},
						measured.Row{Name: c.name, Hospitals: n, Values: length, Found: []float64{least.Seconds(), float64(sent) / 1e6}})
				})
			}
		}
	}
}

// halfPacked is the packing that leaves half of the colluders.
func halfPacked(n int) int {
	k := Thresholds{n, 0, MostDropouts(n, 0)}.Openings()
	return max(1, k-max(leastSecret, (k-1)/2))
}

// zeros is a part of so many bytes that takes no memory.
type zeros int

var zeroChunk [ChunkSize]byte

func (z zeros) Chunks() int { return (int(z) + ChunkSize - 1) / ChunkSize }

func (z zeros) Chunk(i int) ([]byte, error) {
	return zeroChunk[:min(ChunkSize, int(z)-i*ChunkSize)], nil
}

// digested reads and hashes parts side by side, as they are posted or fetched, and
// tells how many bytes they have.
func digested(b *testing.B, parts ...Source) (size int) {
	b.Helper()
	refs, err := refsOf(parts)
	if err != nil {
		b.Fatal(err)
	}
	for _, ref := range refs {
		size += int(ref.Size)
	}
	return size
}

func must[T any](b *testing.B, value T, err error) T {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	return value
}

func shamirWork(b *testing.B, n, length, packed int) (time.Duration, int) {
	b.Helper()
	th := Thresholds{n, 0, MostDropouts(n, 0)}
	s, err := newShamir(1, th, length, packed)
	must(b, s, err)
	update, k := make(Vector, length), th.Openings()
	began := processor.Time()
	own, err := s.Deal(update, Seed{1})
	must(b, own, err)
	var others []Source
	for p := 2; p <= n; p++ {
		others = append(others, own.Parts[Party(p)])
	}
	sent := digested(b, append(others, own.Parts[1])...) - int(s.PartSize())
	set := Certified{Included: []Post{{1, Body{Parts: map[Party]Source{1: zeros(s.PartSize())}}}}} // spooled
	for p := 2; p <= n; p++ {
		part := Source(zeros(s.PartSize()))
		if s.seeded(Party(p), 1) {
			part = Chunks{make([]byte, len(Seed{}))}
		}
		digested(b, part)
		deal := Body{Parts: map[Party]Source{1: part}}
		if err := s.Check(Party(p), deal); err != nil {
			b.Fatal(err)
		}
		set.Included = append(set.Included, Post{Party(p), deal})
	}
	opening, err := s.Open(set, Seed{})
	must(b, opening, err)
	size := digested(b, opening.Parts[0])
	var openings []Post
	for p := 1; p <= k; p++ {
		digested(b, zeros(size))
		openings = append(openings, Post{Party(p), Body{Parts: map[Party]Source{0: zeros(size)}}})
	}
	sum, err := s.Combine(set, openings)
	must(b, sum, err)
	return processor.Time() - began, sent + (k-1)*size
}

func maskedWork(b *testing.B, n, length int, bits uint32) (time.Duration, int) {
	b.Helper()
	w := newMaskedWorld(b, maskedDescription(n, 0, 8, bits))
	w.joined.Joined = w.deals
	s, err := NewMasked(1, maskedDescription(n, 0, length, bits))
	must(b, s, err)
	update := make(Vector, length)
	set := w.joined
	size := int(bits) / 8 * length
	for p := 1; p <= n; p++ {
		set.Included = append(set.Included, Post{Party(p), Body{Parts: map[Party]Source{0: zeros(size)}}})
	}
	var openers []int
	for p := 1; p <= s.k; p++ {
		openers = append(openers, p)
	}
	openings := w.open(set, openers...)

	began := processor.Time()
	own, err := s.Deal(update, maskedSeed(1))
	must(b, own, err)
	sent := (n-1)*digested(b, own.Parts[0]) + (n-1)*digested(b, own.Parts[2])
	for _, deal := range w.deals[1:] {
		mine := Body{Parts: map[Party]Source{0: deal.Body.Parts[0], 1: deal.Body.Parts[1]}}
		if err := s.Check(deal.From, mine); err != nil {
			b.Fatal(err)
		}
	}
	masked, err := s.Mask(w.joined, update, maskedSeed(1))
	must(b, masked, err)
	sent += (n - 1) * digested(b, masked.Parts[0])
	for range n - 1 {
		digested(b, zeros(size))
	}
	opening, err := w.schemes[1].Open(set, maskedSeed(1))
	must(b, opening, err)
	sum, err := s.Combine(set, openings)
	must(b, sum, err)
	return processor.Time() - began, sent + (n-1)*digested(b, opening.Parts[0])
}

// paillierWork takes a published key of 2048 bits.
func paillierWork(b *testing.B, n, length int) (time.Duration, int) {
	b.Helper()
	d := testDescription(n)
	d.Scheme, d.Length, d.Limit = SchemePaillier, uint64(length), 1<<20
	k := HolderThreshold(d.Thresholds)
	public, shares, err := testkey.Deal(2048, Holders(d.Thresholds), k)
	must(b, public, err)
	key, err := NewPaillierKey(public, nil)
	must(b, key, err)
	d.Key = key.Digest()
	schemes, set := make([]*Paillier, n+1), Certified{ID: Hash{1}}
	for p := 1; p <= n; p++ {
		own := *key
		own.Share = shares[p-1]
		schemes[p], err = NewPaillier(Party(p), d, &own)
		must(b, schemes[p], err)
	}
	update := make(Vector, length)
	var spent time.Duration
	sent := 0
	for p := 1; p <= n; p++ {
		began := processor.Time()
		body, err := schemes[p].Deal(update, Seed{byte(p)})
		must(b, body, err)
		size := digested(b, body.Parts[0])
		if p == 1 {
			spent, sent = processor.Time()-began, (n-1)*(size+len(body.Public))
		}
		set.Included = append(set.Included, Post{Party(p), body})
	}
	began := processor.Time()
	for _, deal := range set.Included[1:] {
		digested(b, deal.Body.Parts[0])
		if err := schemes[1].Check(deal.From, deal.Body); err != nil {
			b.Fatal(err)
		}
	}
	spent += processor.Time() - began
	var openings []Post
	for p := 1; p <= k; p++ {
		began := processor.Time()
		body, err := schemes[p].Open(set, Seed{byte(p)})
		must(b, body, err)
		size := digested(b, body.Parts[0])
		if p == 1 {
			spent, sent = spent+processor.Time()-began, sent+(n-1)*(size+len(body.Public))
		}
		openings = append(openings, Post{Party(p), body})
	}
	began = processor.Time()
	sum, err := schemes[1].Combine(set, openings)
	must(b, sum, err)
	return spent + processor.Time() - began, sent
}
