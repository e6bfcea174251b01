package spdz

import (
	"testing"

	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
)

// run runs the same code at all parties, and fails unless all end well.
func run(t testing.TB, n int, cfg Config, seed uint64, code func(e *Engine) error) interactivetest.Report {
	t.Helper()
	report := runWith(n, cfg, interactivetest.Options{Seed: seed}, code)
	for party := 1; party <= n; party++ {
		if report.Errors[party] != nil {
			t.Fatalf("party %d: %v", party, report.Errors[party])
		}
	}
	return report
}

func runWith(n int, cfg Config, o interactivetest.Options, code func(e *Engine) error) interactivetest.Report {
	programs := make([]interactive.Program, n)
	for i := range programs {
		programs[i] = func(c *interactive.Channel) error {
			own := cfg
			own.Seed = [32]byte{byte(o.Seed), byte(o.Seed >> 8), byte(i + 1)}
			e, err := New(c, own)
			if err != nil {
				return err
			}
			return code(e)
		}
	}
	return interactivetest.Run(o, programs...)
}

// shared inputs one matrix of party 1.
func shared(e *Engine, rows, cols int, values []float64, reach float64) (*Secret, error) {
	shapes := make([]Shape, e.Parties()+1)
	shapes[1] = Shape{rows, cols}
	if e.Self() != 1 {
		values = nil
	}
	list, err := e.Input(shapes, values, reach)
	if err != nil {
		return nil, err
	}
	return list[1], nil
}

func optionsOf(seed uint64) interactivetest.Options { return interactivetest.Options{Seed: seed} }
