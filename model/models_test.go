package model

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/blas/blas64"
	"pgregory.net/rapid"
)

// textbookLoss is the summed loss in plain loops.
func textbookLoss(m Model, weights []float64, rows Design) float64 {
	var loss float64
	for i, y := range rows.Y {
		var score float64
		for j, w := range weights {
			score += w * rows.X.Data[i*rows.X.Stride+j]
		}
		if _, linear := m.(Linear); linear {
			loss += (score - y) * (score - y) / 2
		} else {
			loss += math.Log(1+math.Exp(score)) - y*score
		}
	}
	return loss
}

func drawDesign(t *rapid.T, features int) Design {
	rows := rapid.IntRange(0, 12).Draw(t, "rows")
	d := Design{X: blas64.General{Rows: rows, Cols: features + 1, Stride: features + 1, Data: make([]float64, rows*(features+1))}}
	for i := range rows {
		d.Y = append(d.Y, float64(rapid.IntRange(0, 1).Draw(t, "y")))
		for j := range features + 1 {
			d.X.Data[i*(features+1)+j] = rapid.Float64Range(-3, 3).Draw(t, "z")
		}
	}
	return d
}

// The gradient is that of the loss: compared with central differences.
func TestGradients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		features := rapid.IntRange(1, 6).Draw(t, "features")
		rows := drawDesign(t, features)
		weights := rapid.SliceOfN(rapid.Float64Range(-2, 2), features+1, features+1).Draw(t, "weights")
		for _, m := range []Model{Linear{Features: features}, Logistic{Features: features}} {
			gradient := make([]float64, features+1)
			for i := range gradient {
				gradient[i] = math.NaN() // must be overwritten
			}
			m.Gradient(gradient, weights, rows)
			const h = 1e-5
			for i := range weights {
				moved := append([]float64(nil), weights...)
				moved[i] += h
				up := textbookLoss(m, moved, rows)
				moved[i] -= 2 * h
				if want := (up - textbookLoss(m, moved, rows)) / (2 * h); math.Abs(gradient[i]-want) > 1e-4 {
					t.Fatalf("%T: derivative %d is %v, by differences %v", m, i, gradient[i], want)
				}
			}
		}
	})
}

func TestGradientReachHolds(t *testing.T) {
	task := embedded(t, "synthetic")
	splits := studySplits(t, task, "", 0, 5)
	p := newProgram(t, Plan{Task: task})
	s := replay(t, p, splits)
	most := 0
	for _, h := range splits {
		most = max(most, h.Train.Rows())
	}
	reach := p.model.GradientReach(most, len(splits))
	for i := range s.Weights {
		s.Weights[i] = 1000 * float64(i%3-1) // the bound must hold for any weights
	}
	for h, split := range splits {
		gradient := make([]float64, len(s.Weights))
		p.model.Gradient(gradient, s.Weights, s.Standardiser.Design(split.Train))
		for i, g := range gradient {
			if math.Abs(g) > reach {
				t.Errorf("hospital %d: derivative %d is %v, beyond %v", h, i, g, reach)
			}
		}
	}
}

func TestInterceptIsNotPenalised(t *testing.T) {
	for _, m := range []Model{Linear{Features: 2}, Logistic{Features: 2}} {
		if m.Penalised(0) || !m.Penalised(1) || !m.Penalised(2) || len(m.Start()) != 3 {
			t.Errorf("%T: penalised %v %v %v of %d", m, m.Penalised(0), m.Penalised(1), m.Penalised(2), len(m.Start()))
		}
	}
}

func TestSigmoidAndLogLossAreStable(t *testing.T) {
	cases := []struct{ x, sigmoid, lossIfPositive float64 }{
		{0, 0.5, math.Ln2},
		{2, 0.88079707797788244, 0.12692801104297250},
		{-2, 0.11920292202211756, 2.1269280110429725},
		{40, 1, 4.2483542552915889e-18},
		{-40, 4.2483542552915889e-18, 40},
		{-700, 9.8596765437597708e-305, 700},
		{1000, 1, 0}, {-1000, 0, 1000},
		{math.MaxFloat64, 1, 0}, {-math.MaxFloat64, 0, math.MaxFloat64},
	}
	near := func(got, want float64) bool { return math.Abs(got-want) <= 1e-15*math.Abs(want) }
	for _, c := range cases {
		if got := Sigmoid(c.x); !near(got, c.sigmoid) {
			t.Errorf("sigmoid of %v is %v, want %v", c.x, got, c.sigmoid)
		}
		if got := LogLoss(c.x, 1); !near(got, c.lossIfPositive) {
			t.Errorf("loss of a positive row at %v is %v, want %v", c.x, got, c.lossIfPositive)
		}
		if got := LogLoss(-c.x, 0); !near(got, c.lossIfPositive) {
			t.Errorf("loss of a negative row at %v is %v, want %v", -c.x, got, c.lossIfPositive)
		}
	}
}

// One yes-or-no feature has a closed form: the intercept is the log-odds of
// the first group, the slope the log odds ratio.
func TestLogisticFitOfAFourfoldTable(t *testing.T) {
	task := parseSmall(t)
	d := &Dataset{Features: task.FeatureNames(), Binary: true}
	add := func(n int, exposed, ill float64) {
		for range n {
			d.X = append(d.X, 50, exposed, 0)
			d.Y = append(d.Y, ill)
		}
	}
	add(40, 0, 0)
	add(10, 0, 1)
	add(15, 1, 0)
	add(30, 1, 1)
	s := replay(t, newProgram(t, Plan{Task: task, Rounds: 400, Rate: 4, Hospitals: 1}), []Split{{Train: d}})
	slope := s.Weights[2] / s.Standardiser.SD[1]
	intercept := s.Weights[0] - slope*s.Standardiser.Mean[1]
	if wantSlope := math.Log(30.0 * 40 / (15 * 10)); math.Abs(slope-wantSlope) > 1e-9 {
		t.Errorf("slope %v, log odds ratio %v", slope, wantSlope)
	}
	if wantIntercept := math.Log(10.0 / 40); math.Abs(intercept-wantIntercept) > 1e-9 {
		t.Errorf("intercept %v, log-odds %v", intercept, wantIntercept)
	}
}

// Ordinary least squares on the diabetes data: coefficients and mean squared
// error as published with scikit-learn's copy (columns scaled to length 1).
func TestLinearFitOfDiabetes442(t *testing.T) {
	dir := realData(t, "diabetes442")
	task := embedded(t, "diabetes442")
	split := pooled(t, studySplits(t, task, dir, 0, 0))
	p := newProgram(t, Plan{Task: task, Rounds: 20_000, Rate: 0.49, Hospitals: 1})
	s := replay(t, p, []Split{split})
	want := []float64{-10.0098663, -239.8156437, 519.8459200, 324.3846455, -792.1756385, 476.7390210, 101.0432683, 177.0632377, 751.2736996, 67.6266922}
	for j, w := range want {
		if got := s.Weights[1+j] * math.Sqrt(442); math.Abs(got-w) > 1e-5 {
			t.Errorf("%s: coefficient %.6f, published %.6f", task.FeatureNames()[j], got, w)
		}
	}
	m := must[Metrics](t)(p.Evaluate(s, split.Train))
	if math.Abs(*m.MSE-2859.69634759) > 1e-6 || math.Abs(*m.R2-0.51774842222) > 1e-9 || math.Abs(s.Weights[0]-152.13348416) > 1e-6 {
		t.Errorf("mean squared error %.6f, R² %.9f, intercept %.6f", *m.MSE, *m.R2, s.Weights[0])
	}
}

// Gradient descent over many rounds ends where Newton's method ends, and there
// the gradient of the mean loss is zero.
func TestLogisticFitOfHeart(t *testing.T) {
	dir := realData(t, "heart")
	task := embedded(t, "heart")
	split := pooled(t, studySplits(t, task, dir, 0, 0))
	p := newProgram(t, Plan{Task: task, Rounds: 3000, Hospitals: 1})
	s := replay(t, p, []Split{split})
	gradient := make([]float64, len(s.Weights))
	p.model.Gradient(gradient, s.Weights, s.Standardiser.Design(split.Train))
	if g := maxDiff(gradient, make([]float64, len(gradient))) / float64(split.Train.Rows()); g > 1e-9 {
		t.Errorf("gradient %g at the end", g)
	}
	start := s
	start.Weights = p.model.Start()
	if d := maxDiff(newtonFit(t, p, start, split.Train).Weights, s.Weights); d > 1e-7 {
		t.Errorf("weights differ by %g from Newton's", d)
	}
}

// L2/2·Σw² on the mean loss, intercept excepted: at the optimum the mean
// gradient balances L2·w.
func TestPenalty(t *testing.T) {
	task := embedded(t, "synthetic")
	split := pooled(t, studySplits(t, task, "", 0, 0))
	const l2 = 0.1
	for _, trainer := range descents {
		p := newProgram(t, Plan{Task: task, Trainer: trainer, Rounds: 500, L2: l2, Hospitals: 1})
		s := replay(t, p, []Split{split})
		gradient := make([]float64, len(s.Weights))
		p.model.Gradient(gradient, s.Weights, s.Standardiser.Design(split.Train))
		for i, g := range gradient {
			balance := g / float64(split.Train.Rows())
			if i > 0 {
				balance += l2 * s.Weights[i]
			}
			if math.Abs(balance) > 1e-9 {
				t.Errorf("%s: weight %d is out of balance by %g", trainer, i, balance)
			}
		}
	}
}
