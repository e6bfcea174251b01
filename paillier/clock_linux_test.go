package paillier_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what this process has computed for, collecting garbage
// included: on a busy machine the clock on the wall would favour whoever runs
// shortest.
func processorTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
