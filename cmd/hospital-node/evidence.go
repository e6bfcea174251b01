package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/protocol"
)

// evidenceReport is the result of evidence verify; its fields are a contract.
type evidenceReport struct {
	Kind     string `json:"kind"`
	Hospital string `json:"hospital"` // who lied
	Number   int    `json:"number"`
	Key      string `json:"key"` // fingerprint
	Round    uint64 `json:"round"`
	Study    string `json:"study"`
	Messages int    `json:"messages"`
}

type evidenceFlags struct{ roster, file string }

func newEvidence(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "evidence", Short: "Look at proof that a hospital lied",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newEvidenceVerify(a, runEvidenceVerify))
	return cmd
}

func newEvidenceVerify(a *app, run func(context.Context, *app, *evidenceFlags) error) *cobra.Command {
	f := &evidenceFlags{}
	cmd := &cobra.Command{
		Use: "verify FILE", Short: "Check evidence against a roster, offline",
		Long: "Checks that a file from a home's evidence folder proves that a hospital of the roster lied: that it signed two\n" +
			"messages for one place, or something that no honest hospital signs. It takes the roster and the file, and asks nobody.",
		Example: "  hospital-node evidence verify --roster roster.toml north/evidence/0123456789abcdef-round-3-west.evidence",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneFile(cmd, args); err != nil {
				return err
			}
			f.file = args[0]
			return run(cmd.Context(), a, f)
		},
	}
	cmd.Flags().StringVar(&f.roster, "roster", "roster.toml", "the roster of the federation")
	return cmd
}

func runEvidenceVerify(_ context.Context, a *app, f *evidenceFlags) error {
	report, err := verifyEvidence(f)
	if err != nil {
		return a.finish("evidence-verify", nil, err)
	}
	a.printf("proved: %s (hospital %d, key %s) in round %d: %s\n", report.Hospital, report.Number, report.Key, report.Round, report.Kind)
	return a.finish("evidence-verify", report, nil)
}

func verifyEvidence(f *evidenceFlags) (*evidenceReport, error) {
	r, err := roster.Read(f.roster)
	if err != nil {
		return nil, &usageError{err}
	}
	data, err := os.ReadFile(f.file)
	if err != nil {
		return nil, &usageError{err}
	}
	e, err := protocol.DecodeEvidence(data)
	if err != nil {
		return nil, &usageError{fmt.Errorf("%s: %w", f.file, err)}
	}
	if e.Description.Roster != r.Hash() || e.Description.Thresholds != r.Thresholds() {
		return nil, &usageError{fmt.Errorf("%s is about a round of another roster than %s", f.file, f.roster)}
	}
	scheme, err := schemeOf(r, e.Description)
	if err != nil {
		return nil, err
	}
	signer := identity.NewSigner(nil, r.Keys())
	if err := e.Verify(signer.Verify, identity.Sealer{}, scheme); err != nil {
		return nil, fmt.Errorf("%s proves nothing: %w", f.file, err)
	}
	return &evidenceReport{
		Kind: e.Kind.String(), Hospital: r.Name(e.Liar), Number: int(e.Liar), Round: e.Description.Round,
		Key:   identity.Fingerprint(ed25519.PublicKey(r.Keys()[e.Liar-1])),
		Study: e.Description.Study.String(), Messages: len(e.Messages),
	}, nil
}

// schemeOf is the scheme of a round, with the public part of the roster's key.
func schemeOf(r *roster.Roster, d protocol.Description) (protocol.Scheme, error) {
	public, err := r.PaillierKey()
	if err != nil {
		return nil, err
	}
	if d.Scheme != protocol.SchemePaillier {
		return protocol.NewScheme(1, d, nil)
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
