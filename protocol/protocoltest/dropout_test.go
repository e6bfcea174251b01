package protocoltest

import (
	"fmt"
	"testing"

	"consilium/protocol"
)

var shamirPhases, _ = protocol.SchemePhases(protocol.SchemeShamir)

// "Any n−k hospitals dropped in any phase (n = 3: only after deal): the round
// completes with the sum of exactly the agreed set."
func TestTolerableDropoutsInEveryPhase(t *testing.T) {
	for n := 3; n <= 7; n++ {
		c := protocol.MostDropouts(n, 0)
		for _, phase := range shamirPhases {
			if n == 3 && phase <= protocol.Deal {
				continue
			}
			for seed := range uint64(20) {
				opt := options(n, 0, c, seed)
				opt.Faults = dropping(n, c, phase, seed)
				res := mustRun(t, opt)
				if !res.Completed || res.Wrong || res.Split || len(res.Named) > 0 {
					t.Fatalf("n %d, seed %d, %v: %+v", n, seed, opt.Faults, res)
				}
				if phase > protocol.Deal && res.Included[0] != protocol.AllOf(n) {
					t.Fatalf("n %d, seed %d, %v: dealt before the fault, but the sum is over %v", n, seed, opt.Faults, res.Included[0])
				}
			}
		}
	}
}

// "One more" stops the round, and never a wrong sum: fewer than k openings say
// nothing.
func TestOneDropoutTooMany(t *testing.T) {
	for n := 3; n <= 7; n++ {
		c := protocol.MostDropouts(n, 0)
		for _, phase := range shamirPhases {
			opt := options(n, 0, c, 1)
			opt.Faults = dropping(n, c+1, phase, 1)
			res := mustRun(t, opt)
			if res.Completed || res.Aborted == "" || res.Hung || res.Wrong || res.Split {
				t.Fatalf("n %d, %v: %+v", n, opt.Faults, res)
			}
		}
	}
}

// A quorum that comes back goes on by itself, with the same set.
func TestQuorumReturns(t *testing.T) {
	for n := 3; n <= 7; n++ {
		c := protocol.MostDropouts(n, 0)
		for crash := 1; crash <= 40; crash++ {
			opt := options(n, 0, c, uint64(crash))
			opt.CrashAt = map[protocol.Party]int{}
			for p := 1; p <= c+1; p++ {
				opt.CrashAt[protocol.Party(p)] = crash
			}
			opt.RestartAfter = 5000
			res := mustRun(t, opt)
			if !res.Completed || res.Wrong || res.Split || len(res.Named) > 0 {
				t.Fatalf("n %d, crash after record %d: %+v", n, crash, res)
			}
		}
	}
}

// "A crash at every save point": one hospital crashes after each record that it
// ever saves, before anything of that step is sent, and comes back.
func TestCrashAtEverySavePoint(t *testing.T) {
	for _, n := range []int{3, 4, 5} {
		for p := 1; p <= n; p++ {
			for at := 1; ; at++ {
				opt := options(n, 0, protocol.MostDropouts(n, 0), uint64(at))
				opt.Rounds = 2
				opt.CrashAt = map[protocol.Party]int{protocol.Party(p): at}
				opt.RestartAfter = []int64{5, 300, 3000}[at%3]
				crashed := false
				opt.Log = func(_ int64, _ protocol.Party, what string) { crashed = crashed || what == "restarts" }
				res := mustRun(t, opt)
				if !res.Completed || res.Wrong || res.Split || len(res.Named) > 0 {
					t.Fatalf("%d hospitals, %d crashes after record %d: %+v", n, p, at, res)
				}
				if !crashed {
					if at < 20 {
						t.Fatalf("only %d save points: the test does not reach the whole round", at-1)
					}
					break
				}
			}
		}
	}
}

// Every kind of fault that is not a lie, in every phase, for good and for one
// round.
func TestEveryFaultInEveryPhase(t *testing.T) {
	for _, kind := range Kinds() {
		if (Fault{Kind: kind}).Lie() {
			continue
		}
		for _, phase := range shamirPhases {
			for _, span := range []uint64{0, 1} {
				for seed := range uint64(4) {
					opt := options(4, 0, 1, seed)
					opt.Rounds = 3
					opt.Faults = []Fault{{Kind: kind, Name: "2", Party: 2, Round: 1, Phase: phase, For: span}}
					res := mustRun(t, opt)
					if !res.Completed || res.Wrong || res.Split || len(res.Named) > 0 {
						t.Errorf("seed %d, %v: %+v", seed, opt.Faults, res)
					}
				}
			}
		}
	}
}

func TestEqualSeedsEqualTraces(t *testing.T) {
	run := func(seed uint64) Result {
		opt := options(4, 0, 1, seed)
		opt.Rounds, opt.RandomFaults = 2, 0.5
		return mustRun(t, opt)
	}
	for seed := range uint64(20) {
		a, b := run(seed), run(seed)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("seed %d gave two runs:\n%+v\n%+v", seed, a, b)
		}
	}
	if run(1).Trace == run(2).Trace {
		t.Fatal("two seeds gave one trace")
	}
}

func TestLiesAreRefused(t *testing.T) {
	opt := options(4, 0, 1, 1)
	opt.Faults = []Fault{{Kind: Equivocate, Name: "1", Party: 1, Round: 1, Phase: protocol.Deal}}
	if _, err := Run(opt); err == nil {
		t.Fatal("a lie was simulated against an agreement that stands crashes only")
	}
}

// dropping kills count hospitals in a phase of round 1, which ones by seed.
func dropping(n, count int, phase protocol.Phase, seed uint64) []Fault {
	var faults []Fault
	for _, i := range newRandom(seed, 77).Perm(n)[:count] {
		faults = append(faults, Fault{Kind: Kill, Name: fmt.Sprint(i + 1), Party: protocol.Party(i + 1), Round: 1, Phase: phase})
	}
	return faults
}

// Everybody crashes, at every save point: what a quorum has locked is found
// again among the votes, and the round goes on with it.
func TestEverybodyRestarts(t *testing.T) {
	for crash := 20; crash <= 50; crash++ {
		for seed := range uint64(12) {
			opt := options(4, 0, 1, seed)
			opt.CrashAt, opt.RestartAfter = map[protocol.Party]int{}, int64(200+100*seed)
			for p := 1; p <= 4; p++ {
				opt.CrashAt[protocol.Party(p)] = crash
			}
			if res := mustRun(t, opt); !res.Completed || res.Wrong || res.Split {
				t.Fatalf("crash at %d, seed %d: %+v", crash, seed, res)
			}
		}
	}
}

// A seed in which a quorum had prevoted when everybody restarted: the value that
// others were locked on was proposed never again, and the round hung.
func TestValidValueSurvivesRestarts(t *testing.T) {
	opt := options(4, 0, 1, 15)
	opt.RandomFaults, opt.RestartAfter = 0.5, 605
	opt.CrashAt = map[protocol.Party]int{1: 37, 2: 38, 3: 39, 4: 40}
	if res := mustRun(t, opt); res.Hung || res.Wrong || res.Split {
		t.Fatalf("%+v", res)
	}
}

// Two of four finish a round, everybody crashes before the other two know of
// it, and what the two hold on disk is all that is left of the round: the
// others finish it with that.
func TestWhatWasPostedOutlivesTheRound(t *testing.T) {
	for crash := 36; crash <= 40; crash++ {
		for seed := range uint64(30) {
			opt := options(4, 0, 1, seed)
			opt.Rounds, opt.RestartAfter = 2, 605
			opt.CrashAt = map[protocol.Party]int{1: crash, 2: crash, 3: crash + int(seed%3), 4: crash + int(seed%5)}
			opt.RandomFaults = 0.3
			if res := mustRun(t, opt); res.Hung || res.Wrong || res.Split {
				t.Fatalf("crash at %d, seed %d: %+v", crash, seed, res)
			}
		}
	}
}

// Packed secrets stand the dropouts and faults that plain ones stand.
func TestPackedDropoutsAndFaults(t *testing.T) {
	for _, c := range []struct{ n, packing int }{{7, 2}, {10, 4}} {
		most := protocol.MostDropouts(c.n, 0)
		packed := func(seed uint64) Options {
			opt := options(c.n, 0, most, seed)
			opt.Packing, opt.Values = c.packing, 11
			return opt
		}
		for _, phase := range shamirPhases {
			for seed := range uint64(3) {
				opt := packed(seed)
				opt.Faults = dropping(c.n, most, phase, seed)
				if res := mustRun(t, opt); !res.Completed || res.Wrong || res.Split || len(res.Named) > 0 {
					t.Fatalf("%+v, seed %d, %v: %+v", c, seed, opt.Faults, res)
				}
			}
		}
		for seed := range uint64(60) {
			opt := packed(seed)
			opt.RandomFaults = 0.3
			if res := mustRun(t, opt); res.Wrong || res.Split || res.Hung || len(res.Named) > 0 {
				t.Errorf("%+v, seed %d: %+v", c, seed, res)
			}
		}
	}
}
