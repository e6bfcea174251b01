package spdz

import (
	"errors"
	"testing"

	"consilium/protocol/protocoltest/interactivetest"
	"consilium/sharing/wide"
)

// "Each prover's hidden by a random polynomial": party 3 proves its last number to
// party 1, and tells party 2 another proof. What the two tell in the check must not
// be joined: at place 3 their points would come to a combination of secret shares by
// challenges of two kinds, which party 3 does not know.
func TestDividedProofTellsNothing(t *testing.T) {
	for _, divided := range []bool{false, true} {
		settled, told := make([]wide.Element, 4), make([]wide.Element, 4)
		number, last := -1, false
		code := func(e *Engine) error {
			x, err := shared(e, 1, 2, []float64{0.5, 0.25}, 1)
			if err != nil {
				return err
			}
			if e.Self() == 3 {
				last = true
			}
			if _, err = e.one(e.Hadamard(x, x)); err != nil {
				return err
			}
			settled[e.Self()] = e.checker.settled[3]
			return e.Check()
		}
		report := runWith(3, Config{Threshold: 1}, interactivetest.Options{Seed: 7, Tamper: func(from, to, k int, body []byte) ([]byte, bool) {
			if from == 3 && to == 2 && last && number < 0 {
				number = k
				if divided {
					body = append([]byte(nil), body...)
					body[len(body)-wide.Size] ^= 1
				}
			}
			if from != 3 && to == 3 && len(body) > 32 {
				view, at := 32, 3*wide.Size
				if point := make([]wide.Element, 1); len(body) >= view+at+wide.Size && wide.Decode(point, body[view+at:view+at+wide.Size]) == nil {
					told[from] = point[0] // of the last message, which is the check's
				}
			}
			return body, true
		}}, code)
		if noticed := report.Errors[1] != nil && report.Errors[2] != nil; noticed != divided {
			t.Fatalf("divided %v: %v", divided, report.Errors)
		}
		row, err := wide.Lagrange([]int{1, 2}, 3)
		if err != nil {
			t.Fatal(err)
		}
		joined := wide.Dot(row, told[1:3]) == wide.Dot(row, settled[1:3])
		if joined == divided {
			t.Errorf("divided %v: what parties 1 and 2 tell comes to what their proofs do: %v", divided, joined)
		}
	}
}

// Party 3 tells party 1 other bits than party 2. Party 1 proves its own bits by
// challenges from what it was told, and party 2 reads the proof by others: where it
// tells its point of that, the two points of parties 2 and 3 come to a function of
// party 1's numbers at 0, by which small sets of rows can be guessed and compared.
func TestDividedDealingTellsNothing(t *testing.T) {
	for _, divided := range []bool{false, true} {
		var own, told wide.Element
		code := func(e *Engine) error {
			shapes := []Shape{{}, {1, 2}, {1, 2}, {1, 2}}
			_, err := e.Input(shapes, []float64{0.5, 0.25}, 1)
			if e.Self() == 3 {
				own = e.checker.dealers[1]
			}
			return err
		}
		const size = 32 + 8*wide.Size // of a check's message: a hash, and points by sender and by dealer
		report := runWith(3, Config{Threshold: 1}, interactivetest.Options{Seed: 7, Tamper: func(from, to, k int, body []byte) ([]byte, bool) {
			if from == 3 && to == 1 && k == 5 && divided { // after seeds, numbers, a check and a coin
				body = append([]byte(nil), body...)
				body[0] ^= 1
			}
			if point := make([]wide.Element, 1); from == 2 && to == 3 && len(body) == size {
				if err := wide.Decode(point, body[32+5*wide.Size:32+6*wide.Size]); err != nil {
					t.Fatal(err)
				}
				told = point[0]
			}
			return body, true
		}}, code)
		if noticed := report.Errors[1] != nil && report.Errors[2] != nil; noticed != divided {
			t.Fatalf("divided %v: %v", divided, report.Errors)
		}
		row, err := wide.Lagrange([]int{2, 3}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if at := wide.Dot(row, []wide.Element{told, own}); !at.IsZero() {
			t.Errorf("divided %v: parties 2 and 3 find %v of party 1's numbers", divided, at)
		}
	}
}

// A party says itself what it was called before. Party 3 says 4, and shares its old
// share again: by what opens then, told in the last messages, it must not learn what
// party 4's share would have been, which with its own is a combination of secrets.
func TestAnotherNumberOfBeforeTellsNothing(t *testing.T) {
	secret, slope := wide.FromInt(1234), wide.FromInt(987654321)
	shareOf := func(party int) wide.Element { return wide.Add(secret, wide.Mul(slope, wide.FromInt(int64(party)))) }
	coin, last := make([][]wide.Element, 3), make([][]wide.Element, 3)
	report := runWith(3, Config{Threshold: 1}, interactivetest.Options{Seed: 7, Tamper: func(from, to, k int, body []byte) ([]byte, bool) {
		if to == 3 && len(body) == 2*wide.Size {
			list := make([]wide.Element, 2)
			if wide.Decode(list, body) == nil {
				coin[from] = list
			}
		}
		if list := make([]wide.Element, 1); to == 3 && wide.Decode(list, body) == nil {
			last[from] = list
		}
		return body, true
	}}, func(e *Engine) error {
		held := Held{Rows: 1, Cols: 1, Bits: e.Fraction, Reach: 1, Share: []wide.Element{shareOf(e.Self())}}
		_, err := e.Reshare([]int{0, 1, 2, 4}, 1, held)
		return err
	})
	for party := 1; party <= 2; party++ {
		var cheat *CheatError
		if !errors.As(report.Errors[party], &cheat) {
			t.Fatalf("party %d: %v", party, report.Errors[party])
		}
	}
	row, err := wide.Lagrange([]int{1, 2}, 0)
	if err != nil {
		t.Fatal(err)
	}
	factor := wide.NewExpander(seedOf("challenge", wide.Append(nil, weighted(row, coin[1:]))), 0).Element()
	if opened := weighted(row, last[1:])[0]; opened == wide.Mul(factor, wide.Sub(shareOf(3), shareOf(4))) {
		t.Error("party 3 learns what share party 4 would have")
	}
}
