package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"consilium/internal/durable"
	"consilium/node"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/node/store"
	"consilium/paillier"
	"consilium/protocol"
)

type clusterReport struct {
	Federation string         `json:"federation"`
	Epoch      uint64         `json:"epoch"`
	Hash       string         `json:"hash"`
	Liars      int            `json:"liars"`
	Dropouts   int            `json:"dropouts"`
	Threshold  int            `json:"threshold"`
	Members    []memberReport `json:"members"`
	Unsigned   []string       `json:"unsigned"`
	Paillier   *keyReport     `json:"paillier"` // null without a key
	File       string         `json:"file"`
	Smallest   int            `json:"smallest_set"`  // hospitals in a sum
	Learn      int            `json:"learn_nothing"` // so many that compare notes learn nothing but the sum of the others
	Schemes    []schemeReport `json:"schemes"`
}

// schemeReport says whether a scheme stands the liars and dropouts of a roster.
type schemeReport struct {
	Name   string `json:"name"`
	Stands bool   `json:"stands"`
	Least  int    `json:"least"` // hospitals for so many liars and dropouts; 0 when no number would do
}

type memberReport struct {
	Number      int      `json:"number"`
	Name        string   `json:"name"`
	Fingerprint string   `json:"fingerprint"`
	Addresses   []string `json:"addresses"`
}

func newCluster(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "cluster", Short: "Put a federation's roster together, sign it, look at it",
		Args: cobra.ArbitraryArgs,
		RunE: a.helpOrFail,
	}
	cmd.AddCommand(newClusterNew(a, runClusterNew), newClusterDeal(a, runClusterDeal), newClusterKeygen(a, runClusterKeygen), newClusterSign(a, runClusterSign),
		newClusterVerify(a, runClusterVerify), newClusterShow(a, runClusterShow))
	return cmd
}

type clusterNewFlags struct {
	federation, out string
	previous        string
	liars, dropouts int
	cards           []string
}

func newClusterNew(a *app, run func(context.Context, *app, *clusterNewFlags) error) *cobra.Command {
	f := &clusterNewFlags{}
	cmd := &cobra.Command{
		Use: "new CARD...", Short: "Make a roster from the hospitals' cards",
		Long: "Makes a roster from signed cards, in the order of the arguments, computes the threshold and says what the\nfederation stands. Every member signs the file then (cluster sign).\n\n" +
			"With --previous it is the next epoch of a federation: a quorum of the members before and a quorum of its own sign it,\nand an epoch has one successor. Finish studies first: no round spans two epochs.",
		Example: "  hospital-node cluster new --federation heart --out roster.toml north.card south.card east.card west.card\n" +
			"  hospital-node cluster new --previous roster.toml --out next.toml north.card south.card east.card centre.card",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.cards = args
			if !cmd.Flags().Changed("tolerate-dropouts") {
				f.dropouts = max(0, protocol.MostDropouts(len(args), f.liars))
			}
			return run(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.federation, "federation", "federation", "name of the federation")
	flags.StringVar(&f.previous, "previous", "", "the signed roster of the epoch before, for the next one")
	flags.StringVar(&f.out, "out", "roster.toml", "file to write")
	flags.IntVar(&f.liars, "tolerate-liars", 0, "how many hospitals may do anything at all")
	flags.IntVar(&f.dropouts, "tolerate-dropouts", 0, "how many more may be away (default: the most)")
	return cmd
}

func runClusterNew(_ context.Context, a *app, f *clusterNewFlags) error {
	r, err := makeRoster(f)
	if err != nil {
		return a.finish("cluster-new", nil, err)
	}
	a.printf("%s: federation %s of %d hospitals\n", f.out, r.Federation, len(r.Members))
	stands(a, r)
	a.printf("Every member signs it now: hospital-node cluster sign --home DIR %s\n", f.out)
	return a.finish("cluster-new", reportOf(r, f.out), nil)
}

func makeRoster(f *clusterNewFlags) (*roster.Roster, error) {
	var cards []roster.Card
	for _, file := range f.cards {
		card, err := roster.ReadCard(file)
		if err != nil {
			return nil, &usageError{err}
		}
		cards = append(cards, card)
	}
	r, err := newRoster(f, cards)
	if err != nil {
		return nil, &usageError{err}
	}
	if _, err := os.Stat(f.out); err == nil {
		return nil, &usageError{fmt.Errorf("%s exists: name another file with --out", f.out)}
	}
	return r, writeRoster(f.out, r)
}

func newRoster(f *clusterNewFlags, cards []roster.Card) (*roster.Roster, error) {
	if f.previous == "" {
		return roster.New(f.federation, cards, f.liars, f.dropouts)
	}
	before, err := roster.Read(f.previous)
	if err != nil {
		return nil, err
	}
	return before.Successor(cards, f.liars, f.dropouts)
}

func writeRoster(file string, r *roster.Roster) error {
	text, err := r.Encode()
	if err != nil {
		return err
	}
	return durable.WriteFile(file, text, 0o644)
}

// signers says who has signed a roster that needs no more signatures.
func signers(r *roster.Roster) string {
	if r.Before == nil {
		return fmt.Sprintf("all %d members", len(r.Members))
	}
	return fmt.Sprintf("%d of %d members, and %d of the %d of epoch %d", len(r.Signatures), len(r.Members), len(r.Consents), len(r.Before.Members), r.Before.Epoch)
}

// openers are how many hospitals open a sum, with the roster's key or without it,
// and how many that compare notes learn nothing.
func openers(r *roster.Roster, withKey bool) (k, curious int) {
	k = r.Thresholds().Openings()
	key, err := r.PaillierKey()
	if err != nil || key == nil || !withKey {
		return k, k - 1
	}
	k = key.Threshold()
	if r.JointKey { // so many could factor N if they kept what they drew when it was made
		return k, min(k-1, (key.Holders()-1)/2)
	}
	return k, k - 1
}

// schemesOf says which schemes stand what a roster promises.
func schemesOf(t protocol.Thresholds) []schemeReport {
	list := make([]schemeReport, len(rounds))
	for i, name := range rounds {
		list[i] = schemeReport{name, protocol.MostDropoutsOf(name, t.Parties, t.Liars) >= t.Dropouts, 0}
		for n := 3; n <= protocol.MaxParties && list[i].Least == 0; n++ {
			if protocol.MostDropoutsOf(name, n, t.Liars) >= t.Dropouts {
				list[i].Least = n
			}
		}
	}
	return list
}

// rounds are the schemes of rounds that sum updates.
var rounds = []string{protocol.SchemeShamir, protocol.SchemeMasked, protocol.SchemePaillier}

// stands says what a federation stands and what colluders can learn.
func stands(a *app, r *roster.Roster) {
	t := r.Thresholds()
	k, curious := openers(r, true)
	a.printf("Hospitals that may be away at any time: %d. Hospitals that may lie: %d.\n", t.Dropouts, t.Liars)
	a.printf("A sum is opened by %d hospitals, and has at least %d in it. Up to %d that compare notes learn nothing but the\n"+
		"sum of the others; %d could open any update.\n", k, t.SmallestSet(), curious, curious+1)
	if t.Liars == 0 && t.Parties >= 7 {
		a.printf("A study that says colluders = so many lets fewer than %d learn nothing, for smaller messages.\n", k-1)
	}
	keyOrigin(a, r)
	if t.Liars > 0 {
		standsLiars(a, t)
	}
	if t.Parties == 3 {
		a.printf("Of three hospitals, one may drop out only after it has dealt: a sum of two would show each the other's update.\n")
	}
}

// keyOrigin says where a roster's Paillier key comes from, and so who knows it.
func keyOrigin(a *app, r *roster.Roster) {
	if key, err := r.PaillierKey(); err == nil && key != nil {
		origin := "whoever dealt it could decrypt alone"
		if r.JointKey {
			origin = "they made it together, and nobody ever held it"
		}
		a.printf("Paillier key of %d bits: %d holders, any %d of whom decrypt; %s.\n", key.Bits(), key.Holders(), key.Threshold(), origin)
	}
	if r.InsecureTestKey {
		a.printf("THE PAILLIER KEY IS A TEST KEY AND PROTECTS NOTHING.\n")
	}
}

func standsLiars(a *app, t protocol.Thresholds) {
	if err := protocol.CheckCorrection(t); err != nil {
		a.printf("With liars the scheme is masked, or paillier with a key (`hospital-node cluster keygen`).\n(%v.)\n", err)
	} else {
		a.printf("Schemes shamir and masked stand the liars, and paillier with a key (`hospital-node cluster keygen`).\n")
	}
	if protocol.MostDropoutsOf(protocol.SchemePaillier, t.Parties, t.Liars) < t.Dropouts {
		a.printf("But not paillier: at most %d hospitals hold a share of its key.\n", paillier.MaxHolders)
	}
	a.printf("With shamir and masked, each liar can make every other hospital publish one of its shares, which the liar holds already;\n" +
		"a share that is published because a hospital was too slow counts as one more that compares notes.\n")
	a.printf("A liar is refused, and named where there is proof. It cannot stop a round or show two hospitals different sums; it can\n" +
		"still contribute a false update. Where that shows, the round is skipped.\n")
}

func reportOf(r *roster.Roster, file string) *clusterReport {
	unsigned, _ := r.Unsigned()
	_, curious := openers(r, true)
	report := &clusterReport{
		Smallest: r.Thresholds().SmallestSet(), Learn: curious, Schemes: schemesOf(r.Thresholds()),
		Federation: r.Federation, Epoch: r.Epoch, Hash: r.Hash().String(), Liars: r.Liars, Dropouts: r.Dropouts,
		Threshold: r.Threshold, Unsigned: append([]string{}, unsigned...), File: file,
	}
	if key, err := r.PaillierKey(); err == nil && key != nil {
		report.Paillier = &keyReport{key.Bits(), key.Holders(), key.Threshold(), r.InsecureTestKey, r.JointKey}
	}
	for i, m := range r.Members {
		report.Members = append(report.Members, memberReport{i + 1, m.Name, m.Fingerprint(), m.Addresses})
	}
	return report
}

type clusterSignFlags struct {
	home, share string
	files       []string
}

func newClusterSign(a *app, run func(context.Context, *app, *clusterSignFlags) error) *cobra.Command {
	f := &clusterSignFlags{}
	cmd := &cobra.Command{
		Use: "sign ROSTER [COPY...]", Short: "Sign a roster as a member",
		Long: "Adds this hospital's signature to the file. Signatures of further copies of the same roster are added too, so\nthat the members can sign at the same time. A share of the federation's Paillier key is verified and kept in the home.",
		Example: "  hospital-node cluster sign --home north roster.toml\n" +
			"  hospital-node cluster sign --home north --share north.share roster.toml",
		RunE: func(cmd *cobra.Command, args []string) error {
			f.files = args
			return run(cmd.Context(), a, f)
		},
	}
	homeFlag(cmd, &f.home)
	cmd.Flags().StringVar(&f.share, "share", "", "this hospital's share of the federation's Paillier key, to keep in the home")
	return cmd
}

func runClusterSign(_ context.Context, a *app, f *clusterSignFlags) error {
	r, err := signRoster(f)
	if err != nil {
		return a.finish("cluster-sign", nil, err)
	}
	report := reportOf(r, f.files[0])
	if len(report.Unsigned) == 0 {
		a.printf("%s is signed by %s.\n", f.files[0], signers(r))
	} else {
		a.printf("%s is signed; still to sign: %s\n", f.files[0], strings.Join(report.Unsigned, ", "))
	}
	keyOrigin(a, r)
	return a.finish("cluster-sign", report, nil)
}

func signRoster(f *clusterSignFlags) (*roster.Roster, error) {
	if err := checkHome(f.home); err != nil {
		return nil, err
	}
	if len(f.files) == 0 {
		return nil, &usageError{errors.New("name the roster file to sign")}
	}
	id, err := identity.Load(f.home)
	if err != nil {
		return nil, &usageError{err}
	}
	r, err := roster.Read(f.files[0])
	if err != nil {
		return nil, &usageError{err}
	}
	for _, file := range f.files[1:] {
		other, err := roster.Read(file)
		if err == nil {
			err = r.Merge(other)
		}
		if err != nil {
			return nil, &usageError{fmt.Errorf("%s: %w", file, err)}
		}
	}
	if err := signAs(r, f.home, id); err != nil {
		return nil, err
	}
	if _, err := r.Unsigned(); err != nil {
		return nil, &usageError{fmt.Errorf("%s: %w", f.files[0], err)}
	}
	if err := keepShare(f, r, id); err != nil {
		return nil, &usageError{err}
	}
	return r, writeRoster(f.files[0], r)
}

// signAs signs a roster as one of its members, and as one of the epoch before.
func signAs(r *roster.Roster, home string, id *identity.Identity) error {
	if r.Before != nil {
		if _, was := r.Before.Find(id.Public()); was {
			lock, err := store.LockHome(home) // what runs there runs in the epoch before
			if err != nil {
				return &usageError{err}
			}
			defer lock.Unlock()
			if err := tookPart(r, home); err != nil {
				return err
			}
			if err := r.Consent(home, id); err != nil {
				return &node.NotAdmittedError{Why: err.Error()}
			}
			if _, is := r.Find(id.Public()); !is {
				return nil
			}
		}
	}
	if err := r.Sign(id); err != nil {
		return &node.NotAdmittedError{Why: err.Error()}
	}
	return nil
}

// tookPart refuses to sign for a key that this hospital did not help to make: its
// author could have put in one whose factors he knows. The ceremony itself lets a
// home consent to the roster with its key.
func tookPart(r *roster.Roster, home string) error {
	if !r.JointKey {
		return nil
	}
	consented, err := roster.Consented(home, r.Before)
	if err == nil && consented != r.Hash().String() {
		err = &node.NotAdmittedError{Why: "the roster says that its members made its Paillier key together, and this hospital took no part in that: " +
			"run `hospital-node cluster keygen` with the others, which signs"}
	}
	return err
}

func newClusterVerify(a *app, run func(context.Context, *app, string) error) *cobra.Command {
	return &cobra.Command{
		Use: "verify ROSTER", Short: "Check a roster and its signatures", Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), a, args[0]) },
	}
}

func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return &usageError{fmt.Errorf("%s takes one file, got %d", cmd.CommandPath(), len(args))}
	}
	return nil
}

func runClusterVerify(_ context.Context, a *app, file string) error {
	r, err := roster.Read(file)
	if err != nil {
		return a.finish("cluster-verify", nil, &usageError{err})
	}
	report := reportOf(r, file)
	missing, err := r.Unsigned()
	switch {
	case err != nil:
		err = &usageError{fmt.Errorf("%s: %w", file, err)}
	case len(missing) > 0:
		err = &node.NotAdmittedError{Why: fmt.Sprintf("%s is not signed by %s", file, strings.Join(missing, ", "))}
	default:
		a.printf("%s: signed by %s, hash %s\n", file, signers(r), r.Hash())
		keyOrigin(a, r)
	}
	return a.finish("cluster-verify", report, err)
}

func newClusterShow(a *app, run func(context.Context, *app, string) error) *cobra.Command {
	return &cobra.Command{
		Use: "show ROSTER", Short: "Show who is in a roster and what it stands", Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), a, args[0]) },
	}
}

func runClusterShow(_ context.Context, a *app, file string) error {
	r, err := roster.Read(file)
	if err != nil {
		return a.finish("cluster-show", nil, &usageError{err})
	}
	report := reportOf(r, file)
	a.printf("federation %s, epoch %d, hash %s\n", r.Federation, r.Epoch, r.Hash())
	for _, m := range report.Members {
		a.printf("%3d  %-16s %s  %s\n", m.Number, m.Name, m.Fingerprint, strings.Join(m.Addresses, " "))
	}
	stands(a, r)
	if len(report.Unsigned) > 0 {
		a.printf("Not signed by %s.\n", strings.Join(report.Unsigned, ", "))
	}
	return a.finish("cluster-show", report, nil)
}
