package learning

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"consilium/model"
	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
)

// cohort is the synthetic task, split.
type cohort struct {
	t       testing.TB
	program *model.Program
	splits  []model.Split
}

func newCohort(t testing.TB, hospitals, rounds int) *cohort {
	t.Helper()
	task, ok := model.Embedded("synthetic")
	if !ok {
		t.Fatal("no synthetic task")
	}
	c := &cohort{t: t}
	var err error
	if c.program, err = model.NewProgram(model.Plan{Task: task, Rounds: rounds, Hospitals: hospitals, Evaluate: true}); err != nil {
		t.Fatal(err)
	}
	for i := range hospitals {
		h, err := model.GenerateHospital(1, i, hospitals)
		if err != nil {
			t.Fatal(err)
		}
		train, test, err := h.Data.Split(0.34, 1)
		if err != nil {
			t.Fatal(err)
		}
		// A few rows do: the arithmetic is what is tested.
		few := make([]int, min(15, train.Rows()))
		for k := range few {
			few[k] = k
		}
		c.splits = append(c.splits, model.Split{Train: train.Select(few), Test: test.Select([]int{0, 1, 2})})
	}
	return c
}

func (c *cohort) plan(parties int, s Settings) *Plan {
	c.t.Helper()
	p, err := NewPlan(c.program, parties, s)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// disk is what a hospital kept: the last two.
type disk [][]byte

func (d *disk) keep(data []byte) error {
	*d = append(disk{data}, (*d)[:min(1, len(*d))]...)
	return nil
}

// run runs the study of some hospitals, numbered from 0.
func (c *cohort) run(p *Plan, who []int, disks []disk, o interactivetest.Options) ([]*Result, interactivetest.Report) {
	results := make([]*Result, len(who))
	var programs []interactive.Program
	for i, h := range who {
		study := &Study{Plan: p, Train: c.splits[h].Train, Test: c.splits[h].Test, Seed: [32]byte{byte(o.Seed), byte(h), byte(len(who))}}
		if disks != nil {
			study.Kept, study.Keep = disks[h], disks[h].keep
		}
		programs = append(programs, func(ch *interactive.Channel) (err error) {
			results[i], err = study.Run(ch)
			return err
		})
	}
	return results, interactivetest.Run(o, programs...)
}

func (c *cohort) checkWeights(p *Plan, r *Result) {
	c.t.Helper()
	var rows []*model.Dataset
	for _, s := range c.splits {
		rows = append(rows, s.Train)
	}
	want, bound, err := p.Clear(*r.State.Standardiser, rows)
	if err != nil {
		c.t.Fatal(err)
	}
	for i, w := range want {
		if d := math.Abs(w - r.State.Weights[i]); d > min(bound, 0.01) {
			c.t.Errorf("weight %d: %v, in the clear %v, bound %v", i, r.State.Weights[i], w, bound)
		}
	}
}

func TestStudy(t *testing.T) {
	for _, s := range []Settings{{}, {Passive: true}, {Passive: true, Batch: 16, Seed: 3}, {Passive: true, Guard: GuardClip}, {Batch: 20, Guard: GuardStop}} {
		c := newCohort(t, 3, 5)
		p := c.plan(3, s)
		results, report := c.run(p, []int{0, 1, 2}, nil, interactivetest.Options{Seed: 1})
		if err := errors.Join(report.Errors...); err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.State.Hash() != results[0].State.Hash() || r.State.Metrics == nil {
				t.Error("hospitals end with different models")
			}
		}
		c.checkWeights(p, results[0])
	}
}

// Only predictions open: each hospital's to itself, and they are those of the
// weights that nobody saw.
func TestPredictionsOnly(t *testing.T) {
	c := newCohort(t, 3, 5)
	open, _ := c.run(c.plan(3, Settings{Passive: true}), []int{0, 1, 2}, nil, interactivetest.Options{Seed: 1})
	results, report := c.run(c.plan(3, Settings{Passive: true, Reveal: RevealPredictions}), []int{0, 1, 2}, nil, interactivetest.Options{Seed: 1})
	if err := errors.Join(report.Errors...); err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if w := r.State.Weights; w[0] != 0 || w[1] != 0 {
			t.Errorf("hospital %d has weights", i)
		}
		design := open[i].State.Standardiser.Design(c.splits[i].Test)
		if len(r.Predictions) != design.Rows() {
			t.Fatalf("hospital %d has %d predictions for %d rows", i, len(r.Predictions), design.Rows())
		}
		for k, got := range r.Predictions {
			z := 0.0
			for j, w := range open[i].State.Weights {
				z += w * design.X.Data[k*design.X.Stride+j]
			}
			if math.Abs(got-model.Sigmoid(z)) > 0.08 { // of the polynomial
				t.Errorf("hospital %d, row %d: %v, want %v", i, k, got, model.Sigmoid(z))
			}
		}
	}
}

// A hospital of four is gone for good: the others go on with its rows.
func TestAStudyGoesOnWithoutOne(t *testing.T) {
	c := newCohort(t, 4, 10)
	p := c.plan(4, Settings{Passive: true})
	disks := make([]disk, 4)
	_, report := c.run(p, []int{0, 1, 2, 3}, disks, interactivetest.Options{Seed: 1, Crash: map[int]int{2: 200}})
	if report.Errors[1] == nil || disks[0] == nil {
		t.Fatalf("nothing was interrupted: %v", report.Errors)
	}
	results, report := c.run(c.plan(3, Settings{Passive: true}), []int{0, 2, 3}, disks, interactivetest.Options{Seed: 2})
	if err := errors.Join(report.Errors...); err != nil {
		t.Fatal(err)
	}
	c.checkWeights(p, results[0])
}

func TestPlansThatCannotRunAreRefused(t *testing.T) {
	c := newCohort(t, 3, 5)
	for _, s := range []Settings{{Threshold: 1, Least: 2}, {Least: 2}, {Reveal: "everything"}, {Guard: "pray"}, {Batch: -1}} {
		if _, err := NewPlan(c.program, 3, s); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}
	if _, err := NewPlan(c.program, 2, Settings{}); err == nil {
		t.Error("two hospitals were taken")
	}
}

func FuzzKept(f *testing.F) {
	c := newCohort(f, 3, 1)
	disks := make([]disk, 3)
	c.run(c.plan(3, Settings{Passive: true}), []int{0, 1, 2}, disks, interactivetest.Options{})
	f.Add(disks[0][0])
	f.Add([]byte{1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := decodeKept(data)
		if err != nil {
			return
		}
		again, err := k.encode()
		if err != nil || string(again) != string(data) {
			t.Error("two encodings of the same")
		}
	})
}

// Hospitals crash again and again, at any message, also while they go on and
// share again: as long as all keep two checkpoints, they always have one in
// common, and end with the model of the training in the clear.
func TestManyCrashes(t *testing.T) {
	resumed := 0
	for seed := range uint64(100) {
		n := 3 + int(seed%2)
		c := newCohort(t, n, 15)
		p := c.plan(n, Settings{Passive: seed%10 > 0})
		random := rand.New(rand.NewPCG(seed, 1))
		disks, who := make([]disk, n), make([]int, n)
		for i := range who {
			who[i] = i
		}
		for attempt := uint64(0); ; attempt++ {
			o := interactivetest.Options{Seed: seed<<8 | attempt}
			if attempt < 12 { // mostly while they go on
				o.Crash = map[int]int{1 + random.IntN(len(who)): 1 + random.IntN([]int{24, 24, 300}[attempt%3])}
			}
			results, report := c.run(p, who, disks, o)
			if errors.Join(report.Errors...) == nil {
				c.checkWeights(p, results[0])
				break
			}
			for _, err := range report.Errors[1:] {
				if err != nil && !errors.Is(err, interactivetest.ErrHung) {
					t.Fatalf("seed %d, attempt %d: %v", seed, attempt, err)
				}
			}
			if len(who) == 4 && !slices.ContainsFunc(disks, func(d disk) bool { return len(d) == 0 }) && attempt > 1 {
				who = []int{0, 1, 3} // one is gone for good
				p = c.plan(3, p.Settings)
				resumed++
			}
		}
	}
	if resumed < 15 {
		t.Errorf("only %d runs went on with three of four", resumed)
	}
}

// A home that was restored from an old copy holds shares of another run of the
// same epochs: they do not belong together, and nothing is computed with them.
func TestSharesOfTwoRunsAreRefused(t *testing.T) {
	c := newCohort(t, 3, 10)
	p := c.plan(3, Settings{})
	var disks [2][]disk
	for i := range disks {
		disks[i] = make([]disk, 3)
		if _, report := c.run(p, []int{0, 1, 2}, disks[i], interactivetest.Options{Seed: uint64(i)}); errors.Join(report.Errors...) != nil {
			t.Fatal(report.Errors)
		}
	}
	mixed := []disk{disks[0][0], disks[0][1], disks[1][2]}
	_, report := c.run(p, []int{0, 1, 2}, mixed, interactivetest.Options{Seed: 3})
	for party, err := range report.Errors[1:] {
		if err == nil || !strings.Contains(err.Error(), "no checkpoint is common to all: party 1 holds epoch 10 and 5") {
			t.Errorf("party %d: %v", party+1, err)
		}
	}
}

// What a hospital announces, the others make room for: four billion test rows would
// end their processes.
func TestMoreTestRowsThanTheTaskHasAreRefused(t *testing.T) {
	c := newCohort(t, 3, 1)
	task := c.program.Plan().Task
	task.MaxRows = 20
	var err error
	if c.program, err = model.NewProgram(model.Plan{Task: task, Rounds: 1, Hospitals: 3, Evaluate: true}); err != nil {
		t.Fatal(err)
	}
	p := c.plan(3, Settings{Passive: true, Reveal: RevealPredictions})
	var programs []interactive.Program
	for i := range 3 {
		study := &Study{Plan: p, Train: c.splits[i].Train, Test: c.splits[i].Test, Seed: [32]byte{byte(i)}}
		if i == 2 {
			study.Before = func(at Moment) error {
				if at.Round == p.Training.Epochs+1 && at.Phase == PhaseOpen {
					study.Test = study.Test.Select(make([]int, task.MaxRows+1))
				}
				return nil
			}
		}
		programs = append(programs, func(ch *interactive.Channel) error {
			_, err := study.Run(ch)
			return err
		})
	}
	report := interactivetest.Run(interactivetest.Options{Seed: 1}, programs...)
	for party, err := range report.Errors[1:] {
		if err == nil || !strings.Contains(err.Error(), "party 3 announces 21 rows, the task's max_rows is 20") {
			t.Errorf("party %d: %v", party+1, err)
		}
	}
}

func FuzzResult(f *testing.F) {
	c := newCohort(f, 3, 1)
	results, _ := c.run(c.plan(3, Settings{Passive: true}), []int{0, 1, 2}, nil, interactivetest.Options{})
	data, err := results[0].Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeResult(data)
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeResult(again); err != nil || back.State.Hash() != r.State.Hash() {
			t.Error("a result changes on its way to the disk")
		}
	})
}
