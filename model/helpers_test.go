package model

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// realData is the folder of a real data set, or skips the test where there is
// none: the project may not ship these files.
func realData(t testing.TB, name string) string {
	t.Helper()
	for _, root := range []string{os.Getenv("HOSPITAL_NODE_DATA"), filepath.Join("..", "..", "shared", "data")} {
		dir := filepath.Join(root, name)
		if _, err := os.Stat(dir); root != "" && err == nil {
			return dir
		}
	}
	t.Skipf("no data set %q: name the folder that holds it in HOSPITAL_NODE_DATA", name)
	return ""
}

// descents are the trainers that take the same kind of step in every round.
var descents = []string{"fedavg", "fedsgd"}

func embedded(t testing.TB, name string) *Task {
	t.Helper()
	task, ok := Embedded(name)
	if !ok {
		t.Fatalf("no embedded task %q", name)
	}
	return task
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func newProgram(t testing.TB, plan Plan) *Program {
	t.Helper()
	p, err := NewProgram(plan)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func replay(t testing.TB, p *Program, hospitals []Split) State {
	t.Helper()
	s, err := Replay(p, hospitals, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// studySplits loads a task and splits each hospital's rows with the seed.
func studySplits(t testing.TB, task *Task, dir string, testFraction float64, seed uint64) []Split {
	t.Helper()
	hospitals, err := task.Load(dir, 0, seed)
	if err != nil {
		t.Fatal(err)
	}
	splits := make([]Split, len(hospitals))
	for i, h := range hospitals {
		if splits[i].Train, splits[i].Test, err = h.Data.Split(testFraction, seed); err != nil {
			t.Fatal(err)
		}
	}
	return splits
}

// pooled puts all hospitals' rows into one.
func pooled(t testing.TB, splits []Split) Split {
	t.Helper()
	var train, test []*Dataset
	for _, s := range splits {
		train, test = append(train, s.Train), append(test, s.Test)
	}
	return Split{Train: must[*Dataset](t)(Pool(train...)), Test: must[*Dataset](t)(Pool(test...))}
}

// pooledTrain puts all hospitals' training rows into one.
func pooledTrain(t testing.TB, splits []Split) *Dataset {
	t.Helper()
	var train []*Dataset
	for _, s := range splits {
		train = append(train, s.Train)
	}
	return must[*Dataset](t)(Pool(train...))
}

// runFixedPoint runs a program as a study does: encoded vectors, integer sums.
// It returns the states after each round.
func runFixedPoint(t testing.TB, p *Program, hospitals []Split, included func(round int) []int) []State {
	t.Helper()
	s := p.Start()
	var path []State
	for {
		step, more := p.Next(s)
		if !more {
			return path
		}
		sum := make([]int64, step.Length)
		encoded := make([]int64, step.Length)
		for h := range hospitals {
			if included != nil && !contains(included(step.Round), h) {
				continue
			}
			vector, err := p.Update(s, hospitals[h].Train, hospitals[h].Test)
			if err != nil {
				t.Fatal(err)
			}
			if err := step.Codec.Encode(encoded, vector); err != nil {
				t.Fatalf("round %d: %v", step.Round, err)
			}
			for i, v := range encoded {
				sum[i] += v
			}
		}
		opened := make([]float64, step.Length)
		if err := step.Codec.Decode(opened, sum); err != nil {
			t.Fatal(err)
		}
		var err error
		if s, err = p.Apply(s, opened); err != nil {
			t.Fatal(err)
		}
		path = append(path, s)
	}
}

func contains(list []int, x int) bool {
	for _, v := range list {
		if v == x {
			return true
		}
	}
	return false
}

// meanHessian is the second derivative of the mean loss, by the textbook.
func meanHessian(p *Program, s State, d *Dataset) *mat.SymDense {
	rows := s.Standardiser.Design(d)
	scores := make([]float64, rows.Rows())
	p.model.Score(scores, s.Weights, rows)
	k := rows.X.Cols
	h := mat.NewSymDense(k, nil)
	for i, score := range scores {
		weight := 1.0
		if d.Binary {
			q := Sigmoid(score)
			weight = q * (1 - q)
		}
		h.SymRankOne(h, weight/float64(rows.Rows()), mat.NewVecDense(k, rows.X.Data[i*k:(i+1)*k]))
	}
	return h
}

// newtonFit trains to the optimum by Newton's method, from the weights of s.
func newtonFit(t testing.TB, p *Program, s State, d *Dataset) State {
	t.Helper()
	for range 30 {
		gradient := make([]float64, len(s.Weights))
		p.model.Gradient(gradient, s.Weights, s.Standardiser.Design(d))
		var cholesky mat.Cholesky
		if !cholesky.Factorize(meanHessian(p, s, d)) {
			t.Fatal("the Hessian is singular")
		}
		var step mat.VecDense
		if err := cholesky.SolveVecTo(&step, mat.NewVecDense(len(gradient), gradient)); err != nil {
			t.Fatal(err)
		}
		weights := make([]float64, len(s.Weights))
		for i, w := range s.Weights {
			weights[i] = w - step.AtVec(i)/float64(d.Rows())
		}
		s.Weights = weights
	}
	return s
}

func maxDiff(a, b []float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var largest float64
	for i := range a {
		largest = max(largest, math.Abs(a[i]-b[i]))
	}
	return largest
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if err.Error() != want {
		t.Errorf("error\n  %s\nwant\n  %s", err, want)
	}
}
