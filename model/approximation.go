package model

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// MaxDegree bounds the degree of an Approximation: beyond it the change from
// orthogonal polynomials to powers costs more digits than the degree gains.
const MaxDegree = 21

// ApproximationSettings say which polynomial is looked for.
type ApproximationSettings struct {
	Function  string  // a name of CurveNames
	Method    string  // a name of ApproximationMethods
	Low, High float64 // the interval; Low < High
	Degree    int     // 1…MaxDegree
}

// Approximation is a polynomial that stands for a curve on an interval.
type Approximation struct {
	ApproximationSettings
	// Polynomial has powers of t = x/B, B = max(|Low|, |High|), so that its
	// coefficients are of order one.
	Polynomial Polynomial
	MaxError   float64 // largest |polynomial − curve| on the interval
	MaxErrorAt float64 // and where that is
	// Outside is |polynomial − curve| at the worse of the two places half a width
	// beyond the interval: what becomes of a value that leaves it.
	Outside float64
}

// ApproximationMethods lists the ways to a polynomial: the Taylor series about
// 0; interpolation at Chebyshev's points; the Chebyshev series, cut off (the
// smallest mean square of the error with the weight 1/√(1−u²) on [−1, 1]); the
// smallest mean square (all of the interval alike); the smallest largest error
// (Remez).
func ApproximationMethods() []string {
	return []string{"taylor", "interpolation", "chebyshev", "least-squares", "minimax"}
}

// The least width of an interval, and how far from 0 it may end.
const (
	leastWidth = 1e-3
	mostBound  = 1e6
)

// seriesPlaces is at how many places a Chebyshev series is found: exact to
// float64 for what is smooth on an interval of a hundred.
const seriesPlaces = 400

// Approximate finds the polynomial.
func Approximate(s ApproximationSettings) (*Approximation, error) {
	curve, err := NewCurve(s.Function)
	if err != nil {
		return nil, err
	}
	switch {
	case !(s.Low < s.High):
		return nil, fmt.Errorf("the interval [%v, %v] is empty: the lower end comes first", s.Low, s.High)
	case s.High-s.Low < leastWidth || max(-s.Low, s.High) > mostBound:
		return nil, fmt.Errorf("the interval [%v, %v]: it is %v wide at least, and within ±%v", s.Low, s.High, leastWidth, mostBound)
	case s.Degree < 1 || s.Degree > MaxDegree:
		return nil, fmt.Errorf("degree %d is not in 1…%d", s.Degree, MaxDegree)
	}
	bound := max(math.Abs(s.Low), math.Abs(s.High))
	middle, half := (s.Low+s.High)/2, (s.High-s.Low)/2
	on := func(u float64) float64 { return curve.At(middle + half*u) } // on [−1, 1]
	var powers []float64                                               // of t
	switch s.Method {
	case "taylor":
		if curve.taylor == nil {
			return nil, fmt.Errorf("%s has no Taylor series about 0; take least-squares or minimax", s.Function)
		}
		powers = curve.taylor(s.Degree)
		for i := range powers {
			powers[i] *= math.Pow(bound, float64(i))
		}
	case "interpolation":
		powers = substitute(chebyshevPowers(interpolate(on, s.Degree)), bound/half, -middle/half)
	case "chebyshev":
		powers = substitute(chebyshevPowers(interpolate(on, seriesPlaces)[:s.Degree+1]), bound/half, -middle/half)
	case "least-squares":
		powers = substitute(legendrePowers(project(on, s.Degree)), bound/half, -middle/half)
	case "minimax":
		coefficients, err := exchange(on, s.Degree)
		if err != nil {
			return nil, err
		}
		powers = substitute(chebyshevPowers(coefficients), bound/half, -middle/half)
	default:
		return nil, fmt.Errorf("unknown method %q; there are %s", s.Method, strings.Join(ApproximationMethods(), ", "))
	}
	a := &Approximation{ApproximationSettings: s, Polynomial: Polynomial{Interval: bound, Coefficients: tidy(powers)}}
	a.measure(curve)
	return a, nil
}

// tidy sets what is zero but for rounding to zero, such as the even powers of a
// curve that has only odd ones.
func tidy(powers []float64) []float64 {
	largest := 0.0
	for _, c := range powers {
		largest = max(largest, math.Abs(c))
	}
	for i, c := range powers {
		if math.Abs(c) < 1e-12*largest {
			powers[i] = 0
		}
	}
	return powers
}

// measure fills in the errors, at 4,001 places.
func (a *Approximation) measure(curve Curve) {
	a.MaxErrorAt = a.Low
	for _, x := range a.Places(4000) {
		if e := a.errorAt(curve, x); e > a.MaxError {
			a.MaxError, a.MaxErrorAt = e, x
		}
	}
	half := (a.High - a.Low) / 2
	a.Outside = max(a.errorAt(curve, a.Low-half), a.errorAt(curve, a.High+half))
}

func (a *Approximation) errorAt(curve Curve, x float64) float64 {
	y, _ := a.Polynomial.At(x)
	return math.Abs(y - curve.At(x))
}

// Places divides the interval into equal steps, both ends among them.
func (a *Approximation) Places(steps int) []float64 {
	places := make([]float64, steps+1)
	for i := range places {
		places[i] = a.Low + (a.High-a.Low)*float64(i)/float64(steps)
	}
	return places
}

// Errors are polynomial − curve at the places.
func (a *Approximation) Errors(places []float64) []float64 {
	curve, err := NewCurve(a.Function)
	if err != nil {
		panic("model: " + err.Error()) // it was approximated
	}
	errors := make([]float64, len(places))
	for i, x := range places {
		y, _ := a.Polynomial.At(x)
		errors[i] = y - curve.At(x)
	}
	return errors
}

// InPowersOfX are the coefficients of powers of x itself.
func (a *Approximation) InPowersOfX() []float64 {
	out := make([]float64, len(a.Polynomial.Coefficients))
	for i, c := range a.Polynomial.Coefficients {
		out[i] = c / math.Pow(a.Polynomial.Interval, float64(i))
	}
	return out
}

// ErrNoFixedPoint says that no usual number of fractional bits is enough.
var ErrNoFixedPoint = errors.New("no fixed point of up to 60 fractional bits is exact enough")

// FixedPointNeed is what an approximation needs of fixed-point arithmetic.
type FixedPointNeed struct {
	FractionBits int // f: rounding adds at most a tenth of the approximation's own error
	WholeBits    int // of the largest value in Horner's rule, without its sign
	ProductBits  int // of a product before truncation, sign included
}

// FixedPoint is what Horner's rule in t = x/B needs. Each coefficient is rounded
// to the nearest, t is off by one unit in the last place, and so is each product
// after a truncation on shares, which rounds up or down by chance.
func (a *Approximation) FixedPoint() (FixedPointNeed, error) {
	return a.fixedPoint(a.Polynomial.Coefficients, 1/a.Polynomial.Interval)
}

// FixedPointOfX is the same for Horner's rule in powers of x itself.
func (a *Approximation) FixedPointOfX() (FixedPointNeed, error) {
	return a.fixedPoint(a.InPowersOfX(), 1)
}

func (a *Approximation) fixedPoint(coefficients []float64, scale float64) (FixedPointNeed, error) {
	worst, largest := 0.0, 0.0
	for _, x := range a.Places(400) {
		units, value := hornerError(coefficients, x*scale)
		worst, largest = max(worst, units), max(largest, value, math.Abs(x*scale))
	}
	f := int(math.Ceil(math.Log2(worst / (max(a.MaxError, exactEnough) / 10))))
	if f = max(f, 1); f > 60 {
		return FixedPointNeed{}, ErrNoFixedPoint
	}
	whole := max(0, int(math.Floor(math.Log2(largest)))+1)
	return FixedPointNeed{FractionBits: f, WholeBits: whole, ProductBits: 2*f + 2*whole + 1}, nil
}

// hornerError bounds the rounding error of Horner's rule at t in units of the
// last place, and the largest value on the way.
func hornerError(coefficients []float64, t float64) (units, largest float64) {
	value, units := 0.0, 0.0
	for i := len(coefficients) - 1; i >= 0; i-- {
		if i < len(coefficients)-1 {
			units = math.Abs(t)*units + math.Abs(value) + 1
		}
		if coefficients[i] != 0 {
			units += 0.5
		}
		value = value*t + coefficients[i]
		largest = max(largest, math.Abs(value))
	}
	return units, largest
}
