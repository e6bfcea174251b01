//go:build !unix

package measured

import "time"

// ProcessorTime is not known here.
func ProcessorTime() time.Duration { return 0 }
