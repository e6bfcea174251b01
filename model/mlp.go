package model

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// MLP is a multilayer perceptron: one to three hidden layers of units that apply
// an activation to a weighted sum of the layer before, and one output, which is
// the log-odds of a positive label (with its negative log-likelihood as loss) or
// a number (with half the squared error).
//
// A number is predicted in units of half the label's declared range, around its
// middle, so that the loss does not depend on the label's unit.
//
// Weights stand layer by layer, unit by unit; of each unit the bias first. Its
// loss is not convex: [FedSGD] is still exactly training on the pooled rows, but
// no bound is known for what fixed point makes of the weights in the end.
type MLP struct {
	Features   int
	Hidden     []int // units of each hidden layer
	Activation Activation
	Seed       uint64   // of the weights before training
	Binary     bool     // the label is a yes or no
	Label      interval // declared range of a label that is a number
}

var _ Model = MLP{}

// layer is a layer's place among the weights: units rows of inputs+1 columns.
type layer struct{ at, inputs, units int }

func (l layer) end() int { return l.at + l.units*(l.inputs+1) }

// of is the layer's part of a weight vector.
func (l layer) of(weights []float64) blas64.General {
	return blas64.General{Rows: l.units, Cols: l.inputs + 1, Stride: l.inputs + 1, Data: weights[l.at:l.end()]}
}

// layers lists the hidden layers and the output.
func (m MLP) layers() []layer {
	var list []layer
	at, inputs := 0, m.Features
	for i := range len(m.Hidden) + 1 {
		units := 1
		if i < len(m.Hidden) {
			units = m.Hidden[i]
		}
		l := layer{at: at, inputs: inputs, units: units}
		list = append(list, l)
		at, inputs = l.end(), units
	}
	return list
}

// Size is the number of weights.
func (m MLP) Size() int {
	layers := m.layers()
	return layers[len(layers)-1].end()
}

// Start draws weights evenly from [−r, r], r = √(6/(inputs+units)) of their layer
// (Glorot, Bengio 2010, formula 16), or √(6/inputs) for relu (He et al. 2015);
// biases are 0. Weight i comes from a hash of the seed and i by integer
// arithmetic, so that all hospitals begin alike.
func (m MLP) Start() []float64 {
	weights := make([]float64, m.Size())
	for _, l := range m.layers() {
		fan := l.inputs + l.units
		if _, rectifier := m.Activation.(relu); rectifier {
			fan = l.inputs
		}
		reach := math.Sqrt(6 / float64(fan))
		for i := l.at; i < l.end(); i++ {
			if m.Penalised(i) {
				unit := float64(splitMix64(m.Seed, uint64(i))>>11) * 0x1p-52 // exact, in [0, 2)
				weights[i] = (unit - 1) * reach
			}
		}
	}
	return weights
}

// splitMix64 is number i of the generator of Steele, Lea and Flood 2014, "Fast
// splittable pseudorandom number generators", figure 17.
func splitMix64(seed, i uint64) uint64 {
	z := seed + (i+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Penalised is true for all weights but the biases.
func (m MLP) Penalised(i int) bool {
	for _, l := range m.layers() {
		if i < l.end() {
			return (i-l.at)%(l.inputs+1) > 0
		}
	}
	return false
}

// Names calls unit 2 of the first hidden layer h1.2: its bias is "h1.2
// (Intercept)", and "h1.2 age" what it makes of age.
func (m MLP) Names(features []string) []string {
	var names []string
	inputs := features
	for i, l := range m.layers() {
		var units []string
		for u := range l.units {
			unit := fmt.Sprintf("h%d.%d", i+1, u+1)
			if i == len(m.Hidden) {
				unit = "output"
			}
			units = append(units, unit)
			names = append(names, unit+" (Intercept)")
			for _, input := range inputs {
				names = append(names, unit+" "+input)
			}
		}
		inputs = units
	}
	return names
}

// pass is what a pass forward leaves for the one backward.
type pass struct {
	inputs []blas64.General // of each layer: rows×(inputs+1), the first column ones
	slopes []blas64.General // of each hidden layer's activation: rows×units
	output []float64        // one per row
}

// forward runs the network over the rows.
func (m MLP) forward(weights []float64, rows Design) pass {
	n := rows.Rows()
	p := pass{inputs: []blas64.General{rows.X}, output: make([]float64, n)}
	layers := m.layers()
	for i, l := range layers[:len(layers)-1] {
		next := newMatrix(n, l.units+1)
		weighted := withoutFirst(next)
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, p.inputs[i], l.of(weights), 0, weighted)
		slopes := newMatrix(n, l.units)
		for r := range n {
			next.Data[r*next.Stride] = 1
			for u := range l.units {
				x := &weighted.Data[r*weighted.Stride+u]
				*x, slopes.Data[r*slopes.Stride+u] = m.Activation.At(*x)
			}
		}
		p.inputs, p.slopes = append(p.inputs, next), append(p.slopes, slopes)
	}
	last := layers[len(layers)-1]
	blas64.Gemv(blas.NoTrans, 1, p.inputs[len(p.inputs)-1], vector(last.of(weights).Data), 0, vector(p.output))
	return p
}

func newMatrix(rows, columns int) blas64.General {
	return blas64.General{Rows: rows, Cols: columns, Stride: columns, Data: make([]float64, rows*columns)}
}

// withoutFirst is a view of all columns but the first.
func withoutFirst(m blas64.General) blas64.General {
	m.Cols--
	m.Data = m.Data[min(1, len(m.Data)):]
	return m
}

// Score writes the log-odds, or the number in the label's unit.
func (m MLP) Score(dst, weights []float64, rows Design) {
	if rows.Rows() == 0 {
		return
	}
	copy(dst, m.forward(weights, rows).output)
	if m.Binary {
		return
	}
	for i := range dst {
		dst[i] = m.middle() + dst[i]*m.Label.span/2
	}
}

func (m MLP) middle() float64 { return m.Label.low + m.Label.span/2 }

// Gradient writes the gradient by back-propagation.
func (m MLP) Gradient(dst, weights []float64, rows Design) {
	clear(dst)
	n := rows.Rows()
	if n == 0 {
		return
	}
	p := m.forward(weights, rows)
	errors := blas64.General{Rows: n, Cols: 1, Stride: 1, Data: p.output} // of the loss by each unit's weighted sum
	for i, y := range rows.Y {
		if m.Binary {
			errors.Data[i] = Sigmoid(errors.Data[i]) - y
		} else {
			errors.Data[i] -= (y - m.middle()) / (m.Label.span / 2)
		}
	}
	layers := m.layers()
	for i := len(layers) - 1; i >= 0; i-- {
		l := layers[i]
		blas64.Gemm(blas.Trans, blas.NoTrans, 1, errors, p.inputs[i], 0, l.of(dst))
		if i == 0 {
			return
		}
		before := newMatrix(n, l.inputs)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, errors, withoutFirst(l.of(weights)), 0, before)
		for j, slope := range p.slopes[i-1].Data {
			before.Data[j] *= slope
		}
		errors = before
	}
}

// growth is how far beyond the start the weights may take a gradient before its
// headroom is used up, in GradientReach.
const growth = 4

// GradientReach is an estimate and no proof: [growth] times the largest that a
// derivative can be at the weights before training, by the sums of |weights|
// along the paths to and from it. Where weights grow beyond that, or leave the
// interval of a polynomial, Encode refuses a larger value.
func (m MLP) GradientReach(rows, hospitals int) float64 {
	weights, layers := m.Start(), m.layers()
	bound, slope := m.Activation.Bounds()
	values := make([]float64, len(layers)) // largest input of each layer, where those of the first are of size 1
	values[0] = 1
	for i, l := range layers[:len(layers)-1] {
		values[i+1] = max(1, min(bound, slope*largestRow(l.of(weights))*values[i]))
	}
	residual, size := 1.0, float64(rows)*math.Sqrt(float64(hospitals)) // as Logistic.GradientReach
	if last := len(layers) - 1; !m.Binary {
		residual, size = 1+largestRow(layers[last].of(weights))*values[last], float64(rows)*float64(hospitals)
	}
	largest := 0.0
	for i := len(layers) - 1; i >= 0; i-- {
		largest = max(largest, residual*values[i])
		residual *= slope * largestColumn(layers[i].of(weights))
	}
	return growth * size * max(1, largest)
}

// largestRow is the largest sum of |entries| of a row.
func largestRow(m blas64.General) float64 {
	largest := 0.0
	for i := range m.Rows {
		largest = max(largest, blas64.Asum(vector(m.Data[i*m.Stride:i*m.Stride+m.Cols])))
	}
	return largest
}

// largestColumn is the largest sum of |entries| of a column.
func largestColumn(m blas64.General) float64 {
	largest := 0.0
	for j := range m.Cols {
		largest = max(largest, blas64.Asum(blas64.Vector{N: m.Rows, Inc: m.Stride, Data: m.Data[j:]}))
	}
	return largest
}
