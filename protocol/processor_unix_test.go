//go:build unix

package protocol

import (
	"syscall"
	"testing"
	"time"
)

// processorClock is what this process has used, of all its threads.
func processorClock() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// processorTime reports, when what it returns is called, how much processor time
// an operation took: other work on the machine does not count.
func processorTime(b *testing.B) func() {
	b.Helper()
	before := processorClock()
	return func() { b.ReportMetric((processorClock()-before).Seconds()*1000/float64(b.N), "cpu-ms/op") }
}
