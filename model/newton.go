package model

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

// Regression is a model whose score is X·w, so that the second derivative of
// its loss is XᵀCX with a diagonal C: what [Newton] sums.
type Regression interface {
	Model

	// Row is the loss of one row at a score, and its first and second
	// derivative by the score; scores, labels and weights in units of Unit.
	Row(score, y float64) (loss, first, second float64)

	// Unit is the unit of scores in Row, so that the loss of zero weights and
	// all derivatives by a score are at most 1.
	Unit() float64

	// Quadratic says that the second derivative does not depend on the weights:
	// one step is the fit.
	Quadratic() bool
}

// Newton is the maximum-likelihood fit of a [Regression] to the pooled rows, by
// Newton's method in sums: every hospital adds its rows, its loss, gradient and
// Hessian at the shared weights, and everybody takes the step
//
//	w ← w − (Σ Hessian)⁻¹ Σ gradient
//
// which for logistic regression is iteratively reweighted least squares
// (McCullagh, Nelder 1989, Generalized Linear Models, 2.5) on one computer with
// all rows. It ends by itself: the [Fit] in the state says how, and holds the
// standard errors. Ordinary least squares takes one round, logistic regression
// five to eight.
//
// A step that makes the loss worse is halved in the rounds that follow, as long
// as the same number of rows is summed; with another number the loss is that of
// other patients, and the search goes on from where it stands.
//
// What is opened, in each round, over all included rows: their number, the
// loss, the gradient, and the Hessian. At zero weights the Hessian holds the
// correlations of all pairs of columns; for two one-hot columns that is the
// number of patients that have both, however small. For a quadratic loss it is
// opened once, because it is the same at any weights; for logistic regression
// it changes less and less as the weights settle. So if a hospital is in one
// round and not in the next, the difference of the two sums is nearly its own
// gradient and Hessian: more than [FedSGD] would show. No two rounds of a study
// are at the same weights.
type Newton struct {
	Model    Regression
	Rounds   int     // most training rounds
	MaxRows  float64 // most rows of all hospitals together
	SumError float64 // bounds the error of each entry of an opened sum
}

var _ Trainer = Newton{}

// minNewtonBits is the fewest fraction bits with which four digits of the
// standard errors are safe: on heart and Pima they give nine.
const minNewtonBits = 24

// maxNewtonWeights keeps the Hessian in half a million values.
const maxNewtonWeights = 1_000

// newtonRounds is the limit when nobody says otherwise: more than it takes to
// find out that data are separated.
const newtonRounds = 25

// newNewton makes the trainer of a plan, and the codec of its sums: as many bits
// as the task's, for a range of Reach.
func newNewton(p Plan, m Model, task Codec) (Newton, Codec, error) {
	fail := func(format string, args ...any) (Newton, Codec, error) {
		return Newton{}, Codec{}, fmt.Errorf("newton: "+format, args...)
	}
	regression, ok := m.(Regression)
	if !ok {
		return fail("model.kind is %q; it fits \"linear\" and \"logistic\"", p.Task.Model.Kind)
	}
	if p.L2 != 0 {
		return fail("l2 is %v; it gives the maximum-likelihood fit and its standard errors, so set l2 = 0, or use fedsgd", p.L2)
	}
	t := Newton{Model: regression, Rounds: p.Rounds}
	if k := t.Model.Size(); k > maxNewtonWeights {
		return fail("%d weights have a Hessian of %d values; the limit is %d weights", k, triangleLength(k), maxNewtonWeights)
	}
	t.MaxRows = t.Reach(p.Task.MaxRows, p.Hospitals)
	codec := task.narrowed(t.MaxRows)
	if codec.FractionBits < minNewtonBits {
		return fail("sums over max_rows %d of %d hospitals leave %d of %d bits behind the point, and %d are needed; lower max_rows, or raise fixed_point.fraction_bits",
			p.Task.MaxRows, p.Hospitals, codec.FractionBits, codec.Bits(), minNewtonBits)
	}
	t.SumError = codec.SumError(p.Hospitals)
	return t, codec, nil
}

// Length is 2 for the rows and the loss, k for the gradient of k weights, and
// k(k+1)/2 for the upper triangle of the Hessian.
func (t Newton) Length() int { k := t.Model.Size(); return 2 + k + triangleLength(k) }

// Reach is hospitals·rows: derivatives by a score are at most 1, standardised
// features have Σz² ≤ hospitals·rows, and the loss is cut off there (Update).
func (t Newton) Reach(rows, hospitals int) float64 { return float64(rows) * float64(hospitals) }

// Update is the number of rows, the summed loss, the gradient, and the upper
// triangle of the Hessian row by row. A loss above MaxRows is worse than that of
// all rows at zero weights, and so than any that a search goes on from; nothing
// else is asked of it, so it is cut off there.
func (t Newton) Update(weights []float64, rows Design) []float64 {
	n, k := rows.Rows(), t.Model.Size()
	vector := make([]float64, t.Length())
	if n == 0 {
		return vector
	}
	unit := t.Model.Unit()
	scores, first := make([]float64, n), make([]float64, n)
	linearScore(scores, weights, rows)
	scaled := blas64.General{Rows: n, Cols: k, Stride: k, Data: append([]float64(nil), rows.X.Data...)}
	loss := 0.0
	for i, score := range scores {
		rowLoss, slope, curvature := t.Model.Row(score/unit, rows.Y[i]/unit)
		loss += rowLoss
		first[i] = slope
		root := math.Sqrt(curvature)
		row := scaled.Data[i*k : (i+1)*k]
		for j := range row {
			row[j] *= root
		}
	}
	vector[0], vector[1] = float64(n), min(loss, max(t.MaxRows, float64(n)))
	sumResiduals(vector[2:2+k], first, rows)
	hessian := blas64.Symmetric{N: k, Stride: k, Data: make([]float64, k*k), Uplo: blas.Upper}
	blas64.Syrk(blas.Trans, 1, scaled, 0, hessian)
	upper := vector[2+k:]
	for i := range k {
		copy(upper[triangle(k, i, i):], hessian.Data[i*k+i:(i+1)*k])
	}
	return vector
}

// Apply takes a step, or ends the search.
func (t Newton) Apply(s State, sum []float64) (State, error) {
	rows, err := trainedRows(sum)
	if err != nil {
		return State{}, err
	}
	sameRows := s.Fit != nil && rows == s.TrainRows
	before := Fit{}
	if s.Fit != nil {
		before = *s.Fit
	}
	k := t.Model.Size()
	at := newtonSum{loss: sum[1], gradient: sum[2 : 2+k], hessian: sum[2+k:], rows: rows}
	s.TrainRows = rows
	switch {
	case sameRows && at.loss > before.Loss+t.slack(before.Loss):
		s = halveStep(s)
	default:
		s = t.step(s, at, before, sameRows)
	}
	if s.Fit.Outcome == Searching && s.Round >= t.Rounds {
		s.Fit.Outcome, s.Fit.Point = Unfinished, nil
	}
	s.Fit.Rounds = s.Round
	return s, nil
}

// newtonSum is what a round opens, at the state's weights.
type newtonSum struct {
	rows     int64
	loss     float64
	gradient []float64
	hessian  []float64 // upper triangle
}

// slack is what rounding can make of a difference of two losses.
func (t Newton) slack(loss float64) float64 { return 2*t.SumError + float64(1e-12*loss) }

// halveStep goes back half of the last step.
func halveStep(s State) State {
	weights := make([]float64, len(s.Weights))
	for i, w := range s.Weights {
		weights[i] = (s.Fit.Point[i] + w) / 2
	}
	fit := *s.Fit
	fit.Slow = 0
	s.Weights, s.Fit = weights, &fit
	return s
}

// Thresholds of a search, for the squared decrement λ² = gᵀH⁻¹g: twice what a
// step promises to gain in log-likelihood, and the squared length of the step
// in units of the standard errors.
const (
	smallDecrement = 1e-10 // no estimate is more than 1e-5 of its standard error from the optimum
	roundedAway    = 1e-6  // the most that rounding may make of that

	// A step of decrement λ that moves no log-odds by more than ν changes the
	// Hessian by factors of e^ν at most, and so leaves a decrement of at most
	// λ·e^(ν/2)·(e^ν−1−ν)/ν (Bach 2010, "Self-concordant analysis for logistic
	// regression", Electronic Journal of Statistics 4). So steps that stay longer
	// than half the one before move somebody's log-odds by 0.6 and more, although
	// the log-likelihood has nothing to gain: there is no optimum, or one at which
	// the log-odds of some patients have a standard error of 19 and more.
	slowDecrement = 1e-3
	slowRatio     = 0.25 // of λ² from step to step
	slowSteps     = 3    // in a row

	smallestPivot = 1e-9 // 1−R² of a column that the columns before it do not explain
	flatColumn    = 1e-9 // mean curvature of a standardised column that varies
	noiseFactor   = 8    // times the error of a sum: what cannot be told from 0
	digits        = 1e4  // by which a pivot must exceed its error, for as many digits of the standard errors
	shareOfStep   = 0.1  // a column takes part in a separation if it moves so much of what the first does
)

// step goes on from weights whose loss is accepted.
func (t Newton) step(s State, at newtonSum, before Fit, sameRows bool) State {
	fit := Fit{Outcome: Searching, Loss: at.loss}
	c := t.factor(at)
	switch {
	case !t.Model.Quadratic() && at.oneClass(s.Weights, t.slack(at.loss)):
		fit.Outcome = Separated
	case len(c.dependent) > 0 && sameRows: // they were independent in the round before
		fit.Outcome, fit.Columns = Separated, named(c)
	case len(c.dependent) > 0 || t.Model.Quadratic() && at.rows <= int64(c.k):
		fit.Outcome, fit.Columns = Singular, named(c)
	default:
		s.Weights = t.move(&fit, c, s, at, before, sameRows)
	}
	s.Fit = &fit
	return s
}

// factor factors the Hessian. What rounding can leave of a zero counts as one.
func (t Newton) factor(at newtonSum) *cholesky {
	k := len(at.gradient)
	noise := noiseFactor * t.SumError
	return factor(at.hessian, k, max(noise, float64(flatColumn*float64(at.rows))), func(smallest float64) float64 {
		return max(smallestPivot, float64(k)*noise/smallest)
	})
}

// move returns the next weights, and notes in the fit how the search stands.
func (t Newton) move(fit *Fit, c *cholesky, s State, at newtonSum, before Fit, sameRows bool) []float64 {
	u := c.forward(at.gradient)
	step := c.solve(u)
	fit.Decrement = dot(u, u)
	if sameRows && before.Decrement <= slowDecrement && fit.Decrement >= float64(slowRatio*before.Decrement) {
		fit.Slow = before.Slow + 1
	}
	unit, variance := t.Model.Unit(), 1.0
	switch {
	case t.Model.Quadratic():
		fit.Outcome = Converged
		if fit.Loss -= float64(fit.Decrement / 2); fit.Loss <= t.slack(at.loss) {
			fit.Loss = 0 // nothing that rounding could not have left
		}
		variance = 2 * fit.Loss / float64(at.rows-int64(c.k)) * unit * unit
	case fit.Slow >= slowSteps || at.loss+t.slack(at.loss) < math.Ln2:
		// A row on the wrong side alone would have a loss of ln 2.
		fit.Outcome, fit.Columns = Separated, moving(step)
		return s.Weights
	case fit.Decrement <= t.tolerance(c, fit.Decrement):
		fit.Outcome = Converged
		fit.Loss -= float64(fit.Decrement / 2)
	default:
		fit.Point = s.Weights
	}
	if fit.Outcome == Converged {
		if blurred := t.blurred(c); blurred != nil {
			fit.Outcome, fit.Columns = Blurred, blurred
			return s.Weights
		}
		fit.StandardErrors = standardErrors(c, *s.Standardiser, variance)
	}
	weights := make([]float64, len(s.Weights))
	for i, w := range s.Weights {
		weights[i] = w - float64(unit*step[i])
	}
	return weights
}

// blurred lists columns that others explain so nearly that fixed point leaves too
// few digits of their standard errors: rounding moves an entry of the Hessian,
// scaled to a diagonal of ones, by SumError/(smallest diagonal entry) at most.
func (t Newton) blurred(c *cholesky) []int {
	smallest := slices.Min(c.scale)
	limit := digits * float64(c.k) * t.SumError / smallest / smallest
	worst := 0
	for j := range c.k {
		if c.pivot(j) < c.pivot(worst) {
			worst = j
		}
	}
	if c.pivot(worst) >= limit {
		return nil
	}
	involved := append(c.explains(worst), worst)
	slices.Sort(involved)
	return involved
}

// tolerance is the decrement at which a search ends: that of an optimum, or what
// rounding leaves of it, since |g|² ≤ k·SumError² at the optimum itself.
func (t Newton) tolerance(c *cholesky, decrement float64) float64 {
	if decrement <= smallDecrement || decrement > roundedAway {
		return smallDecrement
	}
	return max(smallDecrement, float64(c.k)*t.SumError*t.SumError*c.traceOfInverse())
}

// oneClass says that all labels are the same. At zero weights the intercept's
// derivative is half the difference of the numbers of negative and positive rows.
func (at newtonSum) oneClass(weights []float64, slack float64) bool {
	for _, w := range weights {
		if w != 0 {
			return false
		}
	}
	return math.Abs(at.gradient[0])+slack >= float64(at.rows)/2
}

// named lists the columns without which the others would be independent, and
// those that they are combinations of, in order.
func named(c *cholesky) []int {
	involved := make([]bool, c.k)
	for _, j := range c.dependent {
		involved[j] = true
		for _, i := range c.explains(j) {
			involved[i] = true
		}
	}
	return indices(involved)
}

// moving lists the columns that take part in a step without end, the intercept
// excepted: none when it is alone, because all labels are the same.
func moving(move []float64) []int {
	largest := 0.0
	for _, m := range move[1:] {
		largest = max(largest, math.Abs(m))
	}
	involved := make([]bool, len(move))
	for i, m := range move {
		involved[i] = i > 0 && largest > 0 && math.Abs(m) >= float64(shareOfStep*largest)
	}
	return indices(involved)
}

func indices(set []bool) []int {
	var list []int
	for i, in := range set {
		if in {
			list = append(list, i)
		}
	}
	return list
}

// standardErrors are those of the coefficients on the columns' own scale, which
// are linear in the weights: βⱼ = wⱼ/scaleⱼ and β₀ = w₀ − Σ βⱼ·meanⱼ. variance
// is that of a label around its expectation, in the label's unit squared, or 1.
func standardErrors(c *cholesky, z Standardiser, variance float64) []float64 {
	found := make([]float64, c.k)
	row := make([]float64, c.k) // of the linear map
	row[0] = 1
	for j, mean := range z.Mean {
		row[1+j] = -mean / z.Scale(j)
	}
	for j := range found {
		if j > 0 {
			clear(row)
			row[j] = 1 / z.Scale(j-1)
		}
		u := c.forward(row)
		found[j] = math.Sqrt(variance * dot(u, u))
	}
	return found
}
