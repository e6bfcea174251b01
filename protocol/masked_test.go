package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"consilium/sharing"
)

// maskedWorld is the scheme at every hospital of a round, with the deals of all.
type maskedWorld struct {
	tb      testing.TB
	schemes []*Masked // by party
	updates []Vector
	deals   []Post // of 1…n
	joined  Certified
	masked  []Post
}

func maskedDescription(n, f, length int, modulus uint32) Description {
	d := testDescription(n)
	d.Scheme, d.Length, d.Modulus = SchemeMasked, uint64(length), modulus
	d.Limit = map[uint32]uint64{32: (1<<31 - 1) / uint64(n), 64: 1 << 50}[modulus]
	d.Thresholds = Thresholds{n, f, MostDropouts(n, f)}
	return d
}

func maskedSeed(p int) Seed { return Seed{byte(p), 1} }

// newMaskedWorld has all hospitals deal, and all that joined mask.
func newMaskedWorld(tb testing.TB, d Description, joined ...int) *maskedWorld {
	tb.Helper()
	n := d.Thresholds.Parties
	w := &maskedWorld{tb: tb, schemes: make([]*Masked, n+1), updates: make([]Vector, n+1), masked: make([]Post, n+1)}
	for p := 1; p <= n; p++ {
		var err error
		if w.schemes[p], err = NewMasked(Party(p), d); err != nil {
			tb.Fatal(err)
		}
		w.updates[p] = make(Vector, d.Length)
		for i := range w.updates[p] {
			w.updates[p][i] = (int64(d.Limit) - int64(i)) * int64(1-2*(p%2))
		}
		body, err := w.schemes[p].Deal(w.updates[p], maskedSeed(p))
		if err != nil {
			tb.Fatal(err)
		}
		w.deals = append(w.deals, Post{Party(p), body})
	}
	w.joined = Certified{JoinedID: Hash{7}}
	for _, p := range joined {
		w.joined.Joined = append(w.joined.Joined, w.deals[p-1])
	}
	for _, p := range joined {
		body, err := w.schemes[p].Mask(w.joined, w.updates[p], maskedSeed(p))
		if err != nil {
			tb.Fatal(err)
		}
		w.masked[p] = Post{Party(p), body}
	}
	return w
}

func (w *maskedWorld) set(included ...int) Certified {
	set := w.joined
	set.ID = Hash{8}
	for _, p := range included {
		set.Included = append(set.Included, w.masked[p])
	}
	return set
}

func (w *maskedWorld) open(set Certified, parties ...int) (openings []Post) {
	w.tb.Helper()
	for _, p := range parties {
		body, err := w.schemes[p].Open(set, maskedSeed(p))
		if err != nil {
			w.tb.Fatal(err)
		}
		openings = append(openings, Post{Party(p), body})
	}
	return openings
}

func (w *maskedWorld) plain(included ...int) Vector {
	sum := make(Vector, len(w.updates[1]))
	for _, p := range included {
		for i, v := range w.updates[p] {
			sum[i] += v
		}
	}
	return sum
}

// Sums at the edge of the ring, over every set of those who joined, opened by
// every k.
func TestMaskedSums(t *testing.T) {
	for _, modulus := range []uint32{32, 64} {
		w := newMaskedWorld(t, maskedDescription(5, 0, 20, modulus), 1, 2, 4, 5)
		for _, included := range [][]int{{1, 2, 4, 5}, {1, 2, 4}, {2, 4, 5}, {1, 4, 5}} {
			for _, openers := range [][]int{{1, 2, 3}, {3, 4, 5}, {1, 3, 5, 2}} {
				set := w.set(included...)
				sum, err := w.schemes[3].Combine(set, w.open(set, openers...))
				if err != nil || !slices.Equal(sum, w.plain(included...)) {
					t.Fatalf("%d bits, %v of those who joined, opened by %v: %v, %v", modulus, included, openers, sum, err)
				}
			}
		}
	}
}

// "Never both for one hospital": whatever sets are put before it, an opening has
// one share of each who joined, and which one is decided by the set.
func TestMaskedOpeningNeverHasBothShares(t *testing.T) {
	w := newMaskedWorld(t, maskedDescription(4, 0, 3, 64), 1, 2, 3, 4)
	for mask := range 1 << 4 {
		var included []int
		for p := 1; p <= 4; p++ {
			if mask>>(p-1)&1 == 1 {
				included = append(included, p)
			}
		}
		set := w.set(included...)
		body := w.open(set, 2)[0].Body
		content, err := wholePart(body.Parts[0], 4*sharing.GroupSize)
		if err != nil {
			t.Fatal(err)
		}
		for i, deal := range set.Joined {
			both, err := wholePart(deal.Body.Parts[2], 2*sharing.GroupSize)
			if err != nil {
				t.Fatal(err)
			}
			s, b := both[:sharing.GroupSize], both[sharing.GroupSize:]
			in := slices.Contains(included, i+1)
			if bytes.Contains(content, b) != in || bytes.Contains(content, s) == in {
				t.Errorf("set %v: of hospital %d it opens s %v, b %v", included, deal.From, bytes.Contains(content, s), bytes.Contains(content, b))
			}
		}
	}
}

// "Late y after s was opened": hospital 4 dropped out, k hospitals have opened its
// s, and then its masked update comes after all. The attacker removes every
// pairwise mask and is left with noise; with b it would have had the update, so
// the attack is not blind.
func TestMaskedLateUpdateStaysHidden(t *testing.T) {
	w := newMaskedWorld(t, maskedDescription(4, 0, 64, 32), 1, 2, 3, 4)
	set, s := w.set(1, 2, 3), w.schemes[1]
	openings := w.open(set, 1, 2, 3)
	secrets, public, err := s.reconstruct(set, openings)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []sharing.Mask
	for j, other := range set.Joined[:3] {
		pairs = append(pairs, s.pairMask(secrets[3], public[j], set.JoinedID, 4, other.From, true))
	}
	late := []Post{w.masked[4]}
	matches := func(v Vector) (same int) {
		for i := range v {
			if v[i] == w.updates[4][i] {
				same++
			}
		}
		return same
	}
	left, err := s.addUp(late, pairs)
	if err != nil || matches(left) > 0 {
		t.Fatalf("the late update shows in %d values, %v", matches(left), err)
	}
	_, self := w.schemes[4].secrets(maskedSeed(4))
	shown, err := s.addUp(late, append(pairs, s.selfMask(self.Secret(), set.JoinedID, 4, true)))
	if err != nil || matches(shown) != len(shown) {
		t.Fatalf("with both secrets %d values show, %v: the attack proves nothing", matches(shown), err)
	}
}

// Fewer than k openings reconstruct no secret, and the sum is not guessed.
func TestMaskedTooFewOpenings(t *testing.T) {
	w := newMaskedWorld(t, maskedDescription(5, 0, 3, 64), 1, 2, 3, 4, 5)
	set := w.set(1, 2, 3, 4, 5)
	if _, err := w.schemes[1].Combine(set, w.open(set, 1, 2)); !errors.Is(err, ErrMoreOpenings) {
		t.Fatalf("two openings of threshold three: %v", err)
	}
	missing := set
	missing.Included = slices.Clone(set.Included)
	missing.Included[1].Body = Body{}
	if _, err := w.schemes[1].Combine(missing, w.open(set, 1, 2, 3)); !errors.Is(err, ErrMoreOpenings) {
		t.Fatalf("without one masked update: %v", err)
	}
}

// A wrong opening names its sender, whatever is wrong with it and whoever else
// opens; a true one is never named.
func TestMaskedWrongOpeningsAreNamed(t *testing.T) {
	w := newMaskedWorld(t, maskedDescription(5, 1, 3, 64), 1, 2, 3, 4)
	set := w.set(1, 2, 3)
	honest := w.open(set, 1, 2, 3, 4, 5)
	other := w.set(2, 3, 4)
	content, err := wholePart(honest[1].Body.Parts[0], 4*sharing.GroupSize)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(content)
	flipped[sharing.GroupSize] ^= 1
	high := slices.Clone(content)
	high[sharing.GroupSize-1] = 0xff
	body := func(public []byte, content []byte) Body {
		return Body{Public: public, Parts: map[Party]Source{0: Chunks{content}}}
	}
	id := set.JoinedID[:]
	for what, wrong := range map[string]Body{
		"a false share": body(id, flipped), "no canonical scalar": body(id, high), "one share less": body(id, content[sharing.GroupSize:]),
		"of others who joined": body(make([]byte, 32), content), "nothing": {}, "of another set": w.open(other, 2)[0].Body,
		"another hospital's": honest[2].Body,
	} {
		openings := slices.Clone(honest)
		openings[1].Body = wrong
		_, err := w.schemes[5].Combine(set, openings)
		bad := (*BadOpening)(nil)
		if !errors.As(err, &bad) || bad.From != 2 {
			t.Errorf("%s: %v", what, err)
		}
		if err := w.schemes[5].CheckOpening(set, openings[1]); !invalid(err) {
			t.Errorf("%s: checked alone: %v", what, err)
		}
		if sum, err := w.schemes[5].Combine(set, slices.Delete(openings, 1, 2)); err != nil || !slices.Equal(sum, w.plain(1, 2, 3)) {
			t.Errorf("%s: without it: %v, %v", what, sum, err)
		}
	}
	for _, opening := range honest {
		if err := w.schemes[5].CheckOpening(set, opening); err != nil {
			t.Errorf("the opening of hospital %d: %v", opening.From, err)
		}
	}
}

// Shares that do not fit the commitments, and commitments that are none.
func TestMaskedInvalidDeals(t *testing.T) {
	w := newMaskedWorld(t, maskedDescription(4, 1, 3, 64))
	s := w.schemes[3]
	deal := func() Body {
		mine := Body{Parts: map[Party]Source{}}
		for _, p := range []Party{0, 3} {
			content, err := inMemory(w.deals[0].Body.Parts[p])
			if err != nil {
				t.Fatal(err)
			}
			mine.Parts[p] = Chunks{slices.Clone(content[0])}
		}
		return mine
	}
	if err := s.Check(1, deal()); err != nil {
		t.Fatalf("a good deal: %v", err)
	}
	for what, spoil := range map[string]func(Body){
		"another's shares":       func(b Body) { b.Parts[3] = w.deals[0].Body.Parts[2] },
		"of another deal":        func(b Body) { b.Parts[3] = w.deals[1].Body.Parts[3] },
		"a share too long":       func(b Body) { b.Parts[3] = Chunks{make([]byte, 65)} },
		"no commitments":         func(b Body) { delete(b.Parts, 0) },
		"commitments cut":        func(b Body) { c := b.Parts[0].(Chunks); b.Parts[0] = Chunks{c[0][:64]} },
		"two chunks":             func(b Body) { c := b.Parts[0].(Chunks); b.Parts[0] = Chunks{c[0][:64], c[0][64:]} },
		"a false commitment":     func(b Body) { copy(b.Parts[0].(Chunks)[0], b.Parts[0].(Chunks)[0][32:64]) },
		"a commitment to 0":      func(b Body) { clear(b.Parts[0].(Chunks)[0][:32]) },
		"no canonical element":   func(b Body) { b.Parts[0].(Chunks)[0][63] = 0xff },
		"false shares of b only": func(b Body) { b.Parts[3].(Chunks)[0][40] ^= 1 },
	} {
		bad := deal()
		spoil(bad)
		if err := s.Check(1, bad); !invalid(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The masks of two rounds, of two sets of hospitals, and of two pairs differ, and
// an update masked for other hospitals does not come out.
func TestMasksAreBoundToTheirPlace(t *testing.T) {
	d := maskedDescription(4, 0, 3, 64)
	w := newMaskedWorld(t, d, 1, 2, 3, 4)
	other := d
	other.Round++
	later, err := NewMasked(1, other)
	if err != nil {
		t.Fatal(err)
	}
	s := w.schemes[1]
	keys := map[string][sharing.MaskKeySize]byte{
		"": s.maskKey([]byte("secret"), Hash{1}, "pair", 1, 2), "another round": later.maskKey([]byte("secret"), Hash{1}, "pair", 1, 2),
		"others joined": s.maskKey([]byte("secret"), Hash{2}, "pair", 1, 2), "another pair": s.maskKey([]byte("secret"), Hash{1}, "pair", 1, 3),
		"the self mask": s.maskKey([]byte("secret"), Hash{1}, "self", 1), "another secret": s.maskKey([]byte("Secret"), Hash{1}, "pair", 1, 2),
	}
	for what, key := range keys {
		for what2, key2 := range keys {
			if what != what2 && key == key2 {
				t.Errorf("one mask: %q and %q", what, what2)
			}
		}
	}
}

// A body that its poster cut into odd chunks adds up all the same: it must not
// stop the others.
func TestMaskedOddChunks(t *testing.T) {
	w := newMaskedWorld(t, maskedDescription(3, 0, 40, 32), 1, 2, 3)
	content, err := wholePart(w.masked[2].Body.Parts[0], 160)
	if err != nil {
		t.Fatal(err)
	}
	w.masked[2].Body.Parts[0] = Chunks{content[:3], {}, content[3:90], content[90:]}
	set := w.set(1, 2, 3)
	if sum, err := w.schemes[1].Combine(set, w.open(set, 1, 2)); err != nil || !slices.Equal(sum, w.plain(1, 2, 3)) {
		t.Fatalf("%v, %v", sum, err)
	}
	w.masked[2].Body.Parts[0] = Chunks{content[:3]}
	set = w.set(1, 2, 3)
	if _, err := w.schemes[1].Combine(set, w.open(set, 1, 2)); err != nil {
		t.Fatalf("a body that ends early: %v", err)
	}
}

// "Refused at set-up when it does not fit, never clipped silently."
func TestMaskedRefusesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		change func(*Description)
		why    string
	}{
		{func(d *Description) { d.Modulus = 16 }, "2^32 or 2^64"},
		{func(d *Description) { d.Modulus = 0 }, "2^32 or 2^64"},
		{func(d *Description) { d.Modulus, d.Limit = 32, (1<<31-1)/4+1 }, "do not fit"},
		{func(d *Description) { d.Limit = 1 << 59 }, "do not fit"},
		{func(d *Description) { d.Length = 0 }, "at least one value"},
	} {
		d := maskedDescription(4, 0, 3, 64)
		c.change(&d)
		if _, err := NewMasked(1, d); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%+v: %v, want %q", d, err, c.why)
		}
	}
	if _, err := NewMasked(5, maskedDescription(4, 0, 3, 64)); err == nil {
		t.Error("a hospital outside the roster")
	}
}

func FuzzMaskedPayload(f *testing.F) {
	h := header{Parts: []partRef{{0, Ref{Chunks: 1, Size: 3}}}}
	f.Add(maskedPayload{Hash{1}, h}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := decodeMasked(data); err == nil && !bytes.Equal(p.encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, p.encode())
		}
	})
}

// common is what a round takes with both schemes: ten messages in sequence, and
// what gossip needs with many hospitals.
func common(n int) float64 { return 0.2 + 1e-4*float64(n*n) }

// measuredRounds are seconds of rounds, 0 where it was not measured.
var measuredRounds = []struct {
	n                        int
	length                   uint64
	masked, masked64, shamir float64
}{
	{4, 100, 0.302, 0.302, 0.202}, {4, 1_000, 0.303, 0.304, 0.206}, {4, 3_000, 0.305, 0.388, 0.294}, {4, 10_000, 0.393, 0.402, 0.407},
	{10, 100, 0.314, 0.315, 0.214}, {10, 1_000, 0.318, 0.320, 0.292}, {10, 2_000, 0.320, 0.326, 0.301}, {10, 3_000, 0.324, 0.413, 0.384},
	{10, 5_000, 0.411, 0.425, 0.399}, {10, 10_000, 0.426, 0.476, 0.457}, {10, 100_000, 0.828, 0, 1.461}, {10, 1_000_000, 4.427, 0, 8.301},
}

// BenchmarkMasked is the work of one hospital in a round, apart from hashing,
// sealing and the network: its own (deal, check the others' deals, mask), and to
// combine, with some of those who joined dropped out.
func BenchmarkMasked(b *testing.B) {
	for _, c := range []struct{ n, dropped int }{{10, 0}, {10, 3}, {50, 12}} {
		d := maskedDescription(c.n, 0, 1_000_000, 32)
		w := newMaskedWorld(b, maskedDescription(c.n, 0, 8, 32))
		s, err := NewMasked(1, d)
		if err != nil {
			b.Fatal(err)
		}
		update := make(Vector, d.Length)
		w.joined.Joined = w.deals
		name := fmt.Sprintf("n=%d/dropped=%d", c.n, c.dropped)
		if c.dropped == 0 {
			b.Run(name+"/own", func(b *testing.B) {
				spent := processorTime(b)
				for b.Loop() {
					if _, err := s.Deal(update, maskedSeed(1)); err != nil {
						b.Fatal(err)
					}
					for _, deal := range w.deals[1:] {
						mine := Body{Parts: map[Party]Source{0: deal.Body.Parts[0], 1: deal.Body.Parts[1]}}
						if err := s.Check(deal.From, mine); err != nil {
							b.Fatal(err)
						}
					}
					body, err := s.Mask(w.joined, update, maskedSeed(1))
					if err != nil {
						b.Fatal(err)
					}
					for i := range body.Parts[0].Chunks() {
						if _, err := body.Parts[0].Chunk(i); err != nil {
							b.Fatal(err)
						}
					}
				}
				spent()
			})
		}
		b.Run(name+"/combine", func(b *testing.B) {
			set := w.joined
			content := inChunks(make([]byte, d.maskedSize())) // masks take as long off what is in it
			for p := 1; p <= c.n-c.dropped; p++ {
				set.Included = append(set.Included, Post{Party(p), Body{Parts: map[Party]Source{0: content}}})
			}
			var openers []int
			for p := 1; p <= s.k; p++ {
				openers = append(openers, p)
			}
			openings := w.open(set, openers...)
			spent := processorTime(b)
			for b.Loop() {
				if _, err := s.Combine(set, openings); err != nil {
					b.Fatal(err)
				}
			}
			spent()
		})
	}
}
