package model

import (
	"math"
	"testing"
)

// What the project claims about the four real hospitals: fedsgd gives pooled
// training's accuracy ("within 0.1 points"), and 30 rounds of it come close to
// the converged fit. The figures are printed with -v.
func TestHeartComparison(t *testing.T) {
	dir := realData(t, "heart")
	task := embedded(t, "heart")
	const seeds = 5
	mean := map[string]*[3]float64{} // accuracy, AUC, log-loss
	for seed := range uint64(seeds) {
		splits := studySplits(t, task, dir, 0.34, seed)
		all := pooled(t, splits)
		record := func(name string, p *Program, s State) Metrics {
			m := must[Metrics](t)(p.Evaluate(s, all.Test))
			if mean[name] == nil {
				mean[name] = new([3]float64)
			}
			for i, value := range []float64{*m.Accuracy, *m.AUC, *m.LogLoss} {
				mean[name][i] += value / seeds
			}
			t.Logf("seed %d  %-16s accuracy %.4f  AUC %.4f  log-loss %.4f", seed, name, *m.Accuracy, *m.AUC, *m.LogLoss)
			return m
		}
		joint := newProgram(t, Plan{Task: task})
		one := newProgram(t, Plan{Task: task, Hospitals: 1})
		path := runFixedPoint(t, joint, splits, nil)
		run := path[len(path)-1]
		pooledRun := replay(t, one, []Split{all})
		secure := record("fedsgd", joint, run)
		clear := record("pooled", one, pooledRun)
		if d := math.Abs(*secure.Accuracy - *clear.Accuracy); d > 0.001 {
			t.Errorf("seed %d: fedsgd's accuracy differs from pooled training's by %v", seed, d)
		}
		optimum := newtonFit(t, one, pooledRun, all.Train)
		converged := record("pooled optimum", one, optimum)
		if d := math.Abs(*clear.Accuracy - *converged.Accuracy); d > 0.01 {
			t.Errorf("seed %d: 30 rounds are %v of accuracy away from the converged fit", seed, d)
		}
		onTrain := func(s State) float64 { return *must[Metrics](t)(one.Evaluate(s, all.Train)).LogLoss }
		if d := onTrain(pooledRun) - onTrain(optimum); d < 0 || d > 0.001 {
			t.Errorf("seed %d: the training log-loss is %v above that of the converged fit", seed, d)
		}
		for _, epochs := range []int{5, 20} {
			average := newProgram(t, Plan{Task: task, Trainer: "fedavg", LocalEpochs: epochs})
			record(map[int]string{5: "fedavg, 5 epochs", 20: "fedavg, 20 epochs"}[epochs], average, replay(t, average, splits))
		}
		for h, file := range task.Hospitals {
			record(file.Name, one, replay(t, one, splits[h:h+1]))
		}
	}
	for _, name := range []string{"fedsgd", "pooled", "pooled optimum", "fedavg, 5 epochs", "fedavg, 20 epochs", "cleveland", "hungarian", "switzerland", "va"} {
		m := mean[name]
		t.Logf("mean    %-17s accuracy %.4f  AUC %.4f  log-loss %.4f", name, m[0], m[1], m[2])
		if m[0] > mean["fedsgd"][0] {
			t.Errorf("%s is more accurate than fedsgd in the mean", name)
		}
	}
}
