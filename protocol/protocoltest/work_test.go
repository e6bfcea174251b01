package protocoltest

import (
	"slices"
	"testing"

	"consilium/protocol"
)

// growing is work whose updates have round+1 values, all of them party·round.
type growing struct{}

func (growing) Last() uint64 { return 3 }

func (growing) Over(uint64) bool { return false }

func (growing) Shape(round uint64) (values int, limit int64) { return int(round) + 1, 100 }

func (growing) Update(p protocol.Party, round uint64) (protocol.Vector, error) {
	return slices.Repeat(protocol.Vector{int64(p) * int64(round)}, int(round)+1), nil
}

// Work runs from round 0, and whoever watches is told of every sum and of what
// befell whom. A fault that is over after the last round is over.
func TestWork(t *testing.T) {
	names := []string{"1", "2", "3", "4"}
	opt := options(4, 0, 1, 1)
	opt.Work, opt.Gate = growing{}, true
	for _, text := range []string{"kill:2@0:open+1", "pause:3@2:attest+1", "kill:4@3:combine+1"} {
		f, err := ParseFault(text, names)
		if err != nil {
			t.Fatal(err)
		}
		opt.Faults = append(opt.Faults, f)
	}
	for opt.Seed = range uint64(50) {
		told := map[string]int{}
		last := int64(0)
		opt.Watch = func(n Note) {
			told[n.What]++
			if n.At < last {
				t.Fatalf("seed %d: time runs back at %+v", opt.Seed, n)
			}
			last = n.At
			if n.What != Summed {
				return
			}
			want := int64(0)
			for _, p := range n.Outcome.Included {
				want += int64(p) * int64(n.Round)
			}
			if sum := n.Outcome.Sum; len(sum) != int(n.Round)+1 || sum[0] != want {
				t.Fatalf("seed %d, round %d: %v, want %d", opt.Seed, n.Round, sum, want)
			}
		}
		res := mustRun(t, opt)
		if !res.Completed || res.Wrong || res.Split || told[Struck] != 3 || told[Recovered] != 3 || told[Completed] != 4 || told[Summed] < 14 {
			t.Fatalf("seed %d: %+v, %v", opt.Seed, res, told)
		}
	}
}

// Without a gate a hospital that is back may miss the next round, and one more
// that falls there is one too many. With it a fault is over for a whole round.
func TestGateKeepsFaultsApart(t *testing.T) {
	ended := map[bool]int{}
	for _, gate := range []bool{false, true} {
		for seed := range uint64(60) {
			opt := options(4, 0, 1, seed)
			opt.Gate = gate
			for i, phase := range []protocol.Phase{protocol.Describe, protocol.Commit, protocol.Deal, protocol.Attest, protocol.Deal} {
				p := protocol.Party(1 + i%4)
				opt.Faults = append(opt.Faults, Fault{Kind: Kill, Name: p.String(), Party: p, Round: uint64(i) + 1, Phase: phase, For: 1})
			}
			res := mustRun(t, opt)
			if res.Wrong || res.Split || res.Hung {
				t.Fatalf("seed %d, gate %v: %+v", seed, gate, res)
			}
			if res.Completed {
				ended[gate]++
			}
		}
	}
	if ended[true] != 60 || ended[false] == 60 {
		t.Fatalf("completed, of 60: %v", ended)
	}
}

// Links are as slow and as narrow as they are said to be, and what they lose is
// found again.
func TestLinks(t *testing.T) {
	took := func(links *Links) int64 {
		opt := options(5, 0, 2, 1)
		opt.Rounds, opt.Links = 2, links
		res := mustRun(t, opt)
		if !res.Completed || res.Wrong || res.Split {
			t.Fatalf("%+v: %+v", links, res)
		}
		return res.Virtual
	}
	near := took(&Links{Latency: 20, Bits: 1e9})
	for _, worse := range []Links{{Latency: 200, Bits: 1e9}, {Latency: 20, Bits: 2e5}, {Latency: 20, Bits: 1e9, Loss: 0.2}} {
		if got := took(&worse); got < near*3/2 {
			t.Errorf("%+v: %d ms, and %d ms over good lines", worse, got, near)
		}
	}
	if took(&Links{Latency: 20, Bits: 1e9}) != near {
		t.Error("equal seeds give different runs")
	}
}
