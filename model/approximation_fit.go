package model

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/mat"
)

// All of this file is on [−1, 1].

// interpolate gives the Chebyshev coefficients of the polynomial through f at
// the zeros of T_(degree+1).
func interpolate(f func(float64) float64, degree int) []float64 {
	n := degree + 1
	c := make([]float64, n)
	for j := range n {
		angle := math.Pi * (float64(j) + 0.5) / float64(n)
		y := f(math.Cos(angle))
		for k := range c {
			c[k] += 2 / float64(n) * y * math.Cos(float64(k)*angle)
		}
	}
	c[0] /= 2
	return c
}

// project gives the Legendre coefficients of the least-squares fit:
// (2k+1)/2·∫ f·P_k, by Gauss's rule on either side of 0, where relu has its
// corner when the interval is even.
func project(f func(float64) float64, degree int) []float64 {
	const places = 200
	c := make([]float64, degree+1)
	for k := range c {
		g := func(u float64) float64 { return f(u) * legendre(k, u) }
		c[k] = float64(2*k+1) / 2 * (quad.Fixed(g, -1, 0, places, nil, 0) + quad.Fixed(g, 0, 1, places, nil, 0))
	}
	return c
}

// legendre is P_k(u) by Bonnet's recursion.
func legendre(k int, u float64) float64 {
	before, p := 0.0, 1.0
	for i := range k {
		before, p = p, (float64(2*i+1)*u*p-float64(i)*before)/float64(i+1)
	}
	return p
}

// errNoExchange says that Remez's algorithm went nowhere.
var errNoExchange = errors.New("the minimax polynomial was not found; take least-squares, another degree or another interval")

// exactEnough is an error that only rounding makes, of curves of order one.
const exactEnough = 1e-13

// exchange gives the Chebyshev coefficients of the polynomial whose largest error
// is least (Remez 1934): it is level, with alternating sign, at degree+2 places
// at least. The places move to the extremes of the error until the highest is
// within 10⁻⁶ of the level. They begin at those of T_(degree+1), pushed to one
// side: for an odd curve, the level at symmetric places can be 0.
func exchange(f func(float64) float64, degree int) ([]float64, error) {
	count := degree + 2
	places := make([]float64, count)
	for i := range places {
		u := -math.Cos(math.Pi * float64(i) / float64(count-1))
		places[i] = u + 0.1*(1-u*u)
	}
	for range 100 {
		c, level, err := levelled(f, degree, places)
		if err != nil {
			return nil, err
		}
		e := func(u float64) float64 { return f(u) - chebyshevSum(c, u) }
		peaks := alternatingPeaks(e, 400*count)
		if !slices.ContainsFunc(peaks, func(u float64) bool { return math.Abs(e(u)) > exactEnough }) {
			return c, nil // the curve is a polynomial, or as good as one
		}
		if len(peaks) < count {
			return nil, errNoExchange
		}
		for len(peaks) > count { // too many: the lower end goes
			if math.Abs(e(peaks[0])) < math.Abs(e(peaks[len(peaks)-1])) {
				peaks = peaks[1:]
			} else {
				peaks = peaks[:len(peaks)-1]
			}
		}
		highest := 0.0
		for _, u := range peaks {
			highest = max(highest, math.Abs(e(u)))
		}
		if highest <= math.Abs(level)*(1+1e-6)+1e-15 {
			return c, nil
		}
		places = peaks
	}
	return nil, errNoExchange
}

// levelled solves f(u_i) − p(u_i) = (−1)^i·level for p and level.
func levelled(f func(float64) float64, degree int, places []float64) ([]float64, float64, error) {
	n := degree + 2
	a, b := mat.NewDense(n, n, nil), mat.NewVecDense(n, nil)
	for i, u := range places {
		for k := range degree + 1 {
			a.Set(i, k, math.Cos(float64(k)*math.Acos(u)))
		}
		a.Set(i, n-1, float64(1-2*(i%2)))
		b.SetVec(i, f(u))
	}
	var x mat.VecDense
	if err := x.SolveVec(a, b); err != nil {
		return nil, 0, errNoExchange
	}
	c := x.RawVector().Data
	return c[:n-1], c[n-1], nil
}

// alternatingPeaks are the places of the largest |e| between its changes of sign.
func alternatingPeaks(e func(float64) float64, steps int) []float64 {
	var peaks []float64
	best, sign := 0.0, 0.0
	for i := range steps + 1 {
		u := -math.Cos(math.Pi * float64(i) / float64(steps))
		y := e(u)
		switch {
		case y == 0:
		case y*sign <= 0: // a new stretch, or the first
			peaks, best, sign = append(peaks, u), math.Abs(y), math.Copysign(1, y)
		case math.Abs(y) > best:
			peaks[len(peaks)-1], best = u, math.Abs(y)
		}
	}
	return peaks
}

// chebyshevSum is Σ c_k·T_k(u) by Clenshaw's rule.
func chebyshevSum(c []float64, u float64) float64 {
	b1, b2 := 0.0, 0.0
	for k := len(c) - 1; k > 0; k-- {
		b1, b2 = 2*u*b1-b2+c[k], b1
	}
	return u*b1 - b2 + c[0]
}

// chebyshevPowers rewrites Σ c_k·T_k(u) in powers of u: T_(k+1) = 2u·T_k − T_(k−1).
func chebyshevPowers(c []float64) []float64 {
	return fromRecursion(c, func(k int) (float64, float64) {
		if k == 0 {
			return 1, 0
		}
		return 2, 1
	})
}

// legendrePowers is the same for P_(k+1) = ((2k+1)·u·P_k − k·P_(k−1))/(k+1).
func legendrePowers(c []float64) []float64 {
	return fromRecursion(c, func(k int) (float64, float64) {
		return float64(2*k+1) / float64(k+1), float64(k) / float64(k+1)
	})
}

// fromRecursion adds up Q_(k+1) = α·u·Q_k − β·Q_(k−1), Q_0 = 1.
func fromRecursion(c []float64, step func(k int) (alpha, beta float64)) []float64 {
	out := make([]float64, len(c))
	before, q := make([]float64, len(c)), make([]float64, len(c))
	q[0] = 1
	for k := range c {
		for i := range out {
			out[i] += c[k] * q[i]
		}
		alpha, beta := step(k)
		next := make([]float64, len(c))
		for i := range next {
			next[i] = -beta * before[i]
			if i > 0 {
				next[i] += alpha * q[i-1]
			}
		}
		before, q = q, next
	}
	return out
}

// substitute rewrites a polynomial in u = slope·t + offset in powers of t.
func substitute(powers []float64, slope, offset float64) []float64 {
	out := make([]float64, len(powers))
	for k := len(powers) - 1; k >= 0; k-- { // out = out·u + powers[k]
		for i := len(out) - 1; i >= 0; i-- {
			out[i] *= offset
			if i > 0 {
				out[i] += slope * out[i-1]
			}
		}
		out[0] += powers[k]
	}
	return out
}
