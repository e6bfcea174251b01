package keygen

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"strings"
	"testing"

	"consilium/paillier"
	"consilium/protocol/protocoltest/interactivetest"
)

// split gives a factor to n parties as the ceremony does: the first leads.
func split(factor *big.Int, n int, what string) []*big.Int {
	s := newStream("split", []byte(what))
	out := make([]*big.Int, n+1)
	rest := new(big.Int).Set(factor)
	for party := 2; party <= n; party++ {
		part := s.below(new(big.Int).Rsh(factor, 5))
		out[party] = part.Lsh(part, 2)
		rest.Sub(rest, part)
	}
	out[1] = rest
	return out
}

// passes runs the test on N = p·q with parties 1…n and says how many of the first
// repetitions it passes.
func passes(p, q *big.Int, n, repetitions int) int {
	modulus := new(big.Int).Mul(p, q)
	l := &layout{bits: (modulus.BitLen() + 63) / 64 * 64, parties: n}
	ps, qs := split(p, n, "p"), split(q, n, "q")
	bases := make([]*big.Int, repetitions)
	for r := range bases {
		bases[r] = base([]byte("transcript"), modulus, r)
	}
	powers := make([][]*big.Int, n+1)
	for party := 1; party <= n; party++ {
		e := l.exponent(modulus, parts{ps[party], qs[party]}, party == 1)
		powers[party] = paillier.PowersModulo([]*big.Int{modulus}, [][]*big.Int{bases}, [][]byte{e})[0]
	}
	passed := 0
	for r := range bases {
		values := make([]*big.Int, n+1)
		for party := 1; party <= n; party++ {
			values[party] = powers[party][r]
		}
		if biprimal(modulus, values, 1) {
			passed++
		}
	}
	return passed
}

// primeAbove is the first prime ≥ v that is residue modulo m.
func primeAbove(v, m, residue int64) *big.Int {
	for v += (residue - v%m + m) % m; ; v += m {
		if p := big.NewInt(v); p.ProbablyPrime(20) {
			return p
		}
	}
}

func TestProductsOfTwoPrimesPass(t *testing.T) {
	p, q := primeAbove(1<<40, 4, 3), primeAbove(1<<41, 4, 3)
	if got := passes(p, q, 3, repetitions); got != repetitions {
		t.Errorf("two primes pass %d of %d repetitions", got, repetitions)
	}
}

// An N with three factors passes a repetition with probability 1/2 at most, and
// eighty never. These are made to pass often: r−1 and s−1 divide 4(q−1).
func TestThreeFactorsDoNotPass(t *testing.T) {
	p := big.NewInt(37 * 19) // ≡ 3 mod 4
	for i := range int64(10) {
		q := primeAbove(1<<20+i<<12, 36, 19)
		switch passed := passes(p, q, 3, repetitions); {
		case passed == 0:
			t.Errorf("q = %v never passes: the attack on a test of one repetition is wrong", q)
		case passed > repetitions*3/4:
			t.Errorf("q = %v passes %d of %d repetitions", q, passed, repetitions)
		}
	}
}

// Boneh and Franklin's last test is needed: r³·q with r² | q−1 passes every
// repetition. Then p+q−1 and N have a factor in common, so θ' is no unit, and no
// key is made.
func TestPowersOfAPrimeAreRefused(t *testing.T) {
	r := int64(103)
	q := primeAbove(1<<30, 4*r*r, (1+r*r*2)%(4*r*r)) // ≡ 1 mod r², ≡ 3 mod 4
	p := new(big.Int).Exp(big.NewInt(r), big.NewInt(3), nil)
	if p.Bit(1) != 1 || q.Bit(1) != 1 || passes(p, q, 3, repetitions) != repetitions {
		t.Fatalf("%v·%v does not pass: the attack is wrong", p, q)
	}
	n := new(big.Int).Mul(p, q)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	for beta := int64(1); beta < 100; beta++ {
		theta := new(big.Int).Add(new(big.Int).Mul(big.NewInt(beta), phi), n)
		if new(big.Int).GCD(nil, nil, theta, n).Cmp(one) == 0 {
			t.Fatalf("β = %d: θ' is a unit", beta)
		}
	}
}

// Without commitments, whoever speaks last makes any N pass.
func TestLastMoverOfTheTest(t *testing.T) {
	n := new(big.Int).Mul(big.NewInt(35), primeAbove(1<<40, 4, 3))
	values := []*big.Int{nil, big.NewInt(0), big.NewInt(77), big.NewInt(1234)}
	values[1].Mul(values[2], values[3]).Mod(values[1], n)
	if !biprimal(n, values, 1) {
		t.Fatal("the attack is wrong")
	}
	// With them, another value than the committed one is a name.
	expectCheat(t, 2, "test", func(step string, body []byte) []byte {
		if step == "test" && len(body) > sha256.Size { // the value, not its commitment
			body = append([]byte(nil), body...)
			body[len(body)-1] ^= 1
		}
		return body
	})
}

// The same for N: the last share decides what N is.
func TestLastMoverOfTheProduct(t *testing.T) {
	r := newBigRing(128)
	wanted := new(big.Int).Mul(primeAbove(1<<40, 4, 3), primeAbove(1<<41, 4, 3))
	shares := []*big.Int{nil, big.NewInt(5), big.NewInt(6), nil}
	l := lagrangeModulo(r.m, 0, 3)
	last := new(big.Int).Sub(wanted, new(big.Int).Mul(l[0], shares[1]))
	last.Sub(last, new(big.Int).Mul(l[1], shares[2]))
	shares[3] = last.Mod(last.Mul(last, new(big.Int).ModInverse(l[2], r.m)), r.m)
	if n, err := r.opening(shares, 2); err != nil || n.Cmp(wanted) != 0 {
		t.Fatal("the attack is wrong")
	}
	expectCheat(t, 3, "product", func(step string, body []byte) []byte {
		if step == "product" && len(body) == 32*newBigRing(257).bytes {
			body = append([]byte(nil), body...)
			body[len(body)-1] ^= 1
		}
		return body
	})
}

// expectCheat runs a ceremony in which party 2 or another lies, and wants it named
// by the others.
func expectCheat(t *testing.T, liar int, step string, lie func(string, []byte) []byte) *parties {
	t.Helper()
	p := newParties(3, 2, 256, 3, nil)
	p.lies[liar] = lie
	report := interactivetest.Run(interactivetest.Options{Seed: 3}, p.programs...)
	for party := 1; party <= 3; party++ {
		var cheat *CheatError
		if party == liar {
			continue
		}
		if !errors.As(report.Errors[party], &cheat) || cheat.Party != liar || !strings.Contains(cheat.Step, step) {
			t.Errorf("party %d ends with %v, not with party %d in step %s", party, report.Errors[party], liar, step)
		}
	}
	return p
}

// Two colluders who say 0 make any N pass, or who say multiples of a factor. Both
// are refused.
func TestPowersMustBeUnits(t *testing.T) {
	n := new(big.Int).Mul(big.NewInt(35), primeAbove(1<<40, 4, 3))
	if !biprimal(n, []*big.Int{nil, new(big.Int), big.NewInt(3), new(big.Int)}, 1) {
		t.Fatal("the attack is wrong")
	}
	b := &batch{layout: &layout{bits: 64}, moduli: []*big.Int{n}}
	g := test{candidates: []int{0}, bases: [][]*big.Int{{big.NewInt(2)}}}
	for value, ok := range map[int64]bool{1: true, 2: true, 0: false, 7: false, 35: false, n.Int64(): false, n.Int64() + 1: false} {
		if _, err := b.unitsOf(g, appendNumber(nil, big.NewInt(value), 8)); (err == nil) != ok {
			t.Errorf("power %d: %v", value, err)
		}
	}
}

// Whoever makes good candidates fail is named, and so is who hides the sieve's
// failures or multiplies something else.
func TestLiesAreNamed(t *testing.T) {
	last := func(body []byte) []byte {
		body = append([]byte(nil), body...)
		body[len(body)-1] ^= 1
		return body
	}
	for _, c := range []struct{ at, named string }{
		{"test, before the commitment", "test"},
		{"product, before the commitment", "product"},
		{"sieve", "sieve"},
		{"commit", "open"},
		{"share, before the commitment", "share"},
		{"verification values", "verification values"},
		{"trial decryption", "trial decryption"},
	} {
		t.Run(c.at, func(t *testing.T) {
			told := 0
			p := newParties(3, 2, 256, 3, nil)
			p.lies[2] = func(step string, body []byte) []byte {
				if step != c.at {
					return body
				}
				// In the sieve the shares come first, one for each party, then the words.
				if told++; c.at == "sieve" && told%4 != 0 {
					return body
				}
				if c.at == "sieve" { // all tries of the first group, to hide its failures
					body = append([]byte(nil), body...)
					for i := range 40 {
						body[8*i+7] ^= 1
					}
					return body
				}
				return last(body)
			}
			report := interactivetest.Run(interactivetest.Options{Seed: 3}, p.programs...)
			for _, party := range []int{1, 3} {
				var cheat *CheatError
				if !errors.As(report.Errors[party], &cheat) || cheat.Party != 2 || cheat.Step != c.named {
					t.Errorf("party %d ends with %v", party, report.Errors[party])
				}
				if state := p.checkpoints[party]; state.Found != nil && c.at == "verification values" {
					t.Errorf("party %d keeps a candidate whose seeds it has opened", party)
				}
			}
		})
	}
}

// Whoever speaks last in the sieve can make every try fail. Without a bound on
// failures the search would go on for ever, and nobody would be named.
func TestASieveThatLeavesNothingIsExplained(t *testing.T) {
	const liar, words = 2, 3 // number of the message with the opened words
	heard := make([][]byte, 4)
	p := newParties(3, 2, 256, 3, nil)
	interactivetest.Run(interactivetest.Options{Seed: 3, Tamper: func(from, to, number int, body []byte) ([]byte, bool) {
		if number == words && from != liar {
			heard[from] = body[frameSize:]
		}
		return body, true
	}}, p.programs...)

	l, err := newLayout(3, 2, 256, 32)
	if err != nil {
		t.Fatal(err)
	}
	g := l.groups[0] // the only one at 256 bits
	coefficients := g.ring.lagrangeAt(0, 3)
	inverse := new(big.Int).ModInverse(new(big.Int).SetUint64(coefficients[liar-1]), g.product).Uint64()
	var zeros []byte
	for at := 0; at < len(heard[1]); at += 8 {
		sum := g.ring.mul(coefficients[0], binary.BigEndian.Uint64(heard[1][at:]))
		sum = g.ring.add(sum, g.ring.mul(coefficients[2], binary.BigEndian.Uint64(heard[3][at:])))
		zeros = binary.BigEndian.AppendUint64(zeros, g.ring.mul(g.ring.m-sum, inverse))
	}
	if picks, _ := l.pickUnits([][]byte{nil, heard[1], zeros, heard[3]}); len(picks[0]) != 0 {
		t.Fatalf("%d tries succeed: the attack is wrong", len(picks[0]))
	}
	told := 0
	expectCheat(t, liar, "sieve", func(step string, body []byte) []byte {
		if step == "sieve" {
			if told++; told == 4 { // behind the shares, one for each party
				return zeros
			}
		}
		return body
	})
}

// A lie in private names two, and the same two at all parties.
func TestPrivateLiesNameTwo(t *testing.T) {
	for _, number := range []int{2, 4} { // shares for the sieve, and of the candidates
		p := newParties(4, 3, 256, 5, nil)
		report := interactivetest.Run(interactivetest.Options{Seed: 5, Tamper: func(from, to, at int, body []byte) ([]byte, bool) {
			if from == 2 && to == 3 && at == number {
				body = append([]byte(nil), body...)
				body[len(body)-1] ^= 1
			}
			return body, true
		}}, p.programs...)
		for _, party := range []int{1, 3, 4} {
			var dispute *DisputeError
			if !errors.As(report.Errors[party], &dispute) || dispute.By != 3 || dispute.Accused != 2 {
				t.Errorf("message %d: party %d ends with %v", number, party, report.Errors[party])
			}
		}
	}
}

// A party that restarts with the same randomness, as from a copy of its machine,
// does not draw again what it has opened: with seeds that do not name the ceremony
// and the batch, its part of p would be known by then.
func TestOpenedSeedsAreNotDrawnAgain(t *testing.T) {
	root := make([]byte, seedSize)
	broken := func(session string, batch int) []byte { return growSeeds(root, nil, 1, 0, 1).list[0] }
	if !bytes.Equal(broken("first", 0), broken("second", 1)) {
		t.Fatal("the attack is wrong")
	}
	seen := map[string]bool{}
	for _, session := range []string{"first", "second"} {
		for batch := range 2 {
			for party := 1; party <= 2; party++ {
				seed := string(growSeeds(root, []byte(session), party, batch, 1).list[0])
				if seen[seed] {
					t.Errorf("session %s, batch %d, party %d draws what was drawn before", session, batch, party)
				}
				seen[seed] = true
			}
		}
	}
	// Nor does anybody commit to what another has committed to.
	p := newParties(3, 2, 256, 3, nil)
	stolen := make([]byte, sha256.Size)
	for _, liar := range []int{1, 2} {
		p.lies[liar] = func(step string, body []byte) []byte {
			if step == "commit" {
				return stolen
			}
			return body
		}
	}
	report := interactivetest.Run(interactivetest.Options{}, p.programs...)
	if err := report.Errors[3]; err == nil || !strings.Contains(err.Error(), "party 1 has committed to") {
		t.Errorf("a copied commitment: %v", err)
	}
}

// The test's bases have Jacobi symbol 1; with others, half of all good candidates
// would be rejected.
func TestBasesHaveJacobiSymbolOne(t *testing.T) {
	n := new(big.Int).Mul(primeAbove(1<<40, 4, 3), primeAbove(1<<41, 4, 3))
	seen := map[string]bool{}
	for r := range repetitions {
		g := base([]byte("transcript"), n, r)
		if big.Jacobi(g, n) != 1 || seen[g.String()] {
			t.Errorf("base %d is %v", r, g)
		}
		seen[g.String()] = true
	}
	if base([]byte("another"), n, 0).Cmp(base([]byte("transcript"), n, 0)) == 0 {
		t.Error("a base does not depend on what was said before")
	}
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		n, k, bits int
		change     func(int, *Config)
		want       string
	}{
		"two parties":          {2, 2, 256, nil, "2 parties"},
		"a length":             {3, 2, 300, nil, "300 bits"},
		"a short key":          {3, 2, 256, func(_ int, c *Config) { c.MinBits = paillier.MinBits }, "shorter"},
		"a threshold":          {3, 4, 256, nil, "threshold of 4"},
		"few candidates":       {3, 2, 256, func(_ int, c *Config) { c.Candidates = 4 }, "too few"},
		"different thresholds": {4, 3, 256, func(party int, c *Config) { c.Threshold = 3 + party/4 }, "another key"},
		"different contexts":   {3, 2, 256, func(party int, c *Config) { c.Context = []byte{byte(party)} }, "another key"},
	} {
		p := newParties(c.n, c.k, c.bits, 1, c.change)
		report := interactivetest.Run(interactivetest.Options{}, p.programs...)
		if err := report.Errors[1]; err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
