package testnet

import (
	"testing"

	"consilium/model"
	"consilium/protocol/spdz"
)

func TestEvaluationIsCounted(t *testing.T) {
	p := model.SigmoidPolynomial()
	horner, room, err := CountEvaluation(p, spdz.Horner, 3, 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	powers, _, err := CountEvaluation(p, spdz.Powers, 3, 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	// t², three steps in it; or t², t³ and t⁴ side by side, and their sum.
	if *horner != (EvaluationCost{4, 4, 4 * 100 * 2 * 16}) || powers.Rounds != 3 || room < 60 {
		t.Errorf("Horner %+v, powers %+v, room for %d bits", horner, powers, room)
	}
	wide := model.Polynomial{Interval: 8, Coefficients: []float64{0, 1, 0, 0, 0, 1e9}}
	if cost, room, err := CountEvaluation(wide, spdz.Powers, 3, 1, 1); err != nil || cost != nil || room < 60 {
		t.Errorf("coefficients that do not fit: %+v, %d, %v", cost, room, err)
	}
	if _, _, err := CountEvaluation(p, spdz.Horner, 4, 2, 1); err == nil {
		t.Error("four parties multiply with a threshold of two")
	}
}
