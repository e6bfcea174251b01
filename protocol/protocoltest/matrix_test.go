package protocoltest_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"consilium/protocol"
	"consilium/protocol/protocoltest"
	"consilium/testnet"
)

// The matrix of every fault in every phase of every scheme, with as many seeds as
// are wanted. docs/protocol.md says what it came to:
//
//	go test ./protocol/protocoltest -run TestMatrix -v -timeout 0 -args -matrix.seeds 10000
//
// Without flags it runs two seeds of each.
var matrix struct {
	seeds                int
	first                uint64
	scheme, kinds, phase string
	crypto, beside       string
	large                int
	hospitals, liars     int
	spite                int64
}

func init() {
	flag.IntVar(&matrix.seeds, "matrix.seeds", 2, "runs of each scheme, fault and phase")
	flag.Uint64Var(&matrix.first, "matrix.first", 1, "the first seed")
	flag.StringVar(&matrix.scheme, "matrix.scheme", "shamir,masked,paillier", "schemes")
	flag.StringVar(&matrix.kinds, "matrix.kinds", strings.Join(protocoltest.Kinds(), ","), "kinds of faults")
	flag.StringVar(&matrix.phase, "matrix.phase", "", "one phase; empty for all")
	flag.StringVar(&matrix.crypto, "matrix.crypto", "fast", "fast, or real: Ed25519, HPKE and 1024-bit Paillier")
	flag.StringVar(&matrix.beside, "matrix.beside", "", "a kind of fault that hits another hospital besides, in a phase drawn from the seed")
	flag.IntVar(&matrix.large, "matrix.large", 16, "one run in so many has bodies that do not fit into messages")
	flag.IntVar(&matrix.hospitals, "matrix.hospitals", 0, "how many hospitals; 0 for the fewest")
	flag.Int64Var(&matrix.spite, "matrix.spite", 0, "for a minute an adversary delays what hurts most by up to so many ms, in every run; 450 in a fourth of the lies when 0")
	flag.IntVar(&matrix.liars, "matrix.liars", 1, "how many liars collude, where the fault is a lie")
}

// cell is a row of the matrix.
type cell struct {
	scheme, kind string
	phase        protocol.Phase
}

func (c cell) lie() bool { return protocoltest.Fault{Kind: c.kind}.Lie() }

// thresholds are those of the smallest federation that stands the cell.
func (c cell) thresholds() protocol.Thresholds {
	t := protocol.Thresholds{Dropouts: 1}
	if c.lie() {
		t.Liars, t.Dropouts = matrix.liars, 0
		if matrix.beside != "" {
			t.Dropouts = 1
		}
	}
	t.Parties = 3*t.Liars + 2*t.Dropouts + 1
	if c.scheme == protocol.SchemeShamir && t.Liars > 0 {
		t.Parties += 2 * t.Liars
	}
	t.Parties = max(t.Parties, 4, matrix.hospitals) // three have to get as far as the deal, all of them
	return t
}

// options of one run.
func (c cell) options(seed uint64) protocoltest.Options {
	t := c.thresholds()
	n := uint64(t.Parties)
	opt := protocoltest.Options{Thresholds: t, Scheme: c.scheme, Values: 3, Seed: seed}
	opt.Adaptive, opt.Spite = matrix.spite > 0 || c.lie() && seed%4 == 3, matrix.spite
	if matrix.large > 0 && seed%uint64(matrix.large) == 0 {
		opt.Values = 2000
	}
	if c.scheme == protocol.SchemeMasked {
		opt.Modulus = []int{32, 64}[seed%2]
	}
	hit := func(kind string, at uint64, phase protocol.Phase, span uint64) {
		p := protocol.Party(1 + at%n)
		opt.Faults = append(opt.Faults, protocoltest.Fault{Kind: kind, Name: p.String(), Party: p, Round: 1, Phase: phase, For: span})
	}
	if !c.lie() {
		hit(c.kind, seed/2, c.phase, seed%2) // for good, or for a round
		return opt
	}
	for i := range uint64(matrix.liars) {
		hit(c.kind, seed+3*i, c.phase, 0)
	}
	if matrix.beside != "" {
		phases, _ := protocol.SchemePhases(c.scheme)
		hit(matrix.beside, seed+1, phases[seed/n%uint64(len(phases))], 0)
	}
	return opt
}

func cells() (list []cell) {
	for _, scheme := range strings.Split(matrix.scheme, ",") {
		phases, _ := protocol.SchemePhases(scheme)
		for _, kind := range strings.Split(matrix.kinds, ",") {
			for _, phase := range phases {
				f := protocoltest.Fault{Kind: kind, Name: "1", Party: 1, Round: 1, Phase: phase}
				if protocoltest.CheckLie(f, scheme) == nil && (matrix.phase == "" || phase.String() == matrix.phase) {
					list = append(list, cell{scheme, kind, phase})
				}
			}
		}
	}
	return list
}

func TestMatrix(t *testing.T) {
	total := 0
	for _, c := range cells() {
		started := time.Now()
		opt, err := c.crypto()
		if err != nil {
			t.Fatal(err)
		}
		s, err := protocoltest.BatchOf(matrix.first, matrix.seeds, func(seed uint64) protocoltest.Options {
			one := c.options(seed)
			one.Signer, one.Sealer, one.Key = opt.Signer, opt.Sealer, opt.Key
			return one
		}, nil)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		total += s.Runs
		n := c.thresholds()
		t.Logf("%s %s %s, n=%d f=%d c=%d: %d runs, %d completed, wrong %d, split %d, hung %d, aborted %v, named %d, skipped %d, came to nothing %d; %.1f s",
			c.scheme, c.kind, c.phase, n.Parties, n.Liars, n.Dropouts, s.Runs, s.Completed, s.Wrong, s.Split, s.Hung, s.Aborted, count(s.Named), s.Skipped, s.Unopened, time.Since(started).Seconds())
		if s.Completed != s.Runs || len(s.Bad) > 0 {
			t.Errorf("%s %s %s: %d of %d completed; seeds that broke an invariant: %v", c.scheme, c.kind, c.phase, s.Completed, s.Runs, s.Bad)
		}
		if matrix.crypto == "fast" {
			again, err := protocoltest.BatchOf(matrix.first, min(matrix.seeds, 2), c.options, nil)
			once, err2 := protocoltest.BatchOf(matrix.first, min(matrix.seeds, 2), c.options, nil)
			if err != nil || err2 != nil || again.Trace != once.Trace {
				t.Errorf("%s %s %s: equal seeds have two traces, %v, %v", c.scheme, c.kind, c.phase, err, err2)
			}
		}
		if !c.lie() && len(s.Named) > 0 {
			t.Errorf("%s %s %s: named %v, and nobody lies", c.scheme, c.kind, c.phase, s.Named)
		}
	}
	t.Logf("%d runs", total)
}

// crypto are the signers, sealers and keys of a cell.
func (c cell) crypto() (opt protocoltest.Options, err error) {
	switch matrix.crypto {
	case "fast":
		return opt, nil
	case "real":
	default:
		return opt, fmt.Errorf("-matrix.crypto %s: fast or real", matrix.crypto)
	}
	t := c.thresholds()
	if opt.Signer, opt.Sealer, err = testnet.RealCrypto(t.Parties); err != nil || c.scheme != protocol.SchemePaillier {
		return opt, err
	}
	keys, err := protocoltest.TestKeys(1024, t)
	opt.Key = func(self protocol.Party) *protocol.PaillierKey { return keys[self] }
	return opt, err
}

func count(named map[protocol.Party]int) (all int) {
	for _, n := range named {
		all += n
	}
	return all
}
