package protocoltest

import "testing"

func BenchmarkRun(b *testing.B) {
	seed := uint64(0)
	for b.Loop() {
		opt := options(4, 0, 1, seed)
		seed++
		if _, err := Run(opt); err != nil {
			b.Fatal(err)
		}
	}
}
