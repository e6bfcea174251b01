package dishonest

import (
	"crypto/sha3"
	"fmt"
	"io"
	"math"
	"sync"
	"testing"

	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
	"consilium/protocol/spdz"
)

const testBits = 768

// testKeys are made once: of party 1, 2 and 3.
var testKeys = sync.OnceValue(func() []*paillier.PrivateKey {
	var keys []*paillier.PrivateKey
	for i := range 3 {
		key, err := paillier.GenerateKey(seeded("key", uint64(i)), testBits, paillier.InsecureTestBits)
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	return keys
})

func seeded(what string, seed uint64) io.Reader {
	shake := sha3.NewSHAKE256()
	_, _ = fmt.Fprint(shake, what, " ", seed)
	return shake
}

// program is what a party does, with a hook before it begins.
func program(cfg Config, seed uint64, prepare func(*party), code func(p *party, e *spdz.Engine) error) interactive.Program {
	return func(c *interactive.Channel) error {
		own := cfg
		own.Bits, own.LeastBits = testBits, paillier.InsecureTestBits
		own.Key, own.Random = testKeys()[c.Self()-1], seeded("party", 100*seed+uint64(c.Self()))
		p, err := newParty(c, own)
		if err != nil {
			return err
		}
		if prepare != nil {
			prepare(p)
		}
		if err := p.setUp(); err != nil {
			return err
		}
		e, err := spdz.NewOn(c, p.Config.Config, p)
		if err != nil {
			return err
		}
		return code(p, e)
	}
}

// run runs the same code at all parties, and fails unless all end well.
func run(t testing.TB, n int, cfg Config, code func(p *party, e *spdz.Engine) error) interactivetest.Report {
	t.Helper()
	report := runWith(n, cfg, interactivetest.Options{}, nil, code)
	for party := 1; party <= n; party++ {
		if report.Errors[party] != nil {
			t.Fatalf("party %d: %v", party, report.Errors[party])
		}
	}
	return report
}

func runWith(n int, cfg Config, o interactivetest.Options, prepare func(*party), code func(p *party, e *spdz.Engine) error) interactivetest.Report {
	programs := make([]interactive.Program, n)
	for i := range programs {
		programs[i] = program(cfg, o.Seed, prepare, code)
	}
	return interactivetest.Run(o, programs...)
}

// shared inputs one matrix of party 1.
func shared(e *spdz.Engine, rows, cols int, values []float64, reach float64) (*spdz.Secret, error) {
	shapes := make([]spdz.Shape, e.Parties()+1)
	shapes[1] = spdz.Shape{Rows: rows, Cols: cols}
	if e.Self() != 1 {
		values = nil
	}
	list, err := e.Input(shapes, values, reach)
	if err != nil {
		return nil, err
	}
	return list[1], nil
}

// near compares opened numbers with those that they should be.
func near(what string, got, want []float64, within float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s: %d numbers, not %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Abs(got[i]-want[i]) > within {
			return fmt.Errorf("%s: number %d is %v, not %v", what, i, got[i], want[i])
		}
	}
	return nil
}
