package model

import (
	"errors"
	"fmt"
)

// ErrNoRows says that the included hospitals have no training rows at all, so
// that there is nothing to divide by. The round changes nothing; another set
// of hospitals may go on.
var ErrNoRows = errors.New("the included hospitals have no training rows; include one that has")

// Trainer is a way of learning jointly: what each hospital adds to the sum of
// a training round, and what everybody makes of the sum. Trainers hold their
// settings only; what changes from round to round is in the [State].
type Trainer interface {
	// Length is the number of values that each hospital adds.
	Length() int

	// Reach bounds the absolute value of each of them, for a hospital of up to
	// so many rows among so many hospitals.
	Reach(rows, hospitals int) float64

	// Update is what this hospital adds, given the shared weights.
	Update(weights []float64, rows Design) []float64

	// Apply returns the state with the next weights, given the sum. It leaves s
	// as it is, keeps to the arithmetic that the package comment demands, and
	// returns ErrNoRows when the sum counts none.
	Apply(s State, sum []float64) (State, error)
}

// TrainerNames lists the trainers that a task may name.
func TrainerNames() []string { return []string{"fedavg", "fedsgd", "newton"} }

// newTrainer returns the trainer of a plan that is complete. codec is that of
// its sums: newton has one of its own, with all the bits that its values leave
// behind the point.
func newTrainer(p Plan, m Model, task Codec) (t Trainer, codec Codec, err error) {
	switch p.Trainer {
	case "fedsgd":
		return FedSGD{Model: m, Rate: p.Rate, L2: p.L2}, task, nil
	case "fedavg":
		return FedAvg{Model: m, Rate: p.Rate, L2: p.L2, LocalEpochs: p.LocalEpochs}, task, nil
	case "newton":
		return newNewton(p, m, task)
	}
	return nil, Codec{}, fmt.Errorf("trainer %q is not known; use one of %v", p.Trainer, TrainerNames())
}

// trainedRows reads the number of rows, which every trainer puts first.
func trainedRows(sum []float64) (int64, error) {
	rows, err := countOf(sum[0])
	if err != nil {
		return 0, fmt.Errorf("number of rows: %w", err)
	}
	if rows == 0 {
		return 0, ErrNoRows
	}
	return rows, nil
}
