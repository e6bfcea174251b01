package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"consilium/node/study"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
	"consilium/testnet"
)

// simFlags are the arguments of sim.
type simFlags struct {
	hospitals, values, modulus int
	scheme                     string
	liars, dropouts, colluders int
	faults, drops              []string
	randomFaults               float64
	seed                       uint64
	runs                       int
	crypto                     string
	adaptive                   bool
	chosen                     string // the scheme, and why
}

// simReport is the result of sim; its fields are a contract.
type simReport struct {
	Runs      int            `json:"runs"`
	Completed int            `json:"completed"`
	Aborted   map[string]int `json:"aborted"`
	Wrong     int            `json:"wrong"`
	Split     int            `json:"split"`
	Hung      int            `json:"hung"`
	Named     map[string]int `json:"named"`
	Skipped   int            `json:"skipped"` // rounds that completed without a sum, because of a false update
	Bytes     float64        `json:"bytes_per_hospital"`
	Messages  float64        `json:"messages_per_hospital"`
	Virtual   float64        `json:"virtual_ms"` // mean of a run
	Threshold int            `json:"threshold"`
	Seed      uint64         `json:"seed"`
	BadSeeds  []uint64       `json:"bad_seeds"`
	Seconds   float64        `json:"seconds"`
	Trace     string         `json:"trace"`
}

func newSim(a *app, run func(context.Context, *app, *simFlags) error) *cobra.Command {
	f := &simFlags{}
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "The pure machine in simulated time: thousands of schedules a second",
		Long: "Runs rounds of the pure state machine with seeded delays, losses, crashes and restarts, and checks that all\n" +
			"hospitals that finish hold the same sum over the same set, that it is exactly the sum of that set, and that no run\n" +
			"hangs. Equal seeds give equal runs.",
		Example: "  hospital-node sim --hospitals 4 --tolerate-dropouts 1 --random-faults 0.3 --runs 1000\n" +
			"  hospital-node sim --hospitals 7 --fault kill:3@1:open --fault pause:5@1:deal+1",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("tolerate-dropouts") {
				f.dropouts = max(0, protocol.MostDropoutsOf(f.scheme, f.hospitals, f.liars))
			}
			return run(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.hospitals, "hospitals", 4, "how many hospitals")
	flags.IntVar(&f.values, "values", 8, "values in an update")
	flags.StringVar(&f.scheme, "scheme", "shamir", "how updates are hidden: shamir, masked, paillier or auto")
	flags.IntVar(&f.modulus, "modulus", 64, "ring of scheme masked, 32 or 64 bits")
	flags.IntVar(&f.liars, "tolerate-liars", 0, "how many hospitals may lie")
	flags.IntVar(&f.dropouts, "tolerate-dropouts", 0, "how many more may drop out (default: the most)")
	flags.IntVar(&f.colluders, "colluders", 0, "how many that compare notes must learn nothing; 0 takes the most, fewer let scheme shamir pack")
	flags.StringArrayVar(&f.faults, "fault", nil, "KIND:NUMBER@ROUND:PHASE[+N]; rounds count from 1; repeatable")
	flags.StringArrayVar(&f.drops, "drop", nil, "NUMBER@ROUND:PHASE[+N]: short for --fault kill:…; repeatable")
	flags.Float64Var(&f.randomFaults, "random-faults", 0, "probability that a hospital is hit by a random fault")
	flags.Uint64Var(&f.seed, "seed", 1, "of the first run")
	flags.IntVar(&f.runs, "runs", 100, "how many runs, each with the next seed")
	flags.BoolVar(&f.adaptive, "adaptive", false, "an adversary delays what hurts most, for the first virtual minute")
	flags.StringVar(&f.crypto, "crypto", "fast", "fast (stand-ins of the same size; equal seeds give equal runs) or real")
	return cmd
}

func runSim(ctx context.Context, a *app, f *simFlags) error {
	opt, err := f.options()
	if err != nil {
		return a.finish("sim", nil, &usageError{err})
	}
	if f.chosen != "" {
		a.progressf("%s", f.chosen)
	}
	debug.SetGCPercent(400) // many small short-lived messages
	opt.Stop = ctx.Err
	started, shown := time.Now(), time.Now()
	summary, err := protocoltest.Batch(opt, f.runs, func(done int) {
		if time.Since(shown) >= time.Second {
			shown = time.Now()
			a.progressf("%d of %d runs, %.0f a second", done, f.runs, float64(done)/time.Since(started).Seconds())
		}
	})
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil {
		return a.finish("sim", nil, err)
	}
	report := f.report(opt, summary, time.Since(started))
	if n := len(report.BadSeeds); n > 0 {
		err = fmt.Errorf("%d runs broke an invariant; the seeds are %v", n, report.BadSeeds)
	}
	a.printf("%d runs in %.2f s: %d completed, %d aborted, wrong %d, split %d, hung %d\n",
		report.Runs, report.Seconds, report.Completed, report.Runs-report.Completed-report.Hung, report.Wrong, report.Split, report.Hung)
	if report.Skipped > 0 {
		a.printf("  %d rounds were skipped: their sums had a false update in them\n", report.Skipped)
	}
	for _, reason := range sortedKeys(report.Aborted) {
		a.printf("  aborted %d times: %s\n", report.Aborted[reason], reason)
	}
	a.printf("a hospital posted %s in %.1f messages a run; %.0f virtual ms a run\ntrace %s\n",
		bytesText(int64(report.Bytes)), report.Messages, report.Virtual, report.Trace)
	return a.finish("sim", report, err)
}

func (f *simFlags) options() (protocoltest.Options, error) {
	t := protocol.Thresholds{Parties: f.hospitals, Liars: f.liars, Dropouts: f.dropouts}
	opt := protocoltest.Options{Thresholds: t, Values: f.values, RandomFaults: f.randomFaults, Seed: f.seed, Adaptive: f.adaptive}
	if err := t.Validate(); err != nil {
		return opt, err
	}
	switch {
	case f.scheme == study.SchemeShares:
		return opt, fmt.Errorf("--scheme %s: sim runs rounds that sum updates; see bench %s and demo", f.scheme, f.scheme)
	case f.scheme != "auto" && !slices.Contains(study.Schemes, f.scheme):
		return opt, fmt.Errorf("--scheme %s: this version knows auto, %s", f.scheme, strings.Join(study.Schemes, ", "))
	case f.modulus != 32 && f.modulus != 64:
		return opt, fmt.Errorf("--modulus %d: 32 or 64", f.modulus)
	case f.values < 1 || f.values > 1<<24:
		return opt, fmt.Errorf("--values %d: from 1 to %d", f.values, 1<<24)
	case f.runs < 1:
		return opt, fmt.Errorf("--runs %d: at least 1", f.runs)
	case !(f.randomFaults >= 0 && f.randomFaults <= 1):
		return opt, fmt.Errorf("--random-faults %v: a probability in [0, 1]", f.randomFaults)
	}
	if f.scheme == "auto" {
		choice, err := protocol.Choose(t, uint64(f.values), uint64(protocoltest.Options{Thresholds: t, Scheme: protocol.SchemeMasked, Modulus: f.modulus}.Limit()), f.colluders)
		if err != nil {
			return opt, fmt.Errorf("--colluders: %w", err)
		}
		f.scheme = choice.Scheme
		f.chosen = fmt.Sprintf("scheme %s: %s", f.scheme, choice.Why)
	}
	opt.Scheme, opt.Modulus = f.scheme, f.modulus
	if f.scheme == protocol.SchemeShamir {
		var err error
		if opt.Packing, err = protocol.Packing(t, f.colluders); err != nil {
			return opt, fmt.Errorf("--colluders: %w", err)
		}
	} else if f.colluders != 0 && f.scheme != protocol.SchemeMasked {
		return opt, fmt.Errorf("--colluders is for schemes shamir, masked and auto; the scheme is %s", f.scheme)
	}
	switch f.crypto {
	case "fast": // scheme paillier without its arithmetic
	case "real":
		var err error
		if opt.Signer, opt.Sealer, err = testnet.RealCrypto(f.hospitals); err != nil {
			return opt, err
		}
	default:
		return opt, fmt.Errorf("--crypto %s: fast or real", f.crypto)
	}
	if err := f.testKeys(&opt); err != nil {
		return opt, err
	}
	return opt, f.parseFaults(&opt)
}

// realKeyBits is the length of the published keys that simulations of scheme
// paillier use with --crypto real.
const realKeyBits = 2048

// testKeys deals the keys that the scheme needs, and refuses thresholds that it
// does not stand.
func (f *simFlags) testKeys(opt *protocoltest.Options) error {
	d := protocol.Description{Scheme: f.scheme, Thresholds: opt.Thresholds, Length: uint64(f.values), Limit: uint64(opt.Limit())}
	if f.scheme == protocol.SchemeMasked {
		d.Modulus = uint32(f.modulus)
	}
	if f.scheme != protocol.SchemePaillier {
		_, err := protocol.NewScheme(1, d, nil)
		return err
	}
	if t := opt.Thresholds; f.crypto == "fast" { // stand-ins
		return protocol.CheckHolders(t, protocol.Holders(t), protocol.HolderThreshold(t))
	}
	keys, err := protocoltest.TestKeys(realKeyBits, opt.Thresholds)
	if err != nil {
		return err
	}
	opt.Key = func(self protocol.Party) *protocol.PaillierKey { return keys[self] }
	d.Key = keys[1].Digest()
	_, err = protocol.NewScheme(1, d, keys[1])
	return err
}

func (f *simFlags) parseFaults(opt *protocoltest.Options) error {
	names := make([]string, f.hospitals)
	for i := range names {
		names[i] = strconv.Itoa(i + 1)
	}
	texts := slices.Clone(f.faults)
	for _, drop := range f.drops {
		texts = append(texts, "kill:"+drop)
	}
	for _, text := range texts {
		fault, err := protocoltest.ParseFault(text, names)
		if err != nil {
			return err
		}
		if err := protocoltest.CheckFault(fault, opt.Scheme); err != nil {
			return err
		}
		if fault.Lie() && opt.Thresholds.Liars == 0 {
			return fmt.Errorf("fault %s makes a hospital lie: say with --tolerate-liars how many the federation stands", fault)
		}
		if err := protocoltest.CheckLie(fault, opt.Scheme); err != nil {
			return err
		}
		if fault.Round < 1 {
			return fmt.Errorf("fault %s: rounds count from 1 here", fault)
		}
		opt.Faults = append(opt.Faults, fault)
	}
	return nil
}

func (f *simFlags) report(opt protocoltest.Options, s protocoltest.Summary, took time.Duration) *simReport {
	each := float64(f.hospitals) * float64(s.Runs)
	r := &simReport{
		Runs: s.Runs, Completed: s.Completed, Aborted: s.Aborted, Wrong: s.Wrong, Split: s.Split, Hung: s.Hung, Skipped: s.Skipped,
		Named: map[string]int{}, Bytes: float64(s.Bytes) / each, Messages: float64(s.Messages) / each,
		Virtual: float64(s.Virtual) / float64(s.Runs), Threshold: opt.Thresholds.Openings(), Seed: f.seed,
		BadSeeds: s.Bad, Seconds: took.Seconds(), Trace: hex.EncodeToString(s.Trace[:]),
	}
	if r.BadSeeds == nil {
		r.BadSeeds = []uint64{}
	}
	if opt.Scheme == protocol.SchemePaillier {
		r.Threshold = protocol.HolderThreshold(opt.Thresholds)
	}
	for p, count := range s.Named {
		r.Named[p.String()] = count
	}
	return r
}

func sortedKeys(m map[string]int) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
