package protocol

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

func slicedDescription(n, f, c, length int, modulus uint32) Description {
	d := maskedDescription(n, f, length, modulus)
	d.Thresholds.Dropouts, d.Sliced = c, true
	return d
}

// Every chunk is in one slice; slices are as large as each other, but the last;
// and every hospital has one place in the order of each.
func TestSlicesCoverTheVector(t *testing.T) {
	for _, n := range []int{3, 4, 7, 20, 100, 256} {
		for _, length := range []int{1, 2, 5, 16, 300, 16_384, 70_001, 1_000_000, 10_000_000} {
			for _, modulus := range []uint32{32, 64} {
				d := slicedDescription(n, 0, MostDropouts(n, 0), length, modulus)
				d.Round = uint64(length)
				s := d.Slicing()
				name := fmt.Sprintf("n %d, %d values of %d bits: %+v", n, length, modulus, s)
				if s.chunk%16 != 0 || s.chunk > ChunkSize || s.count > n || s.count < 1 {
					t.Fatal(name)
				}
				next, total := 0, 0
				for i := range s.count {
					first, count := s.span(i)
					size := 0
					for c := first; c < first+count; c++ {
						size += s.length(c)
					}
					if first != next || count < 1 || size != s.bytes(i) || i < s.count-1 && size != s.per*s.chunk {
						t.Fatalf("%s: slice %d has %d chunks from %d on, %d bytes", name, i, count, first, size)
					}
					next, total = first+count, total+size
				}
				if next != s.chunks() || total != int(d.maskedSize()) || s.count*s.per*s.chunk > total+s.count*s.per*16+s.per*s.chunk {
					t.Fatalf("%s: %d of %d chunks, %d bytes", name, next, s.chunks(), total)
				}
			}
		}
	}
}

// With f liars and c more away: of the holders one is honest and there, of those
// who may step in as many as must hold, of those who agree on a sum one; and there
// are so many hospitals.
func TestNumbersOfSlices(t *testing.T) {
	for n := 3; n <= 60; n++ {
		for f := 0; MostDropouts(n, f) >= 0; f++ {
			for c := range MostDropouts(n, f) + 1 {
				s := slicedDescription(n, f, c, 16*n, 32).Slicing()
				if s.holders() <= f+c || s.reserve()-(f+c) < s.holders() || s.adders() <= f || s.adders() < 2 || s.reserve() > n {
					t.Fatalf("n %d, f %d, c %d: %d hold, %d may, %d add up", n, f, c, s.holders(), s.reserve(), s.adders())
				}
			}
		}
	}
}

func TestOrdersOfSlices(t *testing.T) {
	for _, n := range []int{3, 7, 20} {
		for round := range uint64(5) {
			d := slicedDescription(n, 0, 1, 16*n, 32)
			d.Round = round
			s := d.Slicing()
			held := make([]int, n+1)
			for i := range s.count {
				var all Set
				for place := range n {
					p := s.at(i, place)
					if s.place(i, p) != place {
						t.Fatalf("hospital %d is at place %d and %d", p, place, s.place(i, p))
					}
					all.Add(p)
				}
				if all != AllOf(n) {
					t.Fatalf("slice %d: %v", i, all)
				}
			}
			for p := 1; p <= n; p++ {
				held[p] = len(s.within(Party(p), s.holders()))
				if held[p] != s.holders() {
					t.Errorf("n %d: hospital %d holds %d slices, not %d", n, p, held[p], s.holders())
				}
			}
		}
	}
	moved, d := Set{}, slicedDescription(7, 0, 1, 100, 32)
	for d.Round = range 7 {
		moved.Add(d.Slicing().at(0, 0))
	}
	if moved != AllOf(7) {
		t.Errorf("over seven rounds slice 0 begins with %v", moved)
	}
}

// Slices of masked updates add up to the slices of the sum, at the edge of the
// ring, over every set of those who joined, opened by any k.
func TestSliceSums(t *testing.T) {
	for _, modulus := range []uint32{32, 64} {
		for _, length := range []int{1, 5, 41, 200, 170_000} { // the last has several chunks in a slice
			d := slicedDescription(5, 0, 2, length, modulus)
			w, sl := newMaskedWorld(t, d, 1, 2, 4, 5), d.Slicing()
			for _, included := range [][]int{{1, 2, 4, 5}, {1, 4, 5}} {
				set := w.set(included...)
				s := w.schemes[3]
				masks, err := s.Unmask(set, w.open(set, 1, 3, 4))
				if err != nil {
					t.Fatal(err)
				}
				var updates []Source
				for _, post := range set.Included {
					updates = append(updates, post.Body.Parts[0])
				}
				var sum Vector
				for i := range sl.count {
					part := s.SumSlice(i, updates, masks)
					for c := range part.Chunks() {
						lanes, err := part.Chunk(c)
						if err != nil {
							t.Fatal(err)
						}
						values := make(Vector, len(lanes)*8/int(modulus))
						s.Values(values, lanes)
						sum = append(sum, values...)
					}
				}
				if !slices.Equal(sum, w.plain(included...)) {
					t.Fatalf("%d bits, %d values in %d slices: another sum", modulus, length, sl.count)
				}
				updates[0] = Chunks{make([]byte, sl.chunk+1)}
				if _, err := s.SumSlice(0, updates, masks).Chunk(0); err == nil {
					t.Error("a chunk of another length was added up")
				}
			}
		}
	}
}

// covering is a proposal in which hospitals claim slices.
func covering(d Description, holders Set, claims map[Party]claim) proposalPayload {
	p := proposalPayload{Choice: choice{Holders: holders}}
	for _, from := range AllOf(d.Thresholds.Parties).Parties() {
		p.Roots = append(p.Roots, named{from, Hash{byte(from)}})
	}
	p.Choice.Included = p.Roots
	for _, from := range AllOf(d.Thresholds.Parties).Parties() {
		if c, ok := claims[from]; ok {
			p.Attests = append(p.Attests, attestRow{From: from, Held: bytes.Repeat([]byte{0xff}, 1), Signature: make([]byte, SignatureSize), Claim: c})
		}
	}
	return p
}

// A set is acceptable when f+c+1 of its holders claim each slice, and by no claim
// less.
func TestEverySliceMustBeHeld(t *testing.T) {
	d := slicedDescription(8, 1, 1, 16*8, 32)
	s, all := d.Slicing(), AllOf(8)
	signed := func(Message) bool { return true }
	claims := func() map[Party]claim {
		m := map[Party]claim{}
		for _, p := range all.Parties() {
			m[p] = s.newClaim(s.within(p, s.holders())...)
		}
		return m
	}
	accepted := func(holders Set, m map[Party]claim) bool {
		p, err := decodeProposal(covering(d, holders, m).encode())
		return err == nil && p.justified(d, d.Hash(), Agree, signed)
	}
	if !accepted(all, claims()) {
		t.Fatal("everybody holds what it should, and the set is refused")
	}
	for i := range s.count {
		for place := range s.holders() {
			m := claims()
			m[s.at(i, place)][i/8] &^= 1 << (i % 8)
			if accepted(all, m) {
				t.Fatalf("slice %d is claimed by %d only, and the set is accepted", i, s.holders()-1)
			}
			m[s.at(i, s.holders())].add(i)
			if !accepted(all, m) {
				t.Fatalf("somebody has stepped in for slice %d, and the set is refused", i)
			}
		}
	}
	if accepted(all.Minus(NewSet(3)), claims()) {
		t.Error("the claims of who is no holder count")
	}
	for what, spoil := range map[string]func(map[Party]claim){
		"no claim": func(m map[Party]claim) {
			for p := range m {
				m[p] = nil
			}
		},
		"claims too long": func(m map[Party]claim) {
			for p := range m {
				m[p] = append(m[p], 0)
			}
		},
	} {
		m := claims()
		spoil(m)
		if accepted(all, m) {
			t.Errorf("%s: accepted", what)
		}
	}
	whole := d
	whole.Sliced = false
	if p := covering(d, all, claims()); p.justified(whole, whole.Hash(), Agree, signed) {
		t.Error("claims in a round that is not sliced are accepted")
	}
}

// What nobody can have a reason to sign in a round.
func TestMalformedSlices(t *testing.T) {
	d := slicedDescription(8, 1, 1, 16*8, 32)
	s, whole := d.Slicing(), d
	whole.Sliced = false
	attest := func(c claim) []byte { return attestPayload{Claim: c}.encode() }
	roots := func(n int) []byte { return sumPayload{make([]Hash, n)}.encode() }
	foreign := slices.IndexFunc([]int{0, 1, 2, 3, 4, 5, 6, 7}, func(i int) bool { return s.place(i, 1) >= s.adders() })
	own := s.within(1, s.adders())[0]
	for what, c := range map[string]struct {
		slot    Slot
		payload []byte
		d       Description
		ok      bool
	}{
		"a claim":                       {Slot{Phase: Mask, Step: stepAttestMasked}, attest(s.newClaim(1)), d, true},
		"no claim":                      {Slot{Phase: Mask, Step: stepAttestMasked}, attest(nil), d, false},
		"a claim that is too long":      {Slot{Phase: Mask, Step: stepAttestMasked}, attest(claim{1, 0}), d, false},
		"a claim on deals":              {Slot{Phase: Attest}, attest(s.newClaim(1)), d, false},
		"a claim where nothing is cut":  {Slot{Phase: Mask, Step: stepAttestMasked}, attest(claim{1}), whole, false},
		"no claim where nothing is cut": {Slot{Phase: Mask, Step: stepAttestMasked}, attest(nil), whole, true},
		"its sums":                      {sumSlot(0), roots(s.adders()), d, true},
		"one sum more":                  {sumSlot(0), roots(s.adders() + 1), d, false},
		"one sum less":                  {sumSlot(0), roots(s.adders() - 1), d, false},
		"another's sum":                 {sumSlot(Party(foreign + 1)), roots(1), d, true},
		"two of another's":              {sumSlot(Party(foreign + 1)), roots(2), d, false},
		"its sum in another's place":    {sumSlot(Party(own + 1)), roots(1), d, false},
		"a sum of no slice":             {sumSlot(Party(s.count + 1)), roots(1), d, false},
		"a sum in another view":         {Slot{Phase: Combine, Step: stepSum, View: 1}, roots(s.adders()), d, false},
		"sums where nothing is cut":     {sumSlot(0), roots(s.adders()), whole, false},
	} {
		content, err := decodePayload(c.slot, c.payload)
		if err == nil {
			err = acceptable(c.d, c.d.Hash(), Message{From: 1, Slot: c.slot}, content, testSealer{})
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	for view, ok := range map[uint32]bool{8 + 64 + 8: true, 8 + 64 + 9: false} { // a claim can grow by every slice
		m := Message{From: 1, Slot: Slot{Phase: Mask, Step: stepAttestMasked, View: view}}
		if err := acceptable(d, d.Hash(), m, attestPayload{Claim: s.newClaim()}, testSealer{}); (err == nil) != ok {
			t.Errorf("attestation %d: %v", view, err)
		}
	}
	h := header{Parts: []partRef{{0, Ref{Chunks: uint32(s.chunks()), Size: d.maskedSize()}}}}
	if err := (maskedPayload{Body: h}).fits(d); err != nil {
		t.Error(err)
	}
	h.Inline = Chunks{{1}}
	if (maskedPayload{Body: h}).fits(d) == nil {
		t.Error("everybody would get all of a masked update that is in its announcement")
	}
	h.Inline, h.Parts[0].Ref.Chunks = nil, 1
	if (maskedPayload{Body: h}).fits(d) == nil {
		t.Error("a masked update in chunks of another number")
	}
}

// The largest proposal fits into a message, with what liars may add to its table.
func TestLargestSlicedProposal(t *testing.T) {
	d := slicedDescription(MaxParties, 85, 0, 16*MaxParties, 32)
	a := newAttestations(slicedRound(t, d, 1), Slot{Phase: Mask, Step: stepAttestMasked})
	p := proposalPayload{Choice: choice{Holders: AllOf(MaxParties)}}
	for i := range a.mostRoots() {
		p.Roots = append(p.Roots, named{Party(1 + i%MaxParties), Hash{byte(i / MaxParties), byte(i)}})
	}
	p.Choice.Included = p.Roots[:MaxParties]
	for from := range Party(MaxParties) {
		p.Attests = append(p.Attests, attestRow{From: from + 1, Held: make([]byte, (len(p.Roots)+7)/8), Signature: make([]byte, SignatureSize), Claim: d.Slicing().newClaim()})
	}
	if size := (Message{Payload: p.encode()}).Size(); size > MaxMessage {
		t.Errorf("%d bytes, at most %d", size, MaxMessage)
	}
	if len(p.Roots) < MaxParties {
		t.Errorf("only %d roots: as many are honest", len(p.Roots))
	}
}

func TestWhenToSlice(t *testing.T) {
	for _, c := range []struct {
		n, f, c int
		length  uint64
		sliced  bool
	}{
		{20, 2, 2, 1_000_000, true}, {20, 0, 9, 1_000_000, true}, {20, 6, 0, 1_000_000, true}, {100, 33, 0, 1_000_000, true}, {10, 1, 1, 1_000_000, true},
		{20, 2, 2, 1_000, false},        // four more messages cost more
		{10, 0, 4, 1_000_000, false},    // six vectors instead of nine
		{7, 0, 3, 10_000_000, false},    // five instead of six
		{5, 0, 2, 1_000_000_000, false}, // as many
	} {
		if sliced, why := Sliced(Thresholds{c.n, c.f, c.c}, c.length, 32); sliced != c.sliced || why == "" {
			t.Errorf("%+v: %v, %s", c, sliced, why)
		}
	}
}

func FuzzSum(f *testing.F) {
	f.Add(sumPayload{[]Hash{{1}, {2}}}.encode())
	f.Add(attestPayload{[]named{{1, Hash{2}}}, claim{7}}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := decodeSum(data); err == nil && !bytes.Equal(p.encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, p.encode())
		}
		if p, err := decodeAttest(data); err == nil && !bytes.Equal(p.encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, p.encode())
		}
	})
}

// BenchmarkSliceSums is what a hospital has to combine in a sliced round, beside
// BenchmarkMasked: the secrets of all, and the sums of its slices. A tenth of the
// hospitals may lie.
func BenchmarkSliceSums(b *testing.B) {
	for _, c := range []struct{ n, dropped int }{{20, 0}, {50, 12}, {100, 0}} {
		d := slicedDescription(c.n, c.n/10, c.n/10, 1_000_000, 32)
		small := d
		small.Length = 8
		w := newMaskedWorld(b, small)
		s, err := NewMasked(1, d)
		if err != nil {
			b.Fatal(err)
		}
		w.joined.Joined = w.deals
		b.Run(fmt.Sprintf("n=%d/dropped=%d", c.n, c.dropped), func(b *testing.B) {
			set, chunk := w.joined, make([]byte, s.slicing.chunk)
			var content Chunks
			for i := range s.slicing.chunks() {
				content = append(content, chunk[:s.slicing.length(i)])
			}
			var updates []Source
			for p := 1; p <= c.n-c.dropped; p++ {
				set.Included = append(set.Included, Post{From: Party(p)})
				updates = append(updates, content)
			}
			var openers []int
			for p := 1; p <= s.k; p++ {
				openers = append(openers, p)
			}
			openings := w.open(set, openers...)
			spent := processorTime(b)
			for b.Loop() {
				masks, err := s.Unmask(set, openings)
				if err != nil {
					b.Fatal(err)
				}
				for _, i := range s.slicing.within(1, s.slicing.adders()) {
					if _, err := inMemory(s.SumSlice(i, updates, masks)); err != nil {
						b.Fatal(err)
					}
				}
			}
			spent()
		})
	}
}
