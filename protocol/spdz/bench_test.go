package spdz

import (
	"fmt"
	"testing"

	"consilium/model"
	"consilium/protocol/protocoltest/interactivetest"
)

// Three parties in one goroutine: what all of them compute together.
func BenchmarkTraining(b *testing.B) {
	network := func(inputs int, hidden []int, a Activation) Network {
		return Network{Inputs: inputs, Hidden: hidden, Activation: a, Output: sigmoid}
	}
	for _, c := range []struct {
		name string
		rows int
		Training
	}{
		{"logistic", 768, Training{Network: network(8, nil, Activation{}), Rate: 0.25, Batch: 32, Epochs: 1, Limit: 8}},
		{"network", 768, Training{Network: network(8, []int{16}, sigmoid), Rate: 0.25, Batch: 32, Epochs: 1, Limit: 8}},
		{"rectifier", 768, Training{Network: network(8, []int{16}, Activation{Rectifier: true}), Rate: 0.25, Batch: 32, Epochs: 1, Limit: 8}},
		{"poster", 614, Training{Network: network(8, []int{4}, sigmoid), Rate: 0.25, Epochs: 10, Every: 10, Limit: 8}},
	} {
		for _, passive := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/passive=%v", c.name, passive), func(b *testing.B) {
				var report interactivetest.Report
				for b.Loop() {
					report = run(b, 3, Config{Threshold: 1, Passive: passive}, 1, func(e *Engine) error {
						_, err := trainShared(e, c.Training, c.rows)
						return err
					})
				}
				b.ReportMetric(float64(report.Sent[1]+report.Sent[2]+report.Sent[3])/3, "bytes/party")
				b.ReportMetric(float64(report.Rounds), "rounds")
			})
		}
	}
}

// The poster's network with what keeps it from exploding: 20 steps of 614 rows,
// three parties in one goroutine.
func BenchmarkGuards(b *testing.B) {
	const steps = 20
	fit, err := model.Approximate(model.ApproximationSettings{Function: "sigmoid", Method: "minimax", Low: -6, High: 6, Degree: 13})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		guard Guard
		every int
		clip  bool
	}{
		{"none", Unsafe, steps, false}, {"check every 20", Halve, steps, false}, {"check", Halve, 1, false}, {"clip", Halve, steps, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			a := Activation{Polynomial: fit.Polynomial, Logistic: true, Clip: c.clip}
			training := Training{
				Network: Network{Inputs: 8, Hidden: []int{4}, Activation: a, Output: a, Squared: true},
				Rate:    0.25, L2: 3e-5, Epochs: steps, Every: c.every, Limit: 16, Guard: c.guard,
			}
			var report interactivetest.Report
			for b.Loop() {
				report = run(b, 3, Config{Threshold: 1, Passive: true}, 1, func(e *Engine) error {
					_, err := trainShared(e, training, 614)
					return err
				})
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/steps, "ms/step")
			b.ReportMetric(float64(report.Sent[1]+report.Sent[2]+report.Sent[3])/3/steps, "bytes/party/step")
		})
	}
}
