//go:build !amd64 || purego

package kernel

func hasADX() bool { return false }

func squareADX(_, _ *uint64, _ int)                              { panic(noADX) }
func addProductADX(_, _, _ *uint64, _ int)                       { panic(noADX) }
func montgomeryADX(_, _ *uint64, _ int, _ *[4]uint64, _ *uint64) { panic(noADX) }

const noADX = "kernel: no adx on this architecture"
