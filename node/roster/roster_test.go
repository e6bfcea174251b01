package roster

import (
	"strings"
	"testing"

	"consilium/node/identity"
)

func people(t *testing.T, names ...string) (ids []*identity.Identity, cards []Card) {
	t.Helper()
	for _, name := range names {
		id, err := identity.Generate(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		card, err := NewCard(id, name, []string{"/ip4/127.0.0.1/tcp/4001"})
		if err != nil {
			t.Fatal(err)
		}
		ids, cards = append(ids, id), append(cards, card)
	}
	return ids, cards
}

func TestRosterIsSignedByEverybody(t *testing.T) {
	ids, cards := people(t, "north", "south", "east", "west")
	r, err := New("heart", cards, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		missing, err := r.Unsigned()
		if err != nil || len(missing) != len(ids)-i {
			t.Fatalf("after %d signatures %v are missing, %v", i, missing, err)
		}
		if err := r.Sign(id); err != nil {
			t.Fatal(err)
		}
		text, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if r, err = Parse(text); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	if missing, err := r.Unsigned(); err != nil || len(missing) > 0 {
		t.Fatalf("missing %v, %v", missing, err)
	}
	r.Members[0].Addresses[0] = "/ip4/10.0.0.1/tcp/1"
	if _, err := r.Unsigned(); err == nil || !strings.Contains(err.Error(), "changed after it signed") {
		t.Fatalf("a changed address went unnoticed: %v", err)
	}
}

func TestSignaturesOfCopiesMerge(t *testing.T) {
	ids, cards := people(t, "a", "b", "c")
	r, _ := New("heart", cards, 0, 1)
	other, _ := New("heart", cards, 0, 1)
	if err := r.Sign(ids[0]); err != nil {
		t.Fatal(err)
	}
	if err := other.Sign(ids[2]); err != nil {
		t.Fatal(err)
	}
	if err := r.Merge(other); err != nil {
		t.Fatal(err)
	}
	if missing, err := r.Unsigned(); err != nil || len(missing) != 1 || missing[0] != "b" {
		t.Fatalf("missing %v, %v", missing, err)
	}
	different, _ := New("lung", cards, 0, 1)
	if err := r.Merge(different); err == nil {
		t.Fatal("signatures of another roster were taken over")
	}
	stranger, err := identity.Generate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Sign(stranger); err == nil || !strings.Contains(err.Error(), "not in the roster") {
		t.Fatalf("a stranger signed: %v", err)
	}
}

func TestBadRosters(t *testing.T) {
	_, cards := people(t, "a", "b", "c", "d")
	twin := cards[1]
	twin.Name = "a2"
	for _, c := range []struct {
		name     string
		cards    []Card
		liars    int
		dropouts int
		want     string
	}{
		{"one hospital", cards[:1], 0, 0, "nobody to train with"},
		{"two hospitals", cards[:2], 0, 0, "two hospitals cannot hide from each other"},
		{"too many dropouts", cards, 0, 2, "5 hospitals would do"},
		{"a repeated name", []Card{cards[0], cards[1], cards[0]}, 0, 1, "two hospitals are named a"},
		{"a repeated key", []Card{cards[0], cards[1], twin}, 0, 1, "hospitals b and a2 have the same key"},
	} {
		if _, err := New("heart", c.cards, c.liars, c.dropouts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := New("Heart!", cards, 0, 1); err == nil {
		t.Error("a federation name with a capital and a mark")
	}
	forged := cards[0]
	forged.Addresses = []string{"/ip4/6.6.6.6/tcp/6"}
	if err := forged.Verify(); err == nil || !strings.Contains(err.Error(), "not signed with its own key") {
		t.Errorf("a forged card: %v", err)
	}
	for text, want := range map[string]string{
		"federation = \"x\"\nepocj = 1\n": `line 2: unknown key "epocj"; did you mean "epoch"?`,
		"federation = 3\n":                "federation",
		"federation = \"x\"\nepoch = 2\n": "first epoch",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzRoster(f *testing.F) {
	f.Add([]byte("federation = \"heart\"\nepoch = 1\nliars = 0\ndropouts = 1\nthreshold = 2\n[[member]]\nname = \"a\"\nkey = \"\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := Parse(data); err == nil {
			if _, err := r.Unsigned(); err == nil && len(r.Members) < 3 {
				t.Fatal("a roster of fewer than three")
			}
		}
	})
}

func FuzzCard(f *testing.F) {
	f.Add([]byte("name = \"a\"\nkey = \"\"\naddresses = []\nsignature = \"\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = ParseCard(data)
	})
}
