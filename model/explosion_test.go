package model

import (
	"context"
	"math"
	"strings"
	"testing"
)

// someRows invents rows in [−1, 1] that a line parts, but for some.
func someRows(count int) Design {
	d := newDesign(count, 2)
	for i := range count {
		x := d.X.Data[i*3+1 : i*3+3]
		x[0], x[1] = math.Sin(float64(7*i+1)), math.Cos(float64(5*i))
		if x[0]+x[1]/2+0.3*math.Sin(float64(i*i)) > 0 {
			d.Y[i] = 1
		}
	}
	return d
}

func explode(t *testing.T, e Explosion) *ExplosionRun {
	t.Helper()
	rows := someRows(80)
	run, err := e.Run(context.Background(), rows, rows)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func taylor5(t *testing.T) Activation {
	t.Helper()
	a, err := Approximate(ApproximationSettings{Function: "sigmoid", Method: "taylor", Low: -4, High: 4, Degree: 5})
	if err != nil {
		t.Fatal(err)
	}
	return a.Polynomial
}

// A step goes down the gradient of the squared error, found by differences.
func TestExplosionTakesTheGradient(t *testing.T) {
	e := Explosion{Hidden: []int{3, 2}, Activation: sigmoid{}, Rate: 0.5, Iterations: 1, Seed: 3}
	rows := someRows(20)
	start := newExplosionState(e, rows).weights
	run, err := e.Run(context.Background(), rows, rows)
	if err != nil {
		t.Fatal(err)
	}
	squared := func(weights []float64) float64 {
		s := newExplosionState(e, rows)
		s.weights = weights
		s.forward(rows)
		sum := 0.0
		for i, y := range rows.Y {
			sum += (s.output(i) - y) * (s.output(i) - y) / 2 / float64(rows.Rows())
		}
		return sum
	}
	for i := range start {
		const h = 1e-5
		up, down := append([]float64(nil), start...), append([]float64(nil), start...)
		up[i], down[i] = up[i]+h, down[i]-h
		want := start[i] - e.Rate*(squared(up)-squared(down))/(2*h)
		if math.Abs(run.Weights[i]-want) > 1e-8 {
			t.Errorf("weight %d is %v, not %v", i, run.Weights[i], want)
		}
	}
}

// The polynomial explodes, at about the same iteration in fixed point; clipped it
// does not, and the sigmoid does not.
func TestExplosions(t *testing.T) {
	free := Explosion{Hidden: []int{3}, Activation: taylor5(t), Interval: 4, Rate: 4, Iterations: 3000, Seed: 3}
	floats := explode(t, free)
	if floats.ExplodedAt == 0 || floats.LeftAt == 0 || floats.LeftAt > floats.ExplodedAt {
		t.Fatalf("left at %d, exploded at %d", floats.LeftAt, floats.ExplodedAt)
	}
	fixed := free
	fixed.FractionBits = 16
	if at := explode(t, fixed).ExplodedAt; math.Abs(float64(at-floats.ExplodedAt)) > 0.1*float64(floats.ExplodedAt) {
		t.Errorf("fixed point explodes at %d, floats at %d", at, floats.ExplodedAt)
	}
	clipped := fixed
	clipped.Guard = ClipGuard
	if run := explode(t, clipped); run.ExplodedAt != 0 || run.MaxZ > 4 || run.Clipped == 0 {
		t.Errorf("clipped: exploded at %d, largest %v, %d clipped", run.ExplodedAt, run.MaxZ, run.Clipped)
	}
	exact := free
	exact.Activation, exact.Interval = ExactSigmoid(), 0
	if run := explode(t, exact); run.ExplodedAt != 0 || run.Accuracy < 0.8 {
		t.Errorf("the sigmoid exploded at %d, accuracy %v", run.ExplodedAt, run.Accuracy)
	}
}

func TestLookSeesBehindTheGuard(t *testing.T) {
	e := Explosion{Hidden: []int{1}, Activation: taylor5(t), Interval: 4, Guard: ClipGuard, Rate: 1, Iterations: 1}
	weights := make([]float64, 3+2)
	weights[0] = 100
	if z, _ := e.Look(weights, someRows(3)); z != 100 {
		t.Errorf("the largest weighted sum is %v", z)
	}
}

func TestExplosionRefuses(t *testing.T) {
	rows := someRows(4)
	good := Explosion{Hidden: []int{2}, Activation: sigmoid{}, Rate: 1, Iterations: 1}
	for want, change := range map[string]func(*Explosion){
		"0 hidden layers":    func(e *Explosion) { e.Hidden = nil },
		"0 iterations":       func(e *Explosion) { e.Iterations = 0 },
		"rate 0":             func(e *Explosion) { e.Rate = 0 },
		"31 fractional bits": func(e *Explosion) { e.FractionBits = 31 },
		"needs an interval":  func(e *Explosion) { e.Guard = ClipGuard },
	} {
		e := good
		change(&e)
		if _, err := e.Run(context.Background(), rows, rows); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := good.Run(context.Background(), rows, Design{}); err == nil {
		t.Error("no test rows")
	}
}

func TestBetweenOnesUsesTrainingRowsOnly(t *testing.T) {
	train := &Dataset{Features: []string{"a", "b"}, X: []float64{0, 5, 10, 5}, Y: []float64{0, 1}, Binary: true}
	test := &Dataset{Features: train.Features, X: []float64{5, 7, 40, 5}, Y: []float64{1, 0}, Binary: true}
	a, b := BetweenOnes(train, test)
	want := [][]float64{{1, -1, 0, 1, 1, 0}, {1, 0, 0, 1, 1, 0}}
	for i, d := range []Design{a, b} {
		for j, v := range d.X.Data {
			if v != want[i][j] {
				t.Errorf("%v, want %v", d.X.Data, want[i])
				break
			}
		}
	}
}
