package model

import "math"

// Logistic is logistic regression: the score w₀ + Σ wⱼzⱼ on standardised
// features z is the log-odds of a positive label, the loss its negative
// log-likelihood. w₀ is the intercept.
type Logistic struct {
	Features int // d; there are d+1 weights
}

var _ Regression = Logistic{}

// Size is d+1.
func (m Logistic) Size() int { return m.Features + 1 }

// Names are "(Intercept)", then the features.
func (m Logistic) Names(features []string) []string { return regressionNames(features) }

// Start returns d+1 zeros: probability ½ for everybody.
func (m Logistic) Start() []float64 { return make([]float64, m.Size()) }

// Penalised is true for all weights but the intercept.
func (m Logistic) Penalised(i int) bool { return i > 0 }

// Score writes the log-odds X·w.
func (m Logistic) Score(dst, weights []float64, rows Design) {
	linearScore(dst, weights, rows)
}

// Gradient writes Xᵀ(p − y) for the probabilities p.
func (m Logistic) Gradient(dst, weights []float64, rows Design) {
	residuals := make([]float64, rows.Rows())
	linearScore(residuals, weights, rows)
	for i, y := range rows.Y {
		residuals[i] = Sigmoid(residuals[i]) - y
	}
	sumResiduals(dst, residuals, rows)
}

// Row is the negative log-likelihood of a label of 0 or 1.
func (m Logistic) Row(score, y float64) (loss, first, second float64) {
	p := Sigmoid(score)
	return LogLoss(score, y), p - y, p * Sigmoid(-score)
}

// Unit is 1: scores are log-odds.
func (m Logistic) Unit() float64 { return 1 }

// Quadratic is false.
func (m Logistic) Quadratic() bool { return false }

// GradientReach is rows·√hospitals, whatever the weights: |p − y| ≤ 1, and by
// Cauchy and Schwarz Σ|z| ≤ √(rows·Σz²) over one hospital's rows, where Σz² ≤
// hospitals·rows because the features are standardised over all of them.
func (m Logistic) GradientReach(rows, hospitals int) float64 {
	return float64(rows) * math.Sqrt(float64(hospitals))
}

// Sigmoid is 1/(1+e^−x). It needs no cases: where e^−x overflows to infinity
// the result is 0, and small probabilities keep their relative precision.
func Sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// LogLoss is the negative log-likelihood of a label y of 0 or 1 at the given
// log-odds, in nats: log(1+e^−score) for a positive row, log(1+e^score) for a
// negative one. It is exact to rounding for scores of any size.
func LogLoss(score, y float64) float64 {
	if y == 1 {
		score = -score
	}
	return max(score, 0) + math.Log1p(math.Exp(-math.Abs(score)))
}
