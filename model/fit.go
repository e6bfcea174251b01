package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mathext"
)

// Outcome says how a search for the maximum-likelihood fit stands or ended.
type Outcome uint8

// Outcomes of a [Fit].
const (
	Searching  Outcome = 1 + iota // more rounds to come
	Converged                     // the weights are the fit
	Singular                      // the columns do not determine the weights
	Separated                     // the columns predict some labels with certainty: no finite fit
	Blurred                       // fixed point is too coarse to tell some columns apart
	Unfinished                    // the plan's rounds are over
)

// Fit is what [Newton] shares between rounds besides the weights, and what it
// found.
type Fit struct {
	Outcome Outcome
	Rounds  int // training rounds taken

	// Loss is the negative log-likelihood at the accepted weights, or half the
	// residual sum of squares in units of [Regression].Unit squared.
	Loss      float64
	Decrement float64   // λ² of the last step; see [Newton]
	Slow      int       // steps in a row that were long for what they gained
	Point     []float64 // while searching: weights to go back to when a step was too long

	// StandardErrors of the coefficients, on the columns' own scale, the
	// intercept first; when converged.
	StandardErrors []float64

	Columns []int // weights, from 0 for the intercept, that are to blame when there is no fit
}

// Coefficient is a line of a regression table, on the columns' own scale.
type Coefficient struct {
	Name     string  `json:"name"`
	Estimate float64 `json:"estimate"`
	StdError float64 `json:"std_error"`

	// Z is Estimate/StdError, and P the two-sided probability of one as large if
	// the coefficient were 0: by the normal distribution (Wald test) for logistic
	// regression, by Student's t with rows−weights degrees of freedom for linear
	// regression, where Z is the t statistic. Both are nil when StdError is 0, for
	// a linear fit without any error.
	Z *float64 `json:"z"`
	P *float64 `json:"p"`
}

// Coefficients is the regression table of a fit that converged, the intercept
// first; nil for any other state.
func (p *Program) Coefficients(s State) []Coefficient {
	if s.Fit == nil || s.Fit.Outcome != Converged || p.checkState(s) != nil {
		return nil
	}
	table := make([]Coefficient, len(s.Weights))
	intercept := s.Weights[0]
	for j, w := range s.Weights {
		estimate := w
		if j > 0 {
			estimate = w / s.Standardiser.Scale(j-1)
			intercept -= float64(estimate * s.Standardiser.Mean[j-1])
		}
		table[j] = Coefficient{Name: p.WeightNames()[j], Estimate: estimate}
	}
	table[0].Estimate = intercept
	for j := range table {
		c := &table[j]
		if c.StdError = s.Fit.StandardErrors[j]; c.StdError == 0 {
			continue
		}
		z := c.Estimate / c.StdError
		c.Z, c.P = pointer(z), pointer(p.twoSided(z, s.TrainRows-int64(len(s.Weights))))
	}
	return table
}

// twoSided is the probability of a statistic at least as far from 0.
func (p *Program) twoSided(z float64, degreesOfFreedom int64) float64 {
	if p.plan.Task.Label.Binary() {
		return math.Erfc(math.Abs(z) / math.Sqrt2)
	}
	// Abramowitz, Stegun 1964, 26.7.1: exact in the tail, where 1 − CDF is not.
	nu := float64(degreesOfFreedom)
	return mathext.RegIncBeta(nu/2, 0.5, nu/(nu+z*z))
}

// NoFitError says why a study found no fit. Every hospital finds the same.
type NoFitError struct {
	Outcome Outcome
	Columns []string // to blame, where there are any
	Rows    int64    // training rows in the sum
	Weights int
	Rounds  int
	flat    []string // columns among Columns that do not vary
}

func (e *NoFitError) Error() string {
	columns := strings.Join(e.Columns, ", ")
	switch {
	case e.Outcome == Unfinished:
		return fmt.Sprintf("newton has not converged after %d rounds; allow more rounds", e.Rounds)
	case e.Outcome == Blurred:
		return fmt.Sprintf("fixed point is too coarse to tell the columns %s apart; raise fixed_point.fraction_bits, or leave one of them out of the task", columns)
	case e.Outcome == Separated && len(e.Columns) == 0:
		return fmt.Sprintf("all %d training rows have the same label: the maximum-likelihood fit does not exist", e.Rows)
	case e.Outcome == Separated:
		return fmt.Sprintf("the data are separated by %s: these columns predict the label of some patients with certainty, and the maximum-likelihood fit does not exist; leave columns out or merge rare levels, or use fedsgd with a penalty (l2)", columns)
	case int64(e.Weights) >= e.Rows:
		return fmt.Sprintf("%d training rows do not determine %d weights; use fewer columns, or more rows", e.Rows, e.Weights)
	case len(e.flat) > 0:
		return fmt.Sprintf("the fit is not unique: over all %d training rows %s does not vary; leave it out of the task", e.Rows, strings.Join(e.flat, ", "))
	}
	return fmt.Sprintf("the fit is not unique: over all %d training rows the columns %s are linearly dependent; leave one of them out of the task", e.Rows, columns)
}

// FitError is nil unless the state is the end of a search without a fit: then a
// [NoFitError].
func (p *Program) FitError(s State) error {
	f := s.Fit
	if f == nil || f.Outcome == Searching || f.Outcome == Converged {
		return nil
	}
	if err := p.checkState(s); err != nil {
		return err
	}
	e := &NoFitError{Outcome: f.Outcome, Rows: s.TrainRows, Weights: len(s.Weights), Rounds: f.Rounds}
	for _, j := range f.Columns {
		name := p.WeightNames()[j]
		e.Columns = append(e.Columns, name)
		if j > 0 && (s.Standardiser.SD[j-1] == 0 || len(f.Columns) == 1) {
			e.flat = append(e.flat, name)
		}
	}
	return e
}

// check refuses what no search over so many weights leaves behind.
func (f *Fit) check(weights int) error {
	points, standardErrors := 0, 0
	switch f.Outcome {
	case Searching:
		points = weights
	case Converged:
		standardErrors = weights
	case Singular, Separated, Blurred, Unfinished:
	default:
		return fmt.Errorf("the fit has outcome %d", f.Outcome)
	}
	if len(f.Point) != points || len(f.StandardErrors) != standardErrors {
		return errors.New("the fit is that of another model")
	}
	if slices.ContainsFunc(f.Columns, func(j int) bool { return j < 0 || j >= weights }) {
		return fmt.Errorf("the fit names a weight that is not among the %d", weights)
	}
	return nil
}
