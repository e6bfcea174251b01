package model

import (
	"math"
	"strings"
	"testing"
)

// Two-sided probabilities from tables: the normal ones of Abramowitz and Stegun
// 26.1, the t ones of 26.10, and a tail in which 1 − CDF has no digit left (by the
// hypergeometric series of the incomplete beta function).
func TestProbabilities(t *testing.T) {
	logistic, linear := newProgram(t, newtonPlan(parseSmall(t))), newProgram(t, newtonPlan(numberTask(t)))
	cases := []struct {
		p    *Program
		z    float64
		df   int64
		want float64
	}{
		{logistic, 0, 5, 1}, {logistic, 1.959963985, 5, 0.05}, {logistic, -2.575829304, 5, 0.01}, {logistic, 10, 5, 1.523970605e-23},
		{linear, 0, 5, 1}, {linear, 12.70620474, 1, 0.05}, {linear, -4.032142984, 5, 0.01}, {linear, 2.042272456, 30, 0.05},
		{linear, 40, 100, 2.462107602e-63},
	}
	for _, c := range cases {
		if got := c.p.twoSided(c.z, c.df); math.Abs(got-c.want) > 1e-4*c.want {
			t.Errorf("%v with %d degrees of freedom: %v, want %v", c.z, c.df, got, c.want)
		}
	}
}

// numberTask is the small task with a label from −50 to 150.
func numberTask(t testing.TB) *Task {
	t.Helper()
	text := strings.NewReplacer(`rule = "ill > 0"`, "column = \"ill\"\nmin = -50\nmax = 150", `"logistic"`, `"linear"`).Replace(small)
	return must[*Task](t)(ParseTask("small.toml", []byte(text)))
}

// patients are rows of the small task in three hospitals, changed by hand.
func patients(t testing.TB, change func(i int, row []float64, y *float64)) []Split {
	t.Helper()
	task := parseSmall(t)
	var splits []Split
	for _, rows := range [][2]int{{0, 40}, {40, 90}, {90, 107}} {
		d := &Dataset{Features: task.FeatureNames(), Binary: true}
		for i := rows[0]; i < rows[1]; i++ {
			pain := float64(i % 3)
			row := []float64{float64(i * 37 % 71), flagged(pain == 1), flagged(pain == 2)}
			y := float64(i * 7919 % 13 / 7)
			change(i, row, &y)
			d.X, d.Y = append(d.X, row...), append(d.Y, y)
		}
		splits = append(splits, Split{Train: d})
	}
	return splits
}

func flagged(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// "Singular or separated data named as such": within the rounds of a default
// plan, with the columns to blame, and alike in fixed point and in float64.
func TestDataWithoutAFit(t *testing.T) {
	const separated = ": these columns predict the label of some patients with certainty, and the maximum-likelihood fit does not exist; leave columns out or merge rare levels, or use fedsgd with a penalty (l2)"
	cases := []struct {
		name   string
		change func(i int, row []float64, y *float64)
		want   string
	}{
		{"one column tells all", func(_ int, row []float64, y *float64) { *y = flagged(row[0] > 40.5) },
			"the data are separated by age" + separated},
		{"three columns tell all", func(_ int, row []float64, y *float64) { *y = flagged(row[0]+12*row[1]-9*row[2] > 40.5) },
			"the data are separated by age, pain=2, pain=3" + separated},
		{"everybody of a level is ill", func(_ int, row []float64, y *float64) { *y = max(*y, row[2]) },
			"the data are separated by pain=3" + separated},
		{"the two patients of a rare level are well", func(i int, row []float64, y *float64) {
			if row[2] = flagged(i == 20 || i == 95); row[2] == 1 {
				*y = 0
			}
		}, "the data are separated by pain=3" + separated},
		{"all are ill", func(_ int, _ []float64, y *float64) { *y = 1 },
			"all 107 training rows have the same label: the maximum-likelihood fit does not exist"},
		{"all are well", func(_ int, _ []float64, y *float64) { *y = 0 },
			"all 107 training rows have the same label: the maximum-likelihood fit does not exist"},
		{"constant", func(_ int, row []float64, _ *float64) { row[0] = 1.0 / 3 },
			"the fit is not unique: over all 107 training rows age does not vary; leave it out of the task"},
		{"level that nobody has", func(_ int, row []float64, _ *float64) { row[2] = 0 },
			"the fit is not unique: over all 107 training rows pain=3 does not vary; leave it out of the task"},
		{"collinear", func(_ int, row []float64, _ *float64) { row[2] = 1 - row[1] },
			"the fit is not unique: over all 107 training rows the columns pain=2, pain=3 are linearly dependent; leave one of them out of the task"},
		{"collinear, three columns", func(_ int, row []float64, _ *float64) { row[0] = 7 + 31*row[1] - 4.7*row[2] },
			"the fit is not unique: over all 107 training rows the columns age, pain=2, pain=3 are linearly dependent; leave one of them out of the task"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			splits := patients(t, c.change)
			plan := newtonPlan(parseSmall(t))
			plan.Evaluate = true
			p := newProgram(t, plan)
			path := runFixedPoint(t, p, splits, nil)
			end := path[len(path)-1]
			for _, s := range []State{end, replay(t, p, splits)} {
				checkError(t, p.FitError(s), c.want)
				if s.Metrics != nil || p.Coefficients(s) != nil {
					t.Error("there is no fit, and it is evaluated")
				}
				if _, more := p.Next(s); more || p.Rounds(s) != s.Round-1 || p.Rounds(s) > 16 {
					t.Errorf("more rounds after %d: %v", p.Rounds(s), more)
				}
			}
		})
	}
}

func TestFewerRowsThanWeights(t *testing.T) {
	number := numberTask(t)
	few := func(rows ...int) []Split {
		d := patients(t, func(int, []float64, *float64) {})[0].Train.Select(rows)
		return []Split{{Train: d}}
	}
	p := newProgram(t, newtonPlan(parseSmall(t)))
	checkError(t, p.FitError(replay(t, p, few(0, 2, 4))), "3 training rows do not determine 4 weights; use fewer columns, or more rows")
	// As many rows as weights leave a linear fit nothing to tell its error from.
	exact := few(0, 1, 2, 3)
	exact[0].Train.Binary = false
	p = newProgram(t, newtonPlan(number))
	checkError(t, p.FitError(replay(t, p, exact)), "4 training rows do not determine 4 weights; use fewer columns, or more rows")
}

// One patient against the rule is enough for a fit.
func TestNearlySeparatedDataHaveAFit(t *testing.T) {
	splits := patients(t, func(i int, row []float64, y *float64) {
		*y = max(*y, row[2])
		if i == 5 {
			*y = 0
		}
	})
	p := newProgram(t, newtonPlan(parseSmall(t)))
	s := replay(t, p, splits)
	if err := p.FitError(s); err != nil || p.Rounds(s) > 10 {
		t.Fatalf("%v after %d rounds", err, p.Rounds(s))
	}
	estimates, _ := rawFit(t, pooledTrain(t, splits))
	if d := maxDiff([]float64{p.Coefficients(s)[3].Estimate}, estimates[3:]); d > 1e-7 {
		t.Errorf("off by %v", d)
	}
}

// A linear fit without any error has no z: nothing that JSON could not write.
func TestExactLinearFit(t *testing.T) {
	splits := patients(t, func(_ int, row []float64, y *float64) { *y = 3 + row[0] - 20*row[1] })
	for _, s := range splits {
		s.Train.Binary = false
	}
	p := newProgram(t, newtonPlan(numberTask(t)))
	path := runFixedPoint(t, p, splits, nil)
	for j, c := range p.Coefficients(path[1]) {
		if want := []float64{3, 1, -20, 0}[j]; math.Abs(c.Estimate-want) > 1e-6 || c.StdError != 0 || c.Z != nil || c.P != nil {
			t.Errorf("%+v, want %v without error", c, want)
		}
	}
}

func TestNewtonRunsOutOfRounds(t *testing.T) {
	plan := newtonPlan(embedded(t, "synthetic"))
	plan.Rounds, plan.Evaluate = 3, true
	p := newProgram(t, plan)
	s := replay(t, p, studySplits(t, plan.Task, "", 0.34, 1))
	checkError(t, p.FitError(s), "newton has not converged after 3 rounds; allow more rounds")
	if s.Metrics != nil || s.Round != 4 {
		t.Errorf("round %d, metrics %v", s.Round, s.Metrics)
	}
}

// Columns that only fine fixed point can tell apart: their standard errors would
// be rounding. Named with few bits, fitted with many.
func TestBlurredColumns(t *testing.T) {
	splits := patients(t, func(i int, row []float64, _ *float64) { row[0] = 50 + 30*row[1] + 0.02*float64(i%7) })
	for bits, want := range map[int]string{
		17: "fixed point is too coarse to tell the columns age, pain=2 apart; raise fixed_point.fraction_bits, or leave one of them out of the task",
		36: "",
	} {
		task := parseSmall(t)
		task.FixedPoint.FractionBits = bits
		p := newProgram(t, newtonPlan(task))
		path := runFixedPoint(t, p, splits, nil)
		s := path[len(path)-1]
		if want != "" {
			checkError(t, p.FitError(s), want)
			continue
		}
		if err := p.FitError(s); err != nil {
			t.Fatal(err)
		}
		_, standardErrors := rawFit(t, pooledTrain(t, splits))
		for j, c := range p.Coefficients(s) {
			checkDigits(t, c.Name+"'s standard error", c.StdError, standardErrors[j], 5e-5*standardErrors[j])
		}
	}
}

// What rounding leaves of a decrement does not keep a search going.
func TestToleranceOfRounding(t *testing.T) {
	c := factor([]float64{1e-3, 0, 1e-3}, 2, 0, loose)
	for sumError, want := range map[float64]float64{1e-12: smallDecrement, 1e-6: 4e-9} {
		if got := (Newton{SumError: sumError}).tolerance(c, 1e-8); math.Abs(got-want) > 1e-6*want {
			t.Errorf("with errors of %v the search ends at %v, want %v", sumError, got, want)
		}
	}
	if got := (Newton{SumError: 1}).tolerance(c, 2*roundedAway); got != smallDecrement {
		t.Errorf("coarse sums make a decrement of %v an optimum", got)
	}
}

// A Hessian that vanishes on the way, over the same rows, is a separation too.
func TestVanishingHessian(t *testing.T) {
	p := newProgram(t, newtonPlan(parseSmall(t)))
	z := &Standardiser{Rows: 50, Mean: make([]float64, 3), SD: []float64{1, 1, 1}}
	sum := make([]float64, p.trainer.Length())
	sum[0], sum[1] = 50, 20
	for i := range 3 {
		sum[6+triangle(4, i, i)] = 5
	}
	s := State{Round: 1, Standardiser: z, Weights: make([]float64, 4)}
	first := must[State](t)(p.Apply(s, sum))
	if first.Fit.Outcome != Singular || len(first.Fit.Columns) != 1 || first.Fit.Columns[0] != 3 {
		t.Errorf("in the first round %+v", first.Fit)
	}
	s = State{Round: 2, TrainRows: 50, Standardiser: z, Weights: []float64{1, 2, 3, 40}, Fit: &Fit{Outcome: Searching, Rounds: 1, Loss: 21, Point: []float64{0, 1, 2, 30}}}
	later := must[State](t)(p.Apply(s, sum))
	checkError(t, p.FitError(later), "the data are separated by pain=3: these columns predict the label of some patients with certainty, and the maximum-likelihood fit does not exist; leave columns out or merge rare levels, or use fedsgd with a penalty (l2)")
}
