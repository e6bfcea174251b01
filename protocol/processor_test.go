package protocol

import (
	"testing"

	"consilium/internal/processor"
)

// processorTime reports, when what it returns is called, how much processor time
// an operation took: other work on the machine does not count.
func processorTime(b *testing.B) func() {
	b.Helper()
	before := processor.Time()
	return func() {
		b.ReportMetric((processor.Time()-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
	}
}
