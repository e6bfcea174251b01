package node

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"consilium/node/identity"
	"consilium/node/study"
	"consilium/protocol"
)

// A hospital that says two things in one slot: the others finish without a
// difference, and each keeps a file that convinces whoever has the roster.
func TestEvidenceIsKept(t *testing.T) {
	f := newFederation(t, 4, study.Study{Rounds: 1})
	const liar = 4
	id, err := identity.Load(f.homes[liar-1])
	if err != nil {
		t.Fatal(err)
	}
	signer := identity.NewSigner(id, f.roster.Keys())
	d := protocol.Description{Federation: f.roster.Federation, Epoch: f.roster.Epoch, Thresholds: f.roster.Thresholds()}
	twice := func(data []byte) [][]byte {
		m, err := protocol.DecodeMessage(data)
		if err != nil || m.Slot.Phase != protocol.Agree || m.Slot.Step == 0 {
			return [][]byte{data}
		}
		other, _ := protocol.Forge(m, d, signer, 0, protocol.Hash{9})
		return [][]byte{data, other.Encode()}
	}
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg := f.config(i)
		if i == liar-1 {
			cfg.Hooks.Outgoing = twice
		}
		return f.run(ctx, cfg, i)
	})
	for i, home := range f.homes[:liar-1] {
		files, err := filepath.Glob(filepath.Join(home, EvidenceDir, "*-h4.evidence"))
		if err != nil || len(files) == 0 {
			t.Errorf("hospital %d keeps no evidence: %v", i+1, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e, err := protocol.DecodeEvidence(data)
			if err != nil {
				t.Fatal(err)
			}
			scheme, err := protocol.NewScheme(1, e.Description, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Verify(identity.NewSigner(nil, f.roster.Keys()).Verify, identity.Sealer{}, scheme); err != nil || e.Liar != liar {
				t.Errorf("%s against hospital %d: %v", file, e.Liar, err)
			}
		}
		if all, _ := os.ReadDir(filepath.Join(home, EvidenceDir)); len(all) != len(files) {
			t.Errorf("hospital %d accuses somebody else, too: %v", i+1, all)
		}
	}
}
