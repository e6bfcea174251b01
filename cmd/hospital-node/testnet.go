package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"consilium/internal/durable"
	"consilium/testnet"
)

func newTestnet(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "testnet", Short: "A federation on this machine, with faults, from a file",
		Args: cobra.ArbitraryArgs,
		RunE: a.helpOrFail,
	}
	cmd.AddCommand(newTestnetRun(a, runTestnet))
	return cmd
}

type testnetFlags struct {
	manifest, mode, out string
	timeout             time.Duration
}

func newTestnetRun(a *app, run func(context.Context, *app, *testnetFlags) error) *cobra.Command {
	f := &testnetFlags{}
	cmd := &cobra.Command{
		Use: "run MANIFEST", Short: "Run the hospitals of a manifest, strike them, and check what comes out",
		Long: "Runs the hospitals that a manifest describes. In mode process each is a process of its own on loopback, killed with\n" +
			"SIGKILL, stopped with SIGSTOP or cut off at the round and phase that the manifest says; in mode virtual they are real\n" +
			"nodes on a simulated network in virtual time; in mode sim they are the pure machine. At the end every sum is compared\n" +
			"with the sum in the clear, and every hospital's set and model with the others'. Nothing that was started is left.\n" +
			"In every mode the updates are those of the trainer on the hospitals' rows.",
		Example: "  hospital-node testnet run examples/testnet-4.toml\n" +
			"  hospital-node testnet run examples/testnet-7.toml --mode virtual --out seven",
		Args: func(cmd *cobra.Command, args []string) error { return oneFile(cmd, args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			f.manifest = args[0]
			return run(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.mode, "mode", testnet.Process, "process, virtual or sim")
	flags.StringVar(&f.out, "out", "", "folder for report.json, timeline.json, timeline.html, the hospitals' homes and what they wrote")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "give up after so long")
	return cmd
}

func runTestnet(ctx context.Context, a *app, f *testnetFlags) error {
	show := &demoProgress{app: a}
	opt, err := a.testnetOptions(f.out, show.event)
	if err != nil {
		return a.finish("testnet-run", nil, err)
	}
	within, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	report, err := testnet.Run(within, f.manifest, f.mode, opt)
	switch {
	case ctx.Err() != nil:
		err = errors.New("interrupted; all hospitals were stopped")
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w: not finished after %v (--timeout)", testnet.ErrTimeout, f.timeout)
	}
	if report == nil {
		return a.finish("testnet-run", nil, err)
	}
	report.Replay = "hospital-node testnet run " + quoted(f.manifest) + " --mode " + f.mode
	if f.out != "" {
		err = errors.Join(err, keepTestnet(f.out, report))
	}
	printTestnet(a, report)
	if f.out != "" {
		a.printf("Everything is in %s; open %s in a browser.\n", f.out, filepath.Join(f.out, "timeline.html"))
	}
	return a.finish("testnet-run", report, err)
}

// keepTestnet writes what is left of a testnet, also of one that failed.
func keepTestnet(dir string, report *testnet.Report) error {
	page, err := testnet.TimelineHTML(report)
	return errors.Join(err,
		writeJSON(filepath.Join(dir, "report.json"), report),
		writeJSON(filepath.Join(dir, "timeline.json"), report.Timeline),
		durable.WriteFile(filepath.Join(dir, "timeline.html"), page, 0o644))
}

func printTestnet(a *app, r *testnet.Report) {
	a.printf("%s in mode %s: %d hospitals, %d rounds, %.1f s", r.Name, r.Mode, len(r.Hospitals), len(r.Rounds), r.Seconds)
	if r.VirtualSeconds != nil {
		a.printf(" for %.1f s of virtual time", *r.VirtualSeconds)
	}
	a.printf("\n")
	for _, back := range r.Recoveries {
		a.printf("%s is where the others are %.2f s after %s was over\n", back.Hospital, back.Seconds, back.Fault)
	}
	for _, check := range r.Checks {
		mark := "ok    "
		if !check.OK {
			mark = "FAILED"
		}
		a.printf("%s %s: %s\n", mark, check.Name, check.Detail)
	}
}
