package protocol

import (
	"testing"

	"consilium/internal/measured"
)

// processorTime reports, when what it returns is called, how much processor time
// an operation took: other work on the machine does not count.
func processorTime(b *testing.B) func() {
	b.Helper()
	before := measured.ProcessorTime()
	return func() {
		b.ReportMetric((measured.ProcessorTime()-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
	}
}
