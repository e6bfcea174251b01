package model

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSteps(t *testing.T) {
	task := parseSmall(t)
	steps := func(p *Program) []Step {
		var all []Step
		for s := p.Start(); ; s.Round++ {
			step, more := p.Next(s)
			if !more {
				return all
			}
			all = append(all, step)
		}
	}
	codec := Codec{FractionBits: 24, Range: 65536, Parties: 3}
	// At most 100 rows need 7 bits, not the 16 of the range: 9 more behind the point.
	unit := Codec{FractionBits: 33, Range: 100, Parties: 3}
	if unit.Bits() != codec.Bits() {
		t.Errorf("round 0 needs %d bits, the others %d", unit.Bits(), codec.Bits())
	}
	want := []Step{{0, "standardise", 7, unit}, {1, "train", 5, codec}, {2, "train", 5, codec}, {3, "evaluate", 2*64 + 2, codec}}
	if got := steps(newProgram(t, Plan{Task: task, Rounds: 2, Evaluate: true})); !slices.Equal(got, want) {
		t.Errorf("steps %+v, want %+v", got, want)
	}
	if got := steps(newProgram(t, Plan{Task: task, Rounds: 2})); !slices.Equal(got, want[:3]) {
		t.Errorf("steps without evaluation %+v", got)
	}
	if _, more := newProgram(t, Plan{Task: task}).Next(State{Round: -1}); more {
		t.Error("there is a round −1")
	}
}

// "zero fields take the task's defaults".
func TestPlanDefaults(t *testing.T) {
	task := parseSmall(t)
	got := newProgram(t, Plan{Task: task}).Plan()
	want := Plan{Task: task, Trainer: "fedsgd", Rounds: 10, Rate: 1, LocalEpochs: 1, Hospitals: 3}
	if got != want {
		t.Errorf("plan %+v, want %+v", got, want)
	}
	changed := Plan{Task: task, Trainer: "fedavg", Rounds: 3, Rate: 0.5, LocalEpochs: 2, L2: 0.1, Hospitals: 5, Evaluate: true}
	if got := newProgram(t, changed).Plan(); got != changed {
		t.Errorf("plan %+v, want %+v", got, changed)
	}
}

func TestPlansThatAreRefused(t *testing.T) {
	task := parseSmall(t)
	cases := []struct {
		plan Plan
		want string
	}{
		{Plan{}, "plan study: no task is given"},
		{Plan{Task: &Task{}}, `plan study: task name: "" has 0 characters; use 1 to 64`},
		{Plan{Task: task, Trainer: "adam"}, "plan study: training.trainer is \"adam\"; use one of fedavg, fedsgd, newton"},
		{Plan{Task: task, Rounds: -1}, "plan study: training.rounds is -1; it must be between 1 and 1000000"},
		{Plan{Task: task, Rate: math.NaN()}, "plan study: training.rate is NaN; it must be a positive number"},
		{Plan{Task: task, L2: 2}, "plan study: training.l2 is 2; it must be at least 0 and at most 1/rate, or the penalty alone would overshoot"},
		{Plan{Task: task, Hospitals: 1001}, "plan study: 1001 hospitals; it must be between 1 and 1000"},
		{Plan{Task: task, Trainer: "fedavg", LocalEpochs: 500}, "plan study of task small: fixed point: a value of fedavg can reach 8.66e+04 (max_rows 100, 3 hospitals), beyond the range 65536; lower max_rows or the learning rate, or raise fixed_point.range (43 of 60 bits are used)"},
	}
	for _, c := range cases {
		_, err := NewProgram(c.plan)
		checkError(t, err, c.want)
	}
	wide := must[*Task](t)(ParseTask("small.toml", []byte(strings.Replace(small, "fraction_bits = 24", "fraction_bits = 40", 1))))
	_, err := NewProgram(Plan{Task: wide, Hospitals: 9})
	checkError(t, err, "plan study of task small: fixed point: sums need 61 bits, only 60 fit: 40 fraction + 16 for the range 65536 + 4 for 9 hospitals + 1 sign; use at most 39 fraction bits or a smaller range")
}

func TestWeightNames(t *testing.T) {
	p := newProgram(t, Plan{Task: parseSmall(t)})
	if got, want := p.WeightNames(), []string{"(Intercept)", "age", "pain=2", "pain=3"}; !slices.Equal(got, want) || len(got) != len(p.Start().Weights) {
		t.Errorf("weights %q, want %q", got, want)
	}
}

func TestProgramHash(t *testing.T) {
	task := parseSmall(t)
	other := must[*Task](t)(ParseTask("small.toml", []byte(small+"\n")))
	base := Plan{Task: task}
	if newProgram(t, base).Hash() != newProgram(t, base.WithDefaults()).Hash() {
		t.Error("defaults written out change the hash")
	}
	seen := map[[32]byte]Plan{}
	for _, plan := range []Plan{
		base, {Task: other}, {Task: task, Trainer: "fedavg"}, {Task: task, Rounds: 3}, {Task: task, Rate: 0.5},
		{Task: task, LocalEpochs: 2}, {Task: task, L2: 0.1}, {Task: task, Hospitals: 4}, {Task: task, Evaluate: true},
	} {
		hash := newProgram(t, plan).Hash()
		if twin, ok := seen[hash]; ok {
			t.Errorf("%+v and %+v have the same hash", plan, twin)
		}
		seen[hash] = plan
	}
}

// The whole study with fixed point against the same in float64, for all
// embedded tasks and both trainers.
func TestFixedPointRunAgainstReplay(t *testing.T) {
	for _, name := range EmbeddedNames() {
		t.Run(name, func(t *testing.T) {
			dir := ""
			if name != "synthetic" {
				dir = realData(t, name)
			}
			task := embedded(t, name)
			splits := studySplits(t, task, dir, 0.34, 0)
			for _, trainer := range TrainerNames() {
				p := newProgram(t, Plan{Task: task, Trainer: trainer, Evaluate: true})
				path := runFixedPoint(t, p, splits, nil)
				run, clear := path[len(path)-1], replay(t, p, splits)
				d := maxDiff(run.Weights, clear.Weights)
				t.Logf("%s: weights differ by at most %.1e", trainer, d)
				if d > 1e-6 {
					t.Errorf("%s: weights differ by %g", trainer, d)
				}
				checkMetrics(t, p, run, pooled(t, splits).Test)
			}
		})
	}
}

// checkMetrics compares joint metrics with exact ones over all test rows.
func checkMetrics(t *testing.T, p *Program, s State, test *Dataset) {
	t.Helper()
	exact := must[Metrics](t)(p.Evaluate(s, test))
	if s.Metrics.Rows != exact.Rows {
		t.Errorf("joint metrics of %d rows, want %d", s.Metrics.Rows, exact.Rows)
	}
	tolerance := [8]float64{0, 0, 1e-9, 1e-9, 1, 1e-5, 1e-7, 1e-7} // MSE and MAE in the label's unit
	if exact.AUC != nil {
		tolerance[1] = *s.Metrics.AUCError
	}
	joint := s.Metrics.fields()
	for i, field := range exact.fields() {
		if (*field == nil) != (*joint[i] == nil) {
			t.Errorf("metric %d: jointly defined %v, exactly %v", i, *joint[i] != nil, *field != nil)
		} else if *field != nil && math.Abs(**field-**joint[i]) > tolerance[i] {
			t.Errorf("metric %d is %v jointly, %v exactly", i, **joint[i], **field)
		}
	}
}

// "hospital with no rows and one with one class run through the full program".
func TestHospitalsWithoutRowsAndWithOneClass(t *testing.T) {
	task := embedded(t, "synthetic")
	splits := studySplits(t, task, "", 0.34, 1)
	var positive []int
	for i, y := range splits[2].Train.Y {
		if y == 1 {
			positive = append(positive, i)
		}
	}
	splits[2] = Split{Train: splits[2].Train.Select(positive)}                                 // one class, no test rows
	splits[3] = Split{Train: &Dataset{Features: task.FeatureNames(), Binary: true}, Test: nil} // a table without rows
	splits = append(splits, Split{})                                                           // no table at all
	splits = append(splits, Split{Test: splits[0].Test.Select([]int{0, 1})})                   // only test rows
	for _, trainer := range TrainerNames() {
		p := newProgram(t, Plan{Task: task, Trainer: trainer, Hospitals: len(splits), Evaluate: true})
		path := runFixedPoint(t, p, splits, nil)
		clear := replay(t, p, splits)
		if d := maxDiff(path[len(path)-1].Weights, clear.Weights); d > 1e-6 {
			t.Errorf("%s: weights differ by %g", trainer, d)
		}
		alone := newProgram(t, Plan{Task: task, Trainer: trainer, Evaluate: true})
		s := replay(t, alone, []Split{{Train: splits[2].Train, Test: splits[2].Train}})
		if trainer == "newton" {
			checkError(t, alone.FitError(s), fmt.Sprintf("all %d training rows have the same label: the maximum-likelihood fit does not exist", len(positive)))
		} else if s.Metrics.AUC != nil || s.Metrics.Accuracy == nil {
			t.Errorf("%s: metrics of one class %+v", trainer, s.Metrics)
		}
		m := must[Metrics](t)(p.Evaluate(clear, nil))
		if m != (Metrics{}) {
			t.Errorf("%s: metrics of no rows %+v", trainer, m)
		}
	}
}

func TestUpdateRefusesOtherData(t *testing.T) {
	task := parseSmall(t)
	p := newProgram(t, Plan{Task: task, Rounds: 1})
	good := &Dataset{Features: task.FeatureNames(), X: []float64{1, 0, 0}, Y: []float64{1}, Binary: true}
	big := &Dataset{Features: task.FeatureNames(), X: make([]float64, 303), Y: make([]float64, 101), Binary: true}
	columns := "update: round 0: the data set has other columns than task small"
	cases := []struct {
		data *Dataset
		want string
	}{
		{&Dataset{Features: []string{"age"}, X: []float64{1}, Y: []float64{1}, Binary: true}, columns},
		{&Dataset{Features: task.FeatureNames(), X: []float64{1, 0, 0}, Y: []float64{1}}, columns},
		{&Dataset{Features: task.FeatureNames(), X: []float64{1, 0}, Y: []float64{1}, Binary: true}, "update: round 0: the data set has 2 values for 1 rows of 3 features"},
		{big, "update: round 0: the data set has 101 rows, the task's max_rows is 100"},
	}
	for _, c := range cases {
		_, err := p.Update(p.Start(), c.data, nil)
		checkError(t, err, c.want)
	}
	s := replay(t, p, []Split{{Train: good}})
	_, err := p.Update(s, good, nil)
	checkError(t, err, "update: round 2: the study has no such round")
	_, err = p.Apply(s, nil)
	checkError(t, err, "apply sum: round 2: the study has no such round")
	_, err = p.Update(State{Round: 1, Weights: make([]float64, 4)}, good, nil)
	checkError(t, err, "update: round 1: the state is not standardised over the 3 features of task small")
	_, err = p.Apply(State{Round: 1, Weights: make([]float64, 3)}, make([]float64, 5))
	checkError(t, err, "apply sum: round 1: the state has 3 weights, the model 4")
	_, err = p.Evaluate(p.Start(), good)
	checkError(t, err, "evaluate: nothing is trained yet; apply round 0 first")
	_, err = Replay(p, []Split{{Train: good}}, func(int) []int { return []int{1} })
	checkError(t, err, "replay round 0: hospital 1 of 1 does not exist")
}

func TestApplyLeavesTheStateAsItIs(t *testing.T) {
	task := embedded(t, "synthetic")
	splits := studySplits(t, task, "", 0.34, 1)
	for _, trainer := range TrainerNames() {
		path := runFixedPoint(t, newProgram(t, Plan{Task: task, Trainer: trainer, Rounds: 3, Evaluate: true}), splits, nil)
		again := runFixedPoint(t, newProgram(t, Plan{Task: task, Trainer: trainer, Rounds: 3, Evaluate: true}), splits, nil)
		for i := range path { // hashes of path[i] were not taken before later rounds ran
			if path[i].Hash() != again[i].Hash() {
				t.Errorf("%s: the state after round %d changed", trainer, i)
			}
		}
		if slices.Equal(path[1].Weights, path[2].Weights) {
			t.Errorf("%s: two rounds, the same weights", trainer)
		}
	}
}

// The state after a given sequence of sums is the same on every machine. The
// sums are made here by integer arithmetic, so that only Apply is tested; a
// compiler that fuses x·y+z in it changes these hashes: run it with GOAMD64=v3
// to see what arm64 would do.
func TestApplyGivesTheSameBitsEverywhere(t *testing.T) {
	task := strings.NewReplacer("min = 0", "min = 18.3", "max = 120", "max = 97.1").Replace(small)
	number := strings.NewReplacer(`rule = "ill > 0"`, "column = \"ill\"\nmin = -3\nmax = 70.7", `"logistic"`, `"linear"`, "range = 65536", "range = 1e6")
	cases := []struct{ name, text, trainer, want string }{
		{"yes or no", task, "fedsgd", "2257e66bf22bfe77"},
		{"yes or no", task, "fedavg", "ae551fcc7652caf6"},
		{"number", number.Replace(task), "fedsgd", "4dcb376aadb8037c"},
		{"yes or no", task, "newton", "81ef39b024cd0064"},
		{"number", number.Replace(task), "newton", "144606661fbb0be9"},
	}
	for _, c := range cases {
		task := must[*Task](t)(ParseTask("small.toml", []byte(c.text)))
		plan := Plan{Task: task, Trainer: c.trainer, Rate: 0.7, L2: 0.03, Evaluate: true}
		if c.trainer == "newton" {
			plan.L2 = 0
		}
		p := newProgram(t, plan)
		s := p.Start()
		for step, more := p.Next(s); more; step, more = p.Next(s) {
			sum := make([]float64, step.Length)
			for i := range sum {
				sum[i] = float64((i*7919+step.Round*104729)%1009) / 11
			}
			switch step.Name {
			case StepStandardise:
				sum = []float64{97, 41.3, 30, 20, 22.7, 30, 20}
			case StepTrain:
				sum[0] = 97
				if c.trainer == "newton" {
					newtonSumForBits(sum[1:], step.Round)
				}
			case StepEvaluate:
				for i := range sum[:2*evaluationBins*len(sum)/binarySumsLength] {
					sum[i] = float64((i * 7919) % 31) // counts
				}
				if !task.Label.Binary() {
					sum = []float64{97, 12.3, 20.1, 30.7, 41.9}
				}
			}
			var err error
			if s, err = p.Apply(s, sum); err != nil {
				t.Fatal(err)
			}
		}
		hash := s.Hash()
		if got := hex.EncodeToString(hash[:8]); got != c.want {
			t.Errorf("%s, %s: state %s, want %s\n%+v", c.name, c.trainer, got, c.want, s)
		}
	}
}

// newtonSumForBits makes a search of a few rounds, with one step that is halved.
func newtonSumForBits(sum []float64, round int) {
	const k = 4
	sum[0] = 60 - float64(round)/7 // loss
	if round == 3 {
		sum[0] = 61
	}
	for i := range k {
		sum[1+i] = math.Ldexp(float64((i*7919+round*104729)%1009)/11, -6*round)
		for j := i; j < k; j++ {
			sum[1+k+triangle(k, i, j)] = float64((i*7919+j*104729)%31) / 9
		}
		sum[1+k+triangle(k, i, i)] = 17 + float64(i)/7
	}
}

// "A deterministic step is not repeated with other members": the two steps that open
// something once are not skipped, and so never dealt to another set. A step that
// nothing was opened of is taken again, whatever it is.
func TestOpenedStepsAreNotRepeated(t *testing.T) {
	task := parseSmall(t)
	for _, c := range []struct {
		trainer string
		round   int
		skipped bool
	}{
		{"fedsgd", 0, false}, {"fedsgd", 1, true}, {"fedavg", 1, true}, {"newton", 0, false}, {"newton", 1, false}, {"fedsgd", 3, true},
	} {
		p := newProgram(t, Plan{Task: task, Trainer: c.trainer, Rounds: 2, Evaluate: true})
		s := p.Start()
		if s.Round = c.round; c.round > 0 {
			features := len(task.FeatureNames())
			s.Standardiser = &Standardiser{Rows: 10, Mean: make([]float64, features), SD: make([]float64, features)}
		}
		next, err := p.Skip(s)
		if (err == nil) != c.skipped || err == nil && (next.Round != s.Round+1 || !slices.Equal(next.Weights, s.Weights)) {
			t.Errorf("%s, round %d: skipped to %+v, %v", c.trainer, c.round, next, err)
		}
		again, err := p.Again(s)
		if err != nil || again.Round != s.Round || again.Unopened != 1 || again.Tries != 1 {
			t.Errorf("%s, round %d: again %+v, %v", c.trainer, c.round, again, err)
		}
		if next, err := p.Skip(again); err == nil && (next.Tries != 0 || next.Unopened != 1) {
			t.Errorf("%s, round %d: behind a try %+v", c.trainer, c.round, next)
		}
	}
}
