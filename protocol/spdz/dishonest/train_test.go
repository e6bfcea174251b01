package dishonest

import (
	"math"
	"testing"

	"consilium/model"
	"consilium/protocol/spdz"
)

// The training program of an honest majority runs on this engine as it is, and
// ends with the weights of the same training in the clear, up to the printed
// bound.
func TestTraining(t *testing.T) {
	x := []float64{0.5, -1, -0.25, 0.75, 1, 0.5, -0.5, -0.75, 0.25, 1}
	y := []float64{1, 0, 1, 0, 1}
	sigmoid := spdz.Activation{Polynomial: model.Polynomial{Interval: 8, Coefficients: []float64{0.5, 1.2, 0, -0.81}}}
	networks := map[string]spdz.Network{
		"linear":   {Inputs: 2},
		"logistic": {Inputs: 2, Output: sigmoid},
		"network":  {Inputs: 2, Hidden: []int{2}, Activation: sigmoid, Output: sigmoid},
	}
	for name, network := range networks {
		training := spdz.Training{Network: network, Rate: 0.5, L2: 0.125, Epochs: 1, Batch: 3, Limit: 4, Guard: spdz.Unsafe}
		start := make([]float64, network.Size())
		for i := range start {
			start[i] = float64(i%3) * 0.25
		}
		train := func(e *spdz.Engine, x, y *spdz.Secret) ([]float64, []float64, error) {
			w, err := training.Constant(e, start)
			if err != nil {
				return nil, nil, err
			}
			out, err := training.Train(e, x, y, w)
			if err != nil {
				return nil, nil, err
			}
			opened, err := out.Weights.Open(e)
			return opened, out.Weights.Errors(e), err
		}
		const n = 2
		clear, err := spdz.Clear(n, spdz.Config{Dishonest: true})
		if err != nil {
			t.Fatal(err)
		}
		want, bounds, err := train(clear, clear.Constant(5, 2, spdz.DefaultFraction, x).Within(1), clear.Constant(5, 1, spdz.DefaultFraction, y).Within(1))
		if err != nil {
			t.Fatal(err)
		}
		run(t, n, Config{}, func(p *party, e *spdz.Engine) error {
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
			within := 0.001
			if name != "network" { // there is no useful bound with hidden layers
				within = 0
				for _, b := range bounds {
					within = math.Max(within, b)
				}
			}
			return near(name, got, want, within)
		})
	}
}
