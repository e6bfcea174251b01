package ceremony

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/paillier"
	"consilium/paillier/testkey"
	"consilium/protocol/keygen"
)

// hospitals are three with a signed roster.
func hospitals(t *testing.T) (homes []string, ids []*identity.Identity, r *roster.Roster) {
	t.Helper()
	var cards []roster.Card
	for _, name := range []string{"north", "south", "east"} {
		home := t.TempDir()
		id, err := identity.Generate(home)
		if err != nil {
			t.Fatal(err)
		}
		card, err := roster.NewCard(id, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		homes, ids, cards = append(homes, home), append(ids, id), append(cards, card)
	}
	r, err := roster.New("heart", cards, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := r.Sign(id); err != nil {
			t.Fatal(err)
		}
	}
	return homes, ids, r
}

// successor is the next epoch with the same members, signed.
func successor(t *testing.T, ids []*identity.Identity, r *roster.Roster) *roster.Roster {
	t.Helper()
	var cards []roster.Card
	for i, id := range ids {
		card, err := roster.NewCard(id, r.Members[i].Name, nil)
		if err != nil {
			t.Fatal(err)
		}
		cards = append(cards, card)
	}
	next, err := r.Successor(cards, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := next.Consent(t.TempDir(), id); err != nil {
			t.Fatal(err)
		}
		if err := next.Sign(id); err != nil {
			t.Fatal(err)
		}
	}
	return next
}

func open(t *testing.T, home string, id *identity.Identity, r *roster.Roster) *Ceremony {
	t.Helper()
	c, err := Open(home, id, r, 512, true)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// An endorsement is of one key, one ceremony, one epoch and one hospital.
func TestEndorsementsAreNotReplayed(t *testing.T) {
	homes, ids, r := hospitals(t)
	key, _, err := testkey.Deal(512, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, homes[0], ids[0], r)
	endorsement, err := c.endorse(key, []byte("transcript"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.verify(1, key, []byte("transcript"), endorsement); err != nil {
		t.Fatal(err)
	}
	otherKey, _, err := testkey.Deal(1024, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	later := open(t, homes[0], ids[0], successor(t, ids, r))
	for name, err := range map[string]error{
		"another hospital":   c.verify(2, key, []byte("transcript"), endorsement),
		"nobody":             c.verify(4, key, []byte("transcript"), endorsement),
		"another transcript": c.verify(1, key, []byte("Transcript"), endorsement),
		"another key":        c.verify(1, otherKey, []byte("transcript"), endorsement),
		"another epoch":      later.verify(1, key, []byte("transcript"), endorsement),
		"thirds exchanged":   c.verify(1, key, []byte("transcript"), append(endorsement[64:192:192], endorsement[:64]...)),
		"without consent":    c.verify(1, key, []byte("transcript"), append(endorsement[:64:64], endorsement[128:]...)),
		"too short":          c.verify(1, key, []byte("transcript"), endorsement[:63]),
		"too long":           c.verify(1, key, []byte("transcript"), append(endorsement[:192:192], 0)),
		"another successor":  otherSuccessor(c, otherKey),
		"none":               c.verify(1, key, []byte("transcript"), nil),
	} {
		if err == nil {
			t.Errorf("%s: the endorsement is taken", name)
		}
	}
}

// otherSuccessor is why a hospital endorses no second key in one epoch.
func otherSuccessor(c *Ceremony, key *paillier.ThresholdKey) error {
	_, err := c.endorse(key, nil)
	return err
}

// The share of the epoch before gives way to the new one; the roster is signed by
// all.
func TestFinishReplacesTheShare(t *testing.T) {
	homes, ids, r := hospitals(t)
	key, shares, err := testkey.Deal(512, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(homes[0], identity.ShareFile)
	if err := os.WriteFile(file, []byte("the old share"), 0o600); err != nil {
		t.Fatal(err)
	}
	result := &keygen.Result{Key: key, Share: shares[0], Transcript: []byte("transcript"), Endorsements: [][]byte{nil}}
	ceremonies := make([]*Ceremony, len(ids))
	for i := range ids {
		ceremonies[i] = open(t, homes[i], ids[i], r)
		e, err := ceremonies[i].endorse(key, result.Transcript)
		if err != nil {
			t.Fatal(err)
		}
		result.Endorsements = append(result.Endorsements, e)
	}
	next, err := ceremonies[0].Finish(result)
	if err != nil {
		t.Fatal(err)
	}
	if missing, err := next.Unsigned(); err != nil || len(missing) > 0 || next.Before.Hash() != r.Hash() || len(next.Consents) != 3 {
		t.Errorf("%v are missing, %v", missing, err)
	}
	entries, err := os.ReadDir(homes[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(homes[0], e.Name()))
		if err != nil || bytes.Contains(data, []byte("the old share")) {
			t.Errorf("%s holds the old share, or cannot be read: %v", e.Name(), err)
		}
	}
	if back, err := identity.LoadShare(homes[0], key); err != nil || back.Holder() != 1 {
		t.Error(err)
	}
	// The share is in one place, and a second end needs it there.
	c := open(t, homes[0], ids[0], r)
	if made := c.Resumed().Made; made == nil || len(made.Share) > 0 {
		t.Errorf("the checkpoint is %+v", made)
	}
	result.Share = nil
	if _, err := c.Finish(result); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Finish(result); err == nil || !strings.Contains(err.Error(), "keys restore") {
		t.Errorf("without the share: %v", err)
	}
}

// A hospital that heard too few endorsements holds its share in the checkpoint.
// When another brings the signed roster, it takes it from there.
func TestAdoptTakesTheShareOfACeremonyWithoutAnEnd(t *testing.T) {
	homes, ids, r := hospitals(t)
	key, shares, err := testkey.Deal(512, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := testkey.Deal(1024, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	if adopted, err := Adopt(homes[0], ids[0], key); adopted || err != nil {
		t.Errorf("from a home without a checkpoint: %v, %v", adopted, err)
	}
	made := &keygen.Made{Key: key.Encode(), Share: shares[0].Encode(), Transcript: []byte("transcript")}
	if err := open(t, homes[0], ids[0], r).save(keygen.Checkpoint{Made: made}); err != nil {
		t.Fatal(err)
	}
	if adopted, err := Adopt(homes[0], ids[0], other); adopted || err != nil {
		t.Errorf("for another key: %v, %v", adopted, err)
	}
	if adopted, err := Adopt(homes[0], ids[0], key); !adopted || err != nil {
		t.Errorf("%v, %v", adopted, err)
	}
	if share, err := identity.LoadShare(homes[0], key); err != nil || share.Holder() != 1 {
		t.Error(err)
	}
}

// Whoever has signed one successor can make no other key: that is said before
// anything is computed.
func TestASecondCeremonyIsRefusedAtOnce(t *testing.T) {
	homes, ids, r := hospitals(t)
	key, shares, err := testkey.Deal(512, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, homes[0], ids[0], r)
	made := &keygen.Made{Key: key.Encode(), Share: shares[0].Encode(), Transcript: []byte("transcript")}
	if err := c.save(keygen.Checkpoint{Made: made}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.endorse(key, made.Transcript); err != nil {
		t.Fatal(err)
	}
	if again := open(t, homes[0], ids[0], r); again.Resumed().Made == nil {
		t.Error("the ceremony that it has signed is not gone on with")
	}
	if _, err := Open(homes[0], ids[0], r, 640, true); err == nil || !strings.Contains(err.Error(), "another successor") {
		t.Errorf("another length: %v", err)
	}
	if err := os.Remove(filepath.Join(homes[0], CheckpointFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(homes[0], ids[0], r, 512, true); err == nil || !strings.Contains(err.Error(), "another successor") {
		t.Errorf("without its checkpoint: %v", err)
	}
}

// A checkpoint is for the roster and the length that it was made for, is secret, and
// says so when it is damaged.
func TestCheckpoints(t *testing.T) {
	homes, ids, r := hospitals(t)
	c := open(t, homes[0], ids[0], r)
	if err := c.Config(nil).Save(keygen.Checkpoint{Products: 7, Found: &keygen.Found{N: []byte{1}}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(homes[0], CheckpointFile)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if got := open(t, homes[0], ids[0], r).Resumed(); got.Products != 7 || got.Found == nil {
		t.Errorf("resumed with %+v", got)
	}
	if got := open(t, homes[0], ids[0], successor(t, ids, r)).Resumed(); got.Products != 0 || got.Found != nil {
		t.Error("a checkpoint of another roster is gone on with")
	}
	if longer, err := Open(homes[0], ids[0], r, 640, true); err != nil || longer.Resumed().Products != 0 {
		t.Errorf("a checkpoint of another length is gone on with, %v", err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(homes[0], ids[0], r, 512, true); err == nil || !strings.Contains(err.Error(), "delete it to begin anew") {
		t.Errorf("a damaged checkpoint: %v", err)
	}
}

func TestLengths(t *testing.T) {
	homes, ids, r := hospitals(t)
	for bits, ok := range map[int]bool{2048: true, 3072: true, 2100: false, 1024: false, 8320: false, 0: false} {
		if _, err := Open(homes[0], ids[0], r, bits, false); (err == nil) != ok {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte(`{"Roster":"00","Bits":512,"State":{"Products":1,"Tested":1,"Found":{"Session":"AA==","Batch":0,"N":"AQ==","Seeds":[],"Hashes":[]}}}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = decodeCheckpoint(data)
	})
}
