package model

// FedSGD is gradient descent on the pooled rows, in sums: every hospital adds
// its rows and the gradient of its summed loss, and everybody takes the step
//
//	w ← w − Rate·(Σ gradient / Σ rows + L2·w)     (no penalty on the intercept)
//
// which is what one computer with all rows would do, to the last digits of
// fixed point (FederatedSGD in McMahan et al. 2017, section 2, with all rows
// in each step). Nothing is lost when hospitals differ.
//
// A step contracts when Rate ≤ 2/L, L being the largest curvature of the mean
// loss: a quarter of the largest eigenvalue of the features' correlation
// matrix for logistic regression, the eigenvalue itself for linear. d/4 and d
// are safe for every table, and far too careful for most.
//
// The sum opens, in each round, the number of training rows of the included
// hospitals and the gradient over all of them. No hospital's own number is
// opened, but when two rounds include different hospitals the totals differ by
// the rows of those who came or went, and the gradients by theirs (up to the
// change of weights in between).
type FedSGD struct {
	Model Model
	Rate  float64 // step length, > 0
	L2    float64 // penalty L2/2·Σw² on the mean loss, ≥ 0
}

var _ Trainer = FedSGD{}

// Length is 1 for the rows plus the number of weights.
func (t FedSGD) Length() int { return 1 + t.Model.Size() }

// Reach is that of the gradient, or the number of rows if larger.
func (t FedSGD) Reach(rows, hospitals int) float64 {
	return max(float64(rows), t.Model.GradientReach(rows, hospitals))
}

// Update is the number of rows, then the summed gradient without penalty.
func (t FedSGD) Update(weights []float64, rows Design) []float64 {
	vector := make([]float64, t.Length())
	vector[0] = float64(rows.Rows())
	t.Model.Gradient(vector[1:], weights, rows)
	return vector
}

// Apply takes one step of gradient descent.
func (t FedSGD) Apply(s State, sum []float64) (State, error) {
	rows, err := trainedRows(sum)
	if err != nil {
		return State{}, err
	}
	weights := make([]float64, len(s.Weights))
	for i, w := range s.Weights {
		gradient := sum[1+i] / float64(rows)
		if t.Model.Penalised(i) {
			gradient += float64(t.L2 * w) // float64(…): never fused, see the package comment
		}
		weights[i] = w - float64(t.Rate*gradient)
	}
	s.Weights, s.TrainRows = weights, rows
	return s, nil
}
