package learning

import (
	"fmt"

	"consilium/model"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// Study is one hospital's part.
type Study struct {
	*Plan
	Train, Test *model.Dataset
	Seed        [wide.SeedSize]byte        // fresh from a cryptographic source
	DrawSeed    func() [wide.SeedSize]byte // instead of Seed, where a testnet wants to know it; may be nil
	Tell        func(Progress)             // may be nil
	Before      func(Moment) error         // is called on the way, and may hold or end the study; may be nil

	// Kept are what Keep was given in earlier runs of the same study, the last
	// two of them, the last first. If every hospital has one, the study goes on from there: with
	// fewer hospitals than before, the shares are shared again. Otherwise it
	// begins.
	Kept [][]byte
	Keep func([]byte) error // may be nil

	// Finish is given the result before the others are told that this hospital
	// has it, and nobody's part ends before all have: may be nil.
	Finish func(*Result) error
}

// Moment is where a study may be held. Round 0 standardises and shares the rows,
// each step of the training is a round, and the last one opens the model.
type Moment struct {
	Round int
	Phase string   // PhaseDeal in round 0; PhaseOpen and PhaseCombine in others
	Run   [32]byte // names the computation
	Cost  spdz.Cost
}

// Phases of a study: rows are dealt, sums open (under masks, and in the last
// round the model), and what came out is checked, combined and kept.
const (
	PhaseDeal    = "deal"
	PhaseOpen    = "open"
	PhaseCombine = "combine"
)

// Progress is told as the study goes on.
type Progress struct {
	Step  string // "standardise" and "share", or "resume"; "train", "open", "evaluate"
	Epoch int    // behind, while training
	Cost  spdz.Cost
}

// Result is what a hospital has in the end.
type Result struct {
	State       model.State // weights zero where only predictions open
	Rows        []int       // training rows of each party, from 1: public
	Predictions []float64   // of this hospital's test rows, where they open
	Ranges      []spdz.Range
	Cost        spdz.Cost
	Rate        float64 // in the end: the range guard halves it
	Halvings    int
}

// Run is the study as a program for a channel.
func (s *Study) Run(c *interactive.Channel) (*Result, error) {
	if c.Parties() != s.Parties {
		return nil, fmt.Errorf("%d hospitals for a plan of %d", c.Parties(), s.Parties)
	}
	e, err := s.begin(c)
	if err != nil {
		return nil, err
	}
	r := &run{Study: s, engine: e, result: &Result{State: s.Program.Start()}}
	steps := []step{{"standardise", r.sum}, {"share", r.share}, {"train", r.train}, {"open", r.open}, {"evaluate", r.evaluate}}
	resumes, err := r.agreeToResume()
	if err != nil {
		return nil, err
	}
	if resumes {
		steps = append([]step{{"resume", r.resume}}, steps[2:]...)
	}
	for _, step := range steps {
		if err := r.beforeStep(step.name); err != nil {
			return nil, err
		}
		first := r.Training.First
		if r.resumed != nil {
			first = r.resumed.Epoch
		}
		r.tell(step.name, first)
		if err := step.do(); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	if err := r.finish(); err != nil {
		return nil, err
	}
	return r.result, r.before(r.Training.Epochs+1, PhaseCombine)
}

func (r *run) finish() error {
	r.result.Ranges, r.result.Cost = r.engine.Ranges(), r.engine.Cost()
	if r.Finish != nil {
		if err := r.Finish(r.result); err != nil {
			return fmt.Errorf("keep the result: %w", err)
		}
	}
	return r.engine.Meet()
}

// beforeStep is a moment where a step begins a round.
func (r *run) beforeStep(name string) error {
	switch name {
	case "standardise":
		return r.before(0, PhaseDeal)
	case "open":
		return r.before(r.Training.Epochs+1, PhaseOpen)
	}
	return nil
}

func (r *run) before(round int, phase string) error {
	if r.Before == nil {
		return nil
	}
	return r.Before(Moment{Round: round, Phase: phase, Run: r.engine.Run(), Cost: r.engine.Cost()})
}

type step struct {
	name string
	do   func() error
}

type run struct {
	*Study
	engine  *spdz.Engine
	result  *Result
	x, y    *spdz.Secret
	weights spdz.Weights
	kept    []kept
	resumed *spdz.Continued
}

func (r *run) tell(step string, epoch int) {
	if r.Tell != nil {
		r.Tell(Progress{Step: step, Epoch: epoch, Cost: r.engine.Cost()})
	}
}

// sum is a round of the program, by a secure sum.
func (r *run) sum() error {
	step, more := r.Program.Next(r.result.State)
	if !more {
		return nil
	}
	update, err := r.Program.Update(r.result.State, r.Train, r.Test)
	if err != nil {
		return err
	}
	encoded := make([]int64, step.Length)
	if err := step.Codec.Encode(encoded, update); err != nil {
		return err
	}
	sums, err := r.engine.Sum(encoded)
	if err != nil {
		return err
	}
	values := make([]float64, step.Length)
	if err := step.Codec.Decode(values, sums); err != nil {
		return err
	}
	r.result.State, err = r.Program.Apply(r.result.State, values)
	return err
}

// share shares the rows. How many each hospital has is public.
func (r *run) share() error {
	z := *r.result.State.Standardiser
	x, y := r.rows(z, r.Train)
	var err error
	if r.result.Rows, err = r.announceRows(r.Train); err != nil {
		return err
	}
	features, labels := make([]spdz.Shape, r.Parties+1), make([]spdz.Shape, r.Parties+1)
	for party, rows := range r.result.Rows {
		features[party], labels[party] = spdz.Shape{Rows: rows, Cols: r.Training.Inputs}, spdz.Shape{Rows: rows, Cols: 1}
	}
	total := 0
	for _, rows := range r.result.Rows {
		total += rows
	}
	if err := r.fit(z, total); err != nil {
		return err
	}
	xs, err := r.engine.Input(features, x, r.reach(z))
	if err != nil {
		return err
	}
	ys, err := r.engine.Input(labels, y, 1)
	if err != nil {
		return err
	}
	r.x, r.y = r.engine.Stack(xs[1:]...), r.engine.Stack(ys[1:]...)
	return nil
}

// announceRows tells how many rows each hospital has, and refuses more than the
// task allows: all make room for them.
func (r *run) announceRows(own *model.Dataset) ([]int, error) {
	all, err := r.engine.Announce(own.Rows())
	if err != nil {
		return nil, err
	}
	limit := r.Program.Plan().Task.MaxRows
	for party, rows := range all {
		if rows > limit {
			return nil, fmt.Errorf("party %d announces %d rows, the task's max_rows is %d", party, rows, limit)
		}
	}
	return all, nil
}

// fit sets as many bits behind the point as the model leaves room for.
func (r *run) fit(z model.Standardiser, rows int) error {
	fraction, err := r.fraction(z, rows)
	if err == nil {
		r.engine.SetFraction(fraction)
	}
	return err
}

func (r *run) train() error {
	start := r.weights
	if start == nil {
		var err error
		if start, err = r.Training.Constant(r.engine, r.start()); err != nil {
			return err
		}
	}
	training := r.Training
	if r.resumed != nil {
		training = r.resumed.Apply(training)
	}
	if r.Majority == HonestMajority {
		training.Save = r.keep // additive shares stand no dropout
	}
	training.Before = func(epoch int, end bool) error {
		if end {
			return r.before(epoch+1, PhaseCombine)
		}
		return r.before(epoch+1, PhaseOpen)
	}
	training.Each = func(epoch int, _ spdz.Weights) error {
		r.tell("train", epoch)
		return nil
	}
	out, err := training.Train(r.engine, r.x, r.y, start)
	if err != nil {
		return err
	}
	r.weights, r.result.Rate, r.result.Halvings = out.Weights, out.Rate, out.Halvings
	return nil
}

// open opens the weights, or each hospital's predictions to itself.
func (r *run) open() error {
	if r.Reveal == RevealPredictions {
		return r.predict()
	}
	w, err := r.weights.Open(r.engine)
	if err != nil {
		return err
	}
	r.result.State.Weights = r.unscaled(w)
	r.result.State.Round = r.Program.Plan().Rounds + 1
	r.result.State.TrainRows = int64(r.x.Rows)
	return nil
}

func (r *run) predict() error {
	x, _ := r.rows(*r.result.State.Standardiser, r.Test)
	rows, err := r.announceRows(r.Test)
	if err != nil {
		return err
	}
	shapes := make([]spdz.Shape, r.Parties+1)
	for party, count := range rows {
		shapes[party] = spdz.Shape{Rows: count, Cols: r.Training.Inputs}
	}
	xs, err := r.engine.Input(shapes, x, r.reach(*r.result.State.Standardiser))
	if err != nil {
		return err
	}
	for party := 1; party <= r.Parties; party++ {
		if rows[party] == 0 {
			continue
		}
		p, err := r.Training.Predict(r.engine, r.weights, xs[party])
		if err != nil {
			return err
		}
		opened, err := r.engine.OpenTo(party, p)
		if err != nil {
			return err
		}
		if opened != nil {
			r.result.Predictions = opened
		}
	}
	if r.label.half != 0 {
		for i, v := range r.result.Predictions {
			r.result.Predictions[i] = r.label.middle + v*r.label.half
		}
	}
	return nil
}

// evaluate computes joint metrics, where the weights are known.
func (r *run) evaluate() error {
	if r.Reveal == RevealPredictions {
		return nil
	}
	return r.sum()
}
