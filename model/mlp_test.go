package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// networkTask is a task with an MLP in place of its model.
func networkTask(t testing.TB, task *Task, hidden []int, activation string) *Task {
	t.Helper()
	task.Model = ModelSettings{Kind: "mlp", Hidden: hidden, Activation: activation, Seed: 1}
	if err := task.Validate(); err != nil {
		t.Fatal(err)
	}
	return task
}

// textbookScore runs a network over one row, unit by unit.
func textbookScore(m MLP, weights, row []float64) float64 {
	inputs := row
	at := 0
	for i := range len(m.Hidden) + 1 {
		units := 1
		if i < len(m.Hidden) {
			units = m.Hidden[i]
		}
		outputs := []float64{1}
		for range units {
			var sum float64
			for j, x := range inputs {
				sum += weights[at+j] * x
			}
			at += len(inputs)
			if i == len(m.Hidden) {
				return sum
			}
			value, _ := m.Activation.At(sum)
			outputs = append(outputs, value)
		}
		inputs = outputs
	}
	panic("no output")
}

func textbookNetworkLoss(m MLP, weights []float64, rows Design) float64 {
	var loss float64
	for i, y := range rows.Y {
		score := textbookScore(m, weights, rows.X.Data[i*rows.X.Stride:i*rows.X.Stride+rows.X.Cols])
		if m.Binary {
			loss += LogLoss(score, y)
		} else {
			r := score - (y-m.middle())/(m.Label.span/2)
			loss += r * r / 2
		}
	}
	return loss
}

// The gradient is that of the loss: compared with central differences of a
// network run unit by unit.
func TestNetworkGradients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := MLP{
			Features:   rapid.IntRange(1, 3).Draw(t, "features"),
			Hidden:     rapid.SliceOfN(rapid.IntRange(1, 4), 1, 3).Draw(t, "hidden"),
			Activation: newActivation(ModelSettings{Activation: rapid.SampledFrom(ActivationNames()).Draw(t, "activation")}),
			Binary:     rapid.Bool().Draw(t, "binary"), Label: interval{low: -3, span: 8}, Seed: rapid.Uint64().Draw(t, "seed"),
		}
		rows := drawDesign(t, m.Features)
		weights := m.Start()
		for i := range weights {
			if !m.Penalised(i) { // a bias of 0 may put a rectifier on its kink
				weights[i] = rapid.Float64Range(-0.5, 0.5).Draw(t, "bias")
			}
		}
		scores, gradient := make([]float64, rows.Rows()), make([]float64, m.Size())
		for i := range gradient {
			gradient[i] = math.NaN() // must be overwritten
		}
		m.Score(scores, weights, rows)
		for i, score := range scores {
			want := textbookScore(m, weights, rows.X.Data[i*rows.X.Stride:(i+1)*rows.X.Stride])
			if !m.Binary {
				want = 1 + 4*want // middle and half of the label's range
			}
			if math.Abs(score-want) > 1e-9 {
				t.Fatalf("row %d scores %v, want %v", i, score, want)
			}
		}
		m.Gradient(gradient, weights, rows)
		for i := range weights {
			const h = 1e-6
			moved := slices.Clone(weights)
			moved[i] += h
			up, slopesUp := textbookNetworkLoss(m, moved, rows), m.forward(moved, rows).slopes
			moved[i] -= 2 * h
			down, slopesDown := textbookNetworkLoss(m, moved, rows), m.forward(moved, rows).slopes
			if _, kinked := m.Activation.(relu); kinked && !reflect.DeepEqual(slopesUp, slopesDown) {
				continue // the differences straddle a kink
			}
			if want := (up - down) / (2 * h); math.Abs(gradient[i]-want) > 1e-5*(1+math.Abs(want)) {
				t.Fatalf("derivative %d is %v, by differences %v", i, gradient[i], want)
			}
		}
	})
}

func TestHorner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Polynomial{Interval: rapid.Float64Range(0.5, 10).Draw(t, "interval"), Coefficients: rapid.SliceOfN(rapid.Float64Range(-2, 2), 0, 10).Draw(t, "coefficients")}
		x := rapid.Float64Range(-12, 12).Draw(t, "x")
		var value, slope, size float64
		for i, c := range p.Coefficients {
			value += c * math.Pow(x/p.Interval, float64(i))
			if i > 0 {
				slope += float64(i) * c * math.Pow(x/p.Interval, float64(i-1)) / p.Interval
			}
			size += math.Abs(c) * math.Pow(1+math.Abs(x/p.Interval), float64(i)) * 10
		}
		gotValue, gotSlope := p.At(x)
		if math.Abs(gotValue-value) > 1e-13*size || math.Abs(gotSlope-slope) > 1e-12*size/p.Interval {
			t.Fatalf("value %v and slope %v, want %v and %v", gotValue, gotSlope, value, slope)
		}
		if most, steepest := p.Bounds(); math.Abs(x) <= p.Interval && (math.Abs(gotValue) > most+1e-4*size || math.Abs(gotSlope) > steepest+1e-4*size) {
			t.Fatalf("value %v and slope %v, beyond %v and %v", gotValue, gotSlope, most, steepest)
		}
	})
}

// "Degree-7 odd least-squares fit on [−8,8]: 0.5 + 0.212883373x −
// 0.00759651638x³ + 1.4440529e−4x⁵ − 9.8037189e−7x⁷", and its distance from the
// curve.
func TestSigmoidPolynomial(t *testing.T) {
	p := SigmoidPolynomial()
	worst := 0.0
	for x := -8.0; x <= 8; x += 1.0 / 64 {
		value, slope := p.At(x)
		if want := 0.5 + 0.212883373*x - 0.00759651638*x*x*x + 1.4440529e-4*math.Pow(x, 5) - 9.8037189e-7*math.Pow(x, 7); math.Abs(value-want) > 1e-8 {
			t.Fatalf("%v at %v, want %v", value, x, want)
		}
		if want := 0.212883373 - 3*0.00759651638*x*x + 5*1.4440529e-4*math.Pow(x, 4) - 7*9.8037189e-7*math.Pow(x, 6); math.Abs(slope-want) > 1e-8 {
			t.Fatalf("slope %v at %v, want %v", slope, x, want)
		}
		worst = max(worst, math.Abs(value-Sigmoid(x)))
	}
	if worst > 0.026 || worst < 0.025 {
		t.Errorf("off by up to %v, documented as 0.026", worst)
	}
}

// All hospitals begin at the same weights, on every machine: integers, one
// correctly rounded root and one product. Run it with GOAMD64=v3, too.
func TestNetworksStartAtTheSameBitsEverywhere(t *testing.T) {
	for activation, want := range map[string]string{"tanh": "ef1346fd98566cdd", "relu": "6c92a94dea6c2e44"} {
		m := newModel(networkTask(t, embedded(t, "synthetic"), []int{8, 4}, activation)).(MLP)
		hash := sha256.Sum256(appendFloats(nil, m.Start()))
		if got := hex.EncodeToString(hash[:8]); got != want {
			t.Errorf("%s: start %s, want %s", activation, got, want)
		}
	}
	// Figure 17 of the paper, from seed 1234567.
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423} {
		if got := splitMix64(1234567, uint64(i)); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
}

func TestNetworkStart(t *testing.T) {
	m := MLP{Features: 50, Hidden: []int{40, 30}, Activation: tanh{}}
	weights := m.Start()
	if len(weights) != m.Size() || m.Size() != 40*51+30*41+31 {
		t.Fatalf("%d weights", len(weights))
	}
	for i, l := range m.layers() {
		reach := math.Sqrt(6 / float64(l.inputs+l.units))
		var sum, squares, largest, count float64
		for j := l.at; j < l.end(); j++ {
			if !m.Penalised(j) {
				if weights[j] != 0 {
					t.Errorf("bias %d is %v", j, weights[j])
				}
				continue
			}
			count++
			sum, squares, largest = sum+weights[j], squares+weights[j]*weights[j], max(largest, math.Abs(weights[j]))
		}
		// Even on [−r, r]: mean 0, variance r²/3, within four standard errors.
		if math.Abs(sum/count) > 4*reach/math.Sqrt(3*count) || math.Abs(3*squares/count/reach/reach-1) > 4/math.Sqrt(count) || largest > reach {
			t.Errorf("layer %d: mean %v, mean square %v, largest %v of %v", i, sum/count, squares/count, largest, reach)
		}
	}
	m.Seed = 1
	if slices.Equal(m.Start(), weights) {
		t.Error("two seeds, one start")
	}
}

func TestNetworkNames(t *testing.T) {
	p := newProgram(t, Plan{Task: networkTask(t, parseSmall(t), []int{2, 1}, "tanh")})
	want := []string{
		"h1.1 (Intercept)", "h1.1 age", "h1.1 pain=2", "h1.1 pain=3", "h1.2 (Intercept)", "h1.2 age", "h1.2 pain=2", "h1.2 pain=3",
		"h2.1 (Intercept)", "h2.1 h1.1", "h2.1 h1.2", "output (Intercept)", "output h2.1",
	}
	if got := p.WeightNames(); !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	for i, name := range want {
		if p.model.Penalised(i) == strings.HasSuffix(name, "(Intercept)") {
			t.Errorf("%s: penalised %v", name, p.model.Penalised(i))
		}
	}
}

// Networks train over fixed point as over real numbers, with every activation,
// number of layers, label and trainer, and get better at it. No value leaves its
// reach.
func TestNetworksTrain(t *testing.T) {
	cases := []struct {
		task       string
		hidden     []int
		activation string
		trainer    string
		rate       float64
	}{
		{"synthetic", []int{8, 4}, "sigmoid", "fedsgd", 2},
		{"synthetic", []int{8, 4}, "tanh", "fedsgd", 1},
		{"synthetic", []int{6}, "relu", "fedsgd", 0.5},
		{"synthetic", []int{8}, "polynomial", "fedsgd", 2},
		{"synthetic", []int{6, 5, 4}, "tanh", "fedavg", 0.5},
		{"heart", []int{8, 4}, "tanh", "fedsgd", 1},
		{"pima", []int{8}, "polynomial", "fedavg", 0.5},
		{"diabetes442", []int{6}, "tanh", "fedsgd", 0.5},
		{"diabetes442", []int{5, 3}, "sigmoid", "fedavg", 1},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.task, c.hidden, c.activation, c.trainer), func(t *testing.T) {
			dir := ""
			if c.task != "synthetic" {
				dir = realData(t, c.task)
			}
			task := networkTask(t, embedded(t, c.task), c.hidden, c.activation)
			splits := studySplits(t, task, dir, 0.34, 1)
			p := newProgram(t, Plan{Task: task, Trainer: c.trainer, Rounds: 40, Rate: c.rate, L2: 0.001, Evaluate: true})
			path := runFixedPoint(t, p, splits, nil)
			clear := replay(t, p, splits)
			end := path[len(path)-1]
			d := maxDiff(end.Weights, clear.Weights)
			if d > 1e-6 {
				t.Errorf("weights differ from the replay's by %g", d)
			}
			checkMetrics(t, p, end, pooled(t, splits).Test)
			train := pooled(t, splits).Train
			loss := func(s State) float64 {
				m := must[Metrics](t)(p.Evaluate(s, train))
				if m.LogLoss != nil {
					return *m.LogLoss
				}
				return *m.MSE
			}
			first, last := loss(path[0]), loss(path[40])
			t.Logf("weights %.1e apart, loss from %.4g to %.4g", d, first, last)
			if last > 0.9*first {
				t.Errorf("the loss went from %v to %v", first, last)
			}
			if _, err := p.WeightErrorBound(path); err == nil {
				t.Error("a bound is claimed that nobody has proved")
			}
		})
	}
}

// What a regression cannot: exclusive or.
func TestNetworkLearnsExclusiveOr(t *testing.T) {
	splits := patients(t, func(i int, row []float64, y *float64) {
		row[0] = 50 + float64(i%11)
		row[1], row[2] = float64(i%2), float64(i/2%2)
		*y = flagged(row[1] != row[2])
	})
	for _, activation := range ActivationNames() {
		p := newProgram(t, Plan{Task: networkTask(t, parseSmall(t), []int{6}, activation), Rounds: 1500, Rate: 2})
		s := replay(t, p, splits)
		m := must[Metrics](t)(p.Evaluate(s, pooledTrain(t, splits)))
		if *m.Accuracy != 1 {
			t.Errorf("%s: accuracy %v", activation, *m.Accuracy)
		}
	}
}

// fedsgd over hospitals is training on the pooled rows, with a network too.
func TestNetworkOverHospitalsIsThePooledOne(t *testing.T) {
	task := networkTask(t, embedded(t, "synthetic"), []int{5, 3}, "tanh")
	splits := studySplits(t, task, "", 0, 1)
	p := newProgram(t, Plan{Task: task, Rounds: 20, Rate: 1, L2: 0.01})
	all := Split{Train: pooledTrain(t, splits)}
	if d := maxDiff(replay(t, p, splits).Weights, replay(t, p, []Split{all}).Weights); d > 1e-11 {
		t.Errorf("weights differ by %g", d)
	}
}

func TestNetworkReach(t *testing.T) {
	for _, activation := range ActivationNames() {
		task := networkTask(t, embedded(t, "synthetic"), []int{8, 4}, activation)
		splits := studySplits(t, task, "", 0, 1)
		p := newProgram(t, Plan{Task: task, Rounds: 30, Rate: 1})
		path := runFixedPoint(t, p, splits, nil)
		most := 0
		for _, h := range splits {
			most = max(most, h.Train.Rows())
		}
		reach := p.model.GradientReach(most, len(splits))
		largest := 0.0
		for _, s := range path[:30] {
			for _, h := range splits {
				vector := must[[]float64](t)(p.Update(s, h.Train, nil))
				largest = max(largest, maxDiff(vector[1:], make([]float64, p.model.Size())))
			}
		}
		t.Logf("%s: reach %.0f, largest %.0f", activation, reach, largest)
		if largest > reach {
			t.Errorf("%s: a derivative of %v, beyond %v", activation, largest, reach)
		}
	}
}

func TestNetworkPlansThatAreRefused(t *testing.T) {
	_, err := NewProgram(newtonPlan(networkTask(t, parseSmall(t), []int{2}, "tanh")))
	checkError(t, err, `plan study of task small: newton: model.kind is "mlp"; it fits "linear" and "logistic"`)
	_, err = NewProgram(Plan{Task: networkTask(t, parseSmall(t), []int{1000, 100, 100}, "relu")})
	if err == nil || !strings.Contains(err.Error(), "beyond the range 65536; lower max_rows or the learning rate, or raise fixed_point.range (43 of 60 bits are used)") {
		t.Errorf("%v", err)
	}
}

func TestNetworkTasksThatAreRefused(t *testing.T) {
	network := strings.Replace(small, `kind = "logistic"`, "kind = \"mlp\"\nhidden = [8, 4]\nactivation = \"tanh\"", 1)
	if _, err := ParseTask("small.toml", []byte(network)); err != nil {
		t.Fatal(err)
	}
	number := strings.Replace(network, `rule = "ill > 0"`, "column = \"ill\"\nmax = 1", 1)
	if _, err := ParseTask("small.toml", []byte(number)); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, old, new, want string }{
		{"no layers", "[8, 4]", "[]", "model.hidden has 0 layers; give the units of one to 3, such as [8, 4]"},
		{"four layers", "[8, 4]", "[8, 4, 2, 1]", "model.hidden has 4 layers; give the units of one to 3, such as [8, 4]"},
		{"no units", "[8, 4]", "[8, 0]", "model.hidden has a layer of 0 units; it must be between 1 and 1000"},
		{"too many units", "[8, 4]", "[1001]", "model.hidden has a layer of 1001 units; it must be between 1 and 1000"},
		{"too many weights", "[8, 4]", "[1000, 1000]", "model.hidden makes 1006001 weights, the limit is 1000000"},
		{"activation", `"tanh"`, `"tan"`, `model.activation is "tan"; use one of sigmoid, tanh, relu, polynomial`},
		{"coefficients", `"tanh"`, "\"tanh\"\ncoefficients = [1.0]", `model.coefficients and model.interval are settings of activation = "polynomial", not "tanh"`},
		{"no interval", `"tanh"`, "\"polynomial\"\ncoefficients = [0.0, 1.0]", "model.coefficients and model.interval go together: the polynomial is in x/interval"},
		{"no coefficients", `"tanh"`, "\"polynomial\"\ninterval = 8.0", "model.coefficients and model.interval go together: the polynomial is in x/interval"},
		{"negative interval", `"tanh"`, "\"polynomial\"\ninterval = -8.0\ncoefficients = [1.0]", "model.coefficients [1] and model.interval -8: they must be finite, the interval positive"},
		{"infinite coefficient", `"tanh"`, "\"polynomial\"\ninterval = 8.0\ncoefficients = [inf]", "model.coefficients [+Inf] and model.interval 8: they must be finite, the interval positive"},
		{"degree", `"tanh"`, "\"polynomial\"\ninterval = 8.0\ncoefficients = [" + strings.Repeat("1.0, ", 33) + "]", "model.coefficients are of degree 32, the limit is 31"},
		{"settings of another kind", `"mlp"`, `"logistic"`, `model: hidden, activation, coefficients, interval and seed are settings of kind = "mlp", not "logistic"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseTask("small.toml", []byte(strings.Replace(network, c.old, c.new, 1)))
			checkError(t, err, "parse task small.toml: "+c.want)
		})
	}
}

func BenchmarkNetworkGradient(b *testing.B) {
	_, s, d := benchmarkStudy(b, "fedsgd")
	m := MLP{Features: benchmarkFeatures, Hidden: []int{32, 16}, Activation: tanh{}, Binary: true}
	rows, weights, gradient := s.Standardiser.Design(d), m.Start(), make([]float64, m.Size())
	for b.Loop() {
		m.Gradient(gradient, weights, rows)
	}
}
