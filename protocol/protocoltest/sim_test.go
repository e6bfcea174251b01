package protocoltest

import (
	"fmt"
	"testing"

	"consilium/protocol"
)

func options(n, f, c int, seed uint64) Options {
	t := protocol.Thresholds{Parties: n, Liars: f, Dropouts: c}
	return Options{
		Thresholds: t, Values: 3, Seed: seed,
		Scheme: protocol.SchemeShamir,
	}
}

func mustRun(t *testing.T, opt Options) Result {
	t.Helper()
	res, err := Run(opt)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestEverybodyThere(t *testing.T) {
	for seed := range uint64(200) {
		opt := options(4, 0, 1, seed)
		opt.Rounds = 2
		res := mustRun(t, opt)
		if !res.Completed || res.Wrong || res.Split || len(res.Named) > 0 {
			t.Fatalf("seed %d: %+v", seed, res)
		}
		for i, set := range res.Included {
			if set != protocol.AllOf(4) {
				t.Fatalf("seed %d, round %d: the sum is over %v", seed, i+1, set)
			}
		}
	}
}

func TestRandomFaults(t *testing.T) {
	counts := map[string]int{}
	for seed := range uint64(800) {
		n := []int{3, 4, 5, 7}[seed%4]
		opt := options(n, 0, protocol.MostDropouts(n, 0), seed)
		opt.Rounds = 2
		opt.RandomFaults = 0.3
		res := mustRun(t, opt)
		if res.Wrong || res.Split || res.Hung || len(res.Named) > 0 {
			t.Errorf("seed %d, %d hospitals: %+v", seed, n, res)
		}
		counts[fmt.Sprintf("completed %v aborted %q", res.Completed, res.Aborted)]++
	}
	t.Log(counts)
}
