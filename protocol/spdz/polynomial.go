package spdz

import (
	"fmt"
	"math"
	"slices"
)

// Evaluation is an order of computing a polynomial.
type Evaluation int

const (
	// Powers computes t², then t³ and t⁴, and so on, and the polynomial as
	// low(t) + t^h·high(t), one reduction: ⌈log₂ degree⌉ rounds.
	Powers Evaluation = iota
	// Horner takes a round for each degree, or for every second of an odd or even
	// polynomial, and the fewest reductions.
	Horner
)

// coefficientBits is how finely coefficients are rounded.
const coefficientBits = 16

// Polynomials evaluates Σ coefficients[i]·tⁱ at every entry of t, for several
// polynomials at once: they share their powers. |t| should not go far beyond 1:
// see model.Polynomial. Coefficients are rounded to 16 bits, or to the engine's
// fraction if that is fewer.
func (e *Engine) Polynomials(t *Secret, how Evaluation, list ...[]float64) ([]*Secret, error) {
	for i, c := range list {
		if list[i] = trimmed(c); len(list[i]) == 0 {
			return nil, fmt.Errorf("evaluate a polynomial: no coefficient but zeros")
		}
	}
	if t.Bits < e.Fraction { // products are to have as many bits as constants
		t = e.raised(t, e.Fraction)
	}
	if !e.bounds() {
		return e.polynomials(t, how, list)
	}
	exact := *t
	exact.err = make([]float64, len(t.err))
	results, err := e.polynomials(&exact, how, list)
	if err != nil {
		return nil, err
	}
	stepwise, err := e.polynomials(t, how, list)
	for k := range stepwise {
		addSlopes(results[k], t, list[k])
		for i, bound := range stepwise[k].err {
			results[k].err[i] = min(results[k].err[i], bound)
		}
	}
	return results, err
}

// addSlopes adds to the errors of p(t), where those of t were left out, what they
// make: by the largest slope between t − error and t + error.
func addSlopes(value, t *Secret, c []float64) {
	for i, err := range t.err {
		at, slope, curve := t.value(i), 0.0, 0.0
		for k := len(c) - 1; k >= 1; k-- {
			slope = slope*at + float64(k)*c[k]
			if k >= 2 {
				curve = curve*(math.Abs(at)+err) + float64(k*(k-1))*math.Abs(c[k])
			}
		}
		value.err[i] += err * (math.Abs(slope) + err*curve)
	}
}

func (e *Engine) polynomials(t *Secret, how Evaluation, list [][]float64) ([]*Secret, error) {
	if how == Horner {
		results := make([]*Secret, len(list))
		var err error
		for i, c := range list {
			if results[i], err = e.horner(t, c); err != nil {
				return nil, err
			}
		}
		return results, nil
	}
	return e.byPowers(t, list)
}

func trimmed(c []float64) []float64 {
	for len(c) > 0 && c[len(c)-1] == 0 {
		c = c[:len(c)-1]
	}
	return c
}

func (e *Engine) coefficientBits() int { return min(coefficientBits, e.Fraction) }

// sumOf is the linear part: Σ c[i]·powers[i], powers[0] being one.
func (e *Engine) sumOf(c []float64, powers []*Secret) *Secret {
	fraction := e.coefficientBits()
	var sum *Secret
	for i, v := range c {
		if i == 0 || v == 0 {
			continue
		}
		if term := e.Scale(powers[i], v, fraction); sum == nil {
			sum = term
		} else {
			sum = e.Add(sum, term)
		}
	}
	if sum == nil {
		sum = e.secret(powers[1].Rows, powers[1].Cols, e.Fraction+fraction, 0)
	}
	return e.AddConstant(sum, c[0])
}

// byPowers takes the smallest power of two h with degrees up to 2h, all powers up
// to h that somebody needs, and then all polynomials in one round.
func (e *Engine) byPowers(t *Secret, list [][]float64) ([]*Secret, error) {
	longest := 0
	for _, c := range list {
		longest = max(longest, len(c))
	}
	h := 1
	for 2*h < longest-1 {
		h *= 2
	}
	powers, err := e.powers(t, neededPowers(list, h))
	if err != nil {
		return nil, err
	}
	products := make([]*Product, len(list))
	for i, c := range list {
		low, high := c, []float64(nil)
		if len(c) > h+1 {
			low, high = c[:h], c[h:]
		}
		sum := e.sumOf(low, powers)
		if high == nil {
			products[i] = e.linear(sum)
			continue
		}
		products[i] = e.Hadamard(powers[h], e.sumOf(high, powers)).PlusSecret(e, sum)
	}
	return e.Reduce(products...)
}

// linear is a product with no factor in it: what only wants truncation.
func (e *Engine) linear(s *Secret) *Product {
	return e.product(s.Rows, s.Cols, s.Bits, 0).PlusSecret(e, s)
}

// neededPowers marks the powers up to h that the polynomials use, and those that
// lead to them.
func neededPowers(list [][]float64, h int) []bool {
	needed := make([]bool, h+1)
	for _, c := range list {
		for i, v := range c {
			switch {
			case v == 0:
			case len(c) <= h+1, i < h:
				needed[i] = true
			default:
				needed[h], needed[i-h] = true, true
			}
		}
	}
	for i := h; i > 1; i-- {
		if needed[i] {
			half := largestPower(i)
			needed[half], needed[i-half] = true, true
		}
	}
	return needed
}

// largestPower is the largest power of two below i, i ≥ 2.
func largestPower(i int) int {
	half := 1
	for 2*half < i {
		half *= 2
	}
	return half
}

// powers computes tⁱ for the marked i, doubling the exponent every round.
func (e *Engine) powers(t *Secret, needed []bool) ([]*Secret, error) {
	list := make([]*Secret, max(2, len(needed)))
	list[1] = t
	for half := 1; half < len(needed); half *= 2 {
		var exponents []int
		var products []*Product
		for i := half + 1; i <= 2*half && i < len(needed); i++ {
			if needed[i] {
				exponents = append(exponents, i)
				products = append(products, e.Hadamard(list[half], list[i-half]))
			}
		}
		if len(products) == 0 {
			continue
		}
		results, err := e.Reduce(products...)
		if err != nil {
			return nil, err
		}
		for k, i := range exponents {
			list[i] = results[k]
		}
	}
	return list, nil
}

// horner evaluates from the highest coefficient down, in t² where every second
// coefficient is zero.
func (e *Engine) horner(t *Secret, c []float64) (*Secret, error) {
	even, odd := true, true // but for the constant
	for i, v := range c[1:] {
		even = even && (v == 0 || i%2 == 1)
		odd = odd && (v == 0 || i%2 == 0)
	}
	if len(c) <= 3 || !even && !odd {
		return e.hornerIn(t, c)
	}
	square, err := e.one(e.Hadamard(t, t))
	if err != nil {
		return nil, err
	}
	var half []float64
	for i := len(c) - 1; i > 0; i -= 2 {
		half = append(half, c[i])
	}
	if even {
		half = append(half, c[0])
		slices.Reverse(half)
		return e.hornerIn(square, half)
	}
	slices.Reverse(half)
	inner, err := e.hornerIn(square, half)
	if err != nil {
		return nil, err
	}
	r, err := e.one(e.Hadamard(t, inner))
	if err != nil {
		return nil, err
	}
	return e.AddConstant(r, c[0]), nil
}

func (e *Engine) hornerIn(t *Secret, c []float64) (*Secret, error) {
	last := len(c) - 1
	if last == 0 {
		return e.AddConstant(e.secret(t.Rows, t.Cols, e.Fraction, 0), c[0]), nil
	}
	// The two highest coefficients need no product of secrets.
	linear := e.AddConstant(e.Scale(t, c[last], e.coefficientBits()), c[last-1])
	if last == 1 {
		return e.one(e.linear(linear))
	}
	r, err := e.one(e.Hadamard(t, linear).PlusSecret(e, e.constantLike(t, c[last-2])))
	for i := last - 3; i >= 0 && err == nil; i-- {
		r, err = e.one(e.Hadamard(t, r).PlusSecret(e, e.constantLike(t, c[i])))
	}
	return r, err
}

func (e *Engine) constantLike(t *Secret, c float64) *Secret {
	return e.AddConstant(e.secret(t.Rows, t.Cols, e.Fraction+e.coefficientBits(), 0), c)
}

// one is Reduce for one product.
func (e *Engine) one(p *Product) (*Secret, error) {
	list, err := e.Reduce(p)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// boundOf is the largest |Σ c[i]·tⁱ| for |t| ≤ reach, at 2,001 places and with
// what rounding may add.
func boundOf(c []float64, reach float64) float64 {
	largest := 0.0
	for k := -1000; k <= 1000; k++ {
		v := 0.0
		for _, coefficient := range slices.Backward(c) {
			v = v*reach*float64(k)/1000 + coefficient
		}
		largest = max(largest, math.Abs(v))
	}
	return largest*1.01 + 0.01
}
