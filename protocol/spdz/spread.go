package spdz

import (
	"math"

	"consilium/model"
)

// What entry-wise bounds say of training grows with every step, since they do
// not know that gradient descent contracts. Without hidden layers that can be
// used: with weights w and w+δ, a step ends at w' and w' + (I − η/m·XᵀDX −
// ηλI)·δ + noise, where D has slopes of the output between both predictions.

// rateError is by how much of itself the learning rate is rounded at most: rateBits.
const rateError = 1.0 / (1 << 7)

// contracts says whether the output has slopes everywhere, and no layer is
// hidden.
func (r *trainer) contracts() bool {
	return len(r.Hidden) == 0 && !r.Output.Clip && !r.Output.Rectifier
}

// stepWithSpread is a step in the clear. The noise is what the step makes of
// weights without an error.
func (r *trainer) stepWithSpread(x, y *Secret) error {
	before := r.weights[0]
	exact := *before
	exact.err = make([]float64, len(before.err))
	r.weights = Weights{&exact}
	if err := r.descend(x, y); err != nil {
		return err
	}
	r.spread = r.contraction(x, before)*r.spread + r.noise(x)
	for i := range r.weights[0].err {
		r.weights[0].err[i] = r.spread
	}
	return nil
}

// noise bounds the length of what a step makes of weights without an error, by
// η/m·‖X‖ times the length of the errors of its predictions.
func (r *trainer) noise(x *Secret) float64 {
	d := x.Cols
	squares, predictions := make([]float64, d*d), 0.0
	for i := range x.Rows {
		predictions += r.predicted[i] * r.predicted[i]
		for j := range d {
			for k := range d {
				squares[j*d+k] += x.value(i*d+j) * x.value(i*d+k)
			}
		}
	}
	rounded := r.engine.TruncationError(r.weights[0].Bits) * math.Sqrt(float64(d))
	return (1+rateError)*r.Rate/float64(x.Rows)*math.Sqrt(largestEigenvalue(squares, d)*predictions) + rounded
}

// contraction bounds the length of (I − η/m·XᵀDX − ηλI)·δ by that of δ. D's entries
// lie between two diagonals, and the matrix, which falls with D, between two matrices:
// no eigenvalue is beyond the largest of the one and the smallest of the other.
func (r *trainer) contraction(x, w *Secret) float64 {
	d, rate := x.Cols, r.Rate/float64(x.Rows)
	flat, steep := make([]float64, d*d), make([]float64, d*d)
	bent := r.Output.mostBent()
	for i := range x.Rows {
		z, square := 0.0, 0.0
		for j := range d {
			z += x.value(i*d+j) * w.value(j)
			square += x.value(i*d+j) * x.value(i*d+j)
		}
		off := math.Sqrt(square) * r.spread
		slope, bend := r.Output.slopeAt(z, off, bent)
		within := bend*off + rateError*(math.Abs(slope)+bend*off)
		for j := range d {
			for k := range d {
				product := rate * x.value(i*d+j) * x.value(i*d+k)
				flat[j*d+k] -= (slope - within) * product
				steep[j*d+k] -= (slope + within) * product
			}
		}
	}
	for j := range d {
		decay := r.Rate * r.L2 * (1 - rateError)
		if j == 0 {
			decay = 0
		}
		flat[j*d+j] += 1 - decay
		steep[j*d+j] += 1 - decay
	}
	return max(largestEigenvalue(flat, d), largestEigenvalue(steep, d))
}

// slopeAt is the slope of the activation at z, and a bound of how much it bends
// within so far: the second derivative at z, and the largest third; or, inside the
// interval, mostBent.
func (a Activation) slopeAt(z, within, mostBent float64) (slope, bend float64) {
	if a.identity() {
		return 1, 0
	}
	_, slope = a.Polynomial.At(z)
	reach := (math.Abs(z) + within) / a.Polynomial.Interval
	second, third := bends(a.Polynomial, z/a.Polynomial.Interval, reach)
	if bend = math.Abs(second) + third*within; reach <= 1 {
		bend = min(bend, mostBent)
	}
	return slope, bend
}

// mostBent bounds the second derivative within the interval: by the largest of many
// points, and what the third can add between two of them.
func (a Activation) mostBent() float64 {
	if a.identity() {
		return 0
	}
	const points = 1 << 13
	largest, third := 0.0, 0.0
	for i := range points + 1 {
		var second float64
		second, third = bends(a.Polynomial, 2*float64(i)/points-1, 1)
		largest = max(largest, math.Abs(second))
	}
	return largest + third*a.Polynomial.Interval/points
}

// bends is the second derivative of a polynomial where it takes t, and a bound of
// the third up to reach.
func bends(p model.Polynomial, t, reach float64) (second, third float64) {
	for k := len(p.Coefficients) - 1; k >= 2; k-- {
		c := float64(k*(k-1)) * p.Coefficients[k]
		second = second*t + c
		if k >= 3 {
			third = third*reach + float64(k-2)*math.Abs(c)
		}
	}
	square := p.Interval * p.Interval
	return second / square, third / (square * p.Interval)
}

// largestEigenvalue bounds the magnitudes of a symmetric matrix's eigenvalues
// tightly from above, by the trace of a high power: |λ| ≤ (Σλ^(2p))^(1/2p).
func largestEigenvalue(m []float64, d int) float64 {
	const doublings = 10 // p = 2⁹: d^(1/1024) is a factor of 1.003 for d = 14
	scale, power := 1.0, m
	for k := range doublings {
		norm := 0.0
		for _, v := range power {
			norm = max(norm, math.Abs(v))
		}
		if norm == 0 {
			return 0
		}
		next := make([]float64, d*d)
		for i := range d {
			for j := range d {
				for l := range d {
					next[i*d+j] += power[i*d+l] / norm * power[l*d+j] / norm
				}
			}
		}
		scale *= math.Pow(norm, math.Ldexp(1, -k))
		power = next
	}
	trace := 0.0
	for i := range d {
		trace += power[i*d+i]
	}
	return scale * math.Pow(trace, math.Ldexp(1, -doublings))
}
