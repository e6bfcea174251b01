package testnet

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"consilium/model"
)

// ExplosionsOptions say which of the poster's figures to compute.
type ExplosionsOptions struct {
	Data       string // folder with pima.csv, or the folder above it
	Figure     string // figure2 or figure3
	Iterations int
	Seed       uint64 // of the split and of the weights before training
	Logger     *slog.Logger
	Tell       func(what string) // from two goroutines
}

// ExplosionRun is one training, and what came of it.
type ExplosionRun struct {
	Name       string                 `json:"name"`
	On         string                 `json:"on"` // shares; fixed point, in the clear; floating point, in the clear
	Activation string                 `json:"activation"`
	Degree     *int                   `json:"degree"`   // null: the curve itself
	Interval   *float64               `json:"interval"` // half of its width; null: all numbers
	Layers     int                    `json:"layers"`   // of weights
	Hidden     []int                  `json:"hidden"`
	Guard      string                 `json:"guard"` // none, check, clip
	Decay      float64                `json:"weight_decay"`
	Iterations int                    `json:"iterations"` // asked for
	LeftAt     *int                   `json:"left_at"`    // when a weighted sum first left the interval; null: never
	ExplodedAt *int                   `json:"exploded_at"`
	FloatAt    *int                   `json:"exploded_at_in_floats"` // the same training in floating point
	MaxAbsZ    float64                `json:"max_abs_z"`             // of what the activation was given
	MaxAbsSum  float64                `json:"max_abs_sum"`           // of the weighted sums, before they are clipped
	Accuracy   float64                `json:"accuracy"`              // on the test rows
	Cause      string                 `json:"cause"`
	Seconds    float64                `json:"seconds"`
	Halvings   int                    `json:"rate_halvings"`        // by the guard
	Rounds     int                    `json:"rounds,omitempty"`     // on shares
	BytesSent  int64                  `json:"bytes_sent,omitempty"` // by a party, mean
	Trajectory []model.ExplosionPoint `json:"-"`

	explosion model.Explosion
}

// ExplosionsReport is a figure.
type ExplosionsReport struct {
	Rows, TestRows int
	Runs           []ExplosionRun
	Shared         []ExplosionRun // of Runs: those on shares, the cure last
	// Difference is the accuracy of the cure less that of the exact sigmoid in
	// floating point, which differ in nothing else.
	Difference float64
}

// The poster's network as we repeat it: 8 inputs, 4 hidden units, a rate of 2. All
// trainings decay weights alike, so little that the exact sigmoid's weighted sums
// reach 10 and polynomials explode all the same.
const (
	explosionRate     = 2
	explosionDecay    = 3e-5
	explosionFraction = 16
	guardedInterval   = 6
	guardedDegree     = 13
)

// pimaTask is all 768 rows and all eight columns, zeros for what was not measured
// among them, as published networks use them.
const pimaTask = `
name = "pima768"
title = "Diabetes (yes or no) in Pima women, all rows"
max_rows = 10_000
[table]
header = true
separator = ","
missing = ["?", ""]
[[feature]]
column = "pregnancies"
kind = "number"
min = 0
max = 30
[[feature]]
column = "glucose"
kind = "number"
min = 0
max = 600
[[feature]]
column = "blood_pressure"
kind = "number"
min = 0
max = 200
[[feature]]
column = "skin_thickness"
kind = "number"
min = 0
max = 200
[[feature]]
column = "insulin"
kind = "number"
min = 0
max = 2000
[[feature]]
column = "bmi"
kind = "number"
min = 0
max = 100
[[feature]]
column = "pedigree"
kind = "number"
min = 0
max = 5
[[feature]]
column = "age"
kind = "number"
min = 0
max = 120
[label]
rule = "outcome > 0"
[model]
kind = "logistic"
[training]
trainer = "fedsgd"
rounds = 1
rate = 1.0
local_epochs = 1
l2 = 0.0
[fixed_point]
fraction_bits = 30
range = 4_194_304
[single_file]
file = "pima.csv"
hospitals = 3
`

// explosions is the data of the experiment.
type explosions struct {
	opt         ExplosionsOptions
	train, test model.Design
}

// Explosions runs the poster's experiment E3: a network on Pima with a polynomial
// for the sigmoid, the approximation (figure 2) or the degree and the depth
// (figure 3) varied, in the clear; and on shares of three hospitals, where one
// explodes, and guards keep it and a better one whole. shared are those on shares
// of a figure that was computed before with the same options, nil to run them.
func Explosions(ctx context.Context, opt ExplosionsOptions, shared []ExplosionRun) (*ExplosionsReport, error) {
	x, err := loadExplosions(opt)
	if err != nil {
		return nil, &InputError{err}
	}
	report := &ExplosionsReport{Rows: x.train.Rows(), TestRows: x.test.Rows()}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var both sync.WaitGroup
	if shared == nil {
		both.Go(func() {
			if shared, err = x.allShared(ctx); err != nil {
				cancel(err)
			}
		})
	}
	for _, run := range x.plan() {
		opt.Tell(run.Name + ", " + run.On)
		if err := x.inTheClear(ctx, &run); err != nil {
			cancel(fmt.Errorf("%s: %w", run.Name, err))
			break
		}
		report.Runs = append(report.Runs, run)
	}
	both.Wait()
	if err := context.Cause(ctx); err != nil {
		return report, err
	}
	report.Runs, report.Shared = append(report.Runs, shared...), shared
	report.Difference = shared[len(shared)-1].Accuracy - report.Runs[0].Accuracy
	return report, nil
}

// allShared runs what is on shares: a polynomial that explodes soon; the same with
// a check, a bit further; and last the cure, all the way.
func (x *explosions) allShared(ctx context.Context) ([]ExplosionRun, error) {
	p, err := openParties([]string{"hospital-1", "hospital-2", "hospital-3"}, x.opt.Logger)
	if err != nil {
		return nil, err
	}
	defer p.close()
	var runs []ExplosionRun
	train := func(run ExplosionRun) (ExplosionRun, error) {
		x.opt.Tell(run.Name + ", on shares")
		if err := x.onShares(ctx, p, &run); err != nil {
			return run, fmt.Errorf("%s on shares: %w", run.Name, err)
		}
		runs = append(runs, run)
		return run, nil
	}
	explodes := x.run("taylor", 5, 5, []int{4})
	explodes.Iterations = min(explodes.Iterations, mostUnguarded)
	exploded, err := train(explodes)
	if err != nil {
		return nil, err
	}
	if at := exploded.ExplodedAt; at != nil {
		held := explodes
		held.Iterations = (*at/checkEvery + 1) * checkEvery // the first check after it
		held.guard(checkGuard)
		if _, err := train(held); err != nil {
			return nil, err
		}
	}
	cured := x.run("minimax", guardedDegree, guardedInterval, []int{4})
	cured.guard(clipGuard)
	_, err = train(cured)
	return runs, err
}

func loadExplosions(opt ExplosionsOptions) (*explosions, error) {
	task, err := model.ParseTask("pima768.toml", []byte(pimaTask))
	if err != nil {
		return nil, err
	}
	if opt.Data == "" {
		return nil, fmt.Errorf("the experiment needs pima.csv: name its folder with --data DIR (`hospital-node data get pima` fetches it)")
	}
	path := filepath.Join(opt.Data, "pima.csv")
	if below := filepath.Join(opt.Data, "pima", "pima.csv"); !exists(path) && exists(below) {
		path = below
	}
	d, _, err := task.ReadTableFile(path)
	if err != nil {
		return nil, err
	}
	if opt.Iterations < 1 {
		return nil, fmt.Errorf("%d iterations: at least 1", opt.Iterations)
	}
	train, test, err := d.Split(0.2, opt.Seed)
	if err != nil {
		return nil, err
	}
	if train.Rows() < 3 || test.Rows() == 0 {
		return nil, fmt.Errorf("%s has %d rows; the experiment is for 768", path, d.Rows())
	}
	x := &explosions{opt: opt}
	x.train, x.test = model.BetweenOnes(train, test)
	return x, nil
}

// plan lists the figure's trainings in the clear.
func (x *explosions) plan() []ExplosionRun {
	four := []int{4}
	list := []ExplosionRun{x.run("", 0, 0, four)}
	add := func(method string, degree int, interval float64, hidden []int) {
		list = append(list, x.run(method, degree, interval, hidden))
	}
	if x.opt.Figure == "figure2" {
		add("taylor", 5, 5, four)
		for _, interval := range []float64{6, 8, 10} {
			add("interpolation", 5, interval, four)
		}
		add("least-squares", 5, 8, four)
		add("minimax", 5, 8, four)
		add("minimax", guardedDegree, guardedInterval, four) // the cure's, without its guard
	} else {
		for _, degree := range []int{3, 5, 7} {
			add("taylor", degree, 5, four)
		}
		for _, degree := range []int{3, 5, 7, 9} {
			add("interpolation", degree, 8, four)
		}
		add("interpolation", 5, 8, []int{4, 4})
		add("interpolation", 5, 8, []int{4, 4, 4})
	}
	return list
}

// mostUnguarded ends the training that should explode on shares, should it not.
const mostUnguarded = 2500

// Guards on shares. A check tells every checkEvery iterations, by one comparison
// for all, whether any weighted sum of any row left the interval since the last
// one: the weights go back to that, and the rate is halved. Clipping compares
// each weighted sum with both ends in every iteration.
const (
	noGuard    = "none"
	checkGuard = "check"
	clipGuard  = "clip"
	checkEvery = 20
)

// run describes a training; without a method it is with the sigmoid itself.
func (x *explosions) run(method string, degree int, interval float64, hidden []int) ExplosionRun {
	r := ExplosionRun{
		Name: "exact sigmoid", On: "fixed point, in the clear", Activation: "sigmoid", Layers: len(hidden) + 1, Hidden: hidden, Guard: noGuard, Decay: explosionDecay, Iterations: x.opt.Iterations,
		explosion: model.Explosion{Hidden: hidden, Rate: explosionRate, Decay: explosionDecay, Iterations: x.opt.Iterations, Seed: x.opt.Seed, Every: max(1, x.opt.Iterations/400)},
	}
	if method == "" {
		r.On = "floating point, in the clear"
		r.explosion.Activation = model.ExactSigmoid()
		return r
	}
	fit, err := model.Approximate(model.ApproximationSettings{Function: "sigmoid", Method: method, Low: -interval, High: interval, Degree: degree})
	if err != nil {
		panic("testnet: " + err.Error()) // the settings are those of plan
	}
	if r.Name = fmt.Sprintf("%s %d on ±%g", method, degree, interval); method == "taylor" {
		r.Name = fmt.Sprintf("Taylor %d", degree)
	}
	if len(hidden) > 1 {
		r.Name += fmt.Sprintf(", %d layers", r.Layers)
	}
	r.Activation, r.Degree, r.Interval = method, &degree, &interval
	r.explosion.Activation, r.explosion.Interval, r.explosion.FractionBits = fit.Polynomial, interval, explosionFraction
	return r
}

func (r *ExplosionRun) guard(guard string) {
	r.Guard = guard
	if r.Name += ", checked"; guard == clipGuard {
		r.Name, r.explosion.Guard = strings.TrimSuffix(r.Name, "checked")+"clipped", model.ClipGuard
	}
}

// inTheClear trains, and in floating point once more where it was fixed point.
func (x *explosions) inTheClear(ctx context.Context, r *ExplosionRun) error {
	began := time.Now()
	out, err := r.explosion.Run(ctx, x.train, x.test)
	if err != nil {
		return err
	}
	r.take(out)
	if r.explosion.FractionBits > 0 {
		floats := r.explosion
		floats.FractionBits = 0
		again, err := floats.Run(ctx, x.train, x.test)
		if err != nil {
			return err
		}
		r.FloatAt = orNull(again.ExplodedAt)
	}
	r.Seconds = time.Since(began).Seconds()
	return nil
}

func (r *ExplosionRun) take(out *model.ExplosionRun) {
	r.LeftAt, r.ExplodedAt, r.MaxAbsZ, r.Accuracy, r.Trajectory = orNull(out.LeftAt), orNull(out.ExplodedAt), out.MaxZ, out.Accuracy, out.Trajectory
	r.MaxAbsSum = r.MaxAbsZ
	r.Cause = r.cause()
}

// cause says in words what happened.
func (r *ExplosionRun) cause() string {
	switch {
	case r.ExplodedAt != nil && r.LeftAt != nil:
		return fmt.Sprintf("a weighted sum left ±%g at iteration %d; there the polynomial is no sigmoid, its slope a·(1−a) pushes further out, and sums were beyond 2¹⁵ at %d", *r.Interval, *r.LeftAt, *r.ExplodedAt)
	case r.LeftAt != nil:
		return fmt.Sprintf("a weighted sum left ±%g at iteration %d and the weights found a balance out there: luck, nothing holds them", *r.Interval, *r.LeftAt)
	case r.Guard == clipGuard:
		return "nothing can leave the interval: what would is clipped by a secure comparison"
	case r.Guard == checkGuard && r.Halvings > 0:
		return fmt.Sprintf("a secure comparison saw weighted sums leave the interval; the weights went back, and the rate was halved %d times", r.Halvings)
	case r.Guard == checkGuard:
		return "a secure comparison watched every weighted sum; none left the interval"
	case r.Interval == nil:
		return "the sigmoid itself is bounded"
	}
	return "no weighted sum left the interval in so many iterations"
}

func orNull(i int) *int {
	if i == 0 {
		return nil
	}
	return &i
}
