package model

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// slowAUC compares every positive row with every negative one.
func slowAUC(scores, labels []float64) (auc float64, defined bool) {
	var won, pairs float64
	for i, positive := range labels {
		for j, negative := range labels {
			if positive != 1 || negative != 0 {
				continue
			}
			pairs++
			switch {
			case scores[i] > scores[j]:
				won++
			case scores[i] == scores[j]:
				won += 0.5
			}
		}
	}
	return won / pairs, pairs > 0
}

func drawScores(t *rapid.T) (scores, labels []float64) {
	n := rapid.IntRange(0, 40).Draw(t, "rows")
	for range n {
		score := rapid.Float64Range(-12, 12)
		if rapid.Bool().Draw(t, "tied") {
			score = rapid.SampledFrom([]float64{-800, -1, 0, 1, 800})
		}
		scores = append(scores, score.Draw(t, "score"))
		labels = append(labels, float64(rapid.IntRange(0, 1).Draw(t, "label")))
	}
	return scores, labels
}

func TestBinaryMetricsAgainstASlowReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scores, labels := drawScores(t)
		m := binaryMetrics(scores, labels)
		if m.Rows != int64(len(labels)) || (m.Accuracy == nil) != (len(labels) == 0) {
			t.Fatalf("metrics %+v of %d rows", m, len(labels))
		}
		want, defined := slowAUC(scores, labels)
		if (m.AUC != nil) != defined || (m.AUCError != nil) != defined {
			t.Fatalf("AUC defined: %v, want %v", m.AUC != nil, defined)
		}
		if defined && (math.Abs(*m.AUC-want) > 1e-12 || *m.AUCError != 0) {
			t.Fatalf("AUC %v ± %v, by pairs %v", *m.AUC, *m.AUCError, want)
		}
		if len(labels) == 0 {
			return
		}
		var correct, brier, loss float64
		for i, y := range labels {
			p := Sigmoid(scores[i])
			if p >= 0.5 && y == 1 || p < 0.5 && y == 0 {
				correct++
			}
			brier += math.Pow(p-y, 2)
			loss += LogLoss(scores[i], y)
		}
		n := float64(len(labels))
		if *m.Accuracy != correct/n || math.Abs(*m.Brier-brier/n) > 1e-12 || math.Abs(*m.LogLoss-loss/n) > 1e-12 {
			t.Fatalf("accuracy %v, Brier %v, log-loss %v; want %v, %v, %v", *m.Accuracy, *m.Brier, *m.LogLoss, correct/n, brier/n, loss/n)
		}
	})
}

// Joint metrics from summed counts are those of all rows together; the AUC is
// within its stated bound.
func TestJointBinaryMetrics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sum := make([]float64, binarySumsLength)
		var allScores, allLabels []float64
		for range rapid.IntRange(1, 4).Draw(t, "hospitals") {
			scores, labels := drawScores(t)
			for i, x := range binarySums(scores, labels) {
				sum[i] += x
			}
			allScores, allLabels = append(allScores, scores...), append(allLabels, labels...)
		}
		joint, err := jointBinaryMetrics(sum)
		if err != nil {
			t.Fatal(err)
		}
		exact := binaryMetrics(allScores, allLabels)
		if joint.Rows != exact.Rows || (joint.AUC == nil) != (exact.AUC == nil) || (joint.Accuracy == nil) != (exact.Accuracy == nil) {
			t.Fatalf("joint %+v, exact %+v", joint, exact)
		}
		if joint.Accuracy != nil && (*joint.Accuracy != *exact.Accuracy || math.Abs(*joint.LogLoss-*exact.LogLoss) > 1e-12 || math.Abs(*joint.Brier-*exact.Brier) > 1e-12) {
			t.Fatalf("accuracy %v, log-loss %v, Brier %v; exactly %v, %v, %v", *joint.Accuracy, *joint.LogLoss, *joint.Brier, *exact.Accuracy, *exact.LogLoss, *exact.Brier)
		}
		if joint.AUC != nil && math.Abs(*joint.AUC-*exact.AUC) > *joint.AUCError+1e-12 {
			t.Fatalf("AUC %v ± %v, exactly %v", *joint.AUC, *joint.AUCError, *exact.AUC)
		}
	})
}

func TestJointMetricsRefuseImpossibleCounts(t *testing.T) {
	sum := make([]float64, binarySumsLength)
	sum[3] = -1
	_, err := jointBinaryMetrics(sum)
	checkError(t, err, "positive rows in interval 3: -1 is not a count; a hospital has not followed the program")
	sum[3], sum[evaluationBins+5] = 0, 0.5
	_, err = jointBinaryMetrics(sum)
	checkError(t, err, "negative rows in interval 5: 0.5 is not a count; a hospital has not followed the program")
}

func TestNumberMetrics(t *testing.T) {
	label := interval{low: -100, span: 400}
	labels := []float64{1, 2, 4, 5}
	// Labels enter the sums in units of their declared range, from 0 to 1.
	if sums := numberSums(make([]float64, 2), []float64{-100, 300}, label); sums[3] != 1 || sums[4] != 1 {
		t.Errorf("sums of labels at both ends are %v", sums)
	}
	m, err := numberMetrics(numberSums([]float64{2, 2, 2, 6}, labels, label), label, 0)
	if err != nil {
		t.Fatal(err)
	}
	// errors 1, 0, −2, 1; mean label 3; squared deviations 4+1+1+4
	if m.Rows != 4 || math.Abs(*m.MSE-1.5) > 1e-12 || math.Abs(*m.MAE-1) > 1e-12 || math.Abs(*m.R2-0.4) > 1e-9 {
		t.Errorf("mean squared error %v, mean absolute error %v, R² %v", *m.MSE, *m.MAE, *m.R2)
	}
	if m.Accuracy != nil || m.AUC != nil {
		t.Error("a number has an accuracy")
	}
	same, _ := numberMetrics(numberSums([]float64{2, 2}, []float64{3, 3}, label), label, 0)
	if same.R2 != nil || *same.MSE < 0.999 {
		t.Errorf("R² of a label that does not vary is %v", same.R2)
	}
	none, err := numberMetrics(numberSums(nil, nil, label), label, 0)
	if err != nil || none != (Metrics{}) {
		t.Errorf("metrics of no rows are %+v, %v", none, err)
	}
}
