package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"consilium/internal/durable"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/paillier"
	"consilium/protocol"
)

type keysFlags struct {
	home, roster, out          string
	recipients                 []string
	passphraseFile, identities string
	file                       string
	replace                    bool
}

type keysReport struct {
	File      string `json:"file"` // written
	Holder    int    `json:"holder"`
	Bits      int    `json:"bits"`
	Holders   int    `json:"holders"`
	Threshold int    `json:"threshold"`
}

func newKeys(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "Back up a hospital's share of the Paillier key, encrypted, and restore it",
		Args: cobra.ArbitraryArgs,
		RunE: a.helpOrFail,
	}
	cmd.AddCommand(newKeysBackup(a, runKeysBackup), newKeysRestore(a, runKeysRestore))
	return cmd
}

func newKeysBackup(a *app, run func(context.Context, *app, *keysFlags) error) *cobra.Command {
	f := &keysFlags{}
	cmd := &cobra.Command{
		Use: "backup", Short: "Encrypt this hospital's share for whoever keeps it", Args: noArgs,
		Long: "Writes this hospital's share of the Paillier key to a file that only a key of age (age-encryption.org) or a passphrase\n" +
			"opens. The share alone decrypts nothing; a threshold of shares of one key read every update encrypted under it.",
		Example: "  hospital-node keys backup --home north --recipient age1… --out north.share.age\n" +
			"  hospital-node keys backup --home north --passphrase-file phrase.txt --out north.share.age",
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), a, f) },
	}
	flags := cmd.Flags()
	keysCommonFlags(cmd, f)
	flags.StringArrayVar(&f.recipients, "recipient", nil, "age public key that may open it; repeatable")
	flags.StringVar(&f.out, "out", "", "file to write (default: paillier.share.age in the home)")
	return cmd
}

func newKeysRestore(a *app, run func(context.Context, *app, *keysFlags) error) *cobra.Command {
	f := &keysFlags{}
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Put a share from its backup back into the home", Args: oneFile,
		Long:    "Decrypts a backup, compares the share with the roster's key, and keeps it in the home.",
		Example: "  hospital-node keys restore --home north --identity key.txt north.share.age",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.file = args[0]
			return run(cmd.Context(), a, f)
		},
	}
	keysCommonFlags(cmd, f)
	cmd.Flags().StringVar(&f.identities, "identity", "", "file with the age private key")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "replace a share that is in the home")
	return cmd
}

func keysCommonFlags(cmd *cobra.Command, f *keysFlags) {
	homeFlag(cmd, &f.home)
	cmd.Flags().StringVar(&f.roster, "roster", "", "the roster with the key (default: roster.toml in the home)")
	cmd.Flags().StringVar(&f.passphraseFile, "passphrase-file", "", "file with a passphrase instead of a key")
}

func runKeysBackup(_ context.Context, a *app, f *keysFlags) error {
	report, err := backupShare(f)
	if err != nil {
		return a.finish("keys-backup", nil, &usageError{err})
	}
	a.printf("%s: the share of holder %d, encrypted. Keep it, and what opens it, in two places outside this machine.\n", report.File, report.Holder)
	lostShare(a, report)
	return a.finish("keys-backup", report, nil)
}

// lostShare says what a lost share means.
func lostShare(a *app, r *keysReport) {
	a.printf("If a share is lost: any %d of the %d holders still decrypt, so the federation stands %d lost. With more,\n"+
		"nobody can open a sum any more, and a new key is made with `hospital-node cluster keygen`; models are not lost.\n"+
		"If %d shares of this key are stolen, the thief reads every update that was encrypted under it: make a new key.\n",
		r.Threshold, r.Holders, r.Holders-r.Threshold, r.Threshold)
}

// sharesKey is the roster's key, whose share is meant.
func sharesKey(f *keysFlags) (*roster.Roster, *paillier.ThresholdKey, error) {
	if err := checkHome(f.home); err != nil {
		return nil, nil, err
	}
	file := orDefault(f.roster, filepath.Join(f.home, "roster.toml"))
	r, err := roster.Read(file)
	if err != nil {
		return nil, nil, err
	}
	key, err := r.PaillierKey()
	if err == nil && key == nil {
		err = fmt.Errorf("%s has no Paillier key: name the roster of the epoch with the key with --roster", file)
	}
	return r, key, err
}

// checkHolder refuses a share of another hospital than the home's.
func (f *keysFlags) checkHolder(r *roster.Roster, share *paillier.KeyShare) error {
	id, err := identity.Load(f.home)
	if err != nil {
		return err
	}
	if self, _ := r.Find(id.Public()); share.Holder() != int(self) {
		return fmt.Errorf("it is the share of %s", r.Name(protocol.Party(share.Holder())))
	}
	return nil
}

// passphrase reads the file of --passphrase-file.
func (f *keysFlags) passphrase() (age.Recipient, age.Identity, error) {
	text, err := os.ReadFile(f.passphraseFile)
	if err != nil {
		return nil, nil, err
	}
	return identity.Passphrase(string(text))
}

func backupShare(f *keysFlags) (*keysReport, error) {
	r, key, err := sharesKey(f)
	if err != nil {
		return nil, err
	}
	recipients, err := f.keepers()
	if err != nil {
		return nil, err
	}
	share, err := identity.LoadShare(f.home, key)
	if err == nil && share == nil {
		err = fmt.Errorf("%s holds no share", f.home)
	}
	if err == nil {
		err = f.checkHolder(r, share)
	}
	if err != nil {
		return nil, ofEpoch(r, err)
	}
	sealed, err := identity.SealShare(share, recipients...)
	if err != nil {
		return nil, err
	}
	file := orDefault(f.out, filepath.Join(f.home, identity.ShareFile+".age"))
	if exists(file) {
		return nil, fmt.Errorf("%s exists: name another file with --out", file)
	}
	return f.report(file, key, share), durable.WriteFile(file, sealed, 0o600)
}

// keepers are who may open the backup. What was given is not repeated: it could be
// a private key, by mistake.
func (f *keysFlags) keepers() (recipients []age.Recipient, err error) {
	switch {
	case f.passphraseFile != "" && len(f.recipients) > 0:
		return nil, errors.New("--recipient and --passphrase-file: a backup is opened with a key or with a passphrase; make two for both")
	case f.passphraseFile != "":
		own, _, err := f.passphrase()
		return []age.Recipient{own}, err
	case len(f.recipients) == 0:
		return nil, errors.New("say who may open the backup: --recipient with an age public key (`age-keygen` makes one), or --passphrase-file")
	}
	for _, text := range f.recipients {
		if strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY-") {
			return nil, errors.New("--recipient: this is a private key of age, and your shell remembers it now: make another, and give its public key, age1…")
		}
		own, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, errors.New("--recipient: this is no public key of age: they begin with age1")
		}
		recipients = append(recipients, own)
	}
	return recipients, nil
}

// ofEpoch says which key was meant when a share is of another.
func ofEpoch(r *roster.Roster, err error) error {
	if errors.Is(err, paillier.ErrOtherKey) {
		return fmt.Errorf("%w than that of epoch %d: every key has shares of its own; --roster names the roster of an epoch", err, r.Epoch)
	}
	return err
}

func (f *keysFlags) report(file string, key *paillier.ThresholdKey, share *paillier.KeyShare) *keysReport {
	return &keysReport{file, share.Holder(), key.Bits(), key.Holders(), key.Threshold()}
}

func runKeysRestore(_ context.Context, a *app, f *keysFlags) error {
	report, err := restoreShare(f)
	if err != nil {
		return a.finish("keys-restore", nil, &usageError{err})
	}
	a.printf("%s: the share of holder %d fits the key, and is back.\n", report.File, report.Holder)
	lostShare(a, report)
	return a.finish("keys-restore", report, nil)
}

func restoreShare(f *keysFlags) (*keysReport, error) {
	r, key, err := sharesKey(f)
	if err != nil {
		return nil, err
	}
	identities, err := f.openers()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(f.file)
	if err != nil {
		return nil, err
	}
	share, err := identity.UnsealShare(data, key, identities...)
	if err == nil {
		err = f.checkHolder(r, share)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.file, ofEpoch(r, err))
	}
	file := filepath.Join(f.home, identity.ShareFile)
	if exists(file) && !f.replace {
		return nil, fmt.Errorf("%s exists: --replace replaces it", file)
	}
	return f.report(file, key, share), identity.KeepShare(f.home, share)
}

// openers are what a backup may be opened with.
func (f *keysFlags) openers() ([]age.Identity, error) {
	switch {
	case f.passphraseFile != "" && f.identities != "":
		return nil, errors.New("--identity and --passphrase-file: a backup is opened with one of them")
	case f.passphraseFile != "":
		_, own, err := f.passphrase()
		return []age.Identity{own}, err
	case f.identities != "":
		data, err := os.ReadFile(f.identities)
		if err != nil {
			return nil, err
		}
		own, err := age.ParseIdentities(bytes.NewReader(data))
		if err != nil { // whose text may hold what the file does
			return nil, fmt.Errorf("%s is no file of private keys of age", f.identities)
		}
		return own, nil
	}
	return nil, errors.New("say what opens the backup: --identity with the file of an age private key, or --passphrase-file")
}
