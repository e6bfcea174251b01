//go:build unix

package protocol

import (
	"syscall"
	"testing"
	"time"
)

// processorTime reports, when what it returns is called, how much processor time
// an operation took: other work on the machine does not count.
func processorTime(b *testing.B) func() {
	b.Helper()
	now := func() time.Duration {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			b.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	before := now()
	return func() { b.ReportMetric((now()-before).Seconds()*1000/float64(b.N), "cpu-ms/op") }
}
