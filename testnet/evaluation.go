package testnet

import (
	"errors"

	"consilium/model"
	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
	"consilium/protocol/spdz"
)

// EvaluationCost is what it takes to evaluate a polynomial on shares, once t = x/B
// is there: counted, by doing it.
type EvaluationCost struct {
	Rounds        int   `json:"rounds"`
	Reductions    int   `json:"reductions"` // of one value
	BytesPerParty int64 `json:"bytes_per_party"`
}

// CountEvaluation evaluates a polynomial of t, |t| ≤ 1, on shares of n parties of
// which any threshold learn nothing, for so many values at once; passive, and
// prepared without a message. It is nil when numbers on the way do not fit. room is
// how many bits a product may have.
func CountEvaluation(p model.Polynomial, how spdz.Evaluation, parties, threshold, values int) (cost *EvaluationCost, room int, err error) {
	cfg := spdz.Config{Threshold: threshold, Passive: true} // and seeds of zeros: the numbers are no secret
	programs := make([]interactive.Program, parties)
	for i := range programs {
		programs[i] = func(c *interactive.Channel) error {
			e, err := spdz.New(c, cfg)
			if err != nil {
				return err
			}
			if i == 0 {
				room = e.Magnitude()
			}
			t := e.Constant(1, 1, e.Fraction, []float64{0.5}).Within(1)
			before := e.Cost()
			if _, err := e.Polynomials(t, how, p.Coefficients); err != nil {
				return err
			}
			if after := e.Cost(); i == 0 {
				cost = &EvaluationCost{
					Rounds: after.Rounds - before.Rounds, Reductions: int(after.Reductions - before.Reductions),
					BytesPerParty: (after.Bytes - before.Bytes) * int64(values),
				}
			}
			return nil
		}
	}
	tooLarge := (*spdz.RangeError)(nil)
	for _, err := range interactivetest.Run(interactivetest.Options{}, programs...).Errors {
		if errors.As(err, &tooLarge) { // all parties have it
			return nil, room, nil
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return cost, room, nil
}
