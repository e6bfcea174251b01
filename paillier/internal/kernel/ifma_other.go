//go:build !amd64 || purego

package kernel

import "math/big"

func hasIFMA() bool { return false }

func newIFMA(*big.Int) core { panic("kernel: no ifma on this architecture") }
