package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"consilium/model"
	"consilium/protocol"
	"consilium/protocol/spdz/learning"
	"consilium/testnet"
)

func visitor(list *[]string, except []string) func(*pflag.Flag) {
	return func(flag *pflag.Flag) {
		if slices.Contains(except, flag.Name) {
			return
		}
		if flag.Value.Type() == "bool" {
			*list = append(*list, "--"+flag.Name+"="+flag.Value.String())
			return
		}
		values := []string{flag.Value.String()}
		if several, ok := flag.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, v := range values {
			*list = append(*list, "--"+flag.Name, quoted(v))
		}
	}
}

// quoted makes a word safe to paste into a shell.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@+,=", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// demoProgress shows a demonstration while it runs.
type demoProgress struct {
	app     *app
	started time.Time
	last    testnet.Event
}

func (p *demoProgress) event(e testnet.Event) {
	if p.started.IsZero() {
		p.started = e.Time
	}
	switch e.What {
	case testnet.Start:
		p.app.progressf("%s", e.Detail)
	case testnet.Strike:
		p.app.progressf("  ! %s: %s in phase %s of round %d", e.Hospital, e.Detail, e.Phase, e.Round)
	case testnet.Back:
		p.app.progressf("  + %s is back before round %d", e.Hospital, e.Round)
	case testnet.Waiting:
		p.app.progressf("  … round %d, phase %s: waiting for %s", e.Round, e.Phase, e.Detail)
	case testnet.Resumed:
		p.app.progressf("  + %s go on, to round %d", e.Detail, e.Round)
	case testnet.Regrouped:
		p.app.progressf("  + without those that are gone for good, shares are shared again among %s", e.Detail)
	case testnet.Shared:
		at := ""
		if e.Step == "train" {
			at = fmt.Sprintf("%d of %d steps", e.Round, e.Rounds-1)
		}
		p.app.progressf("%-12s %-16s %6.0f ms  %9s sent", e.Step, at, 1000*e.Time.Sub(p.started).Seconds(), bytesText(e.Bytes))
	case testnet.RoundDone:
		p.last = e
		p.app.progressf("round %*d/%d  %-11s %-46s %6.0f ms  %9s  %s", len(fmt.Sprint(e.Rounds)), e.Round, e.Rounds, e.Step,
			summed(e.Included, e.Detail), 1000*e.Seconds, bytesText(e.Bytes), p.remaining(e))
	}
}

// summed says what came of a round, in a line.
func summed(included []string, skipped string) string {
	sum := "sum of " + strings.Join(included, ", ")
	switch {
	case skipped == "":
		return sum
	case len(included) == 0:
		return "CAME TO NOTHING, taken again"
	}
	return "SKIPPED, " + sum
}

// remaining estimates what is left from what has passed.
func (p *demoProgress) remaining(e testnet.Event) string {
	done := e.Time.Sub(p.started)
	if e.Round >= e.Rounds {
		return ""
	}
	left := done * time.Duration(e.Rounds-e.Round) / time.Duration(e.Round+1)
	if e.AtMost {
		return fmt.Sprintf("at most %.1f s left", left.Seconds())
	}
	return fmt.Sprintf("%.1f s left", left.Seconds())
}

func bytesText(n int64) string {
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 10_000:
		return fmt.Sprintf("%.1f KB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

// printDemo shows what came out.
func printDemo(a *app, r *testnet.DemoReport, _ testnet.Event) {
	metrics(a, r)
	if r.Shares != nil {
		printShares(a, r)
		a.printf("\nAgain: %s\n", r.Replay)
		return
	}
	a.printf("%s", coefficientTable(r.Coefficients, r.MSE == nil))
	a.printf("\nThe sums are exact: the largest difference from the plain fixed-point sums is %d.\n", r.AggregateError)
	a.printf("Joint weights against a replay in the clear: %.1e apart at most%s.\n", r.WeightsMaxDiff, boundText(r.WeightsBound))
	dropouts(a, r)
	visibility(a, r)
	traffic(a, r)
	a.printf("\nAgain: %s\n", r.Replay)
}

func metrics(a *app, r *testnet.DemoReport) {
	type column struct {
		name string
		of   *testnet.Comparison
	}
	var columns []column
	for _, c := range []column{{"accuracy", r.Accuracy}, {"AUC", r.AUC}, {"MSE", r.MSE}} {
		if c.of != nil {
			columns = append(columns, c)
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")+"\t") }
	head := []string{"", "rows"}
	for _, c := range columns {
		head = append(head, c.name)
	}
	row(head...)
	line := func(name, rows string, value func(*testnet.Comparison) *float64) {
		cells := []string{name, rows}
		for _, c := range columns {
			cells = append(cells, number(value(c.of)))
		}
		row(cells...)
	}
	all, test := 0, 0
	for _, h := range r.Rows {
		test += h.Test
	}
	if test == 0 {
		a.printf("\nThere are no test rows: nothing is measured.\n")
		return
	}
	for _, h := range r.Rows {
		line(h.Name+" alone", fmt.Sprint(h.Train), func(c *testnet.Comparison) *float64 { return c.Local[h.Name] })
		all += h.Train
	}
	line("all together", fmt.Sprint(all), func(c *testnet.Comparison) *float64 { return c.Joint })
	line("pooled in the clear", fmt.Sprint(all), func(c *testnet.Comparison) *float64 { return c.Pooled })
	w.Flush()
	a.printf("\n%s", b.String())
	a.printf("All measured on the same %d test rows of all hospitals.\n", test)
}

// coefficientTable is a regression table, empty without coefficients.
func coefficientTable(list []model.Coefficient, binary bool) string {
	if len(list) == 0 {
		return ""
	}
	statistic := "z"
	if !binary {
		statistic = "t"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "coefficient\testimate\tstd. error\t"+statistic+"\tp\t")
	for _, c := range list {
		z, p := "–", "–"
		if c.Z != nil {
			z, p = fmt.Sprintf("%.3f", *c.Z), probability(*c.P)
		}
		fmt.Fprintf(w, "%s\t%.5g\t%.4g\t%s\t%s\t\n", c.Name, c.Estimate, c.StdError, z, p)
	}
	w.Flush()
	return "\n" + b.String()
}

func probability(p float64) string {
	if p < 0.0001 {
		return "< 0.0001"
	}
	return fmt.Sprintf("%.4f", p)
}

func number(x *float64) string {
	if x == nil {
		return "–"
	}
	if *x >= 10 || *x <= -10 {
		return fmt.Sprintf("%.2f", *x)
	}
	return fmt.Sprintf("%.4f", *x)
}

func boundText(bound *float64) string {
	if bound == nil {
		return ""
	}
	return fmt.Sprintf(" (fixed point allows %.1e)", *bound)
}

func dropouts(a *app, r *testnet.DemoReport) {
	for _, round := range r.Rounds {
		for _, d := range round.Dropped {
			in := "its update is in the sum all the same"
			if !slices.Contains(round.Included, d.Name) {
				in = "its update is not in the sum"
			}
			a.printf("Round %d: %s dropped out in phase %s; %s.\n", round.Round, d.Name, d.Phase, in)
		}
	}
	lies(a, r)
}

// lies says who was found out, and which rounds were skipped.
func lies(a *app, r *testnet.DemoReport) {
	for _, name := range sortedKeys(r.Named) {
		a.printf("%s is proved to have lied, by %d pieces of evidence in the others' homes.\n", name, r.Named[name])
	}
	rounds := r.Rounds
	if r.Evaluate != nil {
		rounds = append(slices.Clone(rounds), *r.Evaluate)
	}
	for _, round := range rounds {
		if round.Skipped != "" {
			a.printf("Round %d %s: %s.\n", round.Round, whatBecame(len(round.Included)), round.Skipped)
		}
	}
}

// whatBecame of a round without a sum, by how many were in it.
func whatBecame(included int) string {
	if included == 0 {
		return "came to nothing, and its step was taken again"
	}
	return "was skipped, with the model as it was"
}

// visibility says what each hospital could see.
func visibility(a *app, r *testnet.DemoReport) {
	n, k := len(r.Hospitals), r.Threshold
	hidden := fmt.Sprintf("one sealed share of each other update, of which %d hospitals\ntogether learn an update and %d learn nothing", k, k-1)
	if r.Scheme == protocol.SchemeMasked {
		hidden = fmt.Sprintf("each other update under masks, of which %d hospitals\ntogether can remove them and %d cannot", k, k-1)
	}
	if r.Scheme == protocol.SchemePaillier {
		hidden = fmt.Sprintf("each other update encrypted under a key with which\n%d hospitals together decrypt and %d learn nothing", k, k-1)
	}
	if r.Key != "" {
		a.printf("\n%s.\n", r.Key)
	}
	a.printf("\nWhat each hospital could see: its own rows; %s; ", hidden)
	a.printf("the sums over the %d or more hospitals of each round; the model.\n", (protocol.Thresholds{Parties: n}).SmallestSet())
	if r.Liars > 0 {
		a.printf("Nobody saw another's rows, mean or update. This federation is set up for %s that may do anything at all;\n", count(r.Liars, "hospital"))
		a.printf("what they can still do is contribute false updates (SECURITY.md).\n")
		return
	}
	a.printf("Nobody saw another's rows, mean or update. The run goes on without any %d of the %d. This federation is\n", n-k, n)
	a.printf("set up for hospitals that crash or are cut off, and for none that lies (SECURITY.md).\n")
}

func traffic(a *app, r *testnet.DemoReport) {
	var gossip, stream int64
	for _, round := range r.Rounds {
		gossip, stream = gossip+round.BytesGossip, stream+round.BytesStream
	}
	n := int64(max(1, len(r.Rounds)*len(r.Hospitals)))
	a.printf("\n%d training rounds in %.1f s; a hospital sent %s a round (%s gossip, %s streams).\n",
		len(r.Rounds), r.Seconds, bytesText((gossip+stream)/n), bytesText(gossip/n), bytesText(stream/n))
}

// printShares shows what training on shares cost, and who saw what.
func printShares(a *app, r *testnet.DemoReport) {
	s := r.Shares
	a.printf("\nJoint weights against the same training in the clear: %.1e apart at most%s.\n", r.WeightsMaxDiff, boundText(r.WeightsBound))
	if r.ReplayMaxDiff != nil {
		a.printf("With the same roundings as on shares: %g apart.\n", *r.ReplayMaxDiff)
	}
	for _, round := range r.Rounds {
		for _, d := range round.Dropped {
			if d.Phase != "" && slices.Contains(s.Hospitals, d.Name) {
				a.printf("Round %d: %s dropped out in phase %s; the others waited, and all went on.\n", round.Round, d.Name, d.Phase)
			}
		}
	}
	if len(s.Hospitals) < len(r.Hospitals) {
		a.printf("%s went on without the others, whose rows stayed in: the shares were shared again.\n", strings.Join(s.Hospitals, ", "))
	}
	if s.Halvings > 0 {
		a.printf("The range guard halved the rate %d times.\n", s.Halvings)
	}
	a.printf("\nWhat each hospital could see: its own rows; one share of each other row, of which %s\n", testnet.LearnTogether(s.Threshold))
	steps := "every few steps"
	if s.Majority == learning.DishonestMajority {
		steps = "in every step"
	}
	a.printf("nothing; how many rows each hospital has; the joint means and spreads; %s, whether a number came near\n", steps)
	a.printf("the end of its range; the model; the joint metrics. No gradient and no sum of one step was opened.\n")
	if r.Shares.Security == "passive" {
		a.printf("Passive: a hospital that does not follow the protocol can make the model wrong.\n")
	} else {
		a.printf("A hospital that does not follow the protocol is noticed before the model opens, and all stop.\n")
	}
	a.printf("\nbits of each intermediate result, of the field's:\n")
	for _, v := range s.Ranges {
		a.printf("  %-24s up to %-10.3g %2d behind the point, %2d of %d in all\n", v.Name, v.Reach, v.Fraction, v.Needed, v.Available)
	}
	a.printf("\n%.2f s; a hospital sent %s in %d rounds: %s in %.0f rounds a step.\n",
		r.Seconds, bytesText(s.Bytes), s.Rounds, bytesText(int64(s.BytesPerEpoch)), s.RoundsPerEpoch)
}
