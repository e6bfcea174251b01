package testnet

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Options are how a testnet runs, beside what it is.
type Options struct {
	Dir     string // where the homes go, and stay; empty for a folder that is removed
	Program string // hospital-node itself, for mode process
	Logger  *slog.Logger
	Tell    func(Event) // is told what happens while it runs
}

// play runs a scenario to its end and judges it. The report is there also with
// an error, as far as it goes, once the hospitals have started. However it
// ends, nothing that it started is left, but what is in opt.Dir.
func play(ctx context.Context, s *scenario, opt Options) (*Report, error) {
	if s.shares != nil {
		return s.playShares(ctx, opt)
	}
	started := time.Now()
	n, err := s.perform(ctx, opt)
	if n == nil {
		return nil, err
	}
	var v *verdict
	if err == nil {
		v, err = n.judge()
	}
	report := n.report(v)
	report.Seconds = time.Since(started).Seconds()
	if s.mode == Virtual || s.mode == Sim {
		virtual := n.timeline[len(n.timeline)-1].Time.Sub(n.timeline[0].Time).Seconds()
		report.VirtualSeconds = &virtual
	}
	for _, check := range report.Checks {
		if err == nil && !check.OK {
			err = fmt.Errorf("check failed: %s: %s", check.Name, check.Detail)
		}
	}
	if err == nil {
		err = v.noFit
	}
	return report, err
}

// perform runs the hospitals; the network is what they did, also with an error,
// and nil when they did not start.
func (s *scenario) perform(ctx context.Context, opt Options) (*network, error) {
	if s.mode == Sim {
		n := newNetwork(s, opt)
		return n, n.simulate(ctx)
	}
	if s.mode == Virtual {
		return s.performVirtually(ctx, opt)
	}
	return s.performOn(ctx, opt, here{listen: loopback})
}

// performOn runs real nodes.
func (s *scenario) performOn(ctx context.Context, opt Options, where runner) (*network, error) {
	f, err := s.makeFolder(opt.Dir)
	if err != nil {
		return nil, err
	}
	if opt.Dir == "" {
		defer os.RemoveAll(f.dir)
	}
	n := newNetwork(s, opt)
	n.roster, n.homes, n.runner = f.roster, f.homes, where
	if s.shares != nil {
		n.newSharesRun(f)
	}
	if s.mode == Process {
		n.runner = &processes{program: opt.Program, folder: f}
	}
	if err := n.run(ctx); err != nil {
		return n, err
	}
	return n, n.collectEvidence(f.homes)
}

// makeFolder puts what the hospitals need on the disk.
func (s *scenario) makeFolder(dir string) (f *folder, err error) {
	temporary := dir == ""
	if temporary {
		if dir, err = os.MkdirTemp("", "consilium-testnet-*"); err != nil {
			return nil, err
		}
	}
	if f, err = s.furnish(dir); err != nil {
		err = fmt.Errorf("make the hospitals' homes: %w", err)
		if temporary {
			os.RemoveAll(dir)
		}
	}
	return f, err
}

// logFile is where a hospital's process writes.
func (f *folder) logFile(name string) string { return filepath.Join(f.dir, name+".log") }
