package node

import (
	"fmt"
	"os"
	"path/filepath"

	"consilium/internal/durable"
)

// EvidenceDir is where a home keeps what hospitals are proved to have done: one
// file each, to be shown to anybody who has the roster.
const EvidenceDir = "evidence"

// keepEvidence writes what the round has found since it was last asked. Files
// are signed by the liars themselves; nothing in them is secret.
func (n *Node) keepEvidence() error {
	round := n.session.Round()
	if round == nil {
		return nil
	}
	number := round.Described().Round
	for _, e := range round.Evidence() {
		name := filepath.Join(n.cfg.Home, EvidenceDir, fmt.Sprintf("%s-round-%d-%s.evidence", n.cfg.Study.Hash().String()[:16], number, n.cfg.Roster.Name(e.Liar)))
		if n.proved[name] {
			continue
		}
		encoded, err := e.Encode()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := durable.WriteFile(name, encoded, 0o644); err != nil {
			return fmt.Errorf("keep evidence: %w", err)
		}
		n.proved[name] = true
		n.cfg.Logger.Warn("a hospital is proved to have lied", "hospital", n.cfg.Roster.Name(e.Liar), "round", number, "kind", e.Kind.String(), "evidence", name)
	}
	return nil
}
