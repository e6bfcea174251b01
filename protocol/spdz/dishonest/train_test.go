package dishonest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"consilium/model"
	"consilium/protocol/protocoltest/interactivetest"
	"consilium/protocol/spdz"
)

// The training program of an honest majority runs on this engine as it is, and
// ends with the weights of the same training in the clear, up to the printed
// bound: linear and logistic regression, and a network.
func TestTraining(t *testing.T) {
	for _, degree := range []int{0, 3, 5, 7} {
		for _, hidden := range [][]int{nil, {2}} {
			if degree == 0 && hidden != nil {
				continue
			}
			code, err := training(degree, hidden, 3, 2, 0.5)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(runInClear(3, Config{}, interactivetest.Options{}, nil, code).Errors...); err != nil {
				t.Errorf("degree %d, hidden %v: %v", degree, hidden, err)
			}
		}
	}
}

// The same by Paillier, one step.
func TestTrainingByPaillier(t *testing.T) {
	code, err := training(3, nil, 2, 1, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	run(t, 2, Config{}, code)
}

// A rate that makes it explode is halved, as in the clear.
func TestExplodingTraining(t *testing.T) {
	code, err := training(3, nil, 2, 2, 200)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(runInClear(2, Config{}, interactivetest.Options{}, nil, code).Errors...); err != nil {
		t.Error(err)
	}
}

// training is what a party does, its check included: epochs on five rows.
func training(degree int, hidden []int, n, epochs int, rate float64) (func(p *party, e *spdz.Engine) error, error) {
	x := []float64{0.5, -1, -0.25, 0.75, 1, 0.5, -0.5, -0.75, 0.25, 1}
	y := []float64{1, 0, 1, 0, 1}
	network := spdz.Network{Inputs: 2, Hidden: hidden}
	if degree > 0 {
		sigmoid := spdz.Activation{Polynomial: model.Polynomial{Interval: 8, Coefficients: []float64{0.5, 1.2, 0, -0.81, 0, 0.2, 0, -0.1}[:degree+1]}}
		network.Activation, network.Output = sigmoid, sigmoid
	}
	c := spdz.Training{Network: network, Rate: rate, L2: 0.0625 / rate, Epochs: epochs, Limit: 4, Guard: spdz.Halve}
	if epochs > 1 {
		c.Batch = 3
	}
	start := make([]float64, network.Size())
	for i := range start {
		start[i] = float64(i%3) * 0.25
	}
	train := func(e *spdz.Engine, x, y *spdz.Secret) ([]float64, []float64, error) {
		w, err := c.Constant(e, start)
		if err != nil {
			return nil, nil, err
		}
		out, err := c.Train(e, x, y, w)
		if err != nil {
			return nil, nil, err
		}
		if out.Halvings > 0 != (rate > 1) {
			return nil, nil, fmt.Errorf("the rate was halved %d times", out.Halvings)
		}
		opened, err := out.Weights.Open(e)
		return opened, out.Weights.Errors(e), err
	}
	clear, err := spdz.Clear(n, spdz.Config{Dishonest: true})
	if err != nil {
		return nil, err
	}
	want, bounds, err := train(clear, clear.Constant(5, 2, spdz.DefaultFraction, x).Within(1), clear.Constant(5, 1, spdz.DefaultFraction, y).Within(1))
	if err != nil {
		return nil, err
	}
	within := slices.Max(bounds)
	if hidden != nil {
		within = min(within, 0.001) // the bound says little with hidden layers
	}
	return func(p *party, e *spdz.Engine) error {
		xs, err := shared(e, 5, 2, x, 1)
		if err != nil {
			return err
		}
		ys, err := shared(e, 5, 1, y, 1)
		if err != nil {
			return err
		}
		got, _, err := train(e, xs, ys)
		if err != nil {
			return err
		}
		return near("weights", got, want, within)
	}, nil
}
