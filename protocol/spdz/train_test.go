package spdz

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"consilium/model"
)

// rows invents features in [−1, 1] and labels by a rule that a line can learn.
func rows(count, features int) (x, y []float64) {
	state := uint64(7)
	for range count {
		score := 0.2
		for j := range features {
			state = state*6364136223846793005 + 1442695040888963407
			v := float64(int64(state>>11))/float64(1<<52) - 1
			x = append(x, v)
			score += v * float64(j-1)
		}
		label := 0.0
		if score > 0 {
			label = 1
		}
		y = append(y, label)
	}
	return x, y
}

var sigmoid = Activation{Polynomial: model.SigmoidPolynomial()}

var logistic = Activation{Polynomial: model.SigmoidPolynomial(), Logistic: true}

func trainings() map[string]Training {
	clipped := Activation{Polynomial: model.Polynomial{Interval: 2, Coefficients: []float64{0.5, 0.5}}, Clip: true}
	return map[string]Training{
		"linear":       {Network: Network{Inputs: 3}, Rate: 0.1, Epochs: 3, Limit: 8},
		"logistic":     {Network: Network{Inputs: 3, Output: sigmoid}, Rate: 0.5, L2: 0.01, Batch: 16, Epochs: 2, Limit: 8},
		"piecewise":    {Network: Network{Inputs: 3, Output: clipped}, Rate: 0.5, Epochs: 3, Limit: 8},
		"two layers":   {Network: Network{Inputs: 3, Hidden: []int{4}, Activation: sigmoid, Output: sigmoid}, Rate: 0.5, Batch: 20, Epochs: 1, Limit: 8},
		"squared":      {Network: Network{Inputs: 3, Hidden: []int{4}, Activation: logistic, Output: logistic, Squared: true}, Rate: 0.5, Epochs: 2, Limit: 8},
		"three layers": {Network: Network{Inputs: 3, Hidden: []int{3, 2}, Activation: sigmoid, Output: sigmoid}, Rate: 0.5, Epochs: 2, Limit: 8},
		"rectifier": {Network: Network{Inputs: 3, Hidden: []int{4}, Activation: Activation{Rectifier: true}, Output: sigmoid},
			Rate: 0.25, Batch: 20, Epochs: 1, Limit: 8},
	}
}

func (c Training) startWeights() []float64 {
	if len(c.Hidden) == 0 {
		return make([]float64, c.Size())
	}
	return model.MLP{Features: c.Inputs, Hidden: c.Hidden, Seed: 5}.Start()
}

// trainClear is the clear twin; it returns the weights and their bounds.
func trainClear(t *testing.T, n int, cfg Config, c Training, count int) (weights, bounds []float64) {
	t.Helper()
	e, err := Clear(n, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return trainWith(t, e, c, count)
}

// trainWith trains in the clear.
func trainWith(t *testing.T, e *Engine, c Training, count int) (weights, bounds []float64) {
	t.Helper()
	x, y := rows(count, c.Inputs)
	start, err := c.Constant(e, c.startWeights())
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Train(e, e.Constant(count, c.Inputs, e.Fraction, x).Within(1), e.Constant(count, 1, e.Fraction, y).Within(1), start)
	if err != nil {
		t.Fatal(err)
	}
	if weights, err = out.Weights.Open(e); err != nil {
		t.Fatal(err)
	}
	return weights, out.Weights.Errors(e)
}

// trainShared trains on the rows of party 1.
func trainShared(e *Engine, c Training, count int) ([]float64, error) {
	xs, ys := rows(count, c.Inputs)
	x, err := shared(e, count, c.Inputs, xs, 1)
	if err != nil {
		return nil, err
	}
	y, err := shared(e, count, 1, ys, 1)
	if err != nil {
		return nil, err
	}
	start, err := c.Constant(e, c.startWeights())
	if err != nil {
		return nil, err
	}
	out, err := c.Train(e, x, y, start)
	if err != nil {
		return nil, err
	}
	return out.Weights.Open(e)
}

func TestTrainingAgainstTheClear(t *testing.T) {
	const count = 40
	for name, c := range trainings() {
		for _, cfg := range []Config{{Threshold: 1, Passive: true}, {Threshold: 1}} {
			name := name
			if !cfg.Passive {
				name += ", active"
			}
			t.Run(name, func(t *testing.T) {
				want, bounds := trainClear(t, 3, cfg, c, count)
				run(t, 3, cfg, 1, func(e *Engine) error {
					got, err := trainShared(e, c, count)
					if err != nil {
						return err
					}
					for i := range got {
						if d := math.Abs(got[i] - want[i]); d > bounds[i] || math.IsNaN(d) {
							return fmt.Errorf("weight %d: %v, in the clear %v, bound %v", i, got[i], want[i], bounds[i])
						}
					}
					return nil
				})
				worst := 0.0
				for _, b := range bounds {
					worst = max(worst, b)
				}
				if worst > 0.1 {
					t.Errorf("a bound of %v says nothing", worst)
				}
				t.Logf("bound %.2g", worst)
				same := true
				for i, v := range c.startWeights() {
					same = same && math.Abs(v-want[i]) < 1e-3
				}
				if same {
					t.Error("nothing was learnt")
				}
			})
		}
	}
}

// The clear twin is gradient descent: with floats the weights are the same to
// the fraction's precision.
func TestClearIsGradientDescent(t *testing.T) {
	const count = 40
	c := trainings()["logistic"]
	c.Batch = 0
	got, _ := trainClear(t, 3, Config{Threshold: 1}, c, count)
	x, y := rows(count, c.Inputs)
	want := make([]float64, c.Size())
	for range c.Epochs {
		gradient := make([]float64, c.Size())
		for i := range count {
			z := want[0]
			for j := range c.Inputs {
				z += want[j+1] * x[i*c.Inputs+j]
			}
			p, _ := model.SigmoidPolynomial().At(z)
			gradient[0] += p - y[i]
			for j := range c.Inputs {
				gradient[j+1] += (p - y[i]) * x[i*c.Inputs+j]
			}
		}
		for j := range want {
			if j > 0 {
				want[j] *= 1 - c.Rate*c.L2
			}
			want[j] -= c.Rate / count * gradient[j]
		}
	}
	for j := range want {
		if math.Abs(got[j]-want[j]) > 1e-3 {
			t.Errorf("weight %d: %v, want %v", j, got[j], want[j])
		}
	}
}

func TestTheGuardActs(t *testing.T) {
	wild := trainings()["logistic"]
	wild.Batch, wild.Rate, wild.Epochs, wild.Limit = 0, 16, 6, 2
	run(t, 3, Config{Threshold: 1, Passive: true}, 1, func(e *Engine) error {
		if _, err := trainShared(e, wild, 40); !errors.Is(err, ErrOutOfRange) {
			return fmt.Errorf("a wild rate ended with %w", err)
		}
		return nil
	})
	wild.Guard = Halve
	run(t, 3, Config{Threshold: 1, Passive: true}, 1, func(e *Engine) error {
		weights, err := trainShared(e, wild, 40)
		for _, w := range weights {
			if math.Abs(w) > wild.Limit {
				return fmt.Errorf("weight %v", w)
			}
		}
		return err
	})
}

func TestLargestEigenvalue(t *testing.T) {
	// Eigenvalues 3, −5 and 1 in a turned basis.
	c, s := math.Cos(0.7), math.Sin(0.7)
	m := []float64{3*c*c - 5*s*s, 8 * c * s, 0, 8 * c * s, 3*s*s - 5*c*c, 0, 0, 0, 1}
	if got := largestEigenvalue(m, 3); got < 5-1e-9 || got > 5.02 {
		t.Errorf("%v, want 5", got)
	}
}

// Many steps: what a bound by entries says is useless, by contraction it is not.
func TestBoundsOfLongTrainingsMeanSomething(t *testing.T) {
	for _, name := range []string{"linear", "logistic"} {
		c := trainings()[name]
		c.Batch, c.Epochs, c.Every = 0, 60, 60
		cfg := Config{Threshold: 1, Passive: true}
		want, bounds := trainClear(t, 3, cfg, c, 40)
		if bounds[0] > 0.02 {
			t.Errorf("%s: a bound of %v after 60 steps", name, bounds[0])
		}
		t.Logf("%s: bound %.2g", name, bounds[0])
		run(t, 3, cfg, 1, func(e *Engine) error {
			got, err := trainShared(e, c, 40)
			if err != nil {
				return err
			}
			for i := range got {
				if d := math.Abs(got[i] - want[i]); d > bounds[i] {
					return fmt.Errorf("weight %d differs by %v, bound %v", i, d, bounds[i])
				}
			}
			return nil
		})
	}
}
