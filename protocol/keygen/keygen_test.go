package keygen

import (
	"crypto/sha3"
	"fmt"
	"io"
	"math/big"
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
		f := p.checkpoints[party].Found
		own, _ := l.partsOf(f.Seeds, party == leader(f.Batch, n))
		a.Add(a, own.p)
		b.Add(b, own.q)
	}
	return a, b
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
		t.Logf("%v: %d products, %d tested, %d rounds, %d bytes", c, p.results[1].Products, p.results[1].Tested, report.Rounds, report.Sent[1])
	}
}
