package spdz

import (
	"fmt"
	"testing"

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
