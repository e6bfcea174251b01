package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"consilium/internal/durable"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/protocol"
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

// VerifyEvidence checks what such a file says as anybody can who has the roster. A
// *NotEvidenceError says that it is no evidence about a round of this roster;
// another error, that it proves nothing.
func VerifyEvidence(r *roster.Roster, file []byte) (protocol.Evidence, error) {
	e, err := protocol.DecodeEvidence(file)
	if err != nil {
		return e, &NotEvidenceError{err}
	}
	if e.Description.Roster != r.Hash() || e.Description.Thresholds != r.Thresholds() ||
		e.Description.Federation != r.Federation || e.Description.Epoch != r.Epoch {
		return e, &NotEvidenceError{errors.New("it is about a round of another roster")}
	}
	scheme, err := schemeOf(r, e.Description)
	if err != nil {
		return e, err
	}
	return e, e.Verify(identity.NewSigner(nil, r.Keys()).Verify, identity.Sealer{}, scheme)
}

// NotEvidenceError says that a file is no evidence about a round of a roster.
type NotEvidenceError struct{ Cause error }

func (e *NotEvidenceError) Error() string { return e.Cause.Error() }
func (e *NotEvidenceError) Unwrap() error { return e.Cause }

// schemeOf is the scheme of a round, with the public part of the roster's key.
func schemeOf(r *roster.Roster, d protocol.Description) (protocol.Scheme, error) {
	if d.Scheme != protocol.SchemePaillier {
		return protocol.NewScheme(1, d, nil)
	}
	public, err := r.PaillierKey()
	if err != nil {
		return nil, err
	}
	if public == nil {
		return nil, errors.New("the round is of scheme paillier and the roster has no Paillier key")
	}
	key, err := protocol.NewPaillierKey(public, nil)
	if err != nil {
		return nil, err
	}
	return protocol.NewScheme(1, d, key)
}
