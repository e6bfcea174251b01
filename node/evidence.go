package node

import (
	"errors"
	"fmt"
	"io/fs"
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

// mostEvidence bounds the files that are kept against one hospital in a study. One
// is enough to expel it, and each can hold all deals of a round: a liar must not
// fill the disk.
const mostEvidence = 8

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
		n.proved[name] = true
		pattern := fmt.Sprintf("%s-round-*-%s.evidence", n.cfg.Study.Hash().String()[:16], n.cfg.Roster.Name(e.Liar))
		kept, err := fs.Glob(os.DirFS(filepath.Dir(name)), pattern)
		if err != nil {
			return err
		}
		if len(kept) >= mostEvidence {
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
		n.cfg.Logger.Warn("a hospital is proved to have lied", "liar", n.cfg.Roster.Name(e.Liar), "round", number, "kind", e.Kind.String(), "evidence", name)
	}
	return nil
}

// EvidenceFiles reads what a home keeps against others.
func EvidenceFiles(home string) (files [][]byte, err error) {
	folder := os.DirFS(filepath.Join(home, EvidenceDir)) // a home's name may have brackets in it
	names, err := fs.Glob(folder, "*.evidence")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		files = append(files, data)
	}
	return files, nil
}

// VerifyEvidence checks what such a file says as anybody can who has the roster,
// of the epoch or of a later one; it gives the roster that the round was run with.
// A *NotEvidenceError says that it is no evidence about a round of these; another
// error, that it proves nothing.
func VerifyEvidence(r *roster.Roster, file []byte) (protocol.Evidence, *roster.Roster, error) {
	e, err := protocol.DecodeEvidence(file)
	if err != nil {
		return e, r, &NotEvidenceError{err}
	}
	d := e.Description
	for r != nil && d.Roster != r.Hash() {
		r = r.Before
	}
	if r == nil || d.Thresholds != r.Thresholds() || d.Federation != r.Federation || d.Epoch != r.Epoch {
		return e, r, &NotEvidenceError{errors.New("it is about a round of another roster")}
	}
	scheme, err := schemeOf(r, d)
	if err != nil {
		return e, r, err
	}
	return e, r, e.Verify(identity.NewSigner(nil, r.Keys()).Verify, identity.Sealer{}, scheme)
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
