package spdz

import (
	"fmt"
	"math"
	"testing"
)

func TestPolynomialsBothWays(t *testing.T) {
	lists := map[string][]float64{
		"constant": {0.25}, "line": {1, -2}, "square": {0, 0, 1}, "degree 3": {0.5, 1.2, 0, -0.8},
		"sigmoid 7": {0.5, 1.703066984, 0, -3.88941638656, 0, 4.73187254272, 0, -2.05598886985728},
		"even 4":    {0.1, 0, 0.7, 0, -0.3}, "full 5": {0.1, 0.2, 0.3, 0.4, -0.5, 0.6}, "degree 9": {0.5, 2, 0, -8, 0, 18, 0, -18.8, 0, 7.2},
	}
	values := []float64{-1, -0.7, -0.01, 0, 0.3, 0.99, 1}
	rounds := map[string][2]int{"sigmoid 7": {3, 4}, "degree 9": {4, 5}, "square": {1, 1}, "line": {1, 1}}
	for name, c := range lists {
		for how, called := range []string{"powers", "Horner"} {
			cfg := Config{Threshold: 1, Passive: true}
			var used int
			run(t, 3, cfg, 1, func(e *Engine) error {
				x, err := shared(e, 1, len(values), values, 1)
				if err != nil {
					return err
				}
				for range 2 { // now all count the same rounds
					if _, err := e.Open(x); err != nil {
						return err
					}
				}
				before := e.Cost().Rounds
				got, err := e.Polynomials(x, Evaluation(how), append([]float64(nil), c...))
				if err != nil {
					return err
				}
				used = e.Cost().Rounds - before
				opened, err := e.Open(got[0])
				if err != nil {
					return err
				}
				for i, v := range values {
					want := 0.0
					for k := len(c) - 1; k >= 0; k-- {
						want = want*v + c[k]
					}
					if math.Abs(opened[i]-want) > 2e-3 {
						return fmt.Errorf("%s by %s at %v: %v, want %v", name, called, v, opened[i], want)
					}
				}
				return nil
			})
			if want, ok := rounds[name]; ok && used != want[how] {
				t.Errorf("%s by %s took %d rounds, want %d", name, called, used, want[how])
			}
		}
	}
}

func TestPolynomialsShareTheirPowers(t *testing.T) {
	e, err := Clear(3, Config{Threshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := e.Constant(1, 1, e.Fraction, []float64{0.5})
	if _, err := e.Polynomials(x, Powers, []float64{0, 1, 1, 1, 1}, []float64{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if e.Cost().Reductions != 2*3 { // in the clear, twice: for the bounds
		t.Errorf("%d reductions, want t² and one for each polynomial", e.Cost().Reductions)
	}
	if _, err := e.Polynomials(x, Powers, []float64{0, 0}); err == nil {
		t.Error("the zero polynomial was taken")
	}
}

// Numbers with few bits behind the point have products with fewer than a constant
// otherwise gets.
func TestPolynomialsOfFewBits(t *testing.T) {
	e, err := Clear(3, Config{Threshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	for bits := 1; bits <= e.Fraction; bits++ {
		for how := range Evaluation(2) {
			got, err := e.Polynomials(e.Constant(1, 1, bits, []float64{0.5}), how, []float64{0.25, 0, 1, 0.5})
			if err != nil {
				t.Fatal(err)
			}
			if v := got[0].value(0); math.Abs(v-0.5625) > math.Ldexp(1, -min(bits, 8)) {
				t.Errorf("%d bits, way %d: %v, want 0.5625", bits, how, v)
			}
		}
	}
}
