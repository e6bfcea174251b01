package protocol

import (
	"errors"
	"slices"
	"testing"

	"consilium/sharing"
)

// largeRound is a round of vectors that do not fit into a message.
func largeRound(t *testing.T, n, length int) (Config, *Shamir) {
	t.Helper()
	d := testDescription(n)
	d.Length = uint64(length)
	scheme, err := NewShamir(1, d.Thresholds, length)
	if err != nil {
		t.Fatal(err)
	}
	return testConfig(1, d), scheme
}

func largeUpdate(length int) Vector {
	update := make(Vector, length)
	for i := range update {
		update[i] = int64(i)*7 - 1000
	}
	return update
}

// The update of a deal is kept in many records. A store that ends between them
// has no deal; with the last of them the same deal is made again.
func TestDealIsRestoredFromItsRecords(t *testing.T) {
	for _, limit := range []uint64{1 << 20, 1 << 50} { // in 4 bytes, in 8
		testDealIsRestored(t, limit)
	}
}

func testDealIsRestored(t *testing.T, limit uint64) {
	t.Helper()
	const length = 2*updatePiece + 100
	cfg, scheme := largeRound(t, 3, length)
	cfg.Description.Limit = limit
	r, err := NewRound(cfg, scheme)
	if err != nil {
		t.Fatal(err)
	}
	r.update = largeUpdate(length)
	if err := r.prepare(); err != nil {
		t.Fatal(err)
	}
	records := r.out.Save
	if len(records) != 3 {
		t.Fatalf("%d records", len(records))
	}
	for i := range records {
		if size := len(records[i].Secret); size > 100+8*updatePiece {
			t.Errorf("record %d has %d bytes", i, size)
		}
		part, err := Restore(cfg, scheme, records[:i])
		if err != nil || part.dealing != nil {
			t.Errorf("a deal from %d of its records, %v", i, err)
		}
	}
	again, err := Restore(cfg, scheme, records)
	if err != nil || again.dealing == nil || again.dealing.commitment != r.dealing.commitment || !slices.Equal(again.dealing.update, largeUpdate(length)) {
		t.Fatalf("not the same deal: %v", err)
	}
	for name, wrong := range map[string][]Record{
		"no head":  records[1:],
		"too many": append(slices.Clone(records), records[2]),
		"ragged":   {{Secret: records[0].Secret[:len(records[0].Secret)-3]}},
	} {
		if _, err := Restore(cfg, scheme, wrong); err == nil {
			t.Errorf("restored from records with %s", name)
		}
	}
}

// Openings that are as large as updates are fetched as many as it takes; further
// ones when a hospital is away, or when they do not come.
func TestNoMoreOpeningsAreFetchedThanItTakes(t *testing.T) {
	const n, length = 7, 20_000
	cfg, scheme := largeRound(t, n, length)
	r, err := NewRound(cfg, scheme)
	if err != nil {
		t.Fatal(err)
	}
	_, needed := scheme.Openers()
	for p := Party(2); p <= n; p++ {
		h := header{Parts: []partRef{{0, Ref{Root: Hash{byte(p)}, Chunks: 3, Size: sharing.Size * length}}}}
		r.openings[p] = &openingState{payload: openPayload{Body: h}}
	}
	wants := func(count int, why string) []Want {
		t.Helper()
		r.openingsHere()
		if len(r.out.Want) != count {
			t.Fatalf("%s: %d openings are wanted, not %d", why, len(r.out.Want), count)
		}
		return r.out.Want
	}
	first := wants(needed, "none is here")
	if first[0].From != 2 {
		t.Errorf("hospital 1 begins with %d", first[0].From)
	}
	wants(needed, "all are coming")
	r.absent = NewSet(first[0].From)
	wants(needed+1, "one is away")
	r.fetched[first[1].Ref] = Chunks{{1}, {2}, {3}}
	wants(needed+1, "one has come")
	r.openings[first[1].From].bad = "wrong"
	wants(needed+2, "that was wrong")
	r.openings[first[2].From].bad = "wrong"
	r.tick += uint64(cfg.Description.Deadlines.Deal) // and hospital 1 wants none of its own
	wants(n-1, "they do not come")
}

// A liar announces as its own what another has posted, and another size with it:
// nobody can serve that. What the other has posted is fetched all the same.
func TestTheRootOfAnotherWithAnotherSize(t *testing.T) {
	const n, length = 7, 20_000
	cfg, scheme := largeRound(t, n, length)
	r, err := NewRound(cfg, scheme)
	if err != nil {
		t.Fatal(err)
	}
	right := Ref{Root: Hash{1}, Chunks: 3, Size: sharing.Size * length}
	for p, ref := range map[Party]Ref{2: {right.Root, 3, right.Size - 1}, 3: {right.Root, 2, right.Size}, 4: {right.Root, 0, right.Size}, 5: right} {
		r.openings[p] = &openingState{payload: openPayload{Body: header{Parts: []partRef{{0, ref}}}}}
	}
	if r.openingsHere(); len(r.out.Want) != 4 || !slices.ContainsFunc(r.out.Want, func(w Want) bool { return w.From == 5 && w.Ref == right }) {
		t.Fatalf("hospital 1 wants %+v", r.out.Want)
	}
	if err := r.take(Fetched{Ref: right, Source: Chunks{{1}, {2}, {3}}}); err != nil {
		t.Fatal(err)
	}
	if here := r.openingsHere(); len(here) != 1 || here[0].From != 5 {
		t.Fatalf("it has %+v", here)
	}
}

// A bad opening has a sender and is worth more than openings that contradict each
// other, wherever in the vector either is.
func TestShamirBlamesBeforeItDespairs(t *testing.T) {
	const n, length = 4, 3 * blockLength
	_, scheme := largeRound(t, n, length)
	deal, err := scheme.Deal(largeUpdate(length), Seed{1})
	if err != nil {
		t.Fatal(err)
	}
	var openings []Post
	for p := Party(1); p <= n; p++ {
		holder := *scheme
		holder.self = p
		opening, err := holder.Open(Certified{Included: []Post{{1, deal}}}, Seed{})
		if err != nil {
			t.Fatal(err)
		}
		content, err := inMemory(opening.Parts[0])
		if err != nil {
			t.Fatal(err)
		}
		openings = append(openings, Post{p, Body{Parts: map[Party]Source{0: content}}})
	}
	sum, err := scheme.Combine(Certified{}, openings)
	if err != nil || !slices.Equal(sum, largeUpdate(length)) {
		t.Fatalf("the sum of one update is another: %v", err)
	}
	last := openings[n-1].Body.Parts[0].(Chunks)
	last[0] = slices.Clone(last[0])
	last[0][0] ^= 1
	if _, err := scheme.Combine(Certified{}, openings); !errors.As(err, new(*Inconsistent)) {
		t.Errorf("a changed share: %v", err)
	}
	last[2] = last[2][:len(last[2])-1]
	bad := (*BadOpening)(nil)
	if _, err := scheme.Combine(Certified{}, openings); !errors.As(err, &bad) || bad.From != n {
		t.Errorf("a short block is not blamed on its sender: %v", err)
	}
}
