package model

import (
	"errors"
	"fmt"
	"math"
)

// WeightErrorBound bounds, for a finished run of fedsgd with fixed point, how
// far any of its weights lies from the same run in exact arithmetic: what
// weights_max_diff may be. path holds the states after round 0, 1, …, R.
//
// Let n be the number of hospitals, e = n·2^−(f+1) the error of an opened sum
// ([Codec.SumError]; smaller in round 0, which has more fraction bits), N the
// rows of round 0 and R those of a training round. Three things add up.
//
//   - Encoding. Each weight moves by an error of at most Rate·e/R in a round.
//   - The standardiser. The mean of a feature is off by at most e/N and its
//     variance by 3e/N, in units of the declared range. So a standardised value
//     z is off by at most ρ|z|+μ, with ρ = |Δsd|/sd and μ = |Δmean|/sd. The mean
//     gradient is then off by at most B(ρⱼ√q+μⱼ) + κ·Σₖ|wₖ|(ρₖq+μₖ√q) where B
//     bounds the root mean square of the residual, κ the second derivative of
//     the loss (1 and ¼ for logistic regression), and q = max(1, N/R) covers
//     rounds over fewer hospitals.
//   - float64. A sum over R rows is rounded to within R·2⁻⁵² of its size.
//
// Gradient descent on a convex loss with Rate ≤ 2/L, L the largest curvature
// ([FedSGD]), brings no two weight vectors further apart, so the errors of the
// rounds add up and none of them grows. The bound holds under that condition,
// for rounds over hospitals that were all included in round 0, and for columns
// that are either constant or vary by more than rounding (see [Standardiser]).
func (p *Program) WeightErrorBound(path []State) (float64, error) {
	trainer, ok := p.trainer.(FedSGD)
	if !ok {
		return 0, fmt.Errorf("bound the error of the weights: no bound is known for trainer %s", p.plan.Trainer)
	}
	if _, convex := p.model.(Regression); !convex {
		return 0, fmt.Errorf("bound the error of the weights: no bound is known for model %s, whose loss is not convex", p.plan.Task.Model.Kind)
	}
	if len(path) == 0 || path[0].Standardiser == nil {
		return 0, errors.New("bound the error of the weights: the first state must be the one after round 0")
	}
	e := p.codec.SumError(p.plan.Hospitals)
	errorsOfZ := p.standardiserErrors(*path[0].Standardiser, p.unitCodec.SumError(p.plan.Hospitals))
	var bound float64
	for i := 1; i < len(path) && path[i].Round <= p.plan.Rounds+1; i++ {
		rows := float64(path[i].TrainRows)
		if rows == 0 {
			return 0, fmt.Errorf("bound the error of the weights: state %d is not one after a training round", i)
		}
		gradient := p.gradientErrors(path[i-1].Weights, errorsOfZ, max(1, float64(path[0].Standardiser.Rows)/rows), rows)
		var squares float64
		for _, g := range gradient {
			step := trainer.Rate * (e/rows + g)
			squares += step * step
		}
		bound += math.Sqrt(squares)
	}
	return bound, nil
}

// zError says that a standardised value z is off by at most relative·|z| +
// absolute.
type zError struct{ relative, absolute float64 }

// standardiserErrors gives ρ and μ of each model input, the intercept's ones
// (which have none) first.
func (p *Program) standardiserErrors(z Standardiser, sumError float64) []zError {
	found := make([]zError, 1+len(z.SD))
	mean := sumError/float64(z.Rows) + float64(z.Rows)*0x1p-53
	for j, scale := range z.SD {
		sd := scale / p.intervals[j].span
		if sd == 0 {
			found[1+j] = zError{absolute: mean * p.intervals[j].span} // z is in the column's own unit
			continue
		}
		variance := mean * (3 + mean)                 // of Σx'²/N, and twice of the mean squared
		smallest := math.Sqrt(max(0, sd*sd-variance)) // of the exact standard deviation
		found[1+j] = zError{
			relative: variance / (sd + smallest) / sd,
			absolute: mean / sd,
		}
	}
	return found
}

// gradientErrors bounds the error of each entry of the mean gradient at the
// given weights.
func (p *Program) gradientErrors(weights []float64, z []zError, q, rows float64) []float64 {
	root := math.Sqrt(q)
	var shift, length float64
	for k, w := range weights {
		shift += math.Abs(w) * (z[k].relative*q + z[k].absolute*root)
		length += math.Abs(w)
	}
	residual, curvature := 1.0, 0.25
	if m, ok := p.model.(Linear); ok {
		residual, curvature = m.LargestLabel+length*root, 1
	}
	found := make([]float64, len(weights))
	for j := range found {
		found[j] = residual*(z[j].relative*root+z[j].absolute) + curvature*shift + rows*0x1p-52*residual*root
	}
	return found
}
