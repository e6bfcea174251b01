package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"consilium/internal/durable"
	"consilium/testnet"
)

// demoFlags are the arguments of demo.
type demoFlags struct {
	testnet.DemoOptions
	testFraction float64
	drops        []string
	out          string
	chosen       []string // as typed, for the command that shows the same again
}

func newDemo(a *app, run func(context.Context, *app, *demoFlags) error) *cobra.Command {
	f := &demoFlags{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Hospitals on this machine train one model, and one drops out",
		Long: "Real nodes, each with its own key, store and connections, train one model; what comes out is compared with\n" +
			"the same computation in the clear. Without --task, --scheme, --drop and --fault: four invented hospitals, and one\n" +
			"of them is killed in the opening phase of round 2 and back in round 3.\n\n" +
			"With --scheme spdz a round is a step of the training on shares, with phases open and combine; round 0, in which rows are\n" +
			"shared, has deal. No step passes without all: a fault with +N is over when the others have noticed it, and they go on from\n" +
			"a checkpoint; without hospitals that are gone for good the others share again, if they are enough (docs/spdz.md).",
		Example: "  hospital-node demo\n  hospital-node demo --task heart --data ../shared/data/heart --drop cleveland@3:open",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("test-fraction") {
				f.TestFraction = &f.testFraction
			}
			if cmd.Flags().Changed("rounds") && f.Rounds < 1 {
				return &usageError{fmt.Errorf("--rounds %d: at least 1", f.Rounds)}
			}
			if cmd.Flags().Changed("hospitals") && f.Hospitals < 1 {
				return &usageError{fmt.Errorf("--hospitals %d: at least 3", f.Hospitals)}
			}
			f.chosen = typed(cmd, "json", "quiet", "verbose", "out") // before the faults that they come to
			for _, drop := range f.drops {
				f.Faults = append(f.Faults, "kill:"+drop)
			}
			if !cmd.Flags().Changed("task") && !cmd.Flags().Changed("scheme") && len(f.Faults) == 0 {
				f.Faults = testnet.DefaultFaults()
			}
			return run(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Task, "task", "", "what to train on: heart, pima, diabetes442 or synthetic (default synthetic)")
	flags.StringVar(&f.Data, "data", "", "folder with the task's files")
	flags.IntVar(&f.Hospitals, "hospitals", 0, "how many hospitals (default: the task's)")
	flags.StringVar(&f.Scheme, "scheme", "", "how updates are hidden: shamir, masked, paillier or auto; spdz trains on secret shares of the rows (default auto)")
	flags.BoolVar(&f.Passive, "passive", false, "scheme spdz: trust that all follow the protocol, instead of checking it")
	flags.StringVar(&f.Majority, "majority", "", "scheme spdz: honest, fewer than half may deviate; or dishonest, all but one, which is very slow (default honest)")
	flags.IntVar(&f.Rows, "rows", 0, "with a dishonest majority: so many rows of each hospital (default: all; 8 invented ones)")
	flags.StringVar(&f.Trainer, "trainer", "", "fedsgd, fedavg or newton (default: the task's)")
	flags.IntVar(&f.Rounds, "rounds", 0, "training rounds; newton ends by itself (default: the task's)")
	flags.Float64Var(&f.testFraction, "test-fraction", 0.34, "share of each hospital's rows to test on, in [0, 1)")
	flags.StringArrayVar(&f.drops, "drop", nil, "NAME@ROUND:PHASE[+N]: kill a hospital, for N rounds or for good; repeatable")
	flags.StringArrayVar(&f.Faults, "fault", nil, "KIND:NAME@ROUND:PHASE[+N]: another fault; repeatable")
	flags.StringVar(&f.Mode, "mode", "", "inprocess, process (each hospital a process of its own) or virtual (in virtual time) (default inprocess)")
	flags.Uint64Var(&f.Seed, "seed", 1, "of the split and of invented rows")
	flags.IntVar(&f.Bits, "bits", 0, fmt.Sprintf("length of the Paillier key (default: the built-in insecure test key of %d)", testnet.TestKeyBits))
	flags.BoolVar(&f.FreshKey, "fresh-key", false, "deal a fresh Paillier key, of 3072 bits unless --bits says otherwise")
	flags.StringVar(&f.out, "out", "", "folder for the report, the roster and the hospitals' homes")
	return cmd
}

// typed repeats the flags that were set, but for some.
func typed(cmd *cobra.Command, except ...string) []string {
	var list []string
	cmd.Flags().Visit(visitor(&list, except))
	return list
}

func runDemo(ctx context.Context, a *app, f *demoFlags) error {
	show := &demoProgress{app: a}
	opt, err := a.testnetOptions(f.out, show.event)
	if err != nil {
		return a.finish("demo", nil, err)
	}
	report, err := testnet.Demo(ctx, f.DemoOptions, opt)
	if ctx.Err() != nil {
		err = errors.New("interrupted; all hospitals were stopped")
	}
	if report != nil {
		report.Replay = strings.Join(append([]string{"hospital-node demo"}, f.chosen...), " ")
	}
	if err == nil && f.out != "" {
		err = writeJSON(filepath.Join(f.out, "report.json"), report)
	}
	if err == nil && !a.json {
		printDemo(a, report, show.last)
	}
	return a.finish("demo", report, err)
}

// testnetOptions are those of demo and testnet run. out is the folder to keep
// things in, or empty.
func (a *app) testnetOptions(out string, tell func(testnet.Event)) (testnet.Options, error) {
	opt := testnet.Options{Logger: a.logger(), Tell: tell}
	var err error
	if opt.Program, err = os.Executable(); err != nil {
		return opt, fmt.Errorf("find this program: %w", err)
	}
	if out != "" {
		opt.Dir = filepath.Join(out, "homes")
		if err := freshDir(opt.Dir); err != nil {
			return opt, &usageError{err}
		}
	}
	return opt, nil
}

// freshDir makes a folder, and refuses one that holds something.
func freshDir(dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: name another folder", dir)
	}
	return os.MkdirAll(dir, 0o700)
}

func writeJSON(file string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(file, append(data, '\n'), 0o644)
}
