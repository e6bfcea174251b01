package protocoltest

import (
	"testing"

	"consilium/protocol"
)

// slicedOptions has as many slices as hospitals, each of one AES block or two.
func slicedOptions(n, f, c int, seed uint64) Options {
	opt := maskedOptions(n, f, c, seed)
	opt.Sliced = func(int, int64) bool { return true }
	opt.Values = 16*n/(opt.Modulus/8) - int(seed%3)
	return opt
}

func TestSlicedEverybodyThere(t *testing.T) {
	for seed := range uint64(30) {
		n := 4 + int(seed%5)
		opt := slicedOptions(n, 0, 1, seed)
		opt.Rounds = 2
		for i, set := range mustComplete(t, opt).Included {
			if set != protocol.AllOf(n) {
				t.Errorf("seed %d, round %d: the sum is over %v", seed, i+1, set)
			}
		}
	}
}

// A hospital fetches of each of the others its slices and no more, and of the sum
// what it has not added up itself.
func TestSlicedTraffic(t *testing.T) {
	for seed := range uint64(20) {
		for _, c := range []struct{ n, f, c int }{{8, 0, 1}, {8, 1, 1}, {12, 1, 2}} {
			opt := slicedOptions(c.n, c.f, c.c, seed)
			res := mustComplete(t, opt)
			vector := int64(opt.Values * opt.Modulus / 8)
			if most := int64(c.n-1) * int64(c.f+c.c+1) * (vector + 15); res.Fetched > most {
				t.Errorf("seed %d, %+v: %d bytes of masked updates were fetched, at most %d are needed", seed, c, res.Fetched, most)
			}
		}
	}
}

// Dropouts up to c in every phase: the round completes; with one more it ends by
// name or waits.
func TestSlicedDropoutsInEveryPhase(t *testing.T) {
	for n := 3; n <= 8; n++ {
		c := protocol.MostDropouts(n, 0)
		for _, phase := range maskedPhases {
			if n == 3 && phase <= protocol.Mask {
				continue
			}
			for seed := range uint64(6) {
				opt := slicedOptions(n, 0, c, seed)
				opt.Faults = dropping(n, c, phase, seed)
				res := mustComplete(t, opt)
				if t.Failed() {
					return
				}
				if phase > protocol.Mask && res.Included[0] != protocol.AllOf(n) {
					t.Errorf("n %d, seed %d, %v: masked before the fault, but the sum is over %v", n, seed, opt.Faults, res.Included[0])
				}
			}
			opt := slicedOptions(n, 0, c, 1)
			opt.Faults = dropping(n, c+1, phase, 1)
			if res := mustEnd(t, opt); res.Completed {
				t.Errorf("n %d, one dropout too many, %v: %+v", n, opt.Faults, res)
			}
		}
	}
}

func TestSlicedEveryFaultInEveryPhase(t *testing.T) {
	for _, kind := range Kinds() {
		if (Fault{Kind: kind}).Lie() {
			continue
		}
		for _, phase := range maskedPhases {
			if kind == ClockSkew && phase != protocol.Mask { // an hour of ticks takes its time
				continue
			}
			for _, span := range []uint64{0, 1} {
				for seed := range uint64(2) {
					opt := slicedOptions(5, 0, 1, seed)
					opt.Rounds = 2
					opt.Faults = []Fault{{Kind: kind, Name: "2", Party: 2, Round: 1, Phase: phase, For: span}}
					if mustComplete(t, opt); t.Failed() {
						return
					}
				}
			}
		}
	}
}

// "A crash at every save point" of a sliced round.
func TestSlicedCrashAtEverySavePoint(t *testing.T) {
	for at := 1; ; at++ {
		opt := slicedOptions(5, 0, 1, uint64(at))
		opt.CrashAt = map[protocol.Party]int{protocol.Party(1 + at%5): at}
		opt.RestartAfter = []int64{5, 300, 3000}[at%3]
		crashed := false
		opt.Log = func(_ int64, _ protocol.Party, what string) { crashed = crashed || what == "restarts" }
		if mustComplete(t, opt); t.Failed() {
			return
		}
		if !crashed {
			if at < 50 {
				t.Fatalf("only %d save points: the test does not reach the whole round", at-1)
			}
			return
		}
	}
}

func TestSlicedEverybodyRestarts(t *testing.T) {
	for crash := 20; crash <= 110; crash += 3 {
		opt := slicedOptions(5, 0, 1, uint64(crash))
		opt.CrashAt, opt.RestartAfter = map[protocol.Party]int{}, 200
		for p := 1; p <= 5; p++ {
			opt.CrashAt[protocol.Party(p)] = crash
		}
		if mustEnd(t, opt); t.Failed() {
			return
		}
	}
}

func TestSlicedRandomFaults(t *testing.T) {
	for seed := range uint64(80) {
		n := []int{3, 4, 5, 8}[seed%4]
		opt := slicedOptions(n, 0, protocol.MostDropouts(n, 0), seed)
		opt.Rounds, opt.RandomFaults = 2, 0.3
		if mustEnd(t, opt); t.Failed() {
			return
		}
	}
}

// Every lie in every phase, alone, with a dropout, and as a colluding pair.
func TestSlicedEveryLieInEveryPhase(t *testing.T) {
	named := map[string]int{}
	for _, kind := range []string{Equivocate, WrongShare, WrongOpen} {
		for _, phase := range maskedPhases {
			if CheckLie(lieOf(kind, 1, phase), protocol.SchemeMasked) != nil {
				continue
			}
			for seed := range uint64(6) {
				opt := slicedOptions(4, 1, 0, seed)
				opt.Faults = []Fault{lieOf(kind, 1+int(seed)%4, phase)}
				named[kind] += len(mustStand(t, opt).Named)
				opt = slicedOptions(7, 2, 0, seed)
				opt.Faults = []Fault{lieOf(kind, 1+int(seed)%7, phase), lieOf(kind, 1+int(seed+1)%7, phase)}
				mustStand(t, opt)
				opt = slicedOptions(6, 1, 1, seed)
				opt.Faults = append(dropping(5, 1, maskedPhases[seed%9], seed), lieOf(kind, 6, phase))
				if mustStand(t, opt); t.Failed() {
					return
				}
			}
		}
	}
	t.Log(named)
}

// Liars attest slices that they do not hold, and serve nobody; what they have
// posted themselves they keep from the only honest hospital beside them in a
// committee, so that it is their word against its silence; and they add up wrong.
func TestSlicedFalseHolders(t *testing.T) {
	for seed := range uint64(40) {
		for _, c := range []struct{ n, f, c int }{{4, 1, 0}, {7, 2, 0}, {8, 2, 0}, {8, 1, 1}, {9, 1, 2}} {
			opt := slicedOptions(c.n, c.f, c.c, seed)
			var liars protocol.Set
			for i := range c.f { // neighbours, so that they are in the same committees
				p := 1 + (int(seed)+i)%c.n
				liars.Add(protocol.Party(p))
				opt.Faults = append(opt.Faults, lieOf(WrongOpen, p, protocol.Combine))
			}
			victim := protocol.Party(1 + (int(seed)+c.f)%c.n)
			theirs := (int(seed) + c.n - 1) % c.n // the slice whose order the liars begin, in round 1
			opt.FalseHolders = seed%2 == 0
			opt.Withhold = func(_, owner, from protocol.Party, chunk int) bool {
				if seed%3 == 0 {
					return !liars.Has(owner) || chunk == theirs
				}
				return !liars.Has(owner) || from == victim
			}
			res := mustStand(t, opt)
			if !protocol.AllOf(c.n).Minus(liars).Within(res.Included[0]) {
				t.Errorf("seed %d, %+v: an honest hospital is left out: %v without %v", seed, c, res.Included, liars)
			}
			if t.Failed() {
				return
			}
		}
	}
}

// Who posts a wrong sum of a slice is named, by what a third party can verify, and
// the sum is right; whatever f of them agree on.
func TestSlicedWrongSumsAreNamed(t *testing.T) {
	for seed := range uint64(20) {
		opt := slicedOptions(7, 2, 0, seed)
		opt.Faults = []Fault{lieOf(WrongOpen, 1+int(seed)%7, protocol.Combine), lieOf(WrongOpen, 1+int(seed+1)%7, protocol.Combine)}
		kinds := map[protocol.EvidenceKind]protocol.Set{}
		opt.Evidence = func(e protocol.Evidence) {
			set := kinds[e.Kind]
			set.Add(e.Liar)
			kinds[e.Kind] = set
		}
		res := mustStand(t, opt)
		if kinds[protocol.WrongSum].Len() != 2 || len(kinds) > 2 {
			t.Errorf("seed %d: named %v for %v", seed, res.Named, kinds)
		}
		if t.Failed() {
			return
		}
	}
}

// A hospital crashes after each record that it saves, while another posts wrong
// sums, or one root here and another there.
func TestSlicedLiarsAndCrashes(t *testing.T) {
	for at := 40; at <= 120; at += 2 {
		opt := slicedOptions(6, 1, 1, uint64(at))
		opt.Faults = []Fault{lieOf([]string{WrongOpen, Equivocate}[at/2%2], 1+at%3, protocol.Combine)}
		opt.CrashAt, opt.RestartAfter = map[protocol.Party]int{protocol.Party(4 + at/2%3): at}, []int64{5, 300, 3000}[at%3]
		if mustStand(t, opt); t.Failed() {
			return
		}
	}
}
