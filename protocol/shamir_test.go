package protocol

import (
	"fmt"
	"slices"
	"testing"

	"consilium/sharing"
)

// Sums of plain and packed sharing, opened by every k of seven, with vectors that
// do and do not fill their polynomials and blocks; and what is sent for them.
func TestShamirSums(t *testing.T) {
	const n, k = 7, 4
	for _, c := range []struct{ packed, length int }{
		{1, 1}, {1, 9}, {2, 1}, {2, 2}, {2, 9}, {2, 2*blockLength - 1}, {2, 2*blockLength + 3},
	} {
		th := Thresholds{Parties: n, Dropouts: MostDropouts(n, 0)}
		schemes := make([]*Shamir, n+1)
		set, sum := Certified{ID: Hash{1}}, make(Vector, c.length)
		for p := 1; p <= n; p++ {
			var err error
			if schemes[p], err = newShamir(Party(p), th, c.length, c.packed); err != nil {
				t.Fatal(err)
			}
			update := make(Vector, c.length)
			for i := range update {
				update[i] = int64(i*p) * int64(1-2*(p%2)) * 1e9
				sum[i] += update[i]
			}
			body, err := schemes[p].Deal(update, maskedSeed(p))
			if err != nil {
				t.Fatal(err)
			}
			for q, part := range body.Parts {
				ref, err := RefOf(part)
				if err != nil {
					t.Fatal(err)
				}
				want := uint64(sharing.SeedSize)
				if behind := (int(q) - p + n) % n; behind == 0 || behind > k-c.packed {
					want = sharing.Size * uint64((c.length+c.packed-1)/c.packed)
				}
				if ref.Size != want || ref.Size > schemes[p].PartSize() {
					t.Fatalf("%+v: hospital %d is dealt %d bytes, want %d", c, q, ref.Size, want)
				}
				if err := schemes[p].Check(Party(p), Body{Parts: map[Party]Source{q: part}}); err != nil {
					t.Fatal(err)
				}
			}
			set.Included = append(set.Included, Post{Party(p), body})
		}
		var openings []Post
		for p := 1; p <= n; p++ {
			body, err := schemes[p].Open(set, Seed{})
			if err != nil {
				t.Fatal(err)
			}
			openings = append(openings, Post{Party(p), body})
		}
		if got, err := schemes[1].Combine(set, openings); err != nil || !slices.Equal(got, sum) {
			t.Fatalf("%+v: all open %v, %v", c, got[:1], err)
		}
		for mask := range 1 << n {
			var some []Post
			for p := range n {
				if mask>>p&1 == 1 {
					some = append(some, openings[p])
				}
			}
			if len(some) == k && c.length < 100 {
				if got, err := schemes[1].Combine(set, some); err != nil || !slices.Equal(got, sum) {
					t.Fatalf("%+v, openings %b: %v, %v", c, mask, got, err)
				}
			}
		}
	}
}

func TestPackingIsRefused(t *testing.T) {
	for _, c := range []struct {
		n, f, packed int
		fits         bool
	}{{7, 0, 2, true}, {7, 0, 3, false}, {6, 0, 2, false}, {10, 0, 4, true}, {10, 0, 5, false}, {11, 1, 2, false}} {
		_, err := newShamir(1, Thresholds{c.n, c.f, 0}, 5, c.packed)
		if (err == nil) != c.fits {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// BenchmarkShamirDeal is a deal of 10⁶ values among ten hospitals, all randomness
// and encoding included.
func BenchmarkShamirDeal(b *testing.B) {
	const n, length = 10, 1_000_000
	for _, packed := range []int{1, 4} {
		b.Run(fmt.Sprintf("packed=%d", packed), func(b *testing.B) {
			s, err := newShamir(1, Thresholds{n, 0, 4}, length, packed)
			if err != nil {
				b.Fatal(err)
			}
			update, size := make(Vector, length), uint64(0)
			spent := processorTime(b)
			for b.Loop() {
				body, err := s.Deal(update, Seed{1})
				if err != nil {
					b.Fatal(err)
				}
				size = 0
				for c := range blocks(s.polynomials()) {
					for p, part := range body.Parts {
						if c >= part.Chunks() {
							continue
						}
						chunk, err := part.Chunk(c)
						if err != nil {
							b.Fatal(err)
						}
						if p != 1 {
							size += uint64(len(chunk))
						}
					}
				}
			}
			spent()
			b.ReportMetric(float64(size)/1e6, "MB-posted")
		})
	}
}

// BenchmarkSumOfThree is all that three hospitals compute to sum 10⁵ values:
// deal, encode, check, add up, open, combine. Beside it what they send each other
// together, every opening to one of the others.
func BenchmarkSumOfThree(b *testing.B) {
	const n, length = 3, 100_000
	schemes := make([]*Shamir, n+1)
	for p := 1; p <= n; p++ {
		var err error
		if schemes[p], err = newShamir(Party(p), Thresholds{n, 0, 1}, length, 1); err != nil {
			b.Fatal(err)
		}
	}
	update := make(Vector, length)
	sent := uint64(0)
	spent := processorTime(b)
	for b.Loop() {
		sent = 0
		posts := make([]Body, n+1)
		for p := 1; p <= n; p++ {
			deal, err := schemes[p].Deal(update, maskedSeed(p))
			if err != nil {
				b.Fatal(err)
			}
			posts[p].Parts = map[Party]Source{}
			for q, part := range deal.Parts {
				content, err := inMemory(part)
				if err != nil {
					b.Fatal(err)
				}
				posts[p].Parts[q] = content
				for _, chunk := range content {
					if q != Party(p) {
						sent += uint64(len(chunk))
					}
				}
			}
		}
		var openings []Post
		for p := 1; p <= n; p++ {
			set := Certified{}
			for from := 1; from <= n; from++ {
				mine := Body{Parts: map[Party]Source{Party(p): posts[from].Parts[Party(p)]}}
				if err := schemes[p].Check(Party(from), mine); err != nil {
					b.Fatal(err)
				}
				set.Included = append(set.Included, Post{Party(from), mine})
			}
			opening, err := schemes[p].Open(set, Seed{})
			if err != nil {
				b.Fatal(err)
			}
			content, err := inMemory(opening.Parts[0])
			if err != nil {
				b.Fatal(err)
			}
			for _, chunk := range content {
				sent += uint64(len(chunk))
			}
			openings = append(openings, Post{Party(p), Body{Parts: map[Party]Source{0: content}}})
		}
		for p := 1; p <= n; p++ {
			if _, err := schemes[p].Combine(Certified{}, openings[:2]); err != nil {
				b.Fatal(err)
			}
		}
	}
	spent()
	b.ReportMetric(float64(sent)/1e6, "MB-sent")
}
