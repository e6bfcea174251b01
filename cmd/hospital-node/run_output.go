package main

import (
	"encoding/json"
	"path/filepath"

	"consilium/internal/durable"
	"consilium/model"
	"consilium/node"
)

// modelFile is the trained model as people and programs read it.
type modelFile struct {
	Task         string              `json:"task"`
	Features     []string            `json:"features"`
	Weights      []float64           `json:"weights"` // on standardised features; the intercept first
	Mean         []float64           `json:"mean"`
	SD           []float64           `json:"sd"`
	Rows         int64               `json:"rows"`                   // of all hospitals in the standardisation
	Coefficients []model.Coefficient `json:"coefficients,omitempty"` // on the columns' own scale, with newton
	Metrics      *model.Metrics      `json:"secure_metrics"`
}

// keepModel writes the model of a finished study, if it has one.
func keepModel(home string, work node.Training, encoded []byte) error {
	s, err := model.UnmarshalState(encoded)
	if err != nil || work.Program.FitError(s) != nil {
		return err
	}
	_, err = writeModel(home, work, s)
	return err
}

func writeModel(home string, work node.Training, s model.State) (string, error) {
	m := modelFile{
		Task: work.Program.Plan().Task.Name, Features: work.Program.WeightNames(), Weights: s.Weights,
		Mean: s.Standardiser.Mean, SD: s.Standardiser.SD, Rows: s.Standardiser.Rows, Metrics: s.Metrics,
		Coefficients: work.Program.Coefficients(s),
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", err
	}
	file := filepath.Join(home, "model.json")
	return file, durable.WriteFile(file, append(data, '\n'), 0o600)
}

func printRun(a *app, r *runReport, binary bool) {
	a.printf("Finished %d rounds of %s. The model is in %s.\n", r.Rounds, r.Study, r.Model)
	for _, round := range r.Skipped {
		a.printf("Round %d (%s) %s: %s.\n", round.Round, round.Step, whatBecame(len(round.Included)), round.Skipped)
	}
	a.printf("%s", coefficientTable(r.Coefficients, binary))
	show := func(who string, m *model.Metrics) {
		if m == nil || m.Rows == 0 {
			return
		}
		a.printf("On %s (%d test rows):", who, m.Rows)
		for _, metric := range []struct {
			name  string
			value *float64
		}{{"accuracy", m.Accuracy}, {"AUC", m.AUC}, {"log-loss", m.LogLoss}, {"Brier", m.Brier}, {"MSE", m.MSE}} {
			if metric.value != nil {
				a.printf(" %s %s", metric.name, number(metric.value))
			}
		}
		a.printf("\n")
	}
	show("this hospital's rows", r.Local)
	show("all hospitals' rows, from securely summed counts", r.Metrics)
}
