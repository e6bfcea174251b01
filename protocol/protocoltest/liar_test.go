package protocoltest

import (
	"fmt"
	"testing"

	"consilium/protocol"
)

// liarOptions has scheme paillier with stand-ins for its arithmetic.
func liarOptions(n, f, c int, seed uint64) Options {
	opt := options(n, f, c, seed)
	opt.Scheme = protocol.SchemePaillier
	return opt
}

func lieOf(kind string, p int, phase protocol.Phase) Fault {
	return Fault{Kind: kind, Name: fmt.Sprint(p), Party: protocol.Party(p), Round: 1, Phase: phase}
}

func mustStand(t *testing.T, opt Options) Result {
	t.Helper()
	res := mustRun(t, opt)
	if !res.Completed || res.Wrong || res.Split || res.Slandered || res.Unproved {
		t.Errorf("n %d, seed %d, %v: %+v", opt.Thresholds.Parties, opt.Seed, opt.Faults, res)
	}
	return res
}

// Every lie in every phase where it means something, alone and as a colluding
// pair: every run completes, and nobody honest is named.
func TestEveryLieInEveryPhase(t *testing.T) {
	named := map[string]int{}
	for _, kind := range []string{Equivocate, WrongShare, WrongOpen, BadProof} {
		for _, phase := range shamirPhases {
			if CheckLie(lieOf(kind, 1, phase), protocol.SchemePaillier) != nil {
				continue
			}
			for seed := range uint64(40) {
				opt := liarOptions(4, 1, 0, seed)
				opt.Rounds = 2
				opt.Faults = []Fault{lieOf(kind, 1+int(seed)%4, phase)}
				named[kind] += len(mustStand(t, opt).Named)
				opt = liarOptions(7, 2, 0, seed)
				opt.Faults = []Fault{lieOf(kind, 1+int(seed)%7, phase), lieOf(kind, 1+int(seed+3)%7, phase)}
				mustStand(t, opt)
			}
		}
	}
	t.Log(named)
	for _, kind := range []string{Equivocate, WrongShare, WrongOpen, BadProof} {
		if named[kind] == 0 {
			t.Errorf("%s was never named", kind)
		}
	}
}
