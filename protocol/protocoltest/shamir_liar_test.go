package protocoltest

import (
	"testing"

	"consilium/protocol"
)

// Scheme shamir stands every lie in every phase, alone and as a colluding pair,
// with the fewest hospitals that the Reed-Solomon bound allows.
func TestShamirLiars(t *testing.T) {
	named := map[string]int{}
	kinds := []string{Equivocate, WrongShare, WrongOpen, BadProof}
	for _, kind := range kinds {
		for _, phase := range shamirPhases {
			if CheckLie(lieOf(kind, 1, phase), protocol.SchemeShamir) != nil {
				continue
			}
			for seed := range uint64(5) {
				opt := shamirLiars(1, 0, seed)
				opt.Rounds = 2
				opt.Faults = []Fault{lieOf(kind, 1+int(seed)%6, phase)}
				named[kind] += len(mustStand(t, opt).Named)
				if seed < 3 {
					opt = shamirLiars(2, 0, seed)
					opt.Faults = []Fault{lieOf(kind, 1+int(seed)%11, phase), lieOf(kinds[seed], 1+int(seed+3)%11, protocol.Open)}
					if CheckLie(opt.Faults[1], protocol.SchemeShamir) == nil {
						mustStand(t, opt)
					}
				}
			}
		}
	}
	t.Log(named)
	for _, kind := range kinds {
		if named[kind] == 0 {
			t.Errorf("%s was never named", kind)
		}
	}
}

// With large bodies, which liars serve to one half only; with an adversary that
// delays what hurts most; with dropouts and crashes besides.
func TestShamirLiarsAndMore(t *testing.T) {
	kinds := []Fault{
		lieOf(Equivocate, 2, protocol.Describe), lieOf(Equivocate, 2, protocol.Deal), lieOf(Equivocate, 2, protocol.Check),
		lieOf(Equivocate, 2, protocol.Attest), lieOf(WrongShare, 2, protocol.Deal), lieOf(WrongShare, 2, protocol.Check), lieOf(WrongOpen, 2, protocol.Open),
	}
	for i, fault := range kinds {
		for seed := range uint64(4) {
			opt := shamirLiars(1, 0, seed)
			opt.Values, opt.Faults = 5000, []Fault{fault}
			mustStand(t, opt)
			opt = shamirLiars(1, 0, seed)
			opt.Adaptive, opt.Faults = true, []Fault{fault}
			mustStand(t, opt)
			opt = shamirLiars(1, 1, seed)
			opt.Faults = []Fault{fault, {Kind: Kill, Name: "5", Party: 5, Round: 1, Phase: shamirPhases[(i+int(seed))%8]}}
			mustStand(t, opt)
			opt.Faults = opt.Faults[:1]
			opt.CrashAt, opt.RestartAfter = map[protocol.Party]int{5: 5 + 9*i + int(seed)}, 300
			mustStand(t, opt)
		}
	}
}

// These runs hung before second answers, and complaints that a liar tells some
// and not others, were heeded.
func TestShamirLiarsThatHung(t *testing.T) {
	for _, c := range []struct {
		f, values int
		seed      uint64
		faults    []Fault
	}{
		{1, 6000, 13, []Fault{lieOf(Equivocate, 2, protocol.Describe)}},
		{1, 6000, 13, []Fault{lieOf(Equivocate, 2, protocol.Deal)}},
		{1, 6000, 14, []Fault{lieOf(Equivocate, 3, protocol.Check)}},
		{2, 3, 21, []Fault{lieOf(Equivocate, 11, protocol.Agree), lieOf(Equivocate, 2, protocol.Commit)}},
	} {
		opt := shamirLiars(c.f, 0, c.seed)
		opt.Values, opt.Faults = c.values, c.faults
		mustStand(t, opt)
	}
}

// A round that cannot have a set comes to nothing, with a result nowhere, and its
// step is taken again: of three hospitals one is gone before it dealt, for good or
// until a later round. When all are there a deadline that passes too early ends no
// round that has something to agree on.
func TestStalledRounds(t *testing.T) {
	for seed := range uint64(20) {
		opt := options(3, 0, 1, seed)
		opt.Stall, opt.Faults = 100, dropping(3, 1, protocol.Commit, seed)
		res := mustRun(t, opt)
		if res.Completed || res.Hung || res.Split || len(res.Included) > 0 || res.Unopened == 0 {
			t.Errorf("seed %d: %+v", seed, res)
		}
		for i := range opt.Faults {
			opt.Faults[i].For = 2
		}
		opt.Rounds = 2
		if res = mustRun(t, opt); !res.Completed || res.Split || res.Wrong || len(res.Included) < 2 || res.Unopened == 0 {
			t.Errorf("seed %d, and back: %+v", seed, res)
		}
		for _, stall := range []uint32{1, 20, 60} {
			opt = shamirLiars(1, 0, seed)
			opt.Stall, opt.RandomFaults = stall, 0.2
			opt.Faults = []Fault{lieOf(Equivocate, 2, shamirPhases[seed%8])}
			if res := mustRun(t, opt); res.Hung || res.Split || res.Wrong || res.Slandered || res.Unproved {
				t.Errorf("seed %d, deadline %d: %+v", seed, stall, res)
			}
		}
	}
}

// A liar that leads left an honest hospital out of those who mask, did not mask
// itself, and so left fewer than the smallest set: these runs hung.
func TestLeaderDoesNotChooseWhoMasks(t *testing.T) {
	for _, seed := range []uint64{3, 7, 142} {
		opt := options(4, 1, 0, seed)
		opt.Scheme, opt.Values, opt.Faults = protocol.SchemeMasked, 8, []Fault{lieOf(Equivocate, 2, protocol.Mask)}
		mustStand(t, opt)
	}
}
