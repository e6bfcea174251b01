package model

import (
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// "standardisation equals direct pooled mean/sd to 1e-9".
func TestStandardiserIsThatOfThePooledRows(t *testing.T) {
	for _, name := range []string{"heart", "synthetic"} {
		t.Run(name, func(t *testing.T) {
			dir := ""
			if name == "heart" {
				dir = realData(t, name)
			}
			task := embedded(t, name)
			splits := studySplits(t, task, dir, 0.34, 3)
			p := newProgram(t, Plan{Task: task, Rounds: 1})
			z := runFixedPoint(t, p, splits, nil)[0].Standardiser
			train := pooled(t, splits).Train
			if z.Rows != int64(train.Rows()) {
				t.Errorf("%d rows, want %d", z.Rows, train.Rows())
			}
			for j, feature := range task.FeatureNames() {
				column := make([]float64, train.Rows())
				for i := range column {
					column[i] = train.Row(i)[j]
				}
				mean, variance := stat.PopMeanVariance(column, nil)
				sd := math.Sqrt(variance)
				span := p.intervals[j].span // fixed point has a resolution in units of the declared range
				if math.Abs(z.Mean[j]-mean) > 1e-9*span || math.Abs(z.SD[j]-sd) > 1e-9*span {
					t.Errorf("%s: mean %v and sd %v, directly %v and %v", feature, z.Mean[j], z.SD[j], mean, sd)
				}
			}
		})
	}
}

func TestStandardiserInPlainFloats(t *testing.T) {
	splits := studySplits(t, embedded(t, "synthetic"), "", 0, 3)
	p := newProgram(t, Plan{Task: embedded(t, "synthetic"), Rounds: 1})
	z := replay(t, p, splits).Standardiser
	design := z.Design(pooled(t, splits).Train)
	for j := range design.X.Cols {
		var sum, squares float64
		for i := range design.Rows() {
			x := design.X.Data[i*design.X.Stride+j]
			sum += x
			squares += x * x
		}
		wantMean := 0.0
		if j == 0 {
			wantMean = 1 // the intercept's ones
		}
		n := float64(design.Rows())
		if math.Abs(sum/n-wantMean) > 1e-12 || math.Abs(squares/n-1) > 1e-12 {
			t.Errorf("column %d has mean %v and mean square %v", j, sum/n, squares/n)
		}
	}
}

// "sd = 0 (constant column) → scale 1, named in the state".
func TestConstantColumns(t *testing.T) {
	task := parseSmall(t)
	p := newProgram(t, Plan{Task: task, Rounds: 5})
	for _, age := range []float64{0, 120, 37, 1.0 / 3} {
		d := &Dataset{Features: task.FeatureNames(), Binary: true}
		for i := range 97 {
			d.X = append(d.X, age, float64(i%2), 0)
			d.Y = append(d.Y, float64(i%3/2))
		}
		for _, run := range []State{
			replay(t, p, []Split{{Train: d}}),
			runFixedPoint(t, p, []Split{{Train: d}}, nil)[5],
		} {
			z := run.Standardiser
			if !slices.Equal(z.Constant(), []int{0, 2}) || z.Scale(0) != 1 || z.Scale(1) == 1 {
				t.Errorf("age %v: constant %v, sd %v", age, z.Constant(), z.SD)
			}
			if math.Abs(run.Weights[1]) > 1e-6 || run.Weights[3] != 0 || run.Weights[2] == 0 {
				t.Errorf("age %v: weights %v; those of constant columns must stay zero", age, run.Weights)
			}
		}
	}
}

func TestStandardiseRefusesSumsThatAreNone(t *testing.T) {
	p := newProgram(t, Plan{Task: parseSmall(t)})
	sum := make([]float64, 7)
	_, err := p.Apply(p.Start(), sum)
	checkError(t, err, "apply sum: round 0, standardise: the included hospitals have no training rows; include one that has")
	if !errors.Is(err, ErrNoRows) {
		t.Error("the error is not ErrNoRows")
	}
	for _, rows := range []float64{2.5, -1, math.NaN(), 1e300} {
		sum[0] = rows
		if _, err := p.Apply(p.Start(), sum); err == nil {
			t.Errorf("a sum over %v rows is accepted", rows)
		}
	}
	_, err = p.Apply(p.Start(), sum[:6])
	checkError(t, err, "apply sum: round 0: 6 values, expected 7")
}
