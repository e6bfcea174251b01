package model

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestTaylorSeries(t *testing.T) {
	want := map[string][]float64{ // from a table of series
		"sigmoid":  {1. / 2, 1. / 4, 0, -1. / 48, 0, 1. / 480, 0, -17. / 80640},
		"tanh":     {0, 1, 0, -1. / 3, 0, 2. / 15, 0, -17. / 315},
		"softplus": {math.Ln2, 1. / 2, 1. / 8, 0, -1. / 192, 0, 1. / 2880, 0},
		"silu":     {0, 1. / 2, 1. / 4, 0, -1. / 48, 0, 1. / 480, 0},
	}
	for name, coefficients := range want {
		a, err := Approximate(ApproximationSettings{Function: name, Method: "taylor", Low: -3, High: 3, Degree: 7})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range a.InPowersOfX() {
			if math.Abs(c-coefficients[i]) > 1e-15 {
				t.Errorf("%s: coefficient of x^%d is %v, want %v", name, i, c, coefficients[i])
			}
		}
	}
}

// SigmoidPolynomial is the Chebyshev series, cut off: least squares with the
// weight 1/√(1−u²). The plain least-squares fit is that of Kim et al. 2018,
// "Logistic regression model training based on the approximate homomorphic
// encryption", section 3.2.
func TestKnownPolynomialsOfTheSigmoid(t *testing.T) {
	cut, err := Approximate(ApproximationSettings{Function: "sigmoid", Method: "chebyshev", Low: -8, High: 8, Degree: 7})
	if err != nil {
		t.Fatal(err)
	}
	a, err := Approximate(ApproximationSettings{Function: "sigmoid", Method: "least-squares", Low: -8, High: 8, Degree: 7})
	if err != nil {
		t.Fatal(err)
	}
	published := []float64{0.5, 1.73496, 0, -4.19407, 0, 5.43402, 0, -2.50739}
	for i, c := range SigmoidPolynomial().Coefficients {
		if math.Abs(c-cut.Polynomial.Coefficients[i]) > 1e-7 {
			t.Errorf("coefficient %d of the series is %v, SigmoidPolynomial has %v", i, cut.Polynomial.Coefficients[i], c)
		}
		if math.Abs(a.Polynomial.Coefficients[i]-published[i]) > 0.004 {
			t.Errorf("coefficient %d is %v, the paper has %v", i, a.Polynomial.Coefficients[i], published[i])
		}
	}
}

// No polynomial is better in the mean square than least squares, and none in the
// largest error than minimax; the latter's error is level at degree+2 places
// (Chebyshev's theorem), which proves that it is the one.
func TestEachMethodIsBestAtWhatItSays(t *testing.T) {
	for _, name := range CurveNames() {
		for _, interval := range [][2]float64{{-8, 8}, {-1, 1}, {-2, 7}, {1, 5}} {
			for _, degree := range []int{1, 2, 3, 7, 8, 13} {
				s := ApproximationSettings{Function: name, Low: interval[0], High: interval[1], Degree: degree}
				curve, _ := NewCurve(name)
				square, largest := map[string]float64{}, map[string]float64{}
				for _, method := range ApproximationMethods() {
					s.Method = method
					a, err := Approximate(s)
					if err != nil {
						if name == "relu" && method == "taylor" {
							continue // no series
						}
						t.Fatalf("%+v: %v", s, err)
					}
					for _, x := range a.Places(2000) {
						e := a.errorAt(curve, x)
						square[method] += e * e
					}
					largest[method] = a.MaxError
				}
				for method := range largest {
					if square["least-squares"] > square[method]*1.02+1e-18 {
						t.Errorf("%+v: least squares has %v, %s %v", s, square["least-squares"], method, square[method])
					}
					if largest["minimax"] > largest[method]*(1+1e-6)+1e-12 {
						t.Errorf("%+v: minimax has %v, %s %v", s, largest["minimax"], method, largest[method])
					}
				}
			}
		}
	}
}

func TestInterpolationGoesThroughChebyshevsPoints(t *testing.T) {
	a, err := Approximate(ApproximationSettings{Function: "tanh", Method: "interpolation", Low: -1, High: 4, Degree: 6})
	if err != nil {
		t.Fatal(err)
	}
	for j := range 7 {
		x := 1.5 + 2.5*math.Cos(math.Pi*(float64(j)+0.5)/7)
		if y, _ := a.Polynomial.At(x); math.Abs(y-math.Tanh(x)) > 1e-12 {
			t.Errorf("at %v: %v, not %v", x, y, math.Tanh(x))
		}
	}
}

// With the bits that it names, Horner's rule in integers stays within a tenth of
// the approximation's error, whichever way truncations fall. With four bits less
// in powers of x it does not.
func TestFixedPointBitsAreEnough(t *testing.T) {
	for _, degree := range []int{3, 5, 7, 9} {
		for _, method := range []string{"least-squares", "minimax", "interpolation"} {
			a, err := Approximate(ApproximationSettings{Function: "sigmoid", Method: method, Low: -8, High: 8, Degree: degree})
			if err != nil {
				t.Fatal(err)
			}
			need, err := a.FixedPoint()
			if err != nil {
				t.Fatal(err)
			}
			inX, err := a.FixedPointOfX()
			if err != nil {
				t.Fatal(err)
			}
			if off := worstInIntegers(a, a.Polynomial.Coefficients, 1/a.Polynomial.Interval, need.FractionBits); off > a.MaxError/10 {
				t.Errorf("%s %d: %d bits are off by %v, more than a tenth of %v", method, degree, need.FractionBits, off, a.MaxError)
			}
			if inX.FractionBits < need.FractionBits+2*(degree-1) {
				t.Errorf("%s %d: %d bits in powers of x/B, %d in powers of x", method, degree, need.FractionBits, inX.FractionBits)
			}
			if off := worstInIntegers(a, a.InPowersOfX(), 1, need.FractionBits); off < a.MaxError/10 && degree > 3 {
				t.Errorf("%s %d: %d bits do in powers of x, too: off by %v", method, degree, need.FractionBits, off)
			}
		}
	}
}

// worstInIntegers is the largest rounding error when every truncation rounds
// down, or every one up.
func worstInIntegers(a *Approximation, coefficients []float64, scale float64, fraction int) float64 {
	unit, worst := math.Ldexp(1, fraction), 0.0
	for _, x := range a.Places(500) {
		for _, up := range []int64{0, 1} {
			t, value := int64(math.Floor(x*scale*unit)), int64(0)
			for i := len(coefficients) - 1; i >= 0; i-- {
				if value != 0 {
					value = (value*t)>>fraction + up
				}
				value += int64(math.Round(coefficients[i] * unit))
			}
			exact, _ := a.Polynomial.At(x)
			worst = max(worst, math.Abs(float64(value)/unit-exact))
		}
	}
	return worst
}

func TestApproximateRefuses(t *testing.T) {
	good := ApproximationSettings{Function: "sigmoid", Method: "minimax", Low: -1, High: 1, Degree: 3}
	for want, change := range map[string]func(*ApproximationSettings){
		"unknown function": func(s *ApproximationSettings) { s.Function = "sigmod" },
		"unknown method":   func(s *ApproximationSettings) { s.Method = "best" },
		"empty":            func(s *ApproximationSettings) { s.Low = 1 },
		"within ±":         func(s *ApproximationSettings) { s.High = math.Inf(1) },
		"0.001 wide":       func(s *ApproximationSettings) { s.Low, s.High = 5, 5.0001 },
		"comes first":      func(s *ApproximationSettings) { s.High = math.NaN() },
		"degree 0":         func(s *ApproximationSettings) { s.Degree = 0 },
		"degree 22":        func(s *ApproximationSettings) { s.Degree = 22 },
		"no Taylor":        func(s *ApproximationSettings) { s.Function, s.Method = "relu", "taylor" },
	} {
		s := good
		change(&s)
		if _, err := Approximate(s); err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
}
