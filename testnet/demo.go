package testnet

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"consilium/model"
)

// Demo runs a demonstration. tell is told what happens while it runs. The
// report is there also with an error, as far as it goes, once the hospitals
// have started.
func Demo(ctx context.Context, opt DemoOptions, logger *slog.Logger, tell func(Event)) (*DemoReport, error) {
	started := time.Now()
	d, err := prepare(opt)
	if err != nil {
		return nil, err
	}
	dir := opt.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "consilium-demo-*"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
	}
	homes, roster, err := makeHomes(dir, d.names(), d.t)
	if err != nil {
		return nil, fmt.Errorf("make the hospitals' homes: %w", err)
	}
	n := &network{demo: d, roster: roster, homes: homes, tell: tell, logger: logger, patience: cmp.Or(opt.patience, quorumWait)}
	n.emit(Event{What: "start", Detail: fmt.Sprintf("%d hospitals (%s), scheme %s: any %d open a sum, %d learn nothing; up to %d may drop out",
		d.t.Parties, strings.Join(d.names(), ", "), d.study.Scheme, d.t.Openings(), d.t.Openings()-1, d.t.Dropouts)})
	if err := n.run(ctx); err != nil {
		return n.partial(started), err
	}
	v, err := n.judge()
	if err != nil {
		return n.partial(started), err
	}
	report := n.report(v)
	report.Seconds = time.Since(started).Seconds()
	if v.aggregateError != 0 {
		return report, fmt.Errorf("an opened sum differs from the plain one by %d", v.aggregateError)
	}
	return report, v.noFit
}

// partial reports the rounds of a run that did not come to its end.
func (n *network) partial(started time.Time) *DemoReport {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.demo
	r := &DemoReport{
		Scheme: d.study.Scheme, Trainer: d.program.Plan().Trainer, Task: d.opt.Task, Hospitals: d.names(),
		Threshold: d.t.Openings(), Rounds: []RoundResult{}, Seed: d.opt.Seed, Seconds: time.Since(started).Seconds(),
	}
	for number := uint64(1); number <= n.furthest; number++ {
		if view := n.rounds[number]; view != nil && number <= uint64(d.program.Plan().Rounds) && view.step != model.StepEvaluate {
			r.Rounds = append(r.Rounds, n.roundResult(number))
		}
	}
	return r
}
