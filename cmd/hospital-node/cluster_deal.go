package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"consilium/internal/durable"
	"consilium/node/ceremony"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/node/study"
	"consilium/paillier"
	"consilium/protocol"
)

// keyReport is what a roster says of its Paillier key.
type keyReport struct {
	Bits         int  `json:"bits"`
	Holders      int  `json:"holders"`
	Threshold    int  `json:"threshold"` // so many holders decrypt
	InsecureTest bool `json:"insecure_test"`
	Joint        bool `json:"joint"` // the holders made it together; nobody dealt it
}

type dealReport struct {
	File   string    `json:"file"` // the roster
	Key    keyReport `json:"key"`
	Shares []string  `json:"shares"` // files, secret
}

type dealFlags struct {
	out    string
	bits   int
	roster string
}

func newClusterDeal(a *app, run func(context.Context, *app, *dealFlags) error) *cobra.Command {
	f := &dealFlags{}
	cmd := &cobra.Command{
		Use: "deal ROSTER", Short: "Deal a Paillier key to the members of a roster",
		Long: "Makes a Paillier key for scheme paillier, puts its public part into the roster and writes one share for each of the\n" +
			"first 16 members. Whoever runs this command, and whoever reads its memory or its files, knows the whole key and could\n" +
			"read every update that is ever encrypted under it: let somebody do it whom all hospitals trust with that, hand every\n" +
			"share to its hospital alone, and delete the files.",
		Example: "  hospital-node cluster deal --out shares roster.toml\n" +
			"  hospital-node cluster sign --home north --share shares/north.share roster.toml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneFile(cmd, args); err != nil {
				return err
			}
			f.roster = args[0]
			return run(cmd.Context(), a, f)
		},
	}
	cmd.Flags().StringVar(&f.out, "out", "shares", "folder for the shares")
	cmd.Flags().IntVar(&f.bits, "bits", paillier.DefaultBits, fmt.Sprintf("length of the modulus, at least %d", paillier.MinBits))
	return cmd
}

func runClusterDeal(_ context.Context, a *app, f *dealFlags) error {
	report, err := deal(a, f)
	if err != nil {
		return a.finish("cluster-deal", nil, &usageError{err})
	}
	a.printf("%s: a Paillier key of %d bits; %d members hold a share, any %d of them decrypt.\n", f.roster, report.Key.Bits, report.Key.Holders, report.Key.Threshold)
	a.printf("Hand each share to its hospital alone, which keeps it with `hospital-node cluster sign --home DIR --share FILE %s`;\n", f.roster)
	a.printf("then delete %s. Whoever has read %d of the files can read every update, and so could this machine.\n", f.out, report.Key.Threshold)
	return a.finish("cluster-deal", report, nil)
}

func (f *dealFlags) shareFile(member string) string { return filepath.Join(f.out, member+".share") }

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func deal(a *app, f *dealFlags) (*dealReport, error) {
	r, err := roster.Read(f.roster)
	if err != nil {
		return nil, err
	}
	if r.Paillier != "" {
		return nil, fmt.Errorf("%s has a Paillier key already: make another roster for another key", f.roster)
	}
	t := r.Thresholds()
	holders, k := protocol.Holders(t), protocol.HolderThreshold(t)
	if err := protocol.CheckHolders(t, holders, k); err != nil {
		return nil, fmt.Errorf("%w; make the roster anew with `cluster new --tolerate-dropouts %d`", err, holders-k-t.Liars)
	}
	if len(r.Signatures) > 0 {
		return nil, fmt.Errorf("%s is signed already: a key is dealt before the members sign", f.roster)
	}
	if f.bits < paillier.MinBits || f.bits > paillier.MaxBits || f.bits%128 != 0 {
		return nil, fmt.Errorf("--bits %d: a multiple of 128 from %d to %d", f.bits, paillier.MinBits, paillier.MaxBits)
	}
	for _, m := range r.Members[:holders] {
		if file := f.shareFile(m.Name); exists(file) {
			return nil, fmt.Errorf("%s exists: name another folder with --out", file)
		}
	}
	a.progressf("looking for two primes of %d bits", f.bits/2)
	private, err := paillier.GenerateKey(rand.Reader, f.bits, paillier.MinBits)
	if err != nil {
		return nil, err
	}
	public, shares, err := paillier.Deal(rand.Reader, private, holders, k)
	if err != nil {
		return nil, err
	}
	if err := r.SetPaillierKey(public); err != nil {
		return nil, fmt.Errorf("%s: %w", f.roster, err)
	}
	report := &dealReport{File: f.roster, Key: keyReport{public.Bits(), holders, k, false, false}}
	if err := os.MkdirAll(f.out, 0o700); err != nil {
		return nil, err
	}
	for i, share := range shares {
		file := f.shareFile(r.Members[i].Name)
		if err := durable.WriteFile(file, identity.EncodeShare(share), 0o600); err != nil {
			return nil, err
		}
		report.Shares = append(report.Shares, file)
	}
	return report, writeRoster(f.roster, r)
}

// keepShare verifies the share that a member was dealt and puts it into the
// home.
func keepShare(f *clusterSignFlags, r *roster.Roster, id *identity.Identity) error {
	key, err := r.PaillierKey()
	if err != nil || f.share == "" && !r.JointKey {
		return err
	}
	if f.share == "" {
		return keepMade(f.home, key, id)
	}
	if key == nil {
		return fmt.Errorf("%s has no Paillier key: the share is of another roster", f.files[0])
	}
	share, err := identity.ReadShare(f.share, key)
	if err != nil {
		return err
	}
	if self, _ := r.Find(id.Public()); share.Holder() != int(self) {
		return fmt.Errorf("%s is the share of %s", f.share, r.Name(protocol.Party(share.Holder())))
	}
	return identity.KeepShare(f.home, share)
}

// keepMade makes sure that the home holds its share of a key that it helped to
// make, where the ceremony was broken off before it had every endorsement.
func keepMade(home string, key *paillier.ThresholdKey, id *identity.Identity) error {
	if share, err := identity.LoadShare(home, key); err == nil && share != nil {
		return nil
	}
	adopted, err := ceremony.Adopt(home, id, key)
	if err == nil && !adopted {
		err = fmt.Errorf("%s holds no share of this key: restore it with `hospital-node keys restore`", home)
	}
	return err
}

// paillierKey is this hospital's part of the key when the study needs one.
func paillierKey(a *app, home string, r *roster.Roster, s *study.Study) (*protocol.PaillierKey, error) {
	if s.Scheme != protocol.SchemePaillier {
		return nil, nil
	}
	public, err := r.PaillierKey()
	if err != nil {
		return nil, err
	}
	if public == nil {
		return nil, errors.New("the study's scheme is paillier and the roster has no Paillier key: make one with `hospital-node cluster keygen`, or have one dealt with `hospital-node cluster deal`")
	}
	id, err := identity.Load(home)
	if err != nil {
		return nil, err
	}
	share, err := identity.LoadShare(home, public)
	if err != nil {
		return nil, ofEpoch(r, err)
	}
	self, ok := r.Find(id.Public())
	if share != nil && ok && share.Holder() != int(self) {
		return nil, fmt.Errorf("%s is the share of %s", filepath.Join(home, identity.ShareFile), r.Name(protocol.Party(share.Holder())))
	}
	if share == nil && ok && int(self) <= public.Holders() {
		return nil, fmt.Errorf("%s is missing: restore it with `hospital-node keys restore`, or keep the share that this hospital was dealt with `hospital-node cluster sign --home %s --share FILE ROSTER`",
			filepath.Join(home, identity.ShareFile), home)
	}
	if r.InsecureTestKey {
		a.progressf("WARNING: the Paillier key is a test key of %d bits and protects nothing", public.Bits())
	}
	if !r.JointKey {
		a.progressf("the Paillier key of this roster was dealt: whoever dealt it can read every update")
	}
	return protocol.NewPaillierKey(public, share)
}
