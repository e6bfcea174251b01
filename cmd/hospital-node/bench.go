package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"consilium/paillier"
	"consilium/protocol/spdz/dishonest"
	"consilium/protocol/spdz/learning"
	"consilium/sharing/wide"
	"consilium/testnet"
)

func newBench(a *app, run func(context.Context, *app, *testnet.SharesBenchOptions) error) *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure what computations cost on this machine", Args: noArgs, RunE: a.helpOrFail}
	cmd.AddCommand(newBenchShares(a, run))
	return cmd
}

func newBenchShares(a *app, run func(context.Context, *app, *testnet.SharesBenchOptions) error) *cobra.Command {
	f := &testnet.SharesBenchOptions{}
	cmd := &cobra.Command{
		Use: "spdz", Short: "Training on secret shares: one epoch on loopback, beside MP-SPDZ", Args: noArgs,
		Long: "Trains on invented rows for one epoch: hospitals in this process, each with connections of its own to the others. Seeds,\n" +
			"the sharing of the rows, the training and the opening of the weights are all in the figures; there is no dealer. A round\n" +
			"is a message that has to follow another; with 20 ms of round trip it takes 10 ms.\n\n" +
			"The job where all parties but one may deviate (SPDZ with MACs, triples from pairwise Paillier) runs one step, and its\n" +
			"epoch is extrapolated: half a minute on two idle cores.",
		Example: "  hospital-node bench spdz --repeat 5",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), a, f) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.Parties, "parties", 3, "how many hospitals")
	flags.IntVar(&f.Threshold, "threshold", 1, "so many together learn nothing; at most half of the others")
	flags.IntVar(&f.Rows, "rows", 768, "rows of all together")
	flags.IntVar(&f.Features, "features", 8, "columns")
	flags.IntVar(&f.Batch, "batch", 32, "rows of a step")
	flags.IntVar(&f.Repeat, "repeat", 3, "runs of each job; the fastest counts")
	flags.StringVar(&f.Majority, "majority", "", "honest or dishonest: the jobs of this one only (default both)")
	flags.IntVar(&f.KeyBits, "bits", dishonest.DefaultBits, "of each party's Paillier key, where all but one may deviate; below 2048 it protects nothing")
	return cmd
}

func runBenchShares(ctx context.Context, a *app, f *testnet.SharesBenchOptions) error {
	if f.Threshold < 1 || f.Parties < 2*f.Threshold+1 || f.Parties > 10 || f.Rows < f.Parties || f.Features < 1 || f.Batch < 1 || f.Repeat < 1 {
		return a.finish("bench", nil, &usageError{errors.New("--parties is from 2·threshold+1 to 10, --threshold, --features, --batch and --repeat at least 1, --rows at least the parties")})
	}
	if f.Majority != "" && f.Majority != learning.HonestMajority && f.Majority != learning.DishonestMajority {
		return a.finish("bench", nil, &usageError{fmt.Errorf("--majority %s: %s or %s, or nothing for both", f.Majority, learning.HonestMajority, learning.DishonestMajority)})
	}
	if _, err := paillier.NewLanes(f.KeyBits, wide.Bits); err != nil || f.KeyBits%128 != 0 || f.KeyBits > paillier.MaxBits {
		return a.finish("bench", nil, &usageError{fmt.Errorf("--bits %d: a multiple of 128 from 768 to %d", f.KeyBits, paillier.MaxBits)})
	}
	f.Logger = a.logger()
	f.Tell = func(job string) { a.progressf("%s", job) }
	report, err := testnet.SharesBench(ctx, *f)
	if err == nil && !a.json {
		printBenchShares(a, report)
	}
	return a.finish("bench", report, err)
}

func printBenchShares(a *app, r *testnet.SharesBenchReport) {
	a.printf("%d rows × %d, batches of %d, one epoch; %d parties, any %d learn nothing\n\n", r.Rows, r.Features, r.Batch, r.Parties, r.Threshold)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "job\tsecurity\twall s\tCPU s\tsent by a party\trounds\tat 20 ms\tdifference ≤ bound\tMP-SPDZ")
	for _, j := range r.Jobs {
		bound := "no bound"
		if j.WeightsBound != nil {
			bound = fmt.Sprintf("%.1e", *j.WeightsBound)
		}
		yardstick, mark := "", ""
		if j.Yardstick != nil {
			yardstick = fmt.Sprintf("%.2f s, %.1f MB", j.Yardstick.Seconds, j.Yardstick.Megabytes)
		}
		if j.Measured != nil {
			mark = "~"
		}
		fmt.Fprintf(w, "%s\t%s\t%s%.3f\t%s%.3f\t%s%s\t%s%d\t%s%.2f s\t%.1e ≤ %s\t%s\n", j.Name, j.Security, mark, j.Seconds, mark, j.CPUSeconds,
			mark, bytesText(j.Bytes), mark, j.Rounds, mark, j.SecondsAt20ms, j.WeightsMaxDiff, bound, yardstick)
	}
	w.Flush()
	a.printf("\n")
	for _, j := range r.Jobs {
		a.printf("%s, %s: %s\n", j.Name, j.Security, j.Activation)
		if m := j.Measured; m != nil {
			a.printf("  ~ extrapolated from one step of %d rows with keys of %d bits: %.1f s, %.1f s CPU, %s, %d rounds, of which %.1f s and\n"+
				"  %.1f s CPU set up the keys. An epoch takes less: what several steps need is made at once.\n",
				m.Rows, m.KeyBits, m.Seconds, m.CPUSeconds, bytesText(m.Bytes), m.Rounds, m.SetUpSeconds, m.SetUpCPUSeconds)
		}
	}
	for i, j := range r.Jobs {
		if i > 0 && r.Jobs[i-1].Name == j.Name && r.Jobs[i-1].Activation == j.Activation {
			continue
		}
		a.printf("\nbits that %s (%s) needs of the field's:\n", j.Name, j.Activation)
		for _, v := range j.Ranges {
			a.printf("  %-24s up to %-10.3g %2d bits behind the point, %2d of %d in all\n", v.Name, v.Reach, v.Fraction, v.Needed, v.Available)
		}
	}
}
