//go:build !linux

package paillier_test

import (
	"testing"
	"time"
)

var started = time.Now()

// processorTime is the time on the wall where there is nothing better: measure
// on an idle machine.
func processorTime(*testing.B) time.Duration { return time.Since(started) }
