//go:build !unix

package testnet

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
