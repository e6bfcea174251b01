package roster

import (
	"strings"
	"testing"

	"consilium/paillier/testkey"
)

// A key that was dealt, or was somebody's own, does not pass for one that the
// members made together: that takes an epoch of the same members before, in which
// they made it.
func TestAJointKeyTakesAnEpochBefore(t *testing.T) {
	ids, cards := people(t, "a", "b", "c", "d")
	key, _, err := testkey.Deal(512, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	roster := func(cards []Card) *Roster {
		r, err := New("heart", cards, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range cards {
			if err := r.Sign(ids[i]); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	before := roster(cards[:3])
	next, err := before.Rekeyed(key)
	if err != nil {
		t.Fatal(err)
	}
	if again := reread(t, next); !again.JointKey || again.Validate() != nil {
		t.Fatal("a key that was made together is refused")
	}
	first := *next
	first.Epoch, first.Previous, first.Past, first.Before = 1, "", nil, nil
	keyless := *next
	keyless.Paillier, keyless.InsecureTestKey = "", false
	others, err := roster(cards[:4]).Successor(cards[:3], 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := others.SetPaillierKey(key); err != nil {
		t.Fatal(err)
	}
	others.JointKey = true
	for name, r := range map[string]*Roster{"in the first epoch": &first, "without a key": &keyless, "of other members": others} {
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), "made a key together") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
