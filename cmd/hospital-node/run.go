package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"consilium/model"
	"consilium/node"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/node/study"
	"consilium/protocol"
	"consilium/testnet"
)

type runFlags struct {
	home, roster, study, data string
	listen                    []string
	timeout                   time.Duration
	serve, sitOut             bool
	control                   int
}

// runReport is the result of run.
type runReport struct {
	Name         string              `json:"name"`
	Study        string              `json:"study"`
	Task         string              `json:"task"`
	Rounds       int                 `json:"rounds"`
	Finished     bool                `json:"finished"`
	Features     []string            `json:"features"`
	Weights      []float64           `json:"weights"`
	Coefficients []model.Coefficient `json:"coefficients"`   // with newton
	Metrics      *model.Metrics      `json:"secure_metrics"` // of all hospitals' test rows together
	Local        *model.Metrics      `json:"local_metrics"`  // of this hospital's test rows
	Model        string              `json:"model"`          // file
	Refused      map[string]int      `json:"refused"`
	Skipped      []node.RoundReport  `json:"skipped"` // rounds whose sum was not used, and why
	Traffic      node.Traffic        `json:"traffic"`
	Shares       *sharesReport       `json:"spdz"` // of scheme spdz
}

func newRun(a *app, run func(context.Context, *app, *runFlags) error) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use: "run", Short: "Run a hospital's node", Args: noArgs,
		Long: "Takes part in a study until it is finished. Hospitals may come late, go and come back: the node waits for a quorum\n" +
			"and goes on by itself. Stopped and started again, it goes on where it was.",
		Example: "  hospital-node run --home north --data processed.cleveland.data",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), a, f) },
	}
	flags := cmd.Flags()
	homeFlag(cmd, &f.home)
	flags.StringVar(&f.roster, "roster", "", "the signed roster (default: roster.toml in the home)")
	flags.StringVar(&f.study, "study", "", "the study (default: study.toml in the home)")
	flags.StringVar(&f.data, "data", "", "this hospital's table (default: data in config.toml; invented for task synthetic)")
	flags.StringArrayVar(&f.listen, "listen", nil, "multiaddress to listen on; repeatable (default: listen in config.toml)")
	flags.DurationVar(&f.timeout, "timeout", 0, "give up when a round takes longer, such as 10m (default: wait for ever)")
	flags.BoolVar(&f.serve, "serve", false, "stay when the study is finished, for hospitals that come later")
	flags.BoolVar(&f.sitOut, "sit-out", false, "miss a round whose log is damaged, instead of stopping")
	flags.IntVar(&f.control, "control", 0, "inherited socket of the testnet that starts and strikes this node")
	_ = flags.MarkHidden("control")
	return cmd
}

func runRun(ctx context.Context, a *app, f *runFlags) error {
	report, err := runNode(ctx, a, f)
	return a.finish("run", report, err)
}

func runNode(ctx context.Context, a *app, f *runFlags) (*runReport, error) {
	if err := checkHome(f.home); err != nil {
		return nil, err
	}
	if f.timeout < 0 {
		return nil, &usageError{fmt.Errorf("--timeout %v: it must not be negative", f.timeout)}
	}
	cfg, work, err := nodeConfig(a, f)
	if err != nil {
		return nil, err
	}
	if sharesOf(cfg.Study) {
		return runShares(ctx, a, f, cfg, work)
	}
	show := &runProgress{app: a, roster: cfg.Roster, rounds: lastRound(work.Program), atMost: work.Program.EndsByItself(), timeout: f.timeout}
	cfg.Progress = func(s node.Progress) {
		show.step(s)
		if s.Complete { // a node that serves may be killed before it ends
			if err := keepModel(f.home, work, s.State); err != nil {
				cfg.Logger.Error("keep the model", "error", err)
			}
		}
	}
	control, err := testnet.JoinControl(f.control)
	if err != nil {
		return nil, &usageError{err}
	}
	ctx = control.Direct(ctx, &cfg)
	spareMemory()
	n, err := node.New(cfg)
	if err != nil {
		return nil, err
	}
	control.Up(n)
	a.progressf("%s listens on %s", cfg.Roster.Name(n.Self()), strings.Join(n.Addresses(), " "))
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	watched := make(chan struct{})
	go func() { defer close(watched); show.watch(ctx, giveUp) }()
	encoded, err := n.Run(ctx)
	control.Close(encoded)
	timeout := (*quorumTimeout)(nil)
	if errors.As(context.Cause(ctx), &timeout) {
		err = timeout
	}
	stopped := err != nil && errors.Is(err, context.Canceled)
	giveUp(nil)
	<-watched
	if err != nil && !stopped {
		return nil, err
	}
	return report(a, f, n, work, encoded, show, !stopped || show.current().Complete)
}

// nodeConfig puts a node together from flags, the home and the study.
func nodeConfig(a *app, f *runFlags) (node.Config, node.Training, error) {
	fail := func(err error) (node.Config, node.Training, error) {
		return node.Config{}, node.Training{}, &usageError{err}
	}
	home, err := readConfig(f.home)
	if err != nil {
		return fail(err)
	}
	r, err := roster.Read(orDefault(f.roster, filepath.Join(f.home, "roster.toml")))
	if err != nil {
		return fail(err)
	}
	s, err := study.Read(orDefault(f.study, filepath.Join(f.home, "study.toml")))
	if err != nil {
		return fail(err)
	}
	why, err := s.Settle(r.Thresholds())
	if err != nil {
		return fail(err)
	}
	if why != "" {
		a.progressf("scheme %s: %s", s.Scheme, why)
	}
	if s.Scheme != study.SchemeShares { // its plan says it
		k, curious := openers(r, s.Scheme == protocol.SchemePaillier)
		a.progressf("scheme %s: %s", s.Scheme, s.Secrecy(k, curious))
	}
	program, err := s.Program(r.Thresholds())
	if err != nil {
		return fail(err)
	}
	if _, err := identity.Load(f.home); err != nil {
		return fail(err)
	}
	key, err := paillierKey(a, f.home, r, s)
	if err != nil {
		return fail(err)
	}
	data, err := readRows(f, home, r, s)
	if err != nil {
		return fail(err)
	}
	train, test, err := data.Split(*s.TestFraction, s.Seed)
	if err != nil {
		return fail(err)
	}
	a.progressf("study %s: %d rows to train on, %d to test on", s.Name, train.Rows(), test.Rows())
	work := node.Training{Program: program, Train: train, Test: test}
	listen := f.listen
	if len(listen) == 0 {
		listen = home.Listen
	}
	if err := checkListen(listen); err != nil {
		return fail(err)
	}
	cfg := node.Config{
		Home: f.home, Roster: r, Study: s, Work: work, Paillier: key, Listen: listen,
		Linger: 10 * time.Second, Serve: f.serve, SitOut: f.sitOut, Logger: a.logger(),
	}
	return cfg, work, nil
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// readRows reads this hospital's table. For task synthetic without a file it is
// invented, each hospital its own.
func readRows(f *runFlags, home homeConfig, r *roster.Roster, s *study.Study) (*model.Dataset, error) {
	task := s.ModelTask()
	file := orDefault(f.data, home.Data)
	if file == "" && task.Generator != nil {
		id, err := identity.Load(f.home)
		if err != nil {
			return nil, err
		}
		self, ok := r.Find(id.Public())
		if !ok {
			return nil, &node.NotAdmittedError{Why: fmt.Sprintf("the key of %s is not in the roster of %s", f.home, r.Federation)}
		}
		h, err := model.GenerateHospital(s.Seed, int(self)-1, len(r.Members))
		return h.Data, err
	}
	if file == "" {
		return nil, fmt.Errorf("name this hospital's table for task %s with --data FILE", task.Name)
	}
	data, _, err := task.ReadTableFile(file)
	return data, err
}

func lastRound(p *model.Program) int {
	last := p.Plan().Rounds
	if p.Plan().Evaluate {
		last++
	}
	return last
}

// report says what came out, and keeps the model.
func report(a *app, f *runFlags, n *node.Node, work node.Training, encoded []byte, show *runProgress, finished bool) (*runReport, error) {
	state, err := model.UnmarshalState(encoded)
	if err != nil {
		return nil, err
	}
	r := &runReport{
		Name: show.roster.Name(n.Self()), Study: show.study(n), Task: work.Program.Plan().Task.Name, Rounds: work.Program.Plan().Rounds,
		Finished: finished, Features: work.Program.WeightNames(), Weights: state.Weights, Metrics: state.Metrics,
		Refused: n.Refusals(), Traffic: n.Traffic(), Skipped: append([]node.RoundReport{}, n.Skipped()...),
	}
	r.Coefficients = work.Program.Coefficients(state)
	if !finished {
		a.printf("Stopped in round %d, phase %s. Start again to go on.\n", show.current().Round, show.current().Phase)
		return r, nil
	}
	r.Rounds = work.Program.Rounds(state)
	if err := work.Program.FitError(state); err != nil {
		return r, err
	}
	local, err := work.Program.Evaluate(state, work.Test)
	if err != nil {
		return nil, err
	}
	r.Local = &local
	if r.Model, err = writeModel(f.home, work, state); err != nil {
		return nil, err
	}
	printRun(a, r, work.Program.Plan().Task.Label.Binary())
	return r, nil
}

// runProgress shows a node while it runs.
type runProgress struct {
	app     *app
	roster  *roster.Roster
	rounds  int
	atMost  bool // the study may end before the last of them
	timeout time.Duration

	mu    sync.Mutex
	last  node.Progress
	since time.Time // when the round began
	begun time.Time
}

func (p *runProgress) study(n *node.Node) string { return n.Status().Study }

func (p *runProgress) current() node.Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// step takes note of a step, and shows finished rounds.
func (p *runProgress) step(s node.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun.IsZero() {
		p.begun = time.Now()
	}
	if s.Round != p.last.Round || p.since.IsZero() {
		p.since = time.Now()
	}
	p.last = s
	if r := s.Finished; r != nil {
		left := ""
		if done := int(r.Round) + 1; done <= p.rounds {
			each := time.Since(p.begun) / time.Duration(done)
			left = fmt.Sprintf("%.1f s left", (each * time.Duration(p.rounds+1-done)).Seconds())
			if p.atMost {
				left = "at most " + left
			}
		}
		p.app.progressf("round %*d/%d  %-11s  %s  %.0f ms  %s", len(fmt.Sprint(p.rounds)), r.Round, p.rounds, r.Step,
			summed(p.roster.Names(r.Included), r.Skipped), 1000*r.Seconds, left)
	}
}

// slow tells whether the current round takes long. A finished study waits for
// nobody.
func (p *runProgress) slow() (last node.Progress, since time.Time, slow bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	over := p.since.IsZero() || p.last.Finished != nil || p.last.Complete
	return p.last, p.since, !over && time.Since(p.since) >= 3*time.Second
}

// watch tells who is waited for when a round takes long, and gives up when that
// was asked for.
func (p *runProgress) watch(ctx context.Context, giveUp context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		last, since, slow := p.slow()
		if !slow {
			continue
		}
		names := p.roster.Names(last.Status.Waiting)
		if p.timeout > 0 && time.Since(since) >= p.timeout {
			giveUp(&quorumTimeout{last.Phase.String(), last.Round, names})
			return
		}
		line := fmt.Sprintf("round %d, phase %s: waiting for %s", last.Round, last.Phase, strings.Join(names, ", "))
		if line != told && len(names) > 0 {
			p.app.progressf("%s", line)
			told = line
		}
	}
}

// spareMemory lets the collector work earlier than it does by itself: what a round
// of large vectors has in memory are a few objects of a vector each, which cost it
// little to look after and much to keep twice. GOGC overrides it.
func spareMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}
