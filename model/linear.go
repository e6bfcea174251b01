package model

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// Linear is linear regression: score w₀ + Σ wⱼzⱼ on standardised features z,
// loss ½(score − y)² with the label in its own unit. w₀ is the intercept.
type Linear struct {
	Features     int     // d; there are d+1 weights
	LargestLabel float64 // bounds |y|, from the label's declared range
}

var _ Regression = Linear{}

// Size is d+1.
func (m Linear) Size() int { return m.Features + 1 }

// Names are "(Intercept)", then the features.
func (m Linear) Names(features []string) []string { return regressionNames(features) }

// Start returns d+1 zeros.
func (m Linear) Start() []float64 { return make([]float64, m.Size()) }

// Penalised is true for all weights but the intercept.
func (m Linear) Penalised(i int) bool { return i > 0 }

// Score writes X·w.
func (m Linear) Score(dst, weights []float64, rows Design) {
	linearScore(dst, weights, rows)
}

// Gradient writes Xᵀ(X·w − y).
func (m Linear) Gradient(dst, weights []float64, rows Design) {
	residuals := make([]float64, rows.Rows())
	linearScore(residuals, weights, rows)
	for i, y := range rows.Y {
		residuals[i] -= y
	}
	sumResiduals(dst, residuals, rows)
}

// Row is that of the residual in units of the largest label.
func (m Linear) Row(score, y float64) (loss, first, second float64) {
	residual := score - y
	return residual * residual / 2, residual, 1
}

// Unit is the largest label.
func (m Linear) Unit() float64 { return m.LargestLabel }

// Quadratic is true.
func (m Linear) Quadratic() bool { return true }

// GradientReach is N·M for N = hospitals·rows and |y| ≤ M. While the loss is
// not above that of zero weights, Σr² ≤ Σy² ≤ N·M², and standardised features
// have Σz² ≤ N; by Cauchy and Schwarz |Σ r·z| ≤ N·M over all rows, and so over
// one hospital's. A run that diverges exceeds it, and Encode refuses then.
func (m Linear) GradientReach(rows, hospitals int) float64 {
	return float64(hospitals) * float64(rows) * m.LargestLabel
}

// linearScore writes X·w.
func linearScore(dst, weights []float64, rows Design) {
	clear(dst)
	blas64.Gemv(blas.NoTrans, 1, rows.X, vector(weights), 0, vector(dst))
}

// sumResiduals writes Xᵀ·residuals.
func sumResiduals(dst, residuals []float64, rows Design) {
	clear(dst)
	blas64.Gemv(blas.Trans, 1, rows.X, vector(residuals), 0, vector(dst))
}
