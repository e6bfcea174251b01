package protocol

import (
	"errors"
	"testing"

	"consilium/sharing"
)

// checked is a deal of hospital 1 with its proof, and the scheme at hospital 1.
func checked(t *testing.T, th Thresholds, update Vector, seed Seed) (*Shamir, Body) {
	t.Helper()
	s, err := NewShamir(1, th, len(update))
	if err != nil {
		t.Fatal(err)
	}
	body, err := s.Deal(update, seed)
	if err != nil {
		t.Fatal(err)
	}
	body.Name = Hash{1, 2, 3}
	if body.Public, err = s.Prove(body, seed); err != nil {
		t.Fatal(err)
	}
	return s, body
}

// only is a deal as one hospital sees it.
func only(b Body, p Party) Body {
	return Body{Public: b.Public, Name: b.Name, Parts: map[Party]Source{p: b.Parts[p]}}
}

// An honest deal passes at every hospital; a share that is changed anywhere, by
// however little, fails there and nowhere else. The update crosses the blocks.
func TestDegreeCheckFindsEveryChange(t *testing.T) {
	for _, length := range []int{1, 5, blockLength - 2, blockLength, blockLength + 1} {
		s, body := checked(t, Thresholds{Parties: 6, Liars: 1}, make(Vector, length), Seed{7})
		for p := Party(1); p <= 6; p++ {
			if err := s.Check(1, only(body, p)); err != nil {
				t.Fatalf("length %d, hospital %d: %v", length, p, err)
			}
			honest, err := inMemory(body.Parts[p])
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []int{0, length / 2, length - 1, length, length + 2} {
				changed := body
				changed.Parts = map[Party]Source{p: addOne(t, honest, at)}
				if err := s.Check(1, changed); !invalid(err) {
					t.Fatalf("length %d, hospital %d, element %d changed: %v", length, p, at, err)
				}
			}
		}
	}
}

// addOne adds 1 to one element of a part.
func addOne(t *testing.T, part Chunks, at int) Chunks {
	t.Helper()
	changed := make(Chunks, len(part))
	for i, chunk := range part {
		changed[i] = append([]byte{}, chunk...)
	}
	place := changed[at/blockLength][at%blockLength*sharing.Size:][:sharing.Size]
	e := make([]sharing.Element, 1)
	if err := sharing.Decode(e, place); err != nil {
		t.Fatal(err)
	}
	copy(place, sharing.Append(nil, []sharing.Element{sharing.Add(e[0], 1)}))
	return changed
}

// A dealer whose polynomials have degree k is found by somebody, whatever it
// publishes: k+1 hospitals cannot all lie on polynomials of degree below k.
func TestDegreeTooHighIsFound(t *testing.T) {
	th := Thresholds{Parties: 6, Liars: 1}
	s, body := checked(t, th, Vector{3, 4}, Seed{8})
	higher := *s
	higher.k++
	var err error
	if higher.dealer, err = sharing.NewDealer(6, higher.k, 1, 1); err != nil {
		t.Fatal(err)
	}
	wide, err := higher.Deal(Vector{3, 4}, Seed{8})
	if err != nil {
		t.Fatal(err)
	}
	wide.Name = body.Name
	if wide.Public, err = s.Prove(wide, Seed{8}); err != nil {
		t.Fatal(err)
	}
	found := 0
	for p := Party(1); p <= 6; p++ {
		if invalid(s.Check(1, only(wide, p))) {
			found++
		}
	}
	if found != 2 {
		t.Fatalf("%d of 6 hospitals find it, want those beyond the k that the dealer chose", found)
	}
}

// The proof is for one deal in one round: it comes from the names of all parts.
func TestDegreeProofIsBound(t *testing.T) {
	s, body := checked(t, Thresholds{Parties: 6, Liars: 1}, Vector{3, 4}, Seed{9})
	body.Name[0] ^= 1
	if err := s.Check(1, only(body, 1)); !invalid(err) {
		t.Fatalf("under another name: %v", err)
	}
	h := header{Parts: []partRef{{For: 1}}}
	names := map[Hash]bool{h.dealName(Hash{1}, 1): true, h.dealName(Hash{2}, 1): true, h.dealName(Hash{1}, 2): true, header{}.dealName(Hash{1}, 1): true}
	if len(names) != 4 {
		t.Fatal("round, dealer or parts are not in the name of a deal")
	}
	for _, public := range [][]byte{nil, body.Public[1:], append([]byte{0}, body.Public...)} {
		body.Public = public
		if err := s.Check(1, only(body, 1)); !invalid(err) {
			t.Fatalf("%d public bytes: %v", len(public), err)
		}
	}
}

// What is published is masked: at 0 it is not the combination of the update, and
// two deals of one update have nothing in common there.
func TestPublishedPolynomialsAreMasked(t *testing.T) {
	th := Thresholds{Parties: 6, Liars: 1}
	seen := map[sharing.Element]bool{}
	for seed := range byte(4) {
		s, body := checked(t, th, make(Vector, 3), Seed{seed})
		published := make([]sharing.Element, repetitions*s.k)
		if err := sharing.Decode(published, body.Public); err != nil {
			t.Fatal(err)
		}
		lambda, err := sharing.Lagrange([]int{1, 2, 3, 4}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for rep := range repetitions {
			at0 := sharing.Element(0)
			for i, l := range lambda {
				at0 = sharing.Add(at0, sharing.Mul(l, published[i*repetitions+rep]))
			}
			if at0 == 0 || seen[at0] { // an update of zeros combines to 0
				t.Fatalf("seed %d, repetition %d: %d at 0", seed, rep, at0)
			}
			seen[at0] = true
		}
	}
}

// Wrong openings are found and named, up to f of them anywhere among as many as
// n; with k+f−1 that agree nobody is accused and nothing is believed.
func TestWrongOpeningsAreFound(t *testing.T) {
	for _, th := range []Thresholds{{Parties: 6, Liars: 1}, {Parties: 8, Liars: 1, Dropouts: 1}, {Parties: 11, Liars: 2}} {
		update := Vector{1 << 40, -5, 0}
		s, body := checked(t, th, update, Seed{1})
		var openings []Post
		for p := 1; p <= th.Parties; p++ {
			at, err := NewShamir(Party(p), th, len(update))
			if err != nil {
				t.Fatal(err)
			}
			opened, err := at.Open(Certified{Included: []Post{{1, body}}}, Seed{})
			if err != nil {
				t.Fatal(err)
			}
			part, err := inMemory(opened.Parts[0])
			if err != nil {
				t.Fatal(err)
			}
			opened.Parts[0] = part
			if p <= th.Liars {
				opened.Parts[0] = addOne(t, part, p%len(update))
			}
			openings = append(openings, Post{Party(p), opened})
		}
		rest := openings
		for liar := 1; liar <= th.Liars; liar++ {
			bad := (*BadOpening)(nil)
			if _, err := s.Combine(Certified{}, rest); !errors.As(err, &bad) || bad.From != Party(liar) {
				t.Fatalf("%+v: got %v, want a wrong opening of %d", th, err, liar)
			}
			if err := s.Convicts(Hash{}, openings[liar-1], openings[th.Liars:]); !invalid(err) {
				t.Fatalf("%+v: a third party says %v", th, err)
			}
			rest = rest[1:]
		}
		sum, err := s.Combine(Certified{}, rest)
		if err != nil || sum[0] != update[0] || sum[1] != update[1] || sum[2] != update[2] {
			t.Fatalf("%+v: %v, %v", th, sum, err)
		}
		few := append(openings[:th.Liars:th.Liars], openings[th.Liars+1:th.Liars+th.Openings()+th.Liars]...)
		if _, err := s.Combine(Certified{}, few); !errors.Is(err, ErrMoreOpenings) {
			t.Fatalf("%+v: with %d that agree: %v", th, th.Openings()+th.Liars-1, err)
		}
		if err := s.Convicts(Hash{}, few[0], few[1:]); err == nil || invalid(err) {
			t.Fatalf("%+v: too few openings convict: %v", th, err)
		}
		if err := s.Convicts(Hash{}, rest[0], openings[th.Liars+1:]); invalid(err) {
			t.Fatalf("%+v: an honest opening is convicted: %v", th, err)
		}
	}
}

// Two liars who know the openings of k−1 honest hospitals put theirs on another
// polynomial through these: k+1 agree, and the honest hospital that comes next
// does not. Nothing is believed, and it is not accused, before k+f agree.
func TestColludingOpenings(t *testing.T) {
	th := Thresholds{Parties: 11, Liars: 2}
	s, body := checked(t, th, Vector{5}, Seed{3})
	k := th.Openings()
	value := func(p Party) sharing.Element {
		e := make([]sharing.Element, s.dealt())
		part, err := inMemory(body.Parts[p])
		if err == nil {
			err = sharing.Decode(e, part[0])
		}
		if err != nil {
			t.Fatal(err)
		}
		return e[0]
	}
	var openings []Post
	post := func(p Party, e sharing.Element) {
		openings = append(openings, Post{p, Body{Parts: map[Party]Source{0: Chunks{sharing.Append(nil, []sharing.Element{e})}}}})
	}
	for p := Party(1); int(p) < k; p++ {
		post(p, value(p))
	}
	for _, liar := range []Party{10, 11} {
		shift := sharing.Element(1) // vanishes at 1…k−1
		for x := 1; x < k; x++ {
			shift = sharing.Mul(shift, sharing.Element(int(liar)-x))
		}
		post(liar, sharing.Add(value(liar), shift))
	}
	for p := Party(k); p <= 9; p++ {
		post(p, value(p))
		_, err := s.Combine(Certified{}, openings)
		bad := (*BadOpening)(nil)
		if errors.As(err, &bad) && bad.From < 10 || err == nil {
			t.Fatalf("with %d openings: %v", len(openings), err)
		}
		if p == 9 && bad == nil {
			t.Fatalf("with all openings: %v", err)
		}
	}
}

// "A stall ends": a federation that cannot find its wrong openings is refused
// when it is set up, with the number that would do.
func TestCorrectionNeedsEnoughHospitals(t *testing.T) {
	for f := range 5 {
		for c := range 5 {
			for n := 3; n < 40; n++ {
				th := Thresholds{Parties: n, Liars: f, Dropouts: c}
				if th.Validate() != nil {
					continue
				}
				enough := f == 0 || n >= th.Openings()+2*f+c
				if _, err := NewShamir(1, th, 1); (err == nil) != enough {
					t.Fatalf("%+v: %v", th, err)
				}
				if f > 0 && enough != (n >= leastCorrecting(f, c)) && n != leastCorrecting(f, c) {
					t.Fatalf("%+v: %d hospitals are said to do", th, leastCorrecting(f, c))
				}
			}
			if f > 0 {
				if _, err := NewShamir(1, Thresholds{Parties: leastCorrecting(f, c), Liars: f, Dropouts: c}, 1); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
