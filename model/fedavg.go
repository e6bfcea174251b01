package model

// FedAvg is federated averaging (McMahan et al. 2017, algorithm 1, with the
// whole table as one batch): every hospital takes LocalEpochs steps of
// gradient descent on its own rows from the shared weights, and the shared
// weights move by the average of the hospitals' moves, weighted by rows.
//
// It needs fewer rounds than [FedSGD] where hospitals are alike. Where they
// differ it converges to other weights than pooled training.
//
// Each hospital adds its rows and rows·move, so the sum opens, in each round,
// the number of training rows of the included hospitals and their weighted
// total move. Numbers of patients serve as weights without anybody showing
// its own; what is said at [FedSGD] about rounds with different hospitals
// holds here too.
type FedAvg struct {
	Model       Model
	Rate        float64 // length of a local step, > 0
	L2          float64 // penalty L2/2·Σw² on the mean loss, ≥ 0
	LocalEpochs int     // local steps in a round, ≥ 1
}

var _ Trainer = FedAvg{}

// Length is 1 for the rows plus the number of weights.
func (t FedAvg) Length() int { return 1 + t.Model.Size() }

// Reach is what LocalEpochs steps of the largest gradient amount to, or the
// number of rows if larger. The penalty's pull is not counted: it is smaller
// by far in any run that converges, and Encode refuses it in others.
func (t FedAvg) Reach(rows, hospitals int) float64 {
	return max(float64(rows), float64(t.LocalEpochs)*t.Rate*t.Model.GradientReach(rows, hospitals))
}

// Update is the number of rows, then rows·(own weights − shared weights).
func (t FedAvg) Update(weights []float64, rows Design) []float64 {
	vector := make([]float64, t.Length())
	if rows.Rows() == 0 {
		return vector
	}
	n := float64(rows.Rows())
	own := append([]float64(nil), weights...)
	gradient := make([]float64, len(own))
	for range t.LocalEpochs {
		t.Model.Gradient(gradient, own, rows)
		for i, w := range own {
			mean := gradient[i] / n
			if t.Model.Penalised(i) {
				mean += t.L2 * w
			}
			own[i] -= t.Rate * mean
		}
	}
	vector[0] = n
	for i, w := range weights {
		vector[1+i] = n * (own[i] - w)
	}
	return vector
}

// Apply moves the shared weights by the weighted average of the moves.
func (t FedAvg) Apply(s State, sum []float64) (State, error) {
	rows, err := trainedRows(sum)
	if err != nil {
		return State{}, err
	}
	weights := make([]float64, len(s.Weights))
	for i, w := range s.Weights {
		weights[i] = w + sum[1+i]/float64(rows)
	}
	s.Weights, s.TrainRows = weights, rows
	return s, nil
}
