//go:build !unix

package protocol

import (
	"testing"
	"time"
)

func processorTime(*testing.B) func() { return func() {} }

// processorClock is not known here.
func processorClock() time.Duration { return 0 }
