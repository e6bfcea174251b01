//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

// hasADX tells whether the processor multiplies with two carry chains (Intel
// from Broadwell, AMD from Zen on).
func hasADX() bool { return cpu.X86.HasADX && cpu.X86.HasBMI2 }

//go:noescape
func squareADX(t, a *uint64, n int)

//go:noescape
func addProductADX(t, a, b *uint64, n int)

//go:noescape
func montgomeryADX(t, modulus *uint64, n int, inverse *[4]uint64, quotient *uint64)
