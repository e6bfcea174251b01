package model

import (
	"fmt"
	"math"
	"slices"
)

// Activation is what a hidden unit of an [MLP] makes of its weighted inputs: the
// value at x, and the derivative there.
type Activation interface {
	At(x float64) (value, slope float64)

	// Bounds are the largest |value| and |slope|. The value may be infinite: it is
	// at most the largest slope·|x| then.
	Bounds() (value, slope float64)
}

// Logistic curve, hyperbolic tangent and rectifier.
type (
	sigmoid struct{}
	tanh    struct{}
	relu    struct{}
)

// ExactSigmoid is the logistic curve itself.
func ExactSigmoid() Activation { return sigmoid{} }

func (sigmoid) At(x float64) (value, slope float64) {
	p := Sigmoid(x)
	return p, p * Sigmoid(-x)
}

func (sigmoid) Bounds() (value, slope float64) { return 1, 0.25 }

func (tanh) At(x float64) (value, slope float64) {
	t := math.Tanh(x)
	return t, (1 - t) * (1 + t)
}

func (tanh) Bounds() (value, slope float64) { return 1, 1 }

func (relu) At(x float64) (value, slope float64) {
	if x > 0 {
		return x, 1
	}
	return 0, 0
}

func (relu) Bounds() (value, slope float64) { return math.Inf(1), 1 }

// Polynomial is Σ Coefficients[i]·(x/Interval)^i. Powers of x/Interval keep the
// coefficients of order one, where those of powers of x would vanish in fixed
// point. It stands for a curve on [−Interval, Interval]; beyond, it grows
// without bound, and training that leads there explodes.
type Polynomial struct {
	Interval     float64   // > 0
	Coefficients []float64 // from the constant up
}

// SigmoidPolynomial is the Chebyshev series of the logistic curve on [−8, 8] up to
// degree 7, odd but for the constant: off by at most 0.026 there.
func SigmoidPolynomial() Polynomial {
	return Polynomial{Interval: 8, Coefficients: []float64{0.5, 1.703066984, 0, -3.88941638656, 0, 4.73187254272, 0, -2.05598886985728}}
}

// At evaluates the polynomial and its derivative by Horner's rule.
func (p Polynomial) At(x float64) (value, slope float64) {
	t := x / p.Interval
	for _, c := range slices.Backward(p.Coefficients) {
		slope = slope*t + value
		value = value*t + c
	}
	return value, slope / p.Interval
}

// Bounds are those at 2,001 places of the interval.
func (p Polynomial) Bounds() (value, slope float64) {
	const places = 1000 // on either side of 0
	for i := -places; i <= places; i++ {
		v, s := p.At(p.Interval * float64(i) / places)
		value, slope = max(value, math.Abs(v)), max(slope, math.Abs(s))
	}
	return value, slope
}

// ActivationNames lists the activations that a task may name.
func ActivationNames() []string { return []string{"sigmoid", "tanh", "relu", "polynomial"} }

// newActivation returns that of settings that are valid.
func newActivation(m ModelSettings) Activation {
	switch m.Activation {
	case "sigmoid":
		return sigmoid{}
	case "tanh":
		return tanh{}
	case "relu":
		return relu{}
	case "polynomial":
		if len(m.Coefficients) == 0 {
			return SigmoidPolynomial()
		}
		return Polynomial{Interval: m.Interval, Coefficients: m.Coefficients}
	}
	panic(fmt.Sprintf("model: activation %q passed validation", m.Activation))
}
