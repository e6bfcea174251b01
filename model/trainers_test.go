package model

import (
	"errors"
	"math"
	"testing"
)

// tablesUnderTest runs a test on the generated hospitals, and on the four real
// ones where they are.
func tablesUnderTest(t *testing.T, test func(t *testing.T, task *Task, splits []Split)) {
	for _, name := range []string{"synthetic", "heart"} {
		t.Run(name, func(t *testing.T) {
			dir := ""
			if name == "heart" {
				dir = realData(t, name)
			}
			task := embedded(t, name)
			test(t, task, studySplits(t, task, dir, 0.34, 2))
		})
	}
}

// descend is gradient descent on the rows of one table, by the textbook.
func descend(rows Design, weights []float64, steps int, rate, l2 float64) []float64 {
	weights = append([]float64(nil), weights...)
	for range steps {
		gradient := make([]float64, len(weights))
		for i, y := range rows.Y {
			x := rows.X.Data[i*rows.X.Stride : i*rows.X.Stride+len(weights)]
			var score float64
			for j, w := range weights {
				score += w * x[j]
			}
			for j := range weights {
				gradient[j] += (1/(1+math.Exp(-score)) - y) * x[j]
			}
		}
		for j := range weights {
			mean := gradient[j] / float64(len(rows.Y))
			if j > 0 {
				mean += l2 * weights[j]
			}
			weights[j] -= rate * mean
		}
	}
	return weights
}

// "fedsgd over 4 hospitals in float = pooled gradient descent to 1e-12".
func TestFedSGDIsPooledGradientDescent(t *testing.T) {
	tablesUnderTest(t, func(t *testing.T, task *Task, splits []Split) {
		p := newProgram(t, Plan{Task: task, L2: 0.01})
		joint := replay(t, p, splits)
		train := pooled(t, splits).Train
		want := descend(joint.Standardiser.Design(train), make([]float64, 14), p.Plan().Rounds, p.Plan().Rate, 0.01)
		if d := maxDiff(joint.Weights, want); d > 1e-12 {
			t.Errorf("weights differ by %g from the textbook's", d)
		}
		one := replay(t, p, []Split{{Train: train}})
		if d := maxDiff(joint.Weights, one.Weights); d > 1e-12 {
			t.Errorf("weights differ by %g from those of one hospital with all rows", d)
		}
		if joint.TrainRows != int64(train.Rows()) {
			t.Errorf("%d training rows, want %d", joint.TrainRows, train.Rows())
		}
	})
}

// "each hospital takes LocalEpochs full-batch steps from the shared weights
// and contributes rows·(its weights − shared weights) plus rows".
func TestFedAvgIsTheWeightedAverageOfLocalDescents(t *testing.T) {
	tablesUnderTest(t, func(t *testing.T, task *Task, splits []Split) {
		p := newProgram(t, Plan{Task: task, Trainer: "fedavg", Rounds: 7, LocalEpochs: 4, Rate: 0.5, L2: 0.02})
		s := replay(t, p, splits)
		weights := make([]float64, 14)
		for range 7 {
			var total float64
			next := make([]float64, 14)
			for _, h := range splits {
				rows := float64(h.Train.Rows())
				total += rows
				for i, w := range descend(s.Standardiser.Design(h.Train), weights, 4, 0.5, 0.02) {
					next[i] += rows * w
				}
			}
			for i := range next {
				weights[i] = next[i] / total
			}
		}
		if d := maxDiff(s.Weights, weights); d > 1e-12 {
			t.Errorf("weights differ by %g from the average of local descents", d)
		}
	})
}

func TestFedAvgWithOneEpochIsFedSGD(t *testing.T) {
	tablesUnderTest(t, func(t *testing.T, task *Task, splits []Split) {
		sgd := replay(t, newProgram(t, Plan{Task: task, Trainer: "fedsgd"}), splits)
		avg := replay(t, newProgram(t, Plan{Task: task, Trainer: "fedavg", LocalEpochs: 1}), splits)
		if d := maxDiff(sgd.Weights, avg.Weights); d > 1e-12 {
			t.Errorf("weights differ by %g", d)
		}
	})
}

func TestReachOfUpdates(t *testing.T) {
	tablesUnderTest(t, func(t *testing.T, task *Task, splits []Split) {
		most := 0
		for _, h := range splits {
			most = max(most, h.Train.Rows())
		}
		for _, trainer := range TrainerNames() {
			p := newProgram(t, Plan{Task: task, Trainer: trainer})
			s, err := Replay(p, splits, nil)
			if err != nil {
				t.Fatal(err)
			}
			s.Round, s.Fit = 1, nil
			reach := p.trainer.Reach(most, len(splits))
			for h, split := range splits {
				vector := must[[]float64](t)(p.Update(s, split.Train, nil))
				if d := maxDiff(vector, make([]float64, len(vector))); d > reach {
					t.Errorf("%s, hospital %d: an update of %v, beyond %v", trainer, h, d, reach)
				}
			}
		}
	})
}

func TestTrainingWithoutRows(t *testing.T) {
	task := parseSmall(t)
	empty := &Dataset{Features: task.FeatureNames(), Binary: true}
	one := &Dataset{Features: task.FeatureNames(), X: []float64{1, 0, 1}, Y: []float64{1}, Binary: true}
	for _, trainer := range descents {
		p := newProgram(t, Plan{Task: task, Trainer: trainer})
		_, err := Replay(p, []Split{{Train: one}, {Train: empty}}, func(round int) []int { return []int{min(round/2, 1)} })
		checkError(t, err, "replay: apply sum: round 2, train: the included hospitals have no training rows; include one that has")
		if !errors.Is(err, ErrNoRows) {
			t.Errorf("%s: the error is not ErrNoRows", trainer)
		}
	}
}

func TestTrainersRefuseImpossibleCounts(t *testing.T) {
	for _, trainer := range descents {
		p := newProgram(t, Plan{Task: parseSmall(t), Trainer: trainer})
		s := State{Round: 1, Standardiser: &Standardiser{Rows: 1, Mean: make([]float64, 3), SD: make([]float64, 3)}, Weights: make([]float64, 4)}
		_, err := p.Apply(s, []float64{1.5, 0, 0, 0, 0})
		checkError(t, err, "apply sum: round 1, train: number of rows: 1.5 is not a count; a hospital has not followed the program")
		_, err = p.Apply(s, []float64{1, 0, math.Inf(1), 0, 0})
		checkError(t, err, "apply sum: round 1, train: the model diverged, lower the learning rate: encode state: weight 1 is "+map[string]string{"fedsgd": "-Inf", "fedavg": "+Inf"}[trainer]+"; it must be finite")
	}
}

func TestNewtonRefusesImpossibleCounts(t *testing.T) {
	p := newProgram(t, newtonPlan(parseSmall(t)))
	s := State{Round: 1, Standardiser: &Standardiser{Rows: 1, Mean: make([]float64, 3), SD: make([]float64, 3)}, Weights: make([]float64, 4)}
	sum := make([]float64, 16)
	_, err := p.Apply(s, sum)
	if !errors.Is(err, ErrNoRows) {
		t.Errorf("without rows: %v", err)
	}
	sum[0] = 1.5
	_, err = p.Apply(s, sum)
	checkError(t, err, "apply sum: round 1, train: number of rows: 1.5 is not a count; a hospital has not followed the program")
}
