package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"consilium/node"
	"consilium/node/identity"
	"consilium/node/roster"
)

// evidenceReport is the result of evidence verify; its fields are a contract.
type evidenceReport struct {
	Kind     string `json:"kind"`
	Hospital string `json:"hospital"` // who lied
	Number   int    `json:"number"`
	Key      string `json:"key"` // fingerprint
	Round    uint64 `json:"round"`
	Roster   string `json:"roster"` // its hash: who is who hangs on it
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
	a.printf("in the roster with the hash %s\n", report.Roster)
	return a.finish("evidence-verify", report, nil)
}

func verifyEvidence(f *evidenceFlags) (*evidenceReport, error) {
	r, err := roster.Read(f.roster)
	if err != nil {
		return nil, &usageError{err}
	}
	if missing, err := r.Unsigned(); err != nil || len(missing) > 0 {
		return nil, &usageError{fmt.Errorf("%s is not signed by %s: no round was run with it", f.roster, strings.Join(missing, ", "))}
	}
	data, err := os.ReadFile(f.file)
	if err != nil {
		return nil, &usageError{err}
	}
	e, r, err := node.VerifyEvidence(r, data)
	if foreign := (*node.NotEvidenceError)(nil); errors.As(err, &foreign) {
		return nil, &usageError{fmt.Errorf("%s, by %s: %w", f.file, f.roster, err)}
	}
	if err != nil {
		return nil, fmt.Errorf("%s proves nothing: %w", f.file, err)
	}
	return &evidenceReport{
		Kind: e.Kind.String(), Hospital: r.Name(e.Liar), Number: int(e.Liar), Round: e.Description.Round,
		Roster: r.Hash().String(),
		Key:    identity.Fingerprint(ed25519.PublicKey(r.Keys()[e.Liar-1])),
		Study:  e.Description.Study.String(), Messages: len(e.Messages),
	}, nil
}
