package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/protocol"
)

// "Kept as a signed file that a third party verifies offline": with the roster
// and the file, and nothing else.
func TestEvidenceVerifyNeedsOnlyTheRoster(t *testing.T) {
	dir := t.TempDir()
	var cards []roster.Card
	var ids []*identity.Identity
	for i, name := range []string{"north", "south", "east", "west"} {
		home := filepath.Join(dir, name)
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		id, err := identity.Generate(home)
		if err != nil {
			t.Fatal(err)
		}
		card, err := roster.NewCard(id, name, []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 4000+i)})
		if err != nil {
			t.Fatal(err)
		}
		cards, ids = append(cards, card), append(ids, id)
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
	files := &evidenceFlags{roster: filepath.Join(dir, "roster.toml"), file: filepath.Join(dir, "it.evidence")}
	if err := writeRoster(files.roster, r); err != nil {
		t.Fatal(err)
	}
	d := protocol.Description{
		Federation: "heart", Epoch: 1, Roster: r.Hash(), Round: 3, Scheme: protocol.SchemeShamir, Thresholds: r.Thresholds(), Length: 1, Limit: 1,
	}
	signer := identity.NewSigner(ids[2], r.Keys())
	first := protocol.Message{Round: 3, Description: d.Hash(), Slot: protocol.Slot{Phase: protocol.Commit}, From: 3, Payload: make([]byte, 32)}
	other, _ := protocol.Forge(first, d, signer, 0, protocol.Hash{})
	first, _ = protocol.Forge(other, d, signer, 0, protocol.Hash{}) // flipped back
	e := protocol.Evidence{Kind: protocol.Equivocation, Liar: 3, Description: d, Messages: []protocol.Message{first, other}}
	verify := func(e protocol.Evidence) (*evidenceReport, error) {
		encoded, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(files.file, encoded, 0o600); err != nil {
			t.Fatal(err)
		}
		return verifyEvidence(files)
	}
	report, err := verify(e)
	if err != nil || report.Hospital != "east" || report.Kind != "equivocation" || report.Key != identity.Fingerprint(ids[2].Public()) {
		t.Fatalf("%+v, %v", report, err)
	}
	e.Messages[1] = first
	if _, err := verify(e); err == nil || !strings.Contains(err.Error(), "proves nothing") {
		t.Errorf("one message twice: %v", err)
	}
	e.Messages[1] = other
	e.Description.Roster = protocol.Hash{1}
	if _, err := verify(e); err == nil || !strings.Contains(err.Error(), "another roster") {
		t.Errorf("another roster: %v", err)
	}
	if err := os.WriteFile(files.file, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := verifyEvidence(files); err == nil || exitCode(&usageError{err}) != exitInput {
		t.Errorf("garbage: %v", err)
	}
}
