package protocoltest

import (
	"testing"

	"consilium/protocol"
)

// A liar whose update is beyond what any hospital can add, or overflows its place
// in the plaintext, in every round: every round ends with a certified outcome that
// is the same everywhere, the rounds go on, and nobody is named.
func TestFalseUpdatesAreSkipped(t *testing.T) {
	keys, err := TestKeys(512, protocol.Thresholds{Parties: 4, Liars: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, base := range map[string]Options{
		"shamir": shamirLiars(1, 0, 0), "masked": maskedOptions(4, 1, 0, 0), "masked, 64 bits": maskedOptions(4, 1, 0, 1), "stand-ins": liarOptions(4, 1, 0, 0), "paillier": liarOptions(4, 1, 0, 0),
	} {
		skipped, rounds := 0, 3
		for seed := range uint64(12) {
			opt := base
			opt.Seed, opt.Rounds = seed, rounds
			if name == "paillier" {
				opt.Key = func(self protocol.Party) *protocol.PaillierKey { return keys[self] }
				if seed > 3 {
					break
				}
			}
			opt.Adaptive = seed%3 == 1
			opt.Faults = []Fault{lieOf(FalseUpdate, 1+int(seed)%opt.Thresholds.Parties, protocol.Deal)}
			res := mustStand(t, opt)
			if len(res.Named) > 0 {
				t.Errorf("%s, seed %d: named %v", name, seed, res.Named)
			}
			skipped += res.Skipped
			if seed%3 != 1 && res.Skipped != rounds { // the liar is in every set when nobody is delayed
				t.Errorf("%s, seed %d: %d of %d rounds skipped: %+v", name, seed, res.Skipped, rounds, res)
			}
		}
		t.Logf("%s: %d rounds skipped", name, skipped)
	}
}

// A liar that says another outcome of a spoiled round than the others is named.
func TestLiesAboutSpoiledSums(t *testing.T) {
	named := 0
	for seed := range uint64(30) {
		opt := liarOptions(7, 2, 0, seed)
		opt.Rounds = 2
		opt.Faults = []Fault{lieOf(FalseUpdate, 1+int(seed)%7, protocol.Deal), lieOf(Equivocate, 1+int(seed+3)%7, protocol.Combine)}
		named += len(mustStand(t, opt).Named)
	}
	t.Logf("%d named", named)
}
