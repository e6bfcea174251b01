package spdz

import (
	"fmt"
	"math"
	"testing"
)

// A promise that is kept changes nothing; one that is broken makes all that
// opens afterwards random, and is told; after that, all is well again.
func TestPromises(t *testing.T) {
	for _, c := range []struct {
		parties, threshold int
		largest, reach     float64
		broken             bool
	}{{3, 1, 0.8, 1, false}, {3, 1, 1.01, 8, true}, {3, 1, -7.9, 8, true}, {3, 1, -0.8, 100, false}, {3, 1, -99, 100, true},
		{4, 1, 0.8, 8, false}, {4, 1, 1.01, 8, true}, {5, 2, 0.8, 8, false}, {5, 2, 1.01, 8, true}, {7, 3, 0.57, 4, false}, {7, 3, 1.02, 4, true}} {
		values := make([]float64, 70)
		for i := range values {
			values[i] = min(0.57, max(-0.57, c.largest*float64(i%3-1)))
		}
		values[57] = c.largest
		run(t, c.parties, Config{Threshold: c.threshold}, 1, func(e *Engine) error {
			x, err := shared(e, len(values), 1, values, c.reach)
			if err != nil {
				return err
			}
			if err := e.Promise(x, x.Part(0, 1)); err != nil {
				return err
			}
			half := e.Constant(1, 1, e.Fraction, []float64{0.5})
			product := func() (float64, error) {
				y, err := e.one(e.Hadamard(x.Part(0, 1), half))
				if err != nil {
					return 0, err
				}
				opened, err := e.Open(y)
				if err != nil {
					return 0, err
				}
				return opened[0], nil
			}
			y, err := product()
			if err != nil || (math.Abs(y-values[0]/2) < 0.001) == c.broken {
				return fmt.Errorf("%+v: opened %v for %v, %w", c, y, values[0]/2, err)
			}
			if broken, err := e.Broken(); err != nil || broken != c.broken {
				return fmt.Errorf("%+v: broken %v, %w", c, broken, err)
			}
			if y, err = product(); err != nil || math.Abs(y-values[0]/2) > 0.001 {
				return fmt.Errorf("%+v: opened %v afterwards, %w", c, y, err)
			}
			if broken, err := e.Broken(); err != nil || broken {
				return fmt.Errorf("%+v: broken again: %v, %w", c, broken, err)
			}
			return nil
		})
	}
}

// A liar's rows make a training explode before the guard is asked. Without
// promises, what opens then shows the others' rows: here, whether the largest
// opened number is beyond the masks.
func TestExplosionsOpenNothing(t *testing.T) {
	const count = 12
	for _, promised := range []bool{true, false} {
		c := Training{Network: Network{Inputs: 1, Output: sigmoid}, Rate: 64, Epochs: 6, Limit: 8, Every: 6, Guard: Stop}
		if !promised {
			c.Guard = Unsafe
		}
		largest := 0.0
		run(t, 3, Config{Threshold: 1}, 3, func(e *Engine) error {
			x, err := shared(e, count, 1, []float64{1, -1, 0.5, 1, -1, 1, -0.5, 1, 1, -1, 1, 1}, 1)
			if err != nil {
				return err
			}
			y, err := shared(e, count, 1, []float64{1, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1, 1}, 1)
			if err != nil {
				return err
			}
			start, err := c.Constant(e, []float64{0, 0})
			if err != nil {
				return err
			}
			out, err := c.Train(e, x, y, start)
			if promised {
				if err == nil {
					return fmt.Errorf("an explosion was not noticed")
				}
				return nil
			}
			if err != nil {
				return err
			}
			weights, err := out.Weights.Open(e)
			if err == nil && e.Self() == 1 {
				largest = max(math.Abs(weights[0]), math.Abs(weights[1]))
			}
			return err
		})
		if !promised && largest < 0x1p40 {
			t.Errorf("weights of %v: nothing exploded", largest)
		}
	}
}
