package model

import (
	"fmt"
	"math"
	"strings"
)

// Curve is a function of one number that a polynomial may stand for on shares.
type Curve struct {
	Name string
	At   func(x float64) float64
	// taylor gives the coefficients about 0, from the constant up; nil where the
	// curve has a corner there.
	taylor func(degree int) []float64
}

// CurveNames lists the curves of NewCurve.
func CurveNames() []string { return []string{"sigmoid", "tanh", "relu", "softplus", "silu"} }

// NewCurve is the curve of that name.
func NewCurve(name string) (Curve, error) {
	switch name {
	case "sigmoid":
		return Curve{name, Sigmoid, sigmoidTaylor}, nil
	case "tanh": // 2·sigmoid(2x) − 1
		return Curve{name, math.Tanh, func(degree int) []float64 {
			c := sigmoidTaylor(degree)
			for i := range c {
				c[i] = math.Ldexp(c[i], i+1)
			}
			c[0] = 0
			return c
		}}, nil
	case "relu":
		return Curve{Name: name, At: func(x float64) float64 { return max(0, x) }}, nil
	case "softplus": // log(1+eˣ), whose slope is the sigmoid
		return Curve{name, func(x float64) float64 { return max(0, x) + math.Log1p(math.Exp(-math.Abs(x))) }, func(degree int) []float64 {
			c := []float64{math.Ln2}
			for i, s := range sigmoidTaylor(degree)[:degree] {
				c = append(c, s/float64(i+1))
			}
			return c
		}}, nil
	case "silu": // x·sigmoid(x)
		return Curve{name, func(x float64) float64 { return x * Sigmoid(x) }, func(degree int) []float64 {
			return append([]float64{0}, sigmoidTaylor(degree)[:degree]...)
		}}, nil
	}
	return Curve{}, fmt.Errorf("unknown function %q; there are %s", name, strings.Join(CurveNames(), ", "))
}

// sigmoidTaylor follows from s′ = s·(1−s): (k+1)·c_(k+1) = c_k − Σ c_i·c_(k−i).
func sigmoidTaylor(degree int) []float64 {
	c := make([]float64, degree+1)
	c[0] = 0.5
	for k := range degree {
		next := c[k]
		for i := range k + 1 {
			next -= c[i] * c[k-i]
		}
		c[k+1] = next / float64(k+1)
	}
	return c
}
