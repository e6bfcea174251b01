package spdz

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestMatrixProductsAgainstTheClear(t *testing.T) {
	sizes := [][2]int{{3, 1}, {4, 1}, {5, 2}, {7, 3}}
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom(sizes).Draw(rt, "parties, threshold")
		rows, inner, cols := rapid.IntRange(1, 4).Draw(rt, "rows"), rapid.IntRange(1, 5).Draw(rt, "inner"), rapid.IntRange(1, 3).Draw(rt, "cols")
		value := rapid.Float64Range(-100, 100)
		a := rapid.SliceOfN(value, rows*inner, rows*inner).Draw(rt, "a")
		b := rapid.SliceOfN(value, inner*cols, inner*cols).Draw(rt, "b")
		cfg := Config{Threshold: size[1], Passive: rapid.Bool().Draw(rt, "passive")}
		program := func(e *Engine, x, y *Secret) ([]*Secret, error) {
			return e.Reduce(e.MatMul(x, y), e.Hadamard(x, x).Times(0.25, 3).PlusSecret(e, e.Scale(x, -1.5, 4)))
		}
		clear, err := Clear(size[0], cfg)
		if err != nil {
			rt.Fatal(err)
		}
		want, err := program(clear, clear.Constant(rows, inner, clear.Fraction, a), clear.Constant(inner, cols, clear.Fraction, b))
		if err != nil {
			rt.Fatal(err)
		}
		report := runWith(size[0], cfg, optionsOf(rapid.Uint64().Draw(rt, "seed")), func(e *Engine) error {
			x, err := shared(e, rows, inner, a, 100)
			if err != nil {
				return err
			}
			y, err := shared(e, inner, cols, b, 100)
			if err != nil {
				return err
			}
			got, err := program(e, x, y)
			if err != nil {
				return err
			}
			for i := range got {
				if err := near(e, got[i], want[i]); err != nil {
					return err
				}
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

func TestSizesThatCannotMultiplyAreRefused(t *testing.T) {
	for _, c := range []struct{ n, t int }{{2, 1}, {3, 0}, {4, 2}, {11, 5}} {
		if _, err := Clear(c.n, Config{Threshold: c.t}); err == nil {
			t.Errorf("%d parties with threshold %d were taken", c.n, c.t)
		}
	}
}

func TestWhatDoesNotFitIsRefusedBeforeAnythingIsSent(t *testing.T) {
	run(t, 3, Config{Threshold: 1, Passive: true}, 1, func(e *Engine) error {
		x, err := shared(e, 1, 1, []float64{3}, 1<<20)
		if err != nil {
			return err
		}
		before := e.Cost()
		_, err = e.Reduce(e.Hadamard(x, x))
		var tooLarge *RangeError
		if !errors.As(err, &tooLarge) || tooLarge.Needed <= tooLarge.Available {
			return errors.New("a product of 2^40 and 32 fraction bits was taken")
		}
		if e.Cost() != before {
			return errors.New("something was sent")
		}
		return nil
	})
}

// "an opened masked number is within 2^(1−κ) of random": two runs with other
// secrets and the same seeds differ in what is opened, but m's top bits are
// spread over the whole range.
func TestMasksAreSpread(t *testing.T) {
	e, err := newEngine(3, 1, Config{Threshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	if e.magnitude+e.Hiding+2 != 126 {
		t.Errorf("masks of %d bits for three sets leave room unused or overflow", e.magnitude+e.Hiding)
	}
}

// near opens got and compares it with want and its error bound.
func near(e *Engine, got, want *Secret) error {
	opened, err := e.Open(got)
	if err != nil {
		return err
	}
	for i, v := range opened {
		if d := math.Abs(v - want.value(i)); d > want.err[i] || want.err[i] == 0 && got.Bits > e.Fraction {
			return errors.New("an entry is further from the clear than its bound")
		}
	}
	return nil
}
