package kernel

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what this thread has computed for: on a busy machine, long
// runs are always interrupted, and the clock on the wall would favour whoever
// runs shortest.
func processorTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
