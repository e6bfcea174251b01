package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"consilium/internal/durable"
	"consilium/node"
	"consilium/node/identity"
	"consilium/node/study"
	"consilium/protocol/spdz/learning"
	"consilium/testnet"
)

// sharesReport is what training on shares was like.
type sharesReport struct {
	Security  string  `json:"security"`
	Threshold int     `json:"threshold"` // so many hospitals together learn nothing
	Reveal    string  `json:"reveal"`
	Rate      float64 `json:"rate"`     // in the end
	Halvings  int     `json:"halvings"` // of the rate, by the range guard
	Rounds    int     `json:"message_rounds"`
	Bytes     int64   `json:"bytes_sent"`
}

// runShares takes part in a study of scheme spdz.
func runShares(ctx context.Context, a *app, f *runFlags, cfg node.Config, work node.Training) (*runReport, error) {
	s := cfg.Study
	plan, err := s.SharesPlan(work.Program, len(cfg.Roster.Members))
	if err != nil {
		return nil, &usageError{err}
	}
	id, err := identity.Load(f.home)
	if err != nil {
		return nil, &usageError{err}
	}
	m, err := node.OpenMesh(node.MeshConfig{Identity: id, Roster: cfg.Roster, Listen: cfg.Listen, Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	control, err := testnet.JoinControl(f.control)
	if err != nil {
		return nil, &usageError{err}
	}
	a.progressf("%s listens on %s", cfg.Roster.Name(m.Self()), strings.Join(m.Addresses(), " "))
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	hash := s.Hash()
	part := learning.Study{Plan: plan, Train: work.Train, Test: work.Test, Tell: func(p learning.Progress) { showShares(a, plan, p) }}
	ctx = control.DirectShares(ctx, &part)
	control.Up(m)
	stop := watchWaiting(ctx, a, m)
	result, cost, err := m.LearnOnShares(ctx, node.SharesName(hash.String()), node.SharesFolder(f.home, hash.String()), part)
	stop()
	if closed := control.CloseShares(result); err == nil {
		err = closed
	}
	r := &runReport{
		Name: cfg.Roster.Name(m.Self()), Study: hash.String(), Task: work.Program.Plan().Task.Name, Rounds: work.Program.Plan().Rounds,
		Shares: &sharesReport{
			Security: testnet.SecurityOf(plan.Config()), Threshold: plan.Threshold, Reveal: plan.Reveal, Rounds: cost.Rounds, Bytes: cost.BytesSent,
		},
		Features: work.Program.WeightNames(), Refused: map[string]int{}, Skipped: []node.RoundReport{}, Traffic: node.Traffic{StreamBytes: cost.BytesSent},
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &hinted{fmt.Errorf("timed out after %v: %w", f.timeout, err), "start the missing hospitals again, and this one: it goes on from its checkpoint"}
	case err != nil && ctx.Err() != nil:
		a.printf("Stopped. Start again to go on from the last checkpoint.\n")
		return r, nil
	case err != nil:
		return nil, err
	}
	r.Finished, r.Shares.Rate, r.Shares.Halvings = true, result.Rate, result.Halvings
	if result.Halvings > 0 {
		a.printf("The range guard halved the rate %d times, to %.3g.\n", result.Halvings, result.Rate)
	}
	if plan.Reveal == learning.RevealPredictions {
		return r, reportPredictions(a, f, r, result)
	}
	return r, reportShares(a, f, r, work, result)
}

// watchWaiting says whom the training waits for until it is stopped.
func watchWaiting(ctx context.Context, a *app, m *node.Mesh) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() { defer close(told); tellWaiting(ctx, a, m) }()
	return func() { cancel(); <-told }
}

// tellWaiting says whom the training waits for, when that takes long.
func tellWaiting(ctx context.Context, a *app, m *node.Mesh) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var names []string
		for _, w := range m.Waiting() {
			switch {
			case time.Since(w.Since) < 3*time.Second:
			case w.Connected:
				names = append(names, w.Hospital)
			default:
				names = append(names, w.Hospital+" (no connection)")
			}
		}
		if text := strings.Join(names, ", "); text != said {
			if said = text; text != "" {
				a.progressf("paused: waiting for %s", text)
			}
		}
	}
}

func showShares(a *app, plan *learning.Plan, p learning.Progress) {
	at := ""
	if p.Step == "train" {
		at = fmt.Sprintf("%d of %d rounds", p.Epoch, plan.Training.Epochs)
	}
	a.progressf("%-12s %-16s %9s sent", p.Step, at, bytesText(p.Cost.Bytes))
}

// reportShares is the report where weights open.
func reportShares(a *app, f *runFlags, r *runReport, work node.Training, result *learning.Result) error {
	r.Weights, r.Metrics = result.State.Weights, result.State.Metrics
	local, err := work.Program.Evaluate(result.State, work.Test)
	if err != nil {
		return err
	}
	r.Local = &local
	if r.Model, err = writeModel(f.home, work, result.State); err != nil {
		return err
	}
	printRun(a, r, work.Program.Plan().Task.Label.Binary())
	return nil
}

// predictionsFile is what a hospital has where only predictions open.
type predictionsFile struct {
	Task        string    `json:"task"`
	Predictions []float64 `json:"predictions"` // of its test rows, in their order
}

func reportPredictions(a *app, f *runFlags, r *runReport, result *learning.Result) error {
	data, err := json.MarshalIndent(predictionsFile{Task: r.Task, Predictions: result.Predictions}, "", "  ")
	if err != nil {
		return err
	}
	r.Model = filepath.Join(f.home, "predictions.json")
	a.printf("Finished %d rounds of %s. The weights stay shared; predictions of %d test rows are in %s.\n", r.Rounds, r.Study, len(result.Predictions), r.Model)
	return durable.WriteFile(r.Model, append(data, '\n'), 0o600)
}

// sharesOf says that a study runs on shares.
func sharesOf(s *study.Study) bool { return s.Scheme == study.SchemeShares }
