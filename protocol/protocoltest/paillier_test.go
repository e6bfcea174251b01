package protocoltest

import (
	"slices"
	"testing"

	"consilium/protocol"
)

func paillierOptions(t *testing.T, n int, seed uint64) Options {
	t.Helper()
	opt := options(n, 0, protocol.MostDropouts(n, 0), seed)
	keys, err := TestKeys(512, opt.Thresholds)
	if err != nil {
		t.Fatal(err)
	}
	opt.Scheme = protocol.SchemePaillier
	opt.Key = func(self protocol.Party) *protocol.PaillierKey { return keys[self] }
	return opt
}

// The dropout stories of the round hold for ciphertexts as for shares.
func TestPaillierDropoutsInEveryPhase(t *testing.T) {
	for _, n := range []int{3, 4, 5} {
		c := protocol.MostDropouts(n, 0)
		for _, phase := range shamirPhases {
			if n == 3 && phase <= protocol.Deal {
				continue
			}
			opt := paillierOptions(t, n, uint64(phase))
			opt.Faults = dropping(n, c, phase, uint64(phase))
			if res := mustRun(t, opt); !res.Completed || res.Wrong || res.Split || len(res.Named) > 0 {
				t.Fatalf("n %d, %v: %+v", n, opt.Faults, res)
			}
			opt.Faults = dropping(n, c+1, phase, 1)
			if res := mustRun(t, opt); res.Completed || res.Aborted == "" || res.Hung || res.Wrong {
				t.Fatalf("n %d, one dropout too many, %v: %+v", n, opt.Faults, res)
			}
		}
	}
}

func TestPaillierRandomFaults(t *testing.T) {
	for seed := range uint64(30) {
		opt := paillierOptions(t, 4, seed)
		opt.RandomFaults = 0.3
		if res := mustRun(t, opt); res.Wrong || res.Split || res.Hung || len(res.Named) > 0 {
			t.Fatalf("seed %d: %+v", seed, res)
		}
	}
}

// "At most 16 key holders; contributors are unlimited."
func TestPaillierContributorsWithoutShares(t *testing.T) {
	opt := paillierOptions(t, 18, 1)
	if _, err := protocol.NewScheme(18, protocol.Description{Scheme: protocol.SchemePaillier, Length: 1, Limit: 1, Thresholds: opt.Thresholds,
		Key: opt.Key(18).Digest()}, opt.Key(18)); err == nil {
		t.Fatal("18 hospitals with 16 key holders do not stand 8 dropouts: all 8 may be holders")
	}
	opt.Thresholds.Dropouts = 7
	opt.Faults = dropping(18, 7, protocol.Open, 1)
	res := mustRun(t, opt)
	if !res.Completed || res.Wrong || res.Split || !slices.Contains(res.Included, protocol.AllOf(18)) {
		t.Fatalf("%+v", res)
	}
}
