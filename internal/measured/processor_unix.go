//go:build unix

package measured

import (
	"syscall"
	"time"
)

// ProcessorTime is what this process has used, of all its threads.
func ProcessorTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
