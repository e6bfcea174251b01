package model

import (
	"errors"
	"fmt"
	"math"
)

// Continued is the training of the poster's tables 1.0 and 2.0 (docs/poster.md):
// every hospital takes Steps gradient steps of linear regression on its own
// rows, and goes on from its own weights with Steps more in which all subtract
// Rate/Hospitals times the summed gradient, each hospital's taken at its own
// weights. Gradients are Xᵀ(Xw − y), not divided by the rows.
//
// The hospitals' weights differ for ever, by what they learned alone. What they
// share is the total of the opened sums: a hospital's weights are its own, less
// Rate/Hospitals times that total. So a State holds the total in Weights, the
// round binds it and the configuration, and no hospital's own weights.
type Continued struct {
	Features  int     // d; there are d+1 weights
	Rate      float64 // η
	Steps     int     // N, of each part
	Hospitals int
}

// Validate says what is wrong with the settings.
func (c Continued) Validate() error {
	switch {
	case !(c.Rate > 0) || math.IsInf(c.Rate, 0):
		return fmt.Errorf("the rate is %v; it must be above 0", c.Rate)
	case c.Steps < 1 || c.Steps > 100_000:
		return fmt.Errorf("%d iterations; from 1 to 100000", c.Steps)
	case c.Features < 1 || c.Hospitals < 1:
		return errors.New("no features, or no hospitals")
	}
	return c.Codec().Validate()
}

// Codec resolves a gradient to 2⁻³²: entries reach about 10⁴·√130, and the
// printed error of two decimals must not move.
func (c Continued) Codec() Codec {
	return Codec{FractionBits: 32, Range: 1 << 20, Parties: c.Hospitals}
}

func (c Continued) model() Linear { return Linear{Features: c.Features} }

// Start is nothing summed yet.
func (c Continued) Start() State { return State{Weights: c.model().Start()} }

// Over tells whether all steps are taken.
func (c Continued) Over(s State) bool { return s.Round >= c.Steps }

// Alone is what a hospital learns on its own rows.
func (c Continued) Alone(rows Design) []float64 {
	weights, gradient := c.model().Start(), c.model().Start()
	for range c.Steps {
		c.model().Gradient(gradient, weights, rows)
		for i, g := range gradient {
			weights[i] -= float64(c.Rate * g) // float64(…): never fused, see the package comment
		}
	}
	return weights
}

// Weights are a hospital's own in a state, alone being what it learned before.
func (c Continued) Weights(alone []float64, s State) []float64 {
	weights := make([]float64, len(alone))
	for i, total := range s.Weights {
		weights[i] = alone[i] - float64(c.Rate/float64(c.Hospitals)*total)
	}
	return weights
}

// Gradient is a hospital's contribution to the next sum.
func (c Continued) Gradient(alone []float64, s State, rows Design) []float64 {
	gradient := c.model().Start()
	c.model().Gradient(gradient, c.Weights(alone, s), rows)
	return gradient
}

// Apply adds an opened sum.
func (c Continued) Apply(s State, sum []float64) (State, error) {
	if len(sum) != len(s.Weights) || len(sum) != c.Features+1 {
		return State{}, fmt.Errorf("a sum of %d values for %d weights", len(sum), c.Features+1)
	}
	total := make([]float64, len(sum))
	for i, x := range sum {
		total[i] = s.Weights[i] + x
	}
	return State{Round: s.Round + 1, Weights: total}, nil
}

// Error is the mean squared error of weights on rows.
func (c Continued) Error(weights []float64, rows Design) float64 {
	scores := make([]float64, rows.Rows())
	c.model().Score(scores, weights, rows)
	sum := 0.0
	for i, y := range rows.Y {
		sum += float64((scores[i] - y) * (scores[i] - y))
	}
	return sum / float64(rows.Rows())
}

// UnitScaled standardises every column to mean 0 and Σx² = 1 over all rows, as
// the published copy of the diabetes data is, and puts a column of ones in
// front. It sees all rows: in the poster the data come that way.
func UnitScaled(d *Dataset) Design {
	features, rows := len(d.Features), d.Rows()
	design := newDesign(rows, features)
	copy(design.Y, d.Y)
	for j := range features {
		mean, square := 0.0, 0.0
		for i := range rows {
			mean += d.Row(i)[j] / float64(rows)
		}
		for i := range rows {
			square += float64((d.Row(i)[j] - mean) * (d.Row(i)[j] - mean))
		}
		for i := range rows {
			design.X.Data[i*design.X.Stride+1+j] = (d.Row(i)[j] - mean) / math.Sqrt(square)
		}
	}
	return design
}

// Select copies some rows of a design, by number, in that order.
func (d Design) Select(rows []int) Design {
	selected := newDesign(len(rows), d.X.Cols-1)
	for to, from := range rows {
		copy(selected.X.Data[to*selected.X.Stride:][:d.X.Cols], d.X.Data[from*d.X.Stride:][:d.X.Cols])
		selected.Y[to] = d.Y[from]
	}
	return selected
}

// newDesign has a column of ones and zeros elsewhere.
func newDesign(rows, features int) Design {
	var d Design
	d.X.Rows, d.X.Cols, d.X.Stride = rows, features+1, features+1
	d.X.Data, d.Y = make([]float64, rows*(features+1)), make([]float64, rows)
	for i := range rows {
		d.X.Data[i*d.X.Stride] = 1
	}
	return d
}
