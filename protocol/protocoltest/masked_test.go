package protocoltest

import (
	"testing"

	"consilium/protocol"
)

var maskedPhases, _ = protocol.SchemePhases(protocol.SchemeMasked)

func maskedOptions(n, f, c int, seed uint64) Options {
	opt := options(n, f, c, seed)
	opt.Scheme = protocol.SchemeMasked
	opt.Modulus = []int{32, 64}[seed%2]
	return opt
}

func mustEnd(t *testing.T, opt Options) Result {
	t.Helper()
	res := mustRun(t, opt)
	if res.Wrong || res.Split || res.Hung || len(res.Named) > 0 {
		t.Errorf("n %d, seed %d, %v: %+v", opt.Thresholds.Parties, opt.Seed, opt.Faults, res)
	}
	return res
}

func mustComplete(t *testing.T, opt Options) Result {
	t.Helper()
	res := mustEnd(t, opt)
	if !res.Completed {
		t.Errorf("n %d, seed %d, %v: %+v", opt.Thresholds.Parties, opt.Seed, opt.Faults, res)
	}
	return res
}

func TestMaskedEverybodyThere(t *testing.T) {
	for seed := range uint64(30) {
		opt := maskedOptions(4, 0, 1, seed)
		opt.Rounds = 2
		for i, set := range mustComplete(t, opt).Included {
			if set != protocol.AllOf(4) {
				t.Errorf("seed %d, round %d: the sum is over %v", seed, i+1, set)
			}
		}
	}
}
