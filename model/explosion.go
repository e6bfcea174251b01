package model

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// Explosion is gradient descent, full batch, on the squared error of a network all
// of whose units, the output too, have one activation a. It is computed as on
// shares: sums, products, public factors, and comparisons where a guard asks for
// them. The poster trained such a network on shares with a polynomial for the
// sigmoid, and saw it explode (docs/poster.md).
type Explosion struct {
	Hidden     []int      // units of each hidden layer
	Activation Activation // stands for the sigmoid
	Interval   float64    // that it is meant for; 0: all numbers
	Guard      Guard
	// TrueSlope takes the activation's derivative. Otherwise the slope is a·(1−a),
	// as in the code that the poster builds on (its reference 4): right for the
	// sigmoid and one product, but no derivative of a polynomial.
	TrueSlope  bool
	Rate       float64
	Decay      float64 // weight decay, biases excepted
	Iterations int
	Seed       uint64 // of the weights before training

	// FractionBits of fixed point: every product, after the sum that it is part of,
	// is rounded to a multiple of 2^−FractionBits, up or down by chance as the
	// truncation on shares does. 0: float64.
	FractionBits int

	// Every so many iterations a point of the trajectory is kept; 0: 100.
	Every int
}

// Guard is what keeps a polynomial within its interval.
type Guard string

// Guards.
const (
	// NoGuard hopes.
	NoGuard Guard = ""
	// ClipGuard replaces what leaves the interval by its end: two comparisons for
	// each unit and row.
	ClipGuard Guard = "clip"
)

// explodedBeyond is the |z| that says that training has exploded: 2¹⁵, far beyond
// what any network here means, and growing without bound.
const explodedBeyond = 1 << 15

// ExplosionPoint is one place of a trajectory.
type ExplosionPoint struct {
	Iteration int
	MaxZ      float64 // largest |weighted sum| of any unit and row
	Loss      float64 // log-loss of the output cut to [10⁻⁶, 1−10⁻⁶]
}

// ExplosionRun is what came of it.
type ExplosionRun struct {
	LeftAt     int // first iteration with a weighted sum outside the interval, from 1; 0: never
	ExplodedAt int // first one beyond 2¹⁵ or not a number, where it ended; 0: never
	MaxZ       float64
	Accuracy   float64 // on the test rows, with the last weights; 0.5 is the border
	Weights    []float64
	Clipped    int // values
	Trajectory []ExplosionPoint
}

// Run trains on rows whose features lie in [−1, 1].
func (e Explosion) Run(ctx context.Context, train, test Design) (*ExplosionRun, error) {
	switch {
	case train.Rows() == 0 || test.Rows() == 0:
		return nil, errors.New("no rows to train on, or none to test on")
	case len(e.Hidden) == 0 || e.Iterations < 1 || !(e.Rate > 0) || e.FractionBits < 0 || e.FractionBits > 30:
		return nil, fmt.Errorf("%d hidden layers, %d iterations, rate %v, %d fractional bits", len(e.Hidden), e.Iterations, e.Rate, e.FractionBits)
	case e.Guard != NoGuard && !(e.Interval > 0):
		return nil, fmt.Errorf("guard %q needs an interval", e.Guard)
	}
	t := newExplosionState(e, train)
	every := max(1, e.Every)
	if e.Every == 0 {
		every = 100
	}
	run := &ExplosionRun{}
	for i := 1; i <= e.Iterations; i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		largest := t.forward(train)
		run.note(e, t, i, largest, i%every == 0 || i == 1 || i == e.Iterations, train.Y)
		if run.ExplodedAt > 0 {
			break
		}
		t.backward(train)
	}
	run.Weights, run.Clipped = t.weights, t.clipped
	run.Accuracy = t.accuracy(test)
	return run, nil
}

// Look is the largest |weighted sum| of any unit and row under these weights,
// before the guard, and the loss after it.
func (e Explosion) Look(weights []float64, rows Design) (largest, loss float64) {
	t := newExplosionState(e, rows)
	t.weights = weights
	t.forward(rows)
	return t.widest, t.loss(rows.Y)
}

// Accuracy is the part of the rows that the network is right about with these
// weights.
func (e Explosion) Accuracy(weights []float64, rows Design) float64 {
	t := newExplosionState(e, rows)
	t.weights = weights
	return t.accuracy(rows)
}

func (t *explosionState) accuracy(rows Design) float64 {
	t.forward(rows)
	right := 0
	for i, y := range rows.Y {
		if (t.output(i) >= 0.5) == (y == 1) {
			right++
		}
	}
	return float64(right) / float64(rows.Rows())
}

// loss is the log-loss of the output, cut to [10⁻⁶, 1−10⁻⁶].
func (t *explosionState) loss(labels []float64) float64 {
	loss := 0.0
	for row, y := range labels {
		p := min(max(t.output(row), 1e-6), 1-1e-6)
		loss -= (y*math.Log(p) + (1-y)*math.Log(1-p)) / float64(len(labels))
	}
	return loss
}

func (r *ExplosionRun) note(e Explosion, t *explosionState, i int, largest float64, keep bool, labels []float64) {
	if !(largest <= explodedBeyond) {
		r.ExplodedAt, keep = i, true
	}
	if math.IsNaN(largest) || math.IsInf(largest, 0) {
		largest = math.MaxFloat64
	}
	if r.MaxZ = max(r.MaxZ, largest); e.Interval > 0 && largest > e.Interval && r.LeftAt == 0 {
		r.LeftAt, keep = i, true
	}
	if !keep {
		return
	}
	r.Trajectory = append(r.Trajectory, ExplosionPoint{Iteration: i, MaxZ: largest, Loss: t.loss(labels)})
}

// explosionState is a run on its way.
type explosionState struct {
	Explosion
	layers  []layer
	weights []float64
	inputs  []blas64.General // of each layer, a column of ones in front
	slopes  []blas64.General // of each layer's activation
	values  blas64.General   // of the output
	clipped int
	widest  float64 // the largest |weighted sum| of the last pass, before the guard
	chance  uint64
	units   float64 // 2^FractionBits
}

func newExplosionState(e Explosion, train Design) *explosionState {
	m := MLP{Features: train.X.Cols - 1, Hidden: e.Hidden, Activation: e.Activation, Seed: e.Seed, Binary: true}
	t := &explosionState{Explosion: e, layers: m.layers(), weights: m.Start(), chance: e.Seed, units: math.Ldexp(1, e.FractionBits)}
	t.round(t.weights)
	return t
}

// output is the network's answer for a row.
func (t *explosionState) output(row int) float64 { return t.values.Data[row*t.values.Stride] }

// round rounds to the fixed point, up or down by chance.
func (t *explosionState) round(values []float64) {
	if t.FractionBits == 0 {
		return
	}
	for i, x := range values {
		values[i] = t.rounded(x)
	}
}

func (t *explosionState) rounded(x float64) float64 {
	t.chance++
	by := float64(splitMix64(t.Seed, t.chance)>>11) * 0x1p-53
	return math.Floor(x*t.units+by) / t.units
}

// forward runs the network and returns the largest |weighted sum|, after the
// guard.
func (t *explosionState) forward(rows Design) float64 {
	n, largest := rows.Rows(), 0.0
	t.widest = 0
	x := copyOf(rows.X)
	t.round(x.Data)
	t.inputs, t.slopes = t.inputs[:0], t.slopes[:0]
	for _, l := range t.layers {
		t.inputs = append(t.inputs, x)
		next := newMatrix(n, l.units+1)
		weighted := withoutFirst(next)
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, x, l.of(t.weights), 0, weighted)
		slopes := newMatrix(n, l.units)
		for r := range n {
			next.Data[r*next.Stride] = 1
			row := next.Data[r*next.Stride+1 : (r+1)*next.Stride]
			t.round(row)
			for u, z := range row {
				if a := math.Abs(z); a > t.widest || math.IsNaN(a) {
					t.widest = a
				}
				if t.Guard == ClipGuard && math.Abs(z) > t.Interval {
					z = math.Copysign(t.Interval, z)
					t.clipped++
				}
				if a := math.Abs(z); a > largest || math.IsNaN(a) {
					largest = a
				}
				row[u], slopes.Data[r*l.units+u] = t.activate(z)
			}
		}
		x, t.slopes = next, append(t.slopes, slopes)
	}
	t.values = withoutFirst(x)
	return largest
}

// activate is the activation and its slope; a polynomial in fixed point is
// rounded at each step of Horner's rule.
func (t *explosionState) activate(z float64) (value, slope float64) {
	p, isPolynomial := t.Activation.(Polynomial)
	if t.FractionBits == 0 || !isPolynomial {
		if value, slope = t.Activation.At(z); !t.TrueSlope {
			slope = value * (1 - value)
		}
		return value, slope
	}
	scaled := t.rounded(z / p.Interval)
	for i := len(p.Coefficients) - 1; i >= 0; i-- {
		if t.TrueSlope && i > 0 {
			slope = t.rounded(slope*scaled) + float64(i)*p.Coefficients[i]/p.Interval
		}
		value = t.rounded(value*scaled) + p.Coefficients[i]
	}
	if !t.TrueSlope {
		slope = t.rounded(value * (1 - value))
	}
	return value, slope
}

// backward takes a step.
func (t *explosionState) backward(rows Design) {
	n := rows.Rows()
	errors := newMatrix(n, 1)
	for i, y := range rows.Y {
		errors.Data[i] = (t.output(i) - y) * t.slopes[len(t.slopes)-1].Data[i]
	}
	t.round(errors.Data)
	step := make([]float64, len(t.weights))
	for i := len(t.layers) - 1; i >= 0; i-- {
		l, x := t.layers[i], t.inputs[i]
		blas64.Gemm(blas.Trans, blas.NoTrans, t.Rate/float64(n), errors, x, 0, l.of(step))
		if i == 0 {
			break
		}
		before := newMatrix(n, l.inputs)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, errors, withoutFirst(l.of(t.weights)), 0, before)
		t.round(before.Data)
		for r := range n {
			for u := range l.inputs {
				before.Data[r*before.Stride+u] *= t.slopes[i-1].Data[r*l.inputs+u]
			}
		}
		t.round(before.Data)
		errors = before
	}
	t.apply(step)
}

// apply subtracts the step and the decay.
func (t *explosionState) apply(step []float64) {
	for _, l := range t.layers {
		for i := l.at; i < l.end(); i++ {
			if (i-l.at)%(l.inputs+1) > 0 {
				step[i] += t.Rate * t.Decay * t.weights[i]
			}
			t.weights[i] -= step[i]
		}
	}
	t.round(t.weights)
}

func copyOf(m blas64.General) blas64.General {
	m.Data = append([]float64(nil), m.Data...)
	return m
}

// BetweenOnes scales every column to [−1, 1] by its least and largest value among
// the training rows; test rows beyond are cut to the ends. A column of ones goes
// in front.
func BetweenOnes(train, test *Dataset) (Design, Design) {
	features := len(train.Features)
	low, high := make([]float64, features), make([]float64, features)
	for j := range features {
		low[j], high[j] = math.Inf(1), math.Inf(-1)
		for i := range train.Rows() {
			low[j], high[j] = min(low[j], train.Row(i)[j]), max(high[j], train.Row(i)[j])
		}
	}
	scaled := func(d *Dataset) Design {
		design := newDesign(d.Rows(), features)
		copy(design.Y, d.Y)
		for i := range d.Rows() {
			for j, x := range d.Row(i) {
				if high[j] > low[j] {
					design.X.Data[i*design.X.Stride+1+j] = min(max(2*(x-low[j])/(high[j]-low[j])-1, -1), 1)
				}
			}
		}
		return design
	}
	return scaled(train), scaled(test)
}
