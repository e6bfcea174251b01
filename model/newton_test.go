package model

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// newtonPlan is the plan of a fit over all rows.
func newtonPlan(task *Task) Plan { return Plan{Task: task, Trainer: "newton"} }

// rawFit is the maximum-likelihood fit on the columns' own scale by another way:
// an orthogonal factorisation of the weighted rows in every step, and standard
// errors from a Hessian of differences of the gradient.
func rawFit(t *testing.T, d *Dataset) (estimates, standardErrors []float64) {
	t.Helper()
	n, k := d.Rows(), len(d.Features)+1
	x := mat.NewDense(n, k, nil)
	for i := range n {
		x.Set(i, 0, 1)
		for j, value := range d.Row(i) {
			x.Set(i, 1+j, value)
		}
	}
	beta := mat.NewVecDense(k, nil)
	var rss float64
	for range 30 {
		rss = 0
		weighted, working := mat.NewDense(n, k, nil), mat.NewVecDense(n, nil)
		for i := range n {
			eta := mat.Dot(x.RowView(i), beta)
			root, residual := 1.0, d.Y[i]-eta
			if d.Binary {
				p := 1 / (1 + math.Exp(-eta))
				root, residual = math.Sqrt(p*(1-p)), (d.Y[i]-p)/(p*(1-p))
			}
			rss += root * root * residual * residual
			for j := range k {
				weighted.Set(i, j, root*x.At(i, j))
			}
			working.SetVec(i, root*(eta+residual))
		}
		var qr mat.QR
		qr.Factorize(weighted)
		if err := qr.SolveVecTo(beta, false, working); err != nil {
			t.Fatal(err)
		}
	}
	information := mat.NewDense(k, k, nil)
	for j := range k {
		h := 1e-4 / mat.Max(x.ColView(j))
		up, down := rawGradient(d, x, beta, j, h), rawGradient(d, x, beta, j, -h)
		for i := range k {
			information.Set(i, j, (up[i]-down[i])/(2*h))
		}
	}
	variance := 1.0
	if !d.Binary {
		variance = rss / float64(n-k)
	}
	var inverse mat.Dense
	if err := inverse.Inverse(information); err != nil && mat.Condition(1e14) < err.(mat.Condition) {
		t.Fatal(err)
	}
	for j := range k {
		standardErrors = append(standardErrors, math.Sqrt(variance*inverse.At(j, j)))
	}
	return beta.RawVector().Data, standardErrors
}

// rawGradient is that of the summed loss at beta with one coefficient moved.
func rawGradient(d *Dataset, x *mat.Dense, beta *mat.VecDense, moved int, by float64) []float64 {
	at := mat.VecDenseCopyOf(beta)
	at.SetVec(moved, at.AtVec(moved)+by)
	gradient := make([]float64, at.Len())
	for i, y := range d.Y {
		expected := mat.Dot(x.RowView(i), at)
		if d.Binary {
			expected = 1 / (1 + math.Exp(-expected))
		}
		for j := range gradient {
			gradient[j] += (expected - y) * x.At(i, j)
		}
	}
	return gradient
}

// "aggregate_error 0, weights_max_diff ≤ 1e-4, ≤ 10 rounds; the pooled fit's
// coefficients and standard errors to 4 digits", against a fit of the pooled
// rows by other means.
func TestNewtonIsThePooledFit(t *testing.T) {
	for _, name := range EmbeddedNames() {
		t.Run(name, func(t *testing.T) {
			dir := ""
			if name != "synthetic" {
				dir = realData(t, name)
			}
			for _, testFraction := range []float64{0, 0.34} {
				task := embedded(t, name)
				splits := studySplits(t, task, dir, testFraction, 1)
				p := newProgram(t, newtonPlan(task))
				path := runFixedPoint(t, p, splits, nil)
				s := path[len(path)-1]
				if err := p.FitError(s); err != nil {
					t.Fatal(err)
				}
				if p.Rounds(s) > 10 || !task.Label.Binary() && p.Rounds(s) != 1 {
					t.Errorf("%d rounds", p.Rounds(s))
				}
				if d := maxDiff(s.Weights, replay(t, p, splits).Weights); d > 1e-8 {
					t.Errorf("weights differ from the replay's by %g", d)
				}
				estimates, standardErrors := rawFit(t, pooled(t, splits).Train)
				for j, c := range p.Coefficients(s) {
					checkDigits(t, c.Name, c.Estimate, estimates[j], 1e-7*standardErrors[j])
					checkDigits(t, c.Name+"'s standard error", c.StdError, standardErrors[j], 1e-5*standardErrors[j])
				}
			}
		})
	}
}

func checkDigits(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %.10g, want %.10g", what, got, want)
	}
}

// Fits of all rows, computed in Python with decimals of 50 digits: normal
// equations on the columns' own scale, solved by elimination, repeated until a
// step is below 10⁻³⁰.
func TestNewtonKnownAnswers(t *testing.T) {
	type line struct{ estimate, standardError float64 }
	cases := []struct {
		name  string
		rows  int64
		loss  float64 // negative log-likelihood, or residual sum of squares
		lines []line
	}{
		{"heart", 740, 310.892161296315, []line{
			{-2.197832841, 1.356411905}, {0.02132985567, 0.01261769481}, {1.299612603, 0.2569065491},
			{-0.4188342532, 0.4876463077}, {-0.01458084802, 0.4520025991}, {1.431577483, 0.4403239253},
			{0.00616433803, 0.005725057535}, {-0.001942661743, 0.001165198876}, {0.5265966214, 0.2925571948},
			{-0.07820776358, 0.3029026918}, {0.2560396076, 0.2534358449}, {-0.01400886726, 0.004557040764},
			{1.008121145, 0.2311083531}, {0.628536945, 0.114646253},
		}},
		{"pima", 724, 336.4305316255278, []line{
			{-8.962145671, 0.8208917373}, {0.117862846, 0.03341812363}, {0.03519437423, 0.003604876057},
			{-0.008916191922, 0.008617650377}, {0.0909264039, 0.01573984425}, {0.9605146749, 0.3064152526},
			{0.0169443212, 0.009834358866},
		}},
		{"diabetes442", 442, 1263985.7856333435, []line{
			{-357.4267866, 67.05807223}, {-0.03636122422, 0.2170414354}, {-22.85964809, 5.835821285},
			{5.602962092, 0.7171055006}, {1.116807993, 0.2252381692}, {-1.089996334, 0.5733318586},
			{0.7464504555, 0.5308343898}, {0.3720047151, 0.7824638456}, {6.533831936, 5.958637837},
			{68.48312496, 15.66971924}, {0.2801169893, 0.2733139504},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := realData(t, c.name)
			task := embedded(t, c.name)
			p := newProgram(t, newtonPlan(task))
			path := runFixedPoint(t, p, studySplits(t, task, dir, 0, 0), nil)
			s := path[len(path)-1]
			table := p.Coefficients(s)
			if s.TrainRows != c.rows || len(table) != len(c.lines) || table[0].Name != "(Intercept)" {
				t.Fatalf("%d rows, coefficients %+v", s.TrainRows, table)
			}
			for j, want := range c.lines {
				checkDigits(t, table[j].Name, table[j].Estimate, want.estimate, 1e-8*math.Abs(want.estimate))
				checkDigits(t, table[j].Name+"'s standard error", table[j].StdError, want.standardError, 1e-8*want.standardError)
				checkDigits(t, table[j].Name+"'s z", *table[j].Z, want.estimate/want.standardError, 1e-7*math.Abs(*table[j].Z))
			}
			loss := s.Fit.Loss
			if !task.Label.Binary() {
				loss *= 2 * task.Label.Max * task.Label.Max
			}
			checkDigits(t, "loss", loss, c.loss, 1e-9*c.loss)
		})
	}
}

// From weights so far away that a full step overshoots, the search goes back,
// and still ends at the fit. (From zero it does not happen: 200,000 small tables
// with long tails did not make it.)
func TestOvershootingStepsAreHalved(t *testing.T) {
	splits := patients(t, func(int, []float64, *float64) {})
	plan := newtonPlan(parseSmall(t))
	plan.Rounds = 200
	p := newProgram(t, plan)
	fit := replay(t, p, splits)
	rapid.Check(t, func(t *rapid.T) {
		s := State{Round: 1, Standardiser: fit.Standardiser, Weights: rapid.SliceOfN(rapid.Float64Range(-4, 4), 4, 4).Draw(t, "start")}
		halved := 0
		seen := [][]float64{}
		for step, more := p.Next(s); more && step.Name == StepTrain; step, more = p.Next(s) {
			if slices.ContainsFunc(seen, func(w []float64) bool { return slices.Equal(w, s.Weights) }) {
				t.Fatalf("round %d is at the weights of a round before", s.Round)
			}
			seen = append(seen, s.Weights)
			sum := make([]float64, step.Length)
			for _, h := range splits {
				for i, x := range p.trainer.Update(s.Weights, s.Standardiser.Design(h.Train)) {
					sum[i] += x
				}
			}
			next, err := p.Apply(s, sum)
			if err != nil {
				t.Fatal(err)
			}
			if s.Fit != nil && next.Fit.Loss == s.Fit.Loss {
				halved++
			}
			s = next
		}
		if p.FitError(s) != nil || maxDiff(s.Weights, fit.Weights) > 1e-5 {
			t.Fatalf("after %d halvings: %v, weights %v, want %v", halved, p.FitError(s), s.Weights, fit.Weights)
		}
	})
}

// When hospitals leave and come the fit is that of the last round's rows.
func TestNewtonFollowsTheSet(t *testing.T) {
	task := embedded(t, "synthetic")
	splits := studySplits(t, task, "", 0, 3)
	p := newProgram(t, newtonPlan(task))
	for _, last := range [][]int{{0, 1, 2}, {0, 2, 3}, {0, 1, 2, 3}} {
		path := runFixedPoint(t, p, splits, func(round int) []int {
			if round < 2 || round == 3 {
				return []int{0, 1, 3}
			}
			return last
		})
		s := path[len(path)-1]
		if err := p.FitError(s); err != nil {
			t.Fatal(err)
		}
		var rows []*Dataset
		for _, h := range last {
			rows = append(rows, splits[h].Train)
		}
		estimates, _ := rawFit(t, must[*Dataset](t)(Pool(rows...)))
		for j, c := range p.Coefficients(s) {
			checkDigits(t, c.Name, c.Estimate, estimates[j], 1e-6*c.StdError)
		}
	}
}

// "headroom checked before the run; refuse with numbers".
func TestNewtonPlansThatAreRefused(t *testing.T) {
	task := parseSmall(t)
	wide := parseSmall(t)
	wide.Features = append(wide.Features, Feature{Column: "ward", Kind: Category, Levels: make([]string, 1000)})
	for i := range wide.Features[2].Levels {
		wide.Features[2].Levels[i] = hospitalName(i)
	}
	coarse := parseSmall(t)
	coarse.FixedPoint.FractionBits = 15
	cases := []struct {
		plan Plan
		want string
	}{
		{Plan{Task: task, L2: 0.1}, "newton: l2 is 0.1; it gives the maximum-likelihood fit and its standard errors, so set l2 = 0, or use fedsgd"},
		{Plan{Task: wide}, "newton: 1003 weights have a Hessian of 503506 values; the limit is 1000 weights"},
		{Plan{Task: coarse}, "newton: sums over max_rows 100 of 3 hospitals leave 22 of 34 bits behind the point, and 24 are needed; lower max_rows, or raise fixed_point.fraction_bits"},
	}
	for _, c := range cases {
		c.plan.Trainer = "newton"
		_, err := NewProgram(c.plan)
		checkError(t, err, "plan study of task small: "+c.want)
	}
	p := newProgram(t, newtonPlan(task))
	if p.Plan().Rounds != newtonRounds {
		t.Errorf("%d rounds, want the trainer's own default and not that of the task for another", p.Plan().Rounds)
	}
}

// A loss beyond the fixed-point range is cut off; everything else is bounded.
func TestNewtonReach(t *testing.T) {
	splits := patients(t, func(int, []float64, *float64) {})
	p := newProgram(t, newtonPlan(parseSmall(t)))
	s := replay(t, p, splits)
	s.Round, s.Fit = 1, nil
	s.Weights = []float64{3000, -4000, 2000, 1}
	for h, split := range splits {
		vector := must[[]float64](t)(p.Update(s, split.Train, nil))
		if vector[1] != p.trainer.(Newton).MaxRows {
			t.Errorf("hospital %d: a loss of %v", h, vector[1])
		}
		if err := p.sumCodec.Encode(make([]int64, len(vector)), vector); err != nil {
			t.Error(err)
		}
	}
}

func TestStatesOfOtherTrainersAreRefused(t *testing.T) {
	splits := patients(t, func(int, []float64, *float64) {})
	newton, sgd := newProgram(t, newtonPlan(parseSmall(t))), newProgram(t, Plan{Task: parseSmall(t)})
	fit, trained := replay(t, newton, splits), replay(t, sgd, splits)
	_, err := newton.Evaluate(trained, nil)
	checkError(t, err, "evaluate: the state is not one of trainer newton")
	_, err = sgd.Evaluate(fit, nil)
	checkError(t, err, "evaluate: the state is not one of trainer fedsgd")
	broken := fit
	broken.Fit = &Fit{Outcome: Converged, StandardErrors: []float64{1}}
	if _, err := newton.Evaluate(broken, nil); err == nil || newton.Coefficients(broken) != nil {
		t.Error("a fit of other weights is accepted")
	}
	broken.Fit = &Fit{}
	checkError(t, newton.FitError(broken), "the fit has outcome 0")
	broken.Fit = &Fit{Outcome: Separated, Columns: []int{4}}
	checkError(t, newton.FitError(broken), "the fit names a weight that is not among the 4")
}
