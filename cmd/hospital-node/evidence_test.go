package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/protocol"
	"consilium/testnet"
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

// Real nodes, of which one lies in every way in one round each. Its evidence convinces
// a third party that has the roster and the file; no other roster, and no byte changed,
// convinces it of something else.
func TestEvidenceOfRealNodes(t *testing.T) {
	for scheme, n := range map[string]int{protocol.SchemeMasked: 4, protocol.SchemePaillier: 4, protocol.SchemeShamir: 6} {
		t.Run(scheme, func(t *testing.T) {
			dir := t.TempDir()
			manifest := fmt.Sprintf("hospitals = %d\ntolerate_liars = 1\ntolerate_dropouts = 0\nfaults = [\"equivocate:2@1:commit+1\", \"wrong-share:2@2:deal+1\", \"wrong-opening:2@3:open+1\", \"bad-proof:2@4:deal+1\"]\n"+
				"[study]\ntask = \"synthetic\"\nrounds = 5\nscheme = %q\n", n, scheme)
			file := filepath.Join(dir, "net.toml")
			if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			homes := filepath.Join(dir, "homes")
			if err := os.Mkdir(homes, 0o700); err != nil {
				t.Fatal(err)
			}
			opt := testnet.Options{Dir: homes, Logger: slog.New(slog.DiscardHandler), Tell: func(testnet.Event) {}}
			if _, err := testnet.Run(t.Context(), file, testnet.Virtual, opt); err != nil {
				t.Fatal(err)
			}
			files, _ := filepath.Glob(filepath.Join(homes, "*", "evidence", "*.evidence"))
			kinds := map[string]string{}
			for _, file := range files {
				report, err := verifyEvidence(&evidenceFlags{roster: filepath.Join(homes, "roster.toml"), file: file})
				if err != nil || report.Hospital != "south" {
					t.Fatalf("%s: %+v, %v", file, report, err)
				}
				kinds[report.Kind] = file
			}
			t.Log(slices.Sorted(maps.Keys(kinds)))
			if len(kinds) < 3 {
				t.Errorf("only %v are proved", kinds)
			}
			for kind, file := range kinds {
				tamper(t, homes, kind, file)
			}
		})
	}
}

// tamper changes bytes of an evidence file, here and there.
func tamper(t *testing.T, homes, kind, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flags := &evidenceFlags{roster: filepath.Join(homes, "roster.toml"), file: filepath.Join(homes, "tampered")}
	for at := 0; at < len(data); at += 1 + len(data)/300 {
		changed := bytes.Clone(data)
		changed[at] ^= 1 << (at % 8)
		if err := os.WriteFile(flags.file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if report, err := verifyEvidence(flags); err == nil && report.Hospital != "south" {
			t.Errorf("%s, byte %d changed: it convicts %s of %s", kind, at, report.Hospital, report.Kind)
		}
	}
	for _, cut := range []int{0, 1, len(data) / 2, len(data) - 1} {
		if err := os.WriteFile(flags.file, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := verifyEvidence(flags); err == nil {
			t.Errorf("%s, cut at %d: it convinces", kind, cut)
		}
	}
}
