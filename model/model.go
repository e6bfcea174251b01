package model

import (
	"fmt"

	"gonum.org/v1/gonum/blas/blas64"
)

// Model is a parametric prediction with a differentiable loss. Weight vectors
// are flat; models hold no weights and are safe to share.
type Model interface {
	// Size is the number of weights.
	Size() int

	// Start returns the weights before training, the same at every hospital.
	Start() []float64

	// Names names the weights, given the names of the features.
	Names(features []string) []string

	// Penalised says whether a penalty may shrink weight i (an intercept never).
	Penalised(i int) bool

	// Score writes, for each row, the log-odds of a positive label, or the
	// expected value of a label that is a number. dst has one place per row.
	Score(dst, weights []float64, rows Design)

	// Gradient writes the gradient of the loss summed over the rows, without
	// penalty: zeros without rows. dst has one place per weight.
	Gradient(dst, weights []float64, rows Design)

	// GradientReach bounds the absolute value of every entry of Gradient for a
	// hospital of up to so many rows among so many hospitals, on features
	// standardised over all of them.
	GradientReach(rows, hospitals int) float64
}

// Design is a data set as a model sees it: a column of ones for the intercept,
// then the standardised features.
type Design struct {
	X blas64.General // rows×(d+1)
	Y []float64      // one label per row
}

// Rows is the number of rows.
func (d Design) Rows() int { return len(d.Y) }

// newModel returns the model of a task that is valid.
func newModel(t *Task) Model {
	features := len(t.FeatureNames())
	switch t.Model.Kind {
	case "logistic":
		return Logistic{Features: features}
	case "linear":
		return Linear{Features: features, LargestLabel: max(-t.Label.Min, t.Label.Max)}
	case "mlp":
		return MLP{
			Features: features, Hidden: t.Model.Hidden, Activation: newActivation(t.Model), Seed: t.Model.Seed,
			Binary: t.Label.Binary(), Label: interval{low: t.Label.Min, span: t.Label.Max - t.Label.Min},
		}
	}
	panic(fmt.Sprintf("model: task %s passed validation with model kind %q", t.Name, t.Model.Kind))
}

// regressionNames are "(Intercept)", then the features.
func regressionNames(features []string) []string { return append([]string{"(Intercept)"}, features...) }

func vector(data []float64) blas64.Vector {
	return blas64.Vector{N: len(data), Data: data, Inc: 1}
}
