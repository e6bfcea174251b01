package spdz

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestComparisonsAgainstTheClear(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		n, t, count int
		reach       float64
		passive     bool
	}{
		{3, 1, 1, 0.4, true}, {3, 1, 70, 8, true}, {3, 1, 130, 1000, true}, {4, 1, 64, 1, true}, {5, 2, 3, 8, true},
		{3, 1, 70, 8, false}, {3, 1, 1, 1000, false}, {4, 1, 3, 1, false}, {5, 2, 2, 0.4, false},
	} {
		values := make([]float64, c.count)
		for i := range values {
			values[i] = c.reach * (2*random.Float64() - 1)
		}
		values[0] = 0
		for _, limit := range []float64{0, c.reach * random.Float64(), c.reach} {
			report := runWith(c.n, Config{Threshold: c.t, Passive: c.passive}, optionsOf(random.Uint64()), func(e *Engine) error {
				return compareAll(e, values, c.reach, limit)
			})
			for _, err := range report.Errors {
				if err != nil {
					t.Fatalf("%+v: %v", c, err)
				}
			}
		}
	}
}

func compareAll(e *Engine, values []float64, reach, limit float64) error {
	x, err := shared(e, len(values), 1, values, reach)
	if err != nil {
		return err
	}
	signs, err := e.Negative(x, x.Part(0, 1))
	if err != nil {
		return err
	}
	numbers, err := e.Open(x)
	if err != nil {
		return err
	}
	opened, err := e.Open(signs[0])
	if err != nil {
		return err
	}
	beyond, rounded := false, math.Ldexp(fixed(limit, e.Fraction).Float(), -e.Fraction)
	for i, v := range numbers {
		if (v < 0) != (opened[i] == 1) || opened[i] != 0 && opened[i] != 1 {
			return fmt.Errorf("%v negative: %v", v, opened[i])
		}
		beyond = beyond || math.Abs(v) > rounded
	}
	if any, err := e.AnyBeyond(limit, x); err != nil || any != beyond {
		return fmt.Errorf("some of %v beyond %v: %v, %w", numbers, limit, any, err)
	}
	return nil
}

// "Each is used once: take gives it away."
func TestPreparedNumbersAreUsedOnce(t *testing.T) {
	run(t, 3, Config{Threshold: 1, Passive: true}, 3, func(e *Engine) error {
		if err := e.Prepare(200, 20, 0); err != nil { // 256 places
			return err
		}
		seen := map[uint64]bool{}
		for range 6 { // 6·64 are more than were prepared
			h, err := e.takeHider(64, 20)
			if err != nil {
				return err
			}
			for _, list := range h.adds {
				for _, r := range list {
					if seen[r.Lo] {
						return errors.New("a mask came twice")
					}
					seen[r.Lo] = true
				}
			}
		}
		return nil
	})
}
