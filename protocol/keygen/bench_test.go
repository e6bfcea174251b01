package keygen

import (
	"fmt"
	"testing"

	"consilium/protocol/protocoltest/interactivetest"
)

// A whole ceremony, all parties in one process. The number of candidates that it
// takes is luck, so the same seed gives the same: compare per candidate.
func BenchmarkCeremony(b *testing.B) {
	for _, c := range []struct{ n, bits int }{{3, 1024}, {10, 1024}, {3, 2048}, {3, 3072}} {
		b.Run(fmt.Sprintf("n=%d/bits=%d", c.n, c.bits), func(b *testing.B) {
			for b.Loop() {
				p := newParties(c.n, c.n/2+1, c.bits, 1, func(_ int, c *Config) { c.Candidates = DefaultCandidates })
				report := interactivetest.Run(interactivetest.Options{}, p.programs...)
				for party := 1; party <= c.n; party++ {
					if report.Errors[party] != nil {
						b.Fatal(report.Errors[party])
					}
				}
				b.ReportMetric(float64(p.results[1].Products), "products")
				b.ReportMetric(float64(p.results[1].Tested), "tested")
				b.ReportMetric(float64(report.Sent[1])/1e6, "MB-sent/party")
				b.ReportMetric(float64(report.Rounds), "rounds")
			}
		})
	}
}
