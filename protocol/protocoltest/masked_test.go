package protocoltest

import (
	"slices"
	"strings"
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

// Dropouts up to c in every phase: the round completes. A hospital that is gone
// before it could post its masked update is not in the sum, one that is gone
// after is, and n = 3 needs all three until they have posted.
func TestMaskedDropoutsInEveryPhase(t *testing.T) {
	for n := 3; n <= 6; n++ {
		c := protocol.MostDropouts(n, 0)
		for _, phase := range maskedPhases {
			if n == 3 && phase <= protocol.Mask {
				continue
			}
			for seed := range uint64(6) {
				opt := maskedOptions(n, 0, c, seed)
				opt.Faults = dropping(n, c, phase, seed)
				res := mustComplete(t, opt)
				if phase > protocol.Mask && res.Included[0] != protocol.AllOf(n) {
					t.Errorf("n %d, seed %d, %v: masked before the fault, but the sum is over %v", n, seed, opt.Faults, res.Included[0])
				}
				if phase == protocol.Mask && res.Included[0].Len() != n-c {
					t.Errorf("n %d, seed %d, %v: the sum is over %v", n, seed, opt.Faults, res.Included[0])
				}
			}
			opt := maskedOptions(n, 0, c, 1)
			opt.Faults = dropping(n, c+1, phase, 1)
			if res := mustEnd(t, opt); res.Completed {
				t.Errorf("n %d, one dropout too many, %v: %+v", n, opt.Faults, res)
			}
		}
	}
}

func TestMaskedEveryFaultInEveryPhase(t *testing.T) {
	for _, kind := range Kinds() {
		if (Fault{Kind: kind}).Lie() {
			continue
		}
		for _, phase := range maskedPhases {
			if kind == ClockSkew && phase != protocol.Mask { // ten minutes of ticks take their time
				continue
			}
			for _, span := range []uint64{0, 1} {
				for seed := range uint64(2) {
					opt := maskedOptions(4, 0, 1, seed)
					opt.Rounds = 2
					opt.Faults = []Fault{{Kind: kind, Name: "2", Party: 2, Round: 1, Phase: phase, For: span}}
					mustComplete(t, opt)
				}
			}
		}
	}
}

// "A crash at every save point" of a round with masks.
func TestMaskedCrashAtEverySavePoint(t *testing.T) {
	for at := 1; ; at++ {
		opt := maskedOptions(4, 0, 1, uint64(at))
		opt.CrashAt = map[protocol.Party]int{protocol.Party(1 + at%4): at}
		opt.RestartAfter = []int64{5, 300, 3000}[at%3]
		crashed := false
		opt.Log = func(_ int64, _ protocol.Party, what string) { crashed = crashed || what == "restarts" }
		mustComplete(t, opt)
		if !crashed {
			if at < 40 {
				t.Fatalf("only %d save points: the test does not reach the whole round", at-1)
			}
			return
		}
	}
}

func TestMaskedEverybodyRestarts(t *testing.T) {
	for crash := 20; crash <= 80; crash += 3 {
		opt := maskedOptions(4, 0, 1, uint64(crash))
		opt.CrashAt, opt.RestartAfter = map[protocol.Party]int{}, 200
		for p := 1; p <= 4; p++ {
			opt.CrashAt[protocol.Party(p)] = crash
		}
		mustEnd(t, opt)
	}
}

func TestMaskedRandomFaults(t *testing.T) {
	for seed := range uint64(80) {
		n := []int{3, 4, 5, 7}[seed%4]
		opt := maskedOptions(n, 0, protocol.MostDropouts(n, 0), seed)
		opt.Rounds, opt.RandomFaults = 2, 0.3
		mustEnd(t, opt)
	}
}

// Every lie in every phase, alone and as a colluding pair.
func TestMaskedEveryLieInEveryPhase(t *testing.T) {
	named := map[string]int{}
	for _, kind := range []string{Equivocate, WrongShare, WrongOpen, BadProof} {
		for _, phase := range maskedPhases {
			if CheckLie(lieOf(kind, 1, phase), protocol.SchemeMasked) != nil || CheckSums(lieOf(kind, 1, phase), false) != nil {
				continue
			}
			for seed := range uint64(6) {
				opt := maskedOptions(4, 1, 0, seed)
				opt.Faults = []Fault{lieOf(kind, 1+int(seed)%4, phase)}
				named[kind] += len(mustStand(t, opt).Named)
				opt = maskedOptions(7, 2, 0, seed)
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

// Seeds in which a liar that led the agreement on who masks left an honest
// hospital out, and then did not mask: fewer than three were left, for ever.
func TestMaskedLeaderLeavesNobodyOut(t *testing.T) {
	for _, seed := range []uint64{3, 7, 142, 146, 216, 294, 295, 541} {
		opt := maskedOptions(4, 1, 0, seed)
		opt.Modulus, opt.Values = 32, 8
		opt.Faults = []Fault{lieOf(Equivocate, 2, protocol.Mask)}
		mustStand(t, opt)
	}
}

// Commitments that are none, and an opening of masks that nobody agreed on, are
// proved to a third party.
func TestMaskedBadProofsAreNamed(t *testing.T) {
	for phase, kind := range map[protocol.Phase]protocol.EvidenceKind{protocol.Deal: protocol.InvalidDeal, protocol.Open: protocol.WrongOpening} {
		found := 0
		for seed := range uint64(20) {
			opt := maskedOptions(4, 1, 0, seed)
			opt.Faults = []Fault{lieOf(BadProof, 1+int(seed)%4, phase)}
			opt.Evidence = func(e protocol.Evidence) {
				if e.Kind == kind {
					found++
				} else if e.Kind != protocol.InvalidAnswer { // another point of the curve has passed for a commitment
					t.Errorf("phase %v, seed %d: %v", phase, seed, e.Kind)
				}
			}
			mustStand(t, opt)
		}
		if found == 0 {
			t.Errorf("phase %v: nobody is convicted of %v", phase, kind)
		}
	}
}

// An opening is judged by the masks of its set, which the set itself names: a liar in
// the set cannot make an honest opening one of other masks by saying so afterwards.
func TestMaskedEvidenceSaysWhoJoined(t *testing.T) {
	for seed := uint64(0); ; seed++ {
		opt := maskedOptions(4, 1, 0, seed)
		opt.Faults = []Fault{lieOf(BadProof, 1, protocol.Open)} // hospital 1 is the first of the set
		var e protocol.Evidence
		opt.Evidence = func(found protocol.Evidence) { e = found }
		s, err := newSim(opt)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.loop(); err != nil {
			t.Fatal(err)
		}
		s.finish()
		if e.Kind != protocol.WrongOpening || e.Messages[2].From != 1 {
			continue
		}
		scheme, err := honestScheme(1, e.Description, nil)
		if err != nil {
			t.Fatal(err)
		}
		verify := func(e protocol.Evidence) error { return e.Verify(standInSigner{1}.Verify, standInSealer{}, scheme) }
		if err := verify(e); err != nil {
			t.Fatal(err)
		}
		for _, m := range s.hospitals[2].session.Round().Posts() {
			if m.Slot.Phase != protocol.Open || m.From == 1 {
				continue
			}
			twisted := e
			twisted.Liar, twisted.Messages = m.From, slices.Clone(e.Messages)
			twisted.Messages[0] = m
			if verify(twisted) == nil {
				t.Errorf("the opening of hospital %d convicts it", m.From)
			}
			other, ok := protocol.Forge(e.Messages[2], e.Description, standInSigner{1}, 2, protocol.Hash{})
			if !ok {
				t.Fatal("no other masked update")
			}
			twisted.Messages[2] = other
			if err := verify(twisted); err == nil || !strings.Contains(err.Error(), "the masked update is of another set") {
				t.Errorf("the opening of hospital %d and another masked update: %v", m.From, err)
			}
		}
		return
	}
}
