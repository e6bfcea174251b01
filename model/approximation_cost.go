package model

import (
	"errors"
	"fmt"
	"math/bits"
)

// EvaluationPlan says what it takes to evaluate a polynomial on Shamir shares.
// A product of shares, or one with a public fraction, is one opening: of the
// product behind a mask, of which the truncated product follows. Parties send
// their shares of it to everybody: one round.
type EvaluationPlan struct {
	Rounds   int // openings that must follow each other
	Openings int // of one value, each
	// BytesPerParty is what a party sends while evaluating, for all values, and
	// PreparedBytes what it sent before for the masks, by n−t out of n dealings of
	// a double sharing and of a truncated one.
	BytesPerParty, PreparedBytes int
}

// EvaluationCost says how many parties evaluate how many values.
type EvaluationCost struct {
	Parties   int // n
	Threshold int // t: so many parties learn nothing; n ≥ 2t+1
	Values    int // evaluated side by side, such as the units of a layer times the rows
	Element   int // bytes of a field element: 8 for 2⁶¹−1, 16 for 2¹²⁷−1
}

// Validate says what is wrong.
func (c EvaluationCost) Validate() error {
	switch {
	case c.Threshold < 1 || c.Parties < 2*c.Threshold+1:
		return fmt.Errorf("%d parties multiply with a threshold of at most %d, and of 1 at least", c.Parties, (c.Parties-1)/2)
	case c.Values < 1 || c.Element < 1:
		return errors.New("no values to evaluate")
	}
	return nil
}

// Horner is the plan of Horner's rule: a product at each step, the first with the
// highest coefficient. Where only odd powers and the constant are there, it goes
// in steps of t² and multiplies by t in the end.
func (c EvaluationCost) Horner(p Polynomial) EvaluationPlan {
	degree := p.degree()
	if p.odd() && degree > 1 {
		return c.plan((degree-1)/2+2, (degree-1)/2+2)
	}
	return c.plan(degree, degree)
}

// Powers is the plan that saves rounds: all powers side by side, doubling the
// highest in each round, and one truncation of their weighted sum.
func (c EvaluationCost) Powers(p Polynomial) EvaluationPlan {
	degree := p.degree()
	return c.plan(bits.Len(uint(max(degree-1, 0)))+1, degree)
}

// plan adds up the bytes. A dealing gives every other party two elements of a
// double sharing; of n of them n−t random ones come out. A truncated mask takes
// a third.
func (c EvaluationCost) plan(rounds, openings int) EvaluationPlan {
	masks := openings * c.Values
	others := c.Parties - 1
	return EvaluationPlan{
		Rounds: rounds, Openings: openings,
		BytesPerParty: masks * others * c.Element,
		PreparedBytes: (3*masks*others*c.Element + c.Parties - c.Threshold - 1) / (c.Parties - c.Threshold),
	}
}

func (p Polynomial) degree() int {
	for i := len(p.Coefficients) - 1; i > 0; i-- {
		if p.Coefficients[i] != 0 {
			return i
		}
	}
	return 0
}

// odd is true when no even power but the constant is there.
func (p Polynomial) odd() bool {
	for i := 2; i < len(p.Coefficients); i += 2 {
		if p.Coefficients[i] != 0 {
			return false
		}
	}
	return true
}
