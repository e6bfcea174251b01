package model

import (
	"math"
	"slices"
)

// Metrics says how well a model predicts some rows. A value is nil where it is
// not defined: all of them without rows, AUC with one class, R² for a label
// that does not vary, and those of the other kind of label.
//
// Metrics of one data set are exact ([Program.Evaluate]). Joint metrics come
// from a secure sum over the test rows, which opens what it consists of: for a
// yes or no, how many positive and how many negative rows have a predicted
// probability in each of 64 intervals, and the sums of log-loss and Brier
// score; for a number, the rows and the sums of error², |error|, label and
// label². With very few test rows that is much about each of them.
type Metrics struct {
	Rows int64 `json:"rows"`

	// For a label that is a yes or no. A row is predicted positive when its
	// probability is at least ½.
	Accuracy *float64 `json:"accuracy"` // share of rows predicted right, 0 to 1
	AUC      *float64 `json:"auc"`      // probability that a positive row scores above a negative one, ties half
	LogLoss  *float64 `json:"log_loss"` // mean, in nats
	Brier    *float64 `json:"brier"`    // mean squared error of the probability, 0 to 1

	// AUCError bounds |AUC − exact AUC|: 0 when exact; for joint metrics half
	// the share of pairs of a positive and a negative row in one interval.
	AUCError *float64 `json:"auc_error"`

	// For a label that is a number, in its own unit.
	MSE *float64 `json:"mse"` // mean squared error
	MAE *float64 `json:"mae"` // mean absolute error
	R2  *float64 `json:"r2"`  // 1 − squared error / squared deviation from the mean label
}

// binaryMetrics are exact metrics at the given log-odds.
func binaryMetrics(scores, labels []float64) Metrics {
	m := Metrics{Rows: int64(len(labels))}
	if len(labels) == 0 {
		return m
	}
	var correct, logLoss, brier float64
	for i, y := range labels {
		p := Sigmoid(scores[i])
		if (p >= 0.5) == (y == 1) {
			correct++
		}
		logLoss += LogLoss(scores[i], y)
		brier += (p - y) * (p - y)
	}
	n := float64(len(labels))
	m.Accuracy, m.LogLoss, m.Brier = pointer(correct/n), pointer(logLoss/n), pointer(brier/n)
	if auc, _, ok := rankAUC(groupByScore(scores, labels)); ok {
		m.AUC, m.AUCError = pointer(auc), pointer(0)
	}
	return m
}

// groupByScore counts the positive and negative rows of each distinct score,
// from the lowest score to the highest.
func groupByScore(scores, labels []float64) (positives, negatives []float64) {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return 0
	})
	for i, row := range order {
		if i == 0 || scores[row] != scores[order[i-1]] {
			positives, negatives = append(positives, 0), append(negatives, 0)
		}
		if labels[row] == 1 {
			positives[len(positives)-1]++
		} else {
			negatives[len(negatives)-1]++
		}
	}
	return positives, negatives
}

// rankAUC is the area under the ROC curve for rows grouped by ascending score,
// a tie within a group counting half: the Mann–Whitney statistic. It also
// returns half the share of tied pairs, by which it can differ from the area
// without ties, and whether both classes are there. Its arithmetic is that of
// [Program.Apply].
func rankAUC(positives, negatives []float64) (auc, halfTied float64, ok bool) {
	var allPositives, below, won, tied float64
	for i, p := range positives {
		won += float64(p * below)
		tied += float64(p * negatives[i])
		below += negatives[i]
		allPositives += p
	}
	pairs := allPositives * below
	if pairs == 0 {
		return 0, 0, false
	}
	halfTied = tied / 2 / pairs
	return won/pairs + halfTied, halfTied, true
}

// numberSums are what the metrics of a number consist of, with errors and
// labels in units of the label's declared range.
func numberSums(scores, labels []float64, label interval) []float64 {
	sums := make([]float64, numberSumsLength)
	sums[0] = float64(len(labels))
	for i, y := range labels {
		e := (scores[i] - y) / label.span
		u := (y - label.low) / label.span
		sums[1] += e * e
		sums[2] += math.Abs(e)
		sums[3] += u
		sums[4] += u * u
	}
	return sums
}

const numberSumsLength = 5

// numberMetrics turns such sums, each with an error of at most sumError, into
// metrics. Its arithmetic is that of [Program.Apply].
func numberMetrics(sums []float64, label interval, sumError float64) (Metrics, error) {
	rows, err := countOf(sums[0])
	if err != nil {
		return Metrics{}, err
	}
	m := Metrics{Rows: rows}
	if rows == 0 {
		return m, nil
	}
	n := float64(rows)
	squared, absolute, mean := sums[1]/n, sums[2]/n, sums[3]/n
	m.MSE = pointer(squared * label.span * label.span)
	m.MAE = pointer(absolute * label.span)
	variance := sums[4]/n - float64(mean*mean)
	if variance > smallestVariance(sumError, rows) {
		m.R2 = pointer(1 - squared/variance)
	}
	return m, nil
}

func pointer(x float64) *float64 { return &x }
