package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"consilium/paillier"
	"consilium/protocol/spdz"
	"consilium/protocol/spdz/dishonest"
	"consilium/protocol/spdz/learning"
	"consilium/testnet"
)

func newBench(a *app, run func(context.Context, *app, *testnet.SharesBenchOptions) error) *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure what computations cost on this machine", Args: cobra.ArbitraryArgs, RunE: a.helpOrFail}
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
	if err := checkBenchShares(f); err != nil {
		return a.finish("bench-spdz", nil, &usageError{err})
	}
	f.Logger = a.logger()
	f.Tell = func(job string) { a.progressf("%s", job) }
	report, err := testnet.SharesBench(ctx, *f)
	if err == nil && !a.json {
		printBenchShares(a, report)
	}
	return a.finish("bench-spdz", report, err)
}

func checkBenchShares(f *testnet.SharesBenchOptions) error {
	for _, c := range []struct {
		flag             string
		got, least, most int
	}{
		{"threshold", f.Threshold, 1, 4}, {"parties", f.Parties, 2*f.Threshold + 1, spdz.MaxParties}, {"features", f.Features, 1, 1000},
		{"rows", f.Rows, f.Parties, 1_000_000}, {"batch", f.Batch, 1, 1_000_000}, {"repeat", f.Repeat, 1, 1000},
	} {
		if c.got < c.least || c.got > c.most {
			return fmt.Errorf("--%s %d: from %d to %d", c.flag, c.got, c.least, c.most)
		}
	}
	if f.Majority != "" && f.Majority != learning.HonestMajority && f.Majority != learning.DishonestMajority {
		return fmt.Errorf("--majority %s: %s or %s, or nothing for both", f.Majority, learning.HonestMajority, learning.DishonestMajority)
	}
	if f.KeyBits%128 != 0 || f.KeyBits < dishonest.LeastTestBits || f.KeyBits > paillier.MaxBits {
		return fmt.Errorf("--bits %d: a multiple of 128 from %d to %d", f.KeyBits, dishonest.LeastTestBits, paillier.MaxBits)
	}
	return nil
}

func printBenchShares(a *app, r *testnet.SharesBenchReport) {
	a.printf("%d rows × %d, batches of %d, one epoch; %d parties, any %d learn nothing\n\n", r.Rows, r.Features, r.Batch, r.Parties, r.Threshold)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "job\tsecurity\twall s\tCPU s\tsent by a party\trounds\tat 20 ms\tdifference ≤ bound\tMP-SPDZ\tactivation")
	for _, j := range r.Jobs {
		bound, there := "no bound", "–"
		if j.WeightsBound != nil {
			bound = fmt.Sprintf("%.1e", *j.WeightsBound)
		}
		if y := j.Yardstick; y != nil {
			there = fmt.Sprintf("%.2f s, %.1f MB", y.Seconds, y.Megabytes)
		}
		mark := ""
		if j.Measured != nil {
			mark = "~"
		}
		fmt.Fprintf(w, "%s\t%s\t%s%.3f\t%s%.3f\t%s%s\t%s%d\t%s%.2f s\t%.1e ≤ %s\t%s\t%s\n", j.Name, j.Security, mark, j.Seconds, mark, j.CPUSeconds,
			mark, bytesText(j.Bytes), mark, j.Rounds, mark, j.SecondsAt20ms, j.WeightsMaxDiff, bound, there, j.Activation)
	}
	w.Flush()
	printMeasured(a, r)
	a.printf("\nDifferences are those to the same training in the clear, rounded to the nearest; with the roundings of the\n")
	a.printf("masks, which whoever knows all seeds can replay, the weights are the same bit for bit (not with a dishonest\n")
	a.printf("majority, whose masks are each party's own).\n")
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

// printMeasured says what an extrapolated job is extrapolated from.
func printMeasured(a *app, r *testnet.SharesBenchReport) {
	for _, j := range r.Jobs {
		if m := j.Measured; m != nil {
			a.printf("\n~ %s, %s, is EXTRAPOLATED from one step of %d rows with keys of %d bits: %.1f s, %.1f s CPU, %s, %d rounds,\n"+
				"of which %.1f s and %.1f s CPU set up the keys. An epoch takes less: what several steps need is made at once.\n",
				j.Name, j.Security, m.Rows, m.KeyBits, m.Seconds, m.CPUSeconds, bytesText(m.Bytes), m.Rounds, m.SetUpSeconds, m.SetUpCPUSeconds)
		}
	}
}
