package model

import (
	"errors"
	"fmt"
)

// evaluationBins is the number of intervals of the predicted probability in
// the joint evaluation: a trade of sharpness for what is shown about single
// rows. On heart (250 test rows, 5 splits) the joint AUC's error bound and
// worst true error, and how many intervals hold a single row, are
//
//	 16 intervals  ±0.024  0.0045   0
//	 64 intervals  ±0.006  0.0008  11
//	256 intervals  ±0.002  0.0002  82
//
// beside a sampling error of the AUC itself of about 0.02. It is a power of
// two, so that the intervals' ends are exact and ½ is one of them.
const evaluationBins = 64

// binarySumsLength is that of binarySums: positive and negative rows by
// interval, log-loss, Brier score.
const binarySumsLength = 2*evaluationBins + 2

// binarySums are what the joint metrics of a yes or no consist of. The number
// of rows and of right predictions follow from the counts.
func binarySums(scores, labels []float64) []float64 {
	sums := make([]float64, binarySumsLength)
	positives, negatives := sums[:evaluationBins], sums[evaluationBins:2*evaluationBins]
	for i, y := range labels {
		p := Sigmoid(scores[i])
		bin := min(int(p*evaluationBins), evaluationBins-1)
		if y == 1 {
			positives[bin]++
		} else {
			negatives[bin]++
		}
		sums[2*evaluationBins] += LogLoss(scores[i], y)
		sums[2*evaluationBins+1] += (p - y) * (p - y)
	}
	return sums
}

// jointBinaryMetrics turns the sum of such vectors into metrics. Its
// arithmetic is that of [Program.Apply].
func jointBinaryMetrics(sums []float64) (Metrics, error) {
	positives, negatives := sums[:evaluationBins], sums[evaluationBins:2*evaluationBins]
	var m Metrics
	var correct int64
	for bin := range evaluationBins {
		p, err := countOf(positives[bin])
		if err != nil {
			return Metrics{}, fmt.Errorf("positive rows in interval %d: %w", bin, err)
		}
		n, err := countOf(negatives[bin])
		if err != nil {
			return Metrics{}, fmt.Errorf("negative rows in interval %d: %w", bin, err)
		}
		m.Rows += p + n
		if bin >= evaluationBins/2 {
			correct += p
		} else {
			correct += n
		}
	}
	if m.Rows == 0 {
		return m, nil
	}
	rows := float64(m.Rows)
	m.Accuracy = pointer(float64(correct) / rows)
	m.LogLoss = pointer(sums[2*evaluationBins] / rows)
	m.Brier = pointer(sums[2*evaluationBins+1] / rows)
	if auc, halfTied, ok := rankAUC(positives, negatives); ok {
		m.AUC, m.AUCError = pointer(auc), pointer(halfTied)
	}
	return m, nil
}

// Evaluate computes the metrics of the state's model on a data set, exactly
// and locally: on a hospital's own test rows, or on pooled ones to compare
// with. A nil data set has no rows.
func (p *Program) Evaluate(s State, d *Dataset) (Metrics, error) {
	if s.Round == 0 {
		return Metrics{}, errors.New("evaluate: nothing is trained yet; apply round 0 first")
	}
	if err := errors.Join(p.checkState(s), p.checkColumns(d)); err != nil {
		return Metrics{}, fmt.Errorf("evaluate: %w", err)
	}
	scores, labels := p.predict(s, d)
	if p.plan.Task.Label.Binary() {
		return binaryMetrics(scores, labels), nil
	}
	return numberMetrics(numberSums(scores, labels, p.label), p.label, 0)
}

// evaluationSums is this hospital's part of the joint evaluation.
func (p *Program) evaluationSums(s State, test *Dataset) []float64 {
	scores, labels := p.predict(s, test)
	if p.plan.Task.Label.Binary() {
		return binarySums(scores, labels)
	}
	return numberSums(scores, labels, p.label)
}

// predict scores each row ([Model.Score]) and puts its label beside it.
func (p *Program) predict(s State, d *Dataset) (scores, labels []float64) {
	rows := s.Standardiser.Design(d)
	scores = make([]float64, rows.Rows())
	p.model.Score(scores, s.Weights, rows)
	return scores, rows.Y
}

// jointMetrics turns the sum of the hospitals' parts into metrics.
func (p *Program) jointMetrics(sum []float64) (Metrics, error) {
	if p.plan.Task.Label.Binary() {
		return jointBinaryMetrics(sum)
	}
	return numberMetrics(sum, p.label, p.codec.SumError(p.plan.Hospitals))
}
