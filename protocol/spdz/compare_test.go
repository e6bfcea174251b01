package spdz

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func TestComparisonsAgainstTheClear(t *testing.T) {
	sizes := [][2]int{{3, 1}, {4, 1}, {5, 2}}
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom(sizes).Draw(rt, "parties, threshold")
		count := rapid.SampledFrom([]int{1, 3, 64, 70, 130}).Draw(rt, "count")
		reach := rapid.SampledFrom([]float64{0.4, 1, 8, 1000}).Draw(rt, "reach")
		values := rapid.SliceOfN(rapid.Float64Range(-reach, reach), count, count).Draw(rt, "values")
		values[0] = 0
		limit := rapid.Float64Range(0, reach).Draw(rt, "limit")
		report := runWith(size[0], Config{Threshold: size[1], Passive: rapid.Bool().Draw(rt, "passive")}, optionsOf(rapid.Uint64().Draw(rt, "seed")), func(e *Engine) error {
			x, err := shared(e, count, 1, values, reach)
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
			beyond := false
			for i, v := range numbers {
				if (v < 0) != (opened[i] == 1) || opened[i] != 0 && opened[i] != 1 {
					return fmt.Errorf("%v negative: %v", v, opened[i])
				}
				beyond = beyond || v > fixed(limit, e.Fraction).Float()/65536 || -v > fixed(limit, e.Fraction).Float()/65536
			}
			if any, err := e.AnyBeyond(limit, x); err != nil || any != beyond {
				return fmt.Errorf("some of %v beyond %v: %v, %w", numbers, limit, any, err)
			}
			return nil
		})
		for _, err := range report.Errors {
			if err != nil {
				rt.Fatal(err)
			}
		}
	})
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

func TestNearIsNoticedAndFarIsNot(t *testing.T) {
	for _, c := range []struct {
		largest float64
		reach   float64
		near    bool
	}{{0.5, 1, false}, {1.01, 8, true}, {-7.9, 8, true}, {0.49, 100, false}, {-99, 100, true}} {
		values := make([]float64, 130)
		for i := range values {
			values[i] = min(0.5, max(-0.5, c.largest*float64(i%3-1)))
		}
		values[77] = c.largest
		run(t, 3, Config{Threshold: 1}, 1, func(e *Engine) error {
			x, err := shared(e, len(values), 1, values, c.reach)
			if err != nil {
				return err
			}
			near, err := e.AnyNear(x, x.Part(0, 1))
			if err == nil && near != c.near {
				err = fmt.Errorf("%v near: %v", c.largest, near)
			}
			return err
		})
	}
}
