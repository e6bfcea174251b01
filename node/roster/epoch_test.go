package roster

import (
	"slices"
	"strings"
	"testing"

	"consilium/node/identity"
)

// epochs are a signed roster of five, and a successor in which one member has
// left and two are new.
func epochs(t *testing.T) (old, next *Roster, ids []*identity.Identity) {
	t.Helper()
	ids, cards := people(t, "a", "b", "c", "d", "e", "x", "y")
	old, err := New("heart", cards[:5], 1, 0) // q = 4
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids[:5] {
		if err := old.Sign(id); err != nil {
			t.Fatal(err)
		}
	}
	if next, err = old.Successor(append(cards[1:5:5], cards[5:]...), 1, 0); err != nil { // b c d e x y: q = 4
		t.Fatal(err)
	}
	return old, next, ids
}

// reread writes a roster and reads it again.
func reread(t *testing.T, r *Roster) *Roster {
	t.Helper()
	text, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return again
}

// "Signed by q of the old and q of the new": each quorum is needed.
func TestSuccessorTakesBothQuorums(t *testing.T) {
	_, next, ids := epochs(t)
	needs := func(want ...string) {
		t.Helper()
		next = reread(t, next)
		if missing, err := next.Unsigned(); err != nil || !slices.Equal(missing, want) {
			t.Fatalf("missing %v, %v; want %v", missing, err, want)
		}
	}
	needs("b", "c", "d", "e", "x", "y", "a")
	for _, i := range []int{1, 2, 5, 6} {
		if err := next.Sign(ids[i]); err != nil {
			t.Fatal(err)
		}
	}
	needs("a", "b", "c", "d", "e") // four of six of its own; nobody before
	for _, i := range []int{0, 1, 2} {
		if err := next.Consent(t.TempDir(), ids[i]); err != nil {
			t.Fatal(err)
		}
	}
	needs("d", "e")
	if err := next.Consent(t.TempDir(), ids[3]); err != nil {
		t.Fatal(err)
	}
	needs()
	if err := next.Consent(t.TempDir(), ids[5]); err == nil {
		t.Fatal("a hospital that was no member consents")
	}
	next.Consents[0].Signature = next.Consents[1].Signature
	if _, err := next.Unsigned(); err == nil {
		t.Fatal("a consent that does not verify counts")
	}
	next.Consents = append(next.Consents[1:], next.Consents[1])
	if _, err := next.Unsigned(); err == nil || !strings.Contains(err.Error(), "two signatures") {
		t.Fatalf("one consent counts twice: %v", err)
	}
}

// The way from the first epoch is checked as a whole.
func TestThirdEpoch(t *testing.T) {
	_, next, ids := epochs(t)
	for _, id := range ids[1:5] {
		if err := next.Sign(id); err != nil {
			t.Fatal(err)
		}
		if err := next.Consent(t.TempDir(), id); err != nil {
			t.Fatal(err)
		}
	}
	var cards []Card
	for i, id := range ids {
		card, err := NewCard(id, string(rune('a'+i)), nil)
		if err != nil {
			t.Fatal(err)
		}
		cards = append(cards, card)
	}
	third, err := next.Successor(cards, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	third = reread(t, third)
	if third.Epoch != 3 || third.Before.Hash() != next.Hash() || third.Before.Before.Epoch != 1 {
		t.Fatalf("%+v", third)
	}
	for i, id := range ids {
		if err := third.Sign(id); err != nil {
			t.Fatal(err)
		}
		if i >= 1 && i <= 4 {
			if err := third.Consent(t.TempDir(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if missing, err := reread(t, third).Unsigned(); err != nil || len(missing) > 0 {
		t.Fatalf("missing %v, %v", missing, err)
	}
	third.Before.Before.Signatures = nil
	if _, err := third.Unsigned(); err == nil {
		t.Fatal("the first epoch need not be signed")
	}
}

// "Exactly one successor": a home that has consented to one consents to no other,
// and again to the same.
func TestOneSuccessor(t *testing.T) {
	old, next, ids := epochs(t)
	home := t.TempDir()
	if known, err := Consented(home, old); err != nil || known != "" {
		t.Fatalf("%q, %v", known, err)
	}
	for range 2 {
		if err := next.Consent(home, ids[1]); err != nil {
			t.Fatal(err)
		}
	}
	if known, err := Consented(home, old); err != nil || known != next.Hash().String() {
		t.Fatalf("%q, %v", known, err)
	}
	other := reread(t, next)
	other.Members = other.Members[:5]
	other.Threshold = other.Thresholds().Openings()
	if err := other.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := other.Consent(home, ids[1]); err == nil || !strings.Contains(err.Error(), "another successor") {
		t.Fatalf("a second successor: %v", err)
	}
}

// Signatures of the roster itself are no consents, and what comes before must be
// what the roster names, and signed.
func TestForgedSuccessors(t *testing.T) {
	old, next, ids := epochs(t)
	for _, id := range ids[1:5] {
		if err := next.Sign(id); err != nil {
			t.Fatal(err)
		}
	}
	next.Consents = slices.Clone(next.Signatures)
	if _, err := next.Unsigned(); err == nil {
		t.Fatal("signatures of members count as consents")
	}
	for what, change := range map[string]func(*Roster){
		"another epoch":         func(r *Roster) { r.Epoch++ },
		"no roster before":      func(r *Roster) { r.Before = nil },
		"a changed one before":  func(r *Roster) { before := *r.Before; before.Dropouts, before.Liars = 1, 0; r.Before = &before },
		"another federation":    func(r *Roster) { r.Federation = "lung" },
		"a first epoch after":   func(r *Roster) { r.Epoch = 1 },
		"another hash before":   func(r *Roster) { r.Previous = r.Hash().String() },
		"nothing named before":  func(r *Roster) { r.Previous = "" },
		"a first with consents": func(r *Roster) { *r = *old; r.Consents = next.Consents },
	} {
		forged := *next
		change(&forged)
		if forged.Validate() == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	unsigned := *old
	unsigned.Signatures = old.Signatures[1:]
	next.Before = &unsigned
	if _, err := next.Unsigned(); err == nil {
		t.Error("the epoch before need not be signed")
	}
	if _, err := unsigned.Successor(nil, 0, 0); err == nil {
		t.Error("an unsigned roster has a successor")
	}
}
