package keygen

import (
	"crypto/sha3"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"

	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
)

// seeded is a stream of bytes that is the same in every run.
func seeded(what string) io.Reader {
	shake := sha3.NewSHAKE256()
	_, _ = shake.Write([]byte(what))
	return shake
}

// group is the parties of a ceremony in a test.
type parties struct {
	programs    []interactive.Program
	results     []Result     // by party, 0 unused
	checkpoints []Checkpoint // the last of each
	history     [][]Checkpoint
	lies        map[int]func(step string, body []byte) []byte // by party
}

func newParties(n, k, bits int, seed uint64, change func(party int, c *Config)) *parties {
	p := &parties{results: make([]Result, n+1), checkpoints: make([]Checkpoint, n+1), history: make([][]Checkpoint, n+1), lies: map[int]func(string, []byte) []byte{}}
	for party := 1; party <= n; party++ {
		c := Config{
			Context: []byte("test"), Bits: bits, MinBits: paillier.InsecureCeremonyBits, Threshold: k, Candidates: 32,
			Random: seeded(fmt.Sprintf("party %d of %d, seed %d", party, n, seed)),
			Save: func(c Checkpoint) error {
				p.checkpoints[party] = c
				p.history[party] = append(p.history[party], c)
				return nil
			},
		}
		if change != nil {
			change(party, &c)
		}
		p.programs = append(p.programs, func(channel *interactive.Channel) error {
			own, err := newCeremony(c, channel, &p.results[party])
			if err != nil {
				return err
			}
			own.talk.lie = p.lies[party]
			return own.run()
		})
	}
	return p
}

// factors opens everything: p and q from all parties' seeds.
func (p *parties) factors(t testing.TB, k, bits int) (*big.Int, *big.Int) {
	t.Helper()
	n := len(p.programs)
	l, err := newLayout(n, k, bits, 32)
	if err != nil {
		t.Fatal(err)
	}
	a, b := new(big.Int), new(big.Int)
	for party := 1; party <= n; party++ {
		f := p.found(party)
		own, _ := l.partsOf(f.Seeds, party == leader(f.Batch, n))
		a.Add(a, own.p)
		b.Add(b, own.q)
	}
	return a, b
}

// found is what a party had written down of the candidate before it erased it.
func (p *parties) found(party int) *Found {
	for i := len(p.history[party]) - 1; i >= 0; i-- {
		if f := p.history[party][i].Found; f != nil {
			return f
		}
	}
	return nil
}

func TestCeremony(t *testing.T) {
	for _, c := range []struct{ n, k, bits int }{{3, 2, 256}, {4, 3, 256}, {5, 3, 256}, {3, 2, 512}, {7, 5, 256}} {
		p := newParties(c.n, c.k, c.bits, 1, nil)
		report := interactivetest.Run(interactivetest.Options{Seed: 1}, p.programs...)
		for party := 1; party <= c.n; party++ {
			if report.Errors[party] != nil {
				t.Fatalf("%v: party %d: %v", c, party, report.Errors[party])
			}
		}
		a, b := p.factors(t, c.k, c.bits)
		if n := p.results[1].Key.N(); new(big.Int).Mul(a, b).Cmp(n) != 0 || !a.ProbablyPrime(20) || !b.ProbablyPrime(20) {
			t.Errorf("%v: N is not the product of two primes", c)
		}
		for party := 1; party <= c.n; party++ {
			if last := p.checkpoints[party]; last.Found != nil || last.Made == nil {
				t.Errorf("%v: party %d keeps the candidate's seeds, or not its key", c, party)
			}
		}
		t.Logf("%v: %d products, %d tested, %d rounds, %d bytes", c, p.results[1].Products, p.results[1].Tested, report.Rounds, report.Sent[1])
	}
}

// A checkpoint that was damaged is said to be, and nothing is begun with it.
func TestDamagedCheckpointsAreRefused(t *testing.T) {
	whole := newParties(3, 2, 256, 1, nil)
	interactivetest.Run(interactivetest.Options{}, whole.programs...)
	good := *whole.found(1)
	for name, damage := range map[string]func(*Found){
		"a seed less":    func(f *Found) { f.Seeds = f.Seeds[1:] },
		"a short seed":   func(f *Found) { f.Seeds = append([][]byte{{1}}, f.Seeds[1:]...) },
		"a party less":   func(f *Found) { f.Hashes = f.Hashes[1:] },
		"another length": func(f *Found) { f.N = f.N[1:] },
	} {
		bad := good
		damage(&bad)
		p := newParties(3, 2, 256, 1, func(_ int, c *Config) { c.Resume.Found = &bad })
		report := interactivetest.Run(interactivetest.Options{}, p.programs...)
		if err := report.Errors[1]; err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A ceremony that is broken off goes on where it was: with the candidate found, or
// with the signatures of the key that is made.
func TestCeremonyResumes(t *testing.T) {
	whole := newParties(3, 2, 256, 1, nil)
	interactivetest.Run(interactivetest.Options{}, whole.programs...)
	for name, c := range map[string]struct {
		of       func(party int, c Checkpoint) bool // the last checkpoint that it got to
		sameN    bool
		sameKeys bool
	}{
		"searching":            {func(_ int, c Checkpoint) bool { return c.Found == nil && c.Made == nil && c.Products > 0 }, false, false},
		"found":                {func(_ int, c Checkpoint) bool { return c.Found != nil && c.Made == nil }, true, false},
		"found, one shares it": {func(party int, c Checkpoint) bool { return (c.Found != nil) == (party > 1) && c.Made == nil }, false, false},
		"made by one of them":  {func(party int, c Checkpoint) bool { return (c.Made != nil) == (party == 1) }, false, false},
		"found by two of them": {func(party int, c Checkpoint) bool { return (c.Found != nil) == (party < 3) && c.Made == nil }, false, false},
		"made":                 {func(_ int, c Checkpoint) bool { return c.Made != nil }, true, true},
	} {
		again := newParties(3, 2, 256, 2, func(party int, config *Config) {
			for _, state := range whole.history[party] {
				if c.of(party, state) {
					config.Resume = state
				}
			}
		})
		report := interactivetest.Run(interactivetest.Options{}, again.programs...)
		for party := 1; party <= 3; party++ {
			if report.Errors[party] != nil {
				t.Fatalf("%s: party %d: %v", name, party, report.Errors[party])
			}
		}
		before, after := whole.results[1].Key, again.results[1].Key
		if before.PublicKey.Equal(after.PublicKey) != c.sameN || (before.Digest() == after.Digest()) != c.sameKeys {
			t.Errorf("%s: the same N: %v, the same key: %v", name, before.PublicKey.Equal(after.PublicKey), before.Digest() == after.Digest())
		}
		if again.results[1].Products < whole.checkpoints[1].Products && c.sameN {
			t.Errorf("%s: %d candidates are counted", name, again.results[1].Products)
		}
	}
}
