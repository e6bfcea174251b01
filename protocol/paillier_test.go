package protocol

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"testing"

	"consilium/paillier/testkey"
)

// paillierWorld is the scheme at n hospitals, in one round.
type paillierWorld struct {
	t           *testing.T
	description Description
	schemes     []*Paillier // by party
	deals       []Post      // of all
	sum         Vector
}

func newPaillierWorld(t *testing.T, n int, round uint64) *paillierWorld {
	t.Helper()
	d := testDescription(n)
	d.Round, d.Scheme, d.Length, d.Limit = round, SchemePaillier, 20, 1<<40
	public, shares, err := testkey.Deal(512, Holders(d.Thresholds), HolderThreshold(d.Thresholds))
	if err != nil {
		t.Fatal(err)
	}
	key, err := NewPaillierKey(public, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Key = key.Digest()
	w := &paillierWorld{t: t, description: d, schemes: make([]*Paillier, n+1), sum: make(Vector, d.Length)}
	for p := 1; p <= n; p++ {
		own := *key
		own.Share = shares[p-1]
		if w.schemes[p], err = NewPaillier(Party(p), d, &own); err != nil {
			t.Fatal(err)
		}
		update := make(Vector, d.Length)
		for i := range update {
			update[i] = int64(p*1000+i) - 1<<38
			w.sum[i] += update[i]
		}
		body, err := w.schemes[p].Deal(update, Seed{byte(p), byte(round)})
		if err != nil {
			t.Fatal(err)
		}
		w.deals = append(w.deals, Post{Party(p), body})
	}
	return w
}

func (w *paillierWorld) set(id byte, parties ...int) Certified {
	set := Certified{ID: Hash{id}}
	for _, p := range parties {
		set.Included = append(set.Included, w.deals[p-1])
		set.Joined = append(set.Joined, set.Included[len(set.Included)-1])
	}
	return set
}

func (w *paillierWorld) open(set Certified, parties ...int) []Post {
	w.t.Helper()
	var openings []Post
	for _, p := range parties {
		body, err := w.schemes[p].Open(set, Seed{byte(p)})
		if err != nil {
			w.t.Fatal(err)
		}
		openings = append(openings, Post{Party(p), body})
	}
	return openings
}

func mustInvalid(t *testing.T, what string, err error) {
	t.Helper()
	if invalid := (*Invalid)(nil); !errors.As(err, &invalid) {
		t.Errorf("%s: %v; want it refused as invalid", what, err)
	}
}

func TestPaillierSum(t *testing.T) {
	w := newPaillierWorld(t, 5, 1)
	for p := 2; p <= 5; p++ {
		if err := w.schemes[1].Check(Party(p), w.deals[p-1].Body); err != nil {
			t.Fatal(err)
		}
	}
	set := w.set(1, 1, 2, 3, 4, 5)
	for _, openers := range [][]int{{1, 2, 3}, {3, 4, 5}, {5, 1, 4, 2}} {
		sum, err := w.schemes[2].Combine(set, w.open(set, openers...))
		if err != nil || !slices.Equal(sum, w.sum) {
			t.Fatalf("openers %v: %v, %v", openers, sum, err)
		}
	}
	if _, err := w.schemes[2].Combine(set, w.open(set, 1, 2)); !errors.Is(err, ErrMoreOpenings) {
		t.Fatalf("two openings of three: %v", err)
	}
	set.Included[4].Body = Body{}
	if _, err := w.schemes[2].Combine(set, w.open(w.set(1, 1, 2, 3, 4, 5), 1, 2, 3)); !errors.Is(err, ErrMoreOpenings) {
		t.Fatalf("a deal that is not here yet: %v", err)
	}
}

// A crash between dealing and posting must not change a byte.
func TestPaillierDealsTheSameBytesAgain(t *testing.T) {
	a, b := newPaillierWorld(t, 4, 1), newPaillierWorld(t, 4, 1)
	for i := range a.deals {
		x, err := RefOf(a.deals[i].Body.Parts[0])
		if err != nil {
			t.Fatal(err)
		}
		y, err := RefOf(b.deals[i].Body.Parts[0])
		if err != nil || x != y || !bytes.Equal(a.deals[i].Body.Public, b.deals[i].Body.Public) {
			t.Fatalf("hospital %d dealt other bytes: %v", i+1, err)
		}
	}
}

// "Malleability is the leak (posting c_i^a·Enc(0) doubles another's update in
// the sum)": the proof of plaintext knowledge is of one sender in one round.
func TestPaillierForeignCiphertextsAreRefused(t *testing.T) {
	w, later := newPaillierWorld(t, 4, 1), newPaillierWorld(t, 4, 2)
	reader := w.schemes[1]
	victim := w.deals[2-1].Body
	mustInvalid(t, "copied by hospital 3", reader.Check(3, victim))
	mustInvalid(t, "replayed from another round", reader.Check(2, later.deals[2-1].Body))
	mustInvalid(t, "with the proof of other ciphertexts", reader.Check(3, Body{Public: w.deals[3-1].Body.Public, Parts: victim.Parts}))
	mustInvalid(t, "without a proof", reader.Check(2, Body{Parts: victim.Parts}))
	mustInvalid(t, "without ciphertexts", reader.Check(2, Body{Public: victim.Public}))
	mustInvalid(t, "inverted", reader.Check(2, w.transformed(victim, func(c, square *big.Int) *big.Int { return new(big.Int).ModInverse(c, square) })))
	mustInvalid(t, "squared", reader.Check(2, w.transformed(victim, func(c, square *big.Int) *big.Int { return new(big.Int).Exp(c, big.NewInt(2), square) })))
	mustInvalid(t, "zero", reader.Check(2, w.transformed(victim, func(_, _ *big.Int) *big.Int { return new(big.Int) })))
	mustInvalid(t, "not reduced", reader.Check(2, w.transformed(victim, func(_, square *big.Int) *big.Int { return square })))
}

// transformed applies f to every ciphertext of a deal and keeps the proof.
func (w *paillierWorld) transformed(deal Body, f func(c, square *big.Int) *big.Int) Body {
	key := w.schemes[1].key.Public
	square := new(big.Int).Mul(key.N(), key.N())
	var chunks Chunks
	for i := range deal.Parts[0].Chunks() {
		chunk, err := deal.Parts[0].Chunk(i)
		if err != nil {
			w.t.Fatal(err)
		}
		size := key.CiphertextSize()
		out := make([]byte, len(chunk))
		for at := 0; at < len(chunk); at += size {
			f(new(big.Int).SetBytes(chunk[at:at+size]), square).FillBytes(out[at : at+size])
		}
		chunks = append(chunks, out)
	}
	return Body{Public: deal.Public, Parts: map[Party]Source{0: chunks}}
}

// A wrong opening names its maker, and the sum comes out without it.
func TestPaillierWrongOpeningIsNamed(t *testing.T) {
	w := newPaillierWorld(t, 4, 1)
	set, other := w.set(1, 1, 2, 3, 4), w.set(2, 1, 2, 3)
	good := w.open(set, 1, 2, 3, 4)
	wrong := map[string]Body{
		"of another set":     w.open(other, 2)[0].Body,
		"under another name": good[2].Body,
		"without a proof":    {Parts: good[1].Body.Parts},
		"without numbers":    {Public: good[1].Body.Public},
		"with a number changed": w.transformed(good[1].Body, func(c, square *big.Int) *big.Int {
			return new(big.Int).Mod(new(big.Int).Mul(c, big.NewInt(4)), square)
		}),
	}
	for what, body := range wrong {
		reader := newPaillierWorld(t, 4, 1).schemes[1]
		_, err := reader.Combine(set, []Post{good[0], {2, body}, good[2]})
		if bad := (*BadOpening)(nil); !errors.As(err, &bad) || bad.From != 2 {
			t.Errorf("%s: %v; want hospital 2 named", what, err)
		}
		if sum, err := reader.Combine(set, []Post{good[0], good[2], good[3]}); err != nil || !slices.Equal(sum, w.sum) {
			t.Errorf("%s: without it %v, %v", what, sum, err)
		}
	}
}

// Of several wrong openings that are verified at once the first is named, and what
// was right is not verified again.
func TestPaillierWrongOpeningsTogether(t *testing.T) {
	w := newPaillierWorld(t, 4, 1)
	set := w.set(1, 1, 2, 3, 4)
	good := w.open(set, 1, 2, 3, 4)
	swapped := []Post{good[0], {2, good[2].Body}, {3, good[1].Body}}
	reader := newPaillierWorld(t, 4, 1).schemes[4]
	_, err := reader.Combine(set, swapped)
	if bad := (*BadOpening)(nil); !errors.As(err, &bad) || bad.From != 2 {
		t.Errorf("hospitals 2 and 3 posted each other's opening: %v; want hospital 2 named", err)
	}
	if reader.verified[1] == nil || reader.verified[2] != nil || reader.verified[3] != nil {
		t.Errorf("verified are %v, not hospital 1 only", reader.verified)
	}
	// Its own opening comes last and needs no proof.
	own := w.open(set, 4)
	own[0].Body.Public = nil
	reader.verified[4] = w.schemes[4].verified[4]
	if sum, err := reader.Combine(set, []Post{good[0], good[1], {3, Body{}}, own[0]}); err != nil || !slices.Equal(sum, w.sum) {
		t.Errorf("with two verified openings and one more: %v, %v", sum, err)
	}
}

// "A mismatch skips the step and accuses nobody: anyone could cause it."
func TestPaillierWrongCounterSpoilsTheSum(t *testing.T) {
	w := newPaillierWorld(t, 4, 1)
	set := w.set(1, 1, 2, 3, 4)
	set.Included[3] = Post{4, w.transformed(w.deals[3].Body, func(c, square *big.Int) *big.Int { return new(big.Int).Exp(c, big.NewInt(2), square) })}
	_, err := w.schemes[1].Combine(set, w.open(set, 1, 2, 3))
	if spoiled := (*Spoiled)(nil); !errors.As(err, &spoiled) {
		t.Fatalf("a contribution that counts twice: %v", err)
	}
	// What a liar can deal by itself passes as a deal, and does the same.
	w = newPaillierWorld(t, 4, 1)
	body, err := SpoiledDeal(w.schemes[4], make(Vector, 20), Seed{4})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.schemes[1].Check(4, body); err != nil {
		t.Fatalf("the test shows nothing: %v", err)
	}
	set.Included[3] = Post{4, body}
	set.Joined[3] = set.Included[3]
	if _, err := w.schemes[1].Combine(set, w.open(set, 1, 2, 3)); !errors.As(err, new(*Spoiled)) {
		t.Fatalf("a plaintext out of its place: %v", err)
	}
}

func TestPaillierKeysThatDoNotFit(t *testing.T) {
	w := newPaillierWorld(t, 4, 1)
	key := *w.schemes[1].key
	if _, err := NewPaillier(1, w.description, nil); err == nil {
		t.Error("no key")
	}
	other := w.description
	other.Key = Hash{1}
	if _, err := NewPaillier(1, other, &key); err == nil {
		t.Error("another key than described")
	}
	if _, err := NewPaillier(2, w.description, &key); err == nil {
		t.Error("the share of another hospital")
	}
	wide := w.description
	wide.Limit, wide.Thresholds.Parties = 1<<60, 250
	if _, err := NewPaillier(1, wide, &key); err == nil {
		t.Error("more hospitals than the key fits")
	}
	for _, c := range []struct {
		n, f, c, holders, k int
		ok                  bool
	}{
		{4, 0, 1, 4, 3, true}, {4, 0, 1, 4, 2, false}, {4, 1, 0, 4, 3, true}, {5, 1, 0, 5, 3, false},
		{4, 0, 1, 3, 2, true}, {4, 0, 1, 5, 3, false}, {20, 0, 9, 16, 9, false}, {20, 0, 7, 16, 9, true}, {20, 0, 7, 17, 9, false},
	} {
		if err := CheckHolders(Thresholds{Parties: c.n, Liars: c.f, Dropouts: c.c}, c.holders, c.k); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
