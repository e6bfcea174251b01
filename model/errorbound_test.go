package model

import (
	"testing"

	"gonum.org/v1/gonum/mat"
)

// largestCurvature is L of the mean loss at zero weights, where that of
// logistic regression is largest.
func largestCurvature(t *testing.T, p *Program, s State, rows *Dataset) float64 {
	t.Helper()
	s.Weights = p.model.Start()
	var eigen mat.EigenSym
	if !eigen.Factorize(meanHessian(p, s, rows), false) {
		t.Fatal("no eigenvalues")
	}
	values := eigen.Values(nil)
	return values[len(values)-1]
}

// "weights_max_diff ≤ 1e-4 (say how fixed point bounds it)": the run lies
// within WeightErrorBound of the replay, and the bound within 1e-4, also at
// few fraction bits and with hospitals that come and go.
func TestWeightErrorBound(t *testing.T) {
	comeAndGo := func(round int) []int {
		if round%3 == 1 {
			return []int{0, 1, 2}
		}
		return []int{0, 1, 2, 3}[:3+round%2]
	}
	cases := []struct {
		name         string
		fractionBits int
		included     func(int) []int
		promise      float64
	}{
		{"heart", 30, nil, 1e-8},
		{"heart", 12, nil, 1e-3},
		{"synthetic", 30, nil, 1e-8},
		{"synthetic", 16, nil, 1e-4},
		{"pima", 30, nil, 1e-8},
		{"diabetes442", 28, nil, 1e-5},
		{"synthetic", 20, func(round int) []int {
			if round == 0 {
				return []int{0, 1, 2, 3}
			}
			return comeAndGo(round)
		}, 1e-5},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := ""
			if c.name != "synthetic" {
				dir = realData(t, c.name)
			}
			task := embedded(t, c.name)
			task.FixedPoint.FractionBits = c.fractionBits
			for seed := range uint64(3) {
				splits := studySplits(t, task, dir, 0.34, seed)
				p := newProgram(t, Plan{Task: task})
				path := runFixedPoint(t, p, splits, c.included)
				clear, err := Replay(p, splits, c.included)
				if err != nil {
					t.Fatal(err)
				}
				bound, err := p.WeightErrorBound(path)
				if err != nil {
					t.Fatal(err)
				}
				d := maxDiff(path[len(path)-1].Weights, clear.Weights)
				t.Logf("%d bits, seed %d: weights differ by %.1e, bound %.1e", c.fractionBits, seed, d, bound)
				if d > bound || bound > c.promise {
					t.Errorf("weights differ by %g, bound %g, promised %g", d, bound, c.promise)
				}
			}
		})
	}
}

// The default rates satisfy the bound's condition, Rate ≤ 2/L, with all
// hospitals and with any one missing.
func TestDefaultRatesContract(t *testing.T) {
	for _, name := range EmbeddedNames() {
		t.Run(name, func(t *testing.T) {
			dir := ""
			if name != "synthetic" {
				dir = realData(t, name)
			}
			task := embedded(t, name)
			worst := 0.0
			for seed := range uint64(5) {
				splits := studySplits(t, task, dir, 0.34, seed)
				p := newProgram(t, Plan{Task: task, Rounds: 1})
				s := replay(t, p, splits)
				worst = max(worst, largestCurvature(t, p, s, pooled(t, splits).Train))
				for missing := range splits {
					var rest []Split
					rest = append(append(rest, splits[:missing]...), splits[missing+1:]...)
					worst = max(worst, largestCurvature(t, p, s, pooled(t, rest).Train))
				}
			}
			t.Logf("rate %v, 2/L %.2f", task.Training.Rate, 2/worst)
			if task.Training.Rate > 2/worst {
				t.Errorf("rate %v, but 2/L is %.3f", task.Training.Rate, 2/worst)
			}
		})
	}
}

func TestWeightErrorBoundRefuses(t *testing.T) {
	task := parseSmall(t)
	_, err := newProgram(t, Plan{Task: task, Trainer: "fedavg"}).WeightErrorBound([]State{{}})
	checkError(t, err, "bound the error of the weights: no bound is known for trainer fedavg")
	p := newProgram(t, Plan{Task: task})
	_, err = p.WeightErrorBound(nil)
	checkError(t, err, "bound the error of the weights: the first state must be the one after round 0")
	z := &Standardiser{Rows: 3, Mean: make([]float64, 3), SD: make([]float64, 3)}
	_, err = p.WeightErrorBound([]State{{Standardiser: z, Weights: p.model.Start()}, {Standardiser: z}})
	checkError(t, err, "bound the error of the weights: state 1 is not one after a training round")
}
