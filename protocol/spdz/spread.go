package spdz

import "math"

// What entry-wise bounds say of training grows with every step, since they do
// not know that gradient descent contracts. Without hidden layers that can be
// used: with weights w and w+δ, a step ends at w' and w' + (I − η/m·XᵀDX −
// ηλI)·δ + noise, where D has slopes of the output between both predictions.

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
	noise := 0.0
	for _, v := range r.weights[0].err {
		noise += v * v
	}
	r.spread = r.contraction(x, before)*r.spread + math.Sqrt(noise)
	for i := range r.weights[0].err {
		r.weights[0].err[i] = r.spread
	}
	return nil
}

// contraction bounds the length of (I − η/m·XᵀDX − ηλI)·δ by that of δ.
func (r *trainer) contraction(x, w *Secret) float64 {
	d, rate := x.Cols, r.Rate/float64(x.Rows)
	matrix := make([]float64, d*d)
	bent := 0.0 // slopes differ by bend·|z'−z| at most, in the direction of the row
	for i := range x.Rows {
		z, square := 0.0, 0.0
		for j := range d {
			z += x.value(i*d+j) * w.value(j)
			square += x.value(i*d+j) * x.value(i*d+j)
		}
		off := math.Sqrt(square) * r.spread
		slope, bend := r.Output.slopeAt(z, off)
		bent += rate * bend * off * square
		for j := range d {
			for k := range d {
				matrix[j*d+k] -= rate * slope * x.value(i*d+j) * x.value(i*d+k)
			}
		}
	}
	for j := range d {
		matrix[j*d+j]++
		if j > 0 {
			matrix[j*d+j] -= r.Rate * r.L2
		}
	}
	return largestEigenvalue(matrix, d) + bent
}

// slopeAt is the slope of the activation at z, and a bound of how much it bends
// within so far: the second derivative at z, and the largest third.
func (a Activation) slopeAt(z, within float64) (slope, bend float64) {
	if a.identity() {
		return 1, 0
	}
	_, slope = a.Polynomial.At(z)
	t, reach := z/a.Polynomial.Interval, (math.Abs(z)+within)/a.Polynomial.Interval
	second, third := 0.0, 0.0
	for k := len(a.Polynomial.Coefficients) - 1; k >= 2; k-- {
		c := float64(k*(k-1)) * a.Polynomial.Coefficients[k]
		second = second*t + c
		if k >= 3 {
			third = third*reach + float64(k-2)*math.Abs(c)
		}
	}
	square := a.Polynomial.Interval * a.Polynomial.Interval
	return slope, math.Abs(second)/square + third*within/(square*a.Polynomial.Interval)
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
