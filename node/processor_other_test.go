//go:build !unix

package node

import "time"

func processorTime() time.Duration { return 0 }
