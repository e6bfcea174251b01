package model

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
)

// Names of a [Step].
const (
	StepStandardise = "standardise" // round 0: joint means and spreads of the features
	StepTrain       = "train"       // rounds 1 to Program.Rounds
	StepEvaluate    = "evaluate"    // the round after, if the plan asks for it: joint test metrics
)

// Program is a study, round by round. It holds settings only and may be used
// from several goroutines.
type Program struct {
	plan      Plan
	model     Model
	trainer   Trainer
	codec     Codec      // of the evaluation
	sumCodec  Codec      // of training
	unitCodec Codec      // of round 0
	features  []string   // d names
	intervals []interval // d declared ranges
	label     interval   // declared range of a label that is a number
}

// Step is what a round sums.
type Step struct {
	Round  int    // 0 standardise, 1…R train, R+1 evaluate, with R from Program.Rounds
	Name   string // StepStandardise, StepTrain or StepEvaluate
	Length int    // values in a hospital's vector
	Codec  Codec  // how they become integers
}

// NewProgram checks everything that can be checked before a run: the task, the
// settings, and that no sum can leave the fixed-point range, for hospitals that
// were included in round 0 (see [Model.GradientReach] for what is proved). A
// hospital that was not may have values far outside the joint spread; Encode
// then refuses, and nothing is clipped.
func NewProgram(plan Plan) (*Program, error) {
	plan = plan.WithDefaults()
	if err := plan.validate(); err != nil {
		return nil, fmt.Errorf("plan study: %w", err)
	}
	t := plan.Task
	p := &Program{
		plan:      plan,
		model:     newModel(t),
		features:  t.FeatureNames(),
		intervals: unitIntervals(t.Features),
		label:     interval{low: t.Label.Min, span: t.Label.Max - t.Label.Min},
	}
	p.codec = Codec{FractionBits: t.FixedPoint.FractionBits, Range: t.FixedPoint.Range, Parties: plan.Hospitals}
	p.unitCodec = p.codec.narrowed(float64(t.MaxRows))
	var err error
	if p.trainer, p.sumCodec, err = newTrainer(plan, p.model, p.codec); err != nil {
		return nil, fmt.Errorf("plan study of task %s: %w", t.Name, err)
	}
	if err := p.checkHeadroom(); err != nil {
		return nil, fmt.Errorf("plan study of task %s: %w", t.Name, err)
	}
	return p, nil
}

// checkHeadroom makes sure that values fit the range and sums fit the codec.
// Values of round 0 and of the evaluation are sums over rows in units of the
// declared ranges, at most max_rows. (The log-loss of a badly diverged model
// could exceed that; it has the whole range, and beyond it Encode refuses.)
func (p *Program) checkHeadroom() error {
	if err := p.codec.Validate(); err != nil {
		return fmt.Errorf("fixed point: %w", err)
	}
	if err := p.sumCodec.Validate(); err != nil {
		return fmt.Errorf("fixed point of %s: %w", p.plan.Trainer, err)
	}
	rows := p.plan.Task.MaxRows
	if reach := p.trainer.Reach(rows, p.plan.Hospitals); reach > p.sumCodec.Range {
		return fmt.Errorf("fixed point: a value of %s can reach %.3g (max_rows %d, %d hospitals), beyond the range %.12g; lower max_rows or the learning rate, or raise fixed_point.range (%d of %d bits are used)",
			p.plan.Trainer, reach, rows, p.plan.Hospitals, p.codec.Range, p.codec.Bits(), maxCodecBits)
	}
	return nil
}

// Plan returns the plan with its defaults filled in.
func (p *Program) Plan() Plan { return p.plan }

// Hash is SHA-256 over the plan and the task's hash: two programs with the
// same hash compute the same. Hospitals sign it before they begin. A task that
// did not come from a file (see [Task.Hash]) is not told apart.
func (p *Program) Hash() [sha256.Size]byte {
	q := p.plan
	return sha256.Sum256(fmt.Appendf(nil, "consilium/program/1\ntask %x\ntrainer %s\nrounds %d\nrate %x\nlocal epochs %d\nl2 %x\nhospitals %d\nevaluate %t\n",
		q.Task.Hash, q.Trainer, q.Rounds, math.Float64bits(q.Rate), q.LocalEpochs, math.Float64bits(q.L2), q.Hospitals, q.Evaluate))
}

// WeightNames names the weights: "(Intercept)", then the features, or those of
// a network ([MLP.Names]).
func (p *Program) WeightNames() []string { return p.model.Names(p.features) }

// Start is the state before round 0.
func (p *Program) Start() State { return State{Weights: p.model.Start()} }

// Next says what the coming round sums; false when the study is finished.
func (p *Program) Next(s State) (Step, bool) {
	step := Step{Round: s.Round, Codec: p.codec}
	last := p.Rounds(s)
	switch {
	case s.Round == 0:
		step.Name, step.Length, step.Codec = StepStandardise, standardiseLength(len(p.features)), p.unitCodec
	case s.Round >= 1 && s.Round <= last:
		step.Name, step.Length, step.Codec = StepTrain, p.trainer.Length(), p.sumCodec
	case s.Round == last+1 && p.plan.Evaluate && (s.Fit == nil || s.Fit.Outcome == Converged):
		step.Name, step.Length = StepEvaluate, numberSumsLength
		if p.plan.Task.Label.Binary() {
			step.Length = binarySumsLength
		}
	default:
		return Step{}, false
	}
	return step, true
}

// Values is the length of a training update.
func (p *Program) Values() int { return p.trainer.Length() }

// Limit is the largest magnitude of a value of a training update, encoded.
func (p *Program) Limit() int64 { return p.sumCodec.Limit() }

// Rounds is the number of training rounds of the study: those of the plan, or
// fewer when newton has ended before.
func (p *Program) Rounds(s State) int {
	if s.Fit != nil && s.Fit.Outcome != Searching {
		return s.Fit.Rounds
	}
	return p.plan.Rounds
}

// EndsByItself says that the study may take fewer rounds than the plan has.
func (p *Program) EndsByItself() bool { return p.plan.Trainer == "newton" }

// step is Next for a state that must fit this program and have a next round.
func (p *Program) step(s State) (Step, error) {
	step, more := p.Next(s)
	if !more {
		return Step{}, fmt.Errorf("round %d: the study has no such round", s.Round)
	}
	if err := p.checkState(s); err != nil {
		return Step{}, fmt.Errorf("round %d: %w", s.Round, err)
	}
	return step, nil
}

// checkState refuses the state of another program.
func (p *Program) checkState(s State) error {
	if want := p.model.Size(); len(s.Weights) != want {
		return fmt.Errorf("the state has %d weights, the model %d", len(s.Weights), want)
	}
	if z := s.Standardiser; s.Round > 0 && (z == nil || len(z.Mean) != len(p.features) || len(z.SD) != len(p.features)) {
		return fmt.Errorf("the state is not standardised over the %d features of task %s", len(p.features), p.plan.Task.Name)
	}
	if needed := p.plan.Trainer == "newton" && s.Round > 1; needed != (s.Fit != nil) {
		return fmt.Errorf("the state is not one of trainer %s", p.plan.Trainer)
	}
	if s.Fit != nil {
		return s.Fit.check(len(s.Weights))
	}
	return nil
}

// Update is this hospital's vector for the coming round, in the clear: it must
// not leave the hospital before [Codec.Encode] and the protocol. Training and
// standardisation use the train rows, the evaluation the test rows; either may
// be nil or without rows, but has at most the task's max_rows.
func (p *Program) Update(s State, train, test *Dataset) ([]float64, error) {
	for _, d := range []*Dataset{train, test} {
		if limit := p.plan.Task.MaxRows; d.Rows() > limit {
			return nil, fmt.Errorf("update: round %d: the data set has %d rows, the task's max_rows is %d", s.Round, d.Rows(), limit)
		}
	}
	return p.update(s, train, test)
}

// update is Update without the limit on rows, which [Replay] of pooled rows
// does not need.
func (p *Program) update(s State, train, test *Dataset) ([]float64, error) {
	step, err := p.step(s)
	if err != nil {
		return nil, fmt.Errorf("update: %w", err)
	}
	rows := train
	if step.Name == StepEvaluate {
		rows = test
	}
	if err := p.checkColumns(rows); err != nil {
		return nil, fmt.Errorf("update: round %d: %w", s.Round, err)
	}
	switch step.Name {
	case StepStandardise:
		return standardiseUpdate(p.intervals, rows), nil
	case StepTrain:
		return p.trainer.Update(s.Weights, s.Standardiser.Design(rows)), nil
	default:
		return p.evaluationSums(s, rows), nil
	}
}

func (p *Program) checkColumns(d *Dataset) error {
	if d == nil {
		return nil
	}
	if !slices.Equal(d.Features, p.features) || d.Binary != p.plan.Task.Label.Binary() {
		return fmt.Errorf("the data set has other columns than task %s", p.plan.Task.Name)
	}
	if len(d.X) != d.Rows()*len(d.Features) {
		return fmt.Errorf("the data set has %d values for %d rows of %d features", len(d.X), d.Rows(), len(d.Features))
	}
	return nil
}

// Again is the state after a round that ended before anything of it was opened: its
// step is taken again, whatever it is, since nobody has seen what was added.
func (p *Program) Again(s State) (State, error) {
	if _, err := p.step(s); err != nil {
		return State{}, fmt.Errorf("take a step again: %w", err)
	}
	s.Unopened++
	s.Tries++
	return s, nil
}

// Skip is the state after the coming round when its sum cannot be used, because
// somebody contributed a false update: the study goes on from the same model. A
// step that opens something once, and no other like it, is not skipped: who adds
// the same to another sum would be seen in the difference. That is an error, the
// same everywhere.
func (p *Program) Skip(s State) (State, error) {
	step, err := p.step(s)
	if err != nil {
		return State{}, fmt.Errorf("skip a round: %w", err)
	}
	if step.Name == StepStandardise || step.Name == StepTrain && p.plan.Trainer == "newton" {
		what := step.Name
		if what == StepTrain {
			what = "a step of newton"
		}
		return State{}, fmt.Errorf("skip round %d: %s is not repeated: what the hospitals added must not be added to a sum over others", s.Round, what)
	}
	s.Round++
	s.Tries = 0
	return s, nil
}

// Apply is the state after the coming round, given the sum of the included
// hospitals' vectors. It is the same, bit for bit, wherever it is computed.
func (p *Program) Apply(s State, sum []float64) (State, error) {
	step, err := p.step(s)
	if err != nil {
		return State{}, fmt.Errorf("apply sum: %w", err)
	}
	if len(sum) != step.Length {
		return State{}, fmt.Errorf("apply sum: round %d: %d values, expected %d", s.Round, len(sum), step.Length)
	}
	next := s
	switch step.Name {
	case StepStandardise:
		var z Standardiser
		z, err = standardiseApply(p.intervals, sum, p.unitCodec.SumError(p.plan.Hospitals))
		next.Standardiser = &z
	case StepTrain:
		next, err = p.trainer.Apply(s, sum)
	default:
		var m Metrics
		m, err = p.jointMetrics(sum)
		next.Metrics = &m
	}
	if err != nil {
		return State{}, fmt.Errorf("apply sum: round %d, %s: %w", s.Round, step.Name, err)
	}
	next.Round, next.Tries = s.Round+1, 0
	if _, err := next.MarshalBinary(); err != nil {
		return State{}, fmt.Errorf("apply sum: round %d, %s: the model diverged, lower the learning rate: %w", s.Round, step.Name, err)
	}
	return next, nil
}
