package testnet

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"consilium/model"
	"consilium/node"
	"consilium/node/study"
	"consilium/paillier"
	"consilium/protocol"
)

// TablesOptions say which cells of the poster's tables to compute.
type TablesOptions struct {
	Data        string // folder with diabetes442.csv, or the folder above it
	Bits        int    // of the Paillier key; 0: TestKeyBits
	Settings    []Setting
	AsPublished bool // count hospital 1 twice, as the authors' code did
	Logger      *slog.Logger
	// Tell is told after each round of each setting.
	Tell func(s Setting, round int, took time.Duration)
}

// Setting is a column of a table: step length η and iterations N of each part.
type Setting struct {
	Eta        float64
	Iterations int
}

// TablesReport is what came out.
type TablesReport struct {
	Cells          []Cell
	Key            string // what the Paillier key is worth
	Bits           int
	AggregateError int64 // largest difference between an opened sum and the plain one
}

// Cell is one hospital in one setting.
type Cell struct {
	Eta        float64 `json:"eta"`
	Iterations int     `json:"iterations"`
	Hospital   int     `json:"hospital"`
	LocalError float64 `json:"local_error"` // mean squared error of what it learned alone
	JointError float64 `json:"joint_error"` // and of what it went on to learn with the others
	Difference float64 `json:"difference"`  // local less joint
}

// Tables runs the poster's experiment E1: three real nodes that sum gradients
// under Paillier encryption, each going on from its own weights.
func Tables(ctx context.Context, opt TablesOptions) (*TablesReport, error) {
	experiment, err := loadTables(opt.Data)
	if err != nil {
		return nil, &InputError{err}
	}
	report := &TablesReport{Bits: cmp.Or(opt.Bits, TestKeyBits)}
	if err := checkBits(report.Bits); err != nil {
		return nil, err
	}
	for _, setting := range opt.Settings {
		if err := experiment.setting(ctx, opt, setting, report); err != nil {
			return report, fmt.Errorf("η %v, %d iterations: %w", setting.Eta, setting.Iterations, err)
		}
	}
	return report, nil
}

// tables is the data of the experiment.
type tables struct {
	hospitals []model.Hospital
	rows      []model.Design
	test      model.Design
	key       *dealtKey // one for all settings
}

func loadTables(dir string) (*tables, error) {
	task, _ := model.Embedded("diabetes442")
	file := task.SingleFile.File
	if dir == "" {
		return nil, fmt.Errorf("the experiment needs %s: name its folder with --data DIR (`hospital-node data get diabetes442` fetches it)", file)
	}
	path := filepath.Join(dir, file)
	if below := filepath.Join(dir, task.Name, file); !exists(path) && exists(below) {
		path = below
	}
	d, _, err := task.ReadTableFile(path)
	if err != nil {
		return nil, err
	}
	all := model.UnitScaled(d)
	testRows, parts := model.PosterSplit()
	if want := len(testRows) + 2; d.Rows() != want+len(parts)*len(parts[0]) {
		return nil, fmt.Errorf("%s has %d rows; the poster's split is of 442", path, d.Rows())
	}
	t := &tables{test: all.Select(testRows)}
	for i, part := range parts {
		t.hospitals = append(t.hospitals, model.Hospital{Name: fmt.Sprintf("hospital-%d", i+1), Data: d.Select(part)})
		t.rows = append(t.rows, all.Select(part))
	}
	return t, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// setting runs one column.
func (t *tables) setting(ctx context.Context, opt TablesOptions, setting Setting, report *TablesReport) error {
	n := len(t.hospitals)
	training := model.Continued{Features: len(t.hospitals[0].Data.Features), Rate: setting.Eta, Steps: setting.Iterations, Hospitals: n}
	if err := training.Validate(); err != nil {
		return &InputError{err}
	}
	name := "tables"
	if opt.AsPublished {
		name = "tables as published"
	}
	bits := report.Bits
	s := &scenario{name: name, mode: InProcess, hospitals: t.hospitals, t: mostDropouts(n, protocol.SchemePaillier), keyBits: bits, freshKey: bits >= paillier.MinBits}
	err := s.agree(study.Study{
		Name: name, Task: "diabetes442", Scheme: protocol.SchemePaillier, Trainer: "continued", Rate: setting.Eta, Rounds: setting.Iterations,
		Tick: demoTick.String(), Deadlines: study.Deadlines{Commit: 1500, Deal: 1500, Attest: 1500, View: 250},
	}, nil)
	if s.key = t.key; err == nil && s.key == nil {
		err = s.dealKey()
	}
	if err != nil {
		return &InputError{err}
	}
	t.key, report.Key = s.key, s.key.describe()
	works := make([]node.Work, n)
	for i, rows := range t.rows {
		times := 1
		if i == 0 && opt.AsPublished {
			times = 2
		}
		works[i] = &continuing{training: training, rows: rows, alone: training.Alone(rows), times: times}
	}
	run := &tableRun{scenario: s, works: works, logger: opt.Logger}
	run.tell = func(round int, took time.Duration) { opt.Tell(setting, round, took) }
	states, err := run.run(ctx)
	if err != nil {
		return err
	}
	largest, final, err := run.check(states)
	if err != nil {
		return err
	}
	report.AggregateError = max(report.AggregateError, largest)
	for i := range works {
		alone := works[i].(*continuing).alone
		c := Cell{Eta: setting.Eta, Iterations: setting.Iterations, Hospital: i + 1}
		c.LocalError, c.JointError = training.Error(alone, t.test), training.Error(training.Weights(alone, final), t.test)
		c.Difference = c.LocalError - c.JointError
		report.Cells = append(report.Cells, c)
	}
	return nil
}

// continuing is the work of one hospital: see model.Continued.
type continuing struct {
	training model.Continued
	rows     model.Design
	alone    []float64 // what it learned before
	times    int       // its gradient enters the sum so many times
	fail     func(error)
}

var _ node.Work = (*continuing)(nil)

// Start is nothing summed.
func (c *continuing) Start() ([]byte, error) { return c.training.Start().MarshalBinary() }

// Next is one more sum of gradients.
func (c *continuing) Next(state []byte) (node.Step, bool, error) {
	s, err := model.UnmarshalState(state)
	codec := c.training.Codec()
	return node.Step{
		Round: uint64(s.Round), Name: "continue", Length: len(s.Weights), FractionBits: codec.FractionBits, Limit: codec.Limit(),
	}, err == nil && !c.training.Over(s), err
}

// Update is the gradient at this hospital's own weights.
func (c *continuing) Update(state []byte) (protocol.Vector, error) {
	s, err := model.UnmarshalState(state)
	if err != nil {
		return nil, err
	}
	gradient := c.training.Gradient(c.alone, s, c.rows)
	for i := range gradient {
		gradient[i] *= float64(c.times)
	}
	update := make(protocol.Vector, len(gradient))
	if err := c.training.Codec().Encode(update, gradient); err != nil {
		// A node takes part without an update and waits for the others. Here none
		// has one, or the tables are not those of three hospitals.
		err = fmt.Errorf("round %d: the gradients grow without bound, take a smaller step length: %w", s.Round, err)
		c.fail(err)
		return nil, err
	}
	return update, nil
}

// Apply adds the opened sum.
func (c *continuing) Apply(state []byte, sum protocol.Vector) ([]byte, error) {
	s, err := model.UnmarshalState(state)
	if err != nil {
		return nil, err
	}
	values := make([]float64, len(sum))
	if err := c.training.Codec().Decode(values, sum); err != nil {
		return nil, err
	}
	next, err := c.training.Apply(s, values)
	if err != nil {
		return nil, err
	}
	return next.MarshalBinary()
}

// Again does not happen, either: nobody is away.
func (c *continuing) Again([]byte) ([]byte, error) {
	return nil, fmt.Errorf("a sum of gradients is not taken again")
}

// Skip does not happen: these hospitals are honest.
func (c *continuing) Skip([]byte) ([]byte, error) {
	return nil, fmt.Errorf("a sum of gradients is not skipped")
}

// tableRun is three nodes in one process, and the sums that they opened.
type tableRun struct {
	scenario *scenario
	works    []node.Work
	logger   *slog.Logger
	tell     func(round int, took time.Duration)

	mu   sync.Mutex
	sums map[uint64][]protocol.Vector // by round
}

// run runs the nodes to the end and returns their last states.
func (r *tableRun) run(ctx context.Context) ([][]byte, error) {
	r.sums = map[uint64][]protocol.Vector{}
	f, err := r.scenario.makeFolder("")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(f.dir)
	nodes := make([]*node.Node, len(f.homes))
	dial := func(p protocol.Party) []string { return nodes[p-1].Addresses() }
	for i, home := range f.homes {
		party := protocol.Party(i + 1)
		nodes[i], err = node.New(node.Config{
			Home: home, Roster: f.roster, Study: r.scenario.study, Work: r.works[i], Paillier: r.scenario.key.of(party),
			Listen: []string{loopback(party)}, Dial: dial, Linger: linger, Logger: r.logger,
			Progress: func(p node.Progress) { r.note(party, p) },
		})
		if err != nil {
			for _, begun := range nodes[:i] {
				begun.Close()
			}
			return nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, w := range r.works {
		w.(*continuing).fail = cancel
	}
	states := make([][]byte, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() {
			state, err := n.Run(ctx)
			if states[i] = state; err != nil {
				cancel(fmt.Errorf("hospital %d: %w", i+1, err))
			}
		})
	}
	all.Wait()
	return states, context.Cause(ctx)
}

func (r *tableRun) note(p protocol.Party, progress node.Progress) {
	if progress.Finished == nil {
		return
	}
	r.mu.Lock()
	r.sums[progress.Round] = append(r.sums[progress.Round], progress.Finished.Sum)
	r.mu.Unlock()
	if p == 1 {
		r.tell(int(progress.Round), time.Duration(float64(time.Second)*progress.Finished.Seconds))
	}
}

// check repeats the sums in the clear: every node must have opened exactly
// those, and end in the state that they give.
func (r *tableRun) check(states [][]byte) (largest int64, final model.State, err error) {
	state, err := r.works[0].Start()
	if err != nil {
		return 0, final, err
	}
	for {
		step, more, err := r.works[0].Next(state)
		if err != nil {
			return 0, final, err
		}
		if !more {
			break
		}
		plain := make(protocol.Vector, step.Length)
		for _, w := range r.works {
			update, err := w.Update(state)
			if err != nil {
				return 0, final, err
			}
			for i, x := range update {
				plain[i] += x
			}
		}
		view := &roundView{sums: r.sums[step.Round]}
		if len(view.sums) != len(r.works) {
			return 0, final, fmt.Errorf("round %d was finished by %d hospitals of %d", step.Round, len(view.sums), len(r.works))
		}
		largest = max(largest, view.difference(plain))
		if state, err = r.works[0].Apply(state, plain); err != nil {
			return 0, final, err
		}
	}
	for i, s := range states {
		if !slices.Equal(s, state) {
			return largest, final, fmt.Errorf("hospital %d ends with another state than the sums in the clear give", i+1)
		}
	}
	final, err = model.UnmarshalState(state)
	return largest, final, err
}
