package model

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas64"
)

// Standardiser holds the joint mean and population standard deviation of each
// feature over all hospitals of round 0, in the columns' own units.
//
// It comes from one secure sum of 1+2d values: the rows, Σx' and Σx'² with x' =
// (x−min)/(max−min) by the declared ranges (0 or 1 for one-hot columns). So
// round 0 opens the total number of training rows and each feature's joint
// mean and spread, and no hospital's own.
type Standardiser struct {
	Rows int64     // rows that it was computed over
	Mean []float64 // d joint means
	SD   []float64 // d joint standard deviations; exactly 0 marks a constant column
}

// Scale is what feature j is divided by: its standard deviation, or 1 for a
// constant column, which thereby becomes zero.
func (s Standardiser) Scale(j int) float64 {
	if s.SD[j] == 0 {
		return 1
	}
	return s.SD[j]
}

// Constant lists the features, from 0, that do not vary over all hospitals.
// The model cannot learn anything from them; their weights stay zero.
func (s Standardiser) Constant() []int {
	var constant []int
	for j, sd := range s.SD {
		if sd == 0 {
			constant = append(constant, j)
		}
	}
	return constant
}

// Design standardises the rows of a data set with the same d features: z =
// (x−Mean)/Scale, behind a column of ones.
func (s Standardiser) Design(d *Dataset) Design {
	rows, columns := d.Rows(), len(s.Mean)+1
	x := make([]float64, rows*columns)
	for i := range rows {
		z := x[i*columns : (i+1)*columns]
		z[0] = 1
		for j, value := range d.Row(i) {
			z[j+1] = (value - s.Mean[j]) / s.Scale(j)
		}
	}
	design := Design{X: blas64.General{Rows: rows, Cols: columns, Stride: columns, Data: x}}
	if rows > 0 {
		design.Y = d.Y
	}
	return design
}

// interval is a feature's declared range.
type interval struct{ low, span float64 }

// unitIntervals gives the declared range of each feature; a one-hot column
// lies in [0, 1].
func unitIntervals(features []Feature) []interval {
	var intervals []interval
	for _, f := range features {
		if f.Kind == Number {
			intervals = append(intervals, interval{low: f.Min, span: f.Max - f.Min})
			continue
		}
		for range f.Levels[1:] {
			intervals = append(intervals, interval{low: 0, span: 1})
		}
	}
	return intervals
}

// standardiseLength is the number of values summed in round 0.
func standardiseLength(features int) int { return 1 + 2*features }

// standardiseUpdate is this hospital's part of round 0: rows, Σx', Σx'².
func standardiseUpdate(features []interval, rows *Dataset) []float64 {
	vector := make([]float64, standardiseLength(len(features)))
	vector[0] = float64(rows.Rows())
	sums, squares := vector[1:1+len(features)], vector[1+len(features):]
	for i := range rows.Rows() {
		for j, x := range rows.Row(i) {
			unit := (x - features[j].low) / features[j].span
			sums[j] += unit
			squares[j] += unit * unit
		}
	}
	return vector
}

// standardiseApply turns the sum of round 0 into the standardiser. sumError
// bounds the error of each entry of the sum: a spread that is within it cannot
// be told from none, and is taken as none.
func standardiseApply(features []interval, sum []float64, sumError float64) (Standardiser, error) {
	rows, err := countOf(sum[0])
	if err != nil {
		return Standardiser{}, fmt.Errorf("number of rows: %w", err)
	}
	if rows == 0 {
		return Standardiser{}, ErrNoRows
	}
	d := len(features)
	s := Standardiser{Rows: rows, Mean: make([]float64, d), SD: make([]float64, d)}
	for j, f := range features {
		// float64(…) forbids fused operations; see the package comment.
		mean := sum[1+j] / float64(rows)
		variance := sum[1+d+j]/float64(rows) - float64(mean*mean)
		s.Mean[j] = f.low + float64(mean*f.span)
		if variance > smallestVariance(sumError, rows) {
			s.SD[j] = math.Sqrt(variance) * f.span
		}
	}
	return s, nil
}

// smallestVariance is what rounding alone can leave of a variance of zero, in
// units of the declared range squared. Σx'/rows and Σx'²/rows err by at most e
// = sumError/rows + rows·2⁻⁵³ (the second term is float64 summation), and so
// the variance Σx'²/rows − mean² by 3e, since the mean is at most 1.
func smallestVariance(sumError float64, rows int64) float64 {
	return 4 * (sumError/float64(rows) + float64(float64(rows)*0x1p-53))
}

// countOf reads a number that must be a count of rows.
func countOf(x float64) (int64, error) {
	if !(x >= 0 && x <= 1<<53) || x != math.Trunc(x) {
		return 0, fmt.Errorf("%v is not a count; a hospital has not followed the program", x)
	}
	return int64(x), nil
}
