package keygen

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"consilium/protocol/protocoltest/interactivetest"
)

// view is what came to one party, in order, by sender, without frames.
type view [][][]byte

const frameSize = 33

// recorded keeps everything that every party gets, in a run with these options.
func recorded(n int, o *interactivetest.Options) []view {
	views := make([]view, n+1)
	for party := range views {
		views[party] = make(view, n+1)
	}
	tamper := o.Tamper
	o.Tamper = func(from, to, number int, body []byte) ([]byte, bool) {
		delivered := true
		if tamper != nil {
			body, delivered = tamper(from, to, number, body)
		}
		if delivered && len(body) >= frameSize {
			views[to][from] = append(views[to][from], body[frameSize:])
		}
		return body, delivered
	}
	return views
}

// recordViews runs a ceremony and keeps everything that every party got.
func recordViews(t *testing.T, n, k, bits int, seed uint64) (*parties, []view) {
	t.Helper()
	p := newParties(n, k, bits, seed, nil)
	o := interactivetest.Options{Seed: seed}
	views := recorded(n, &o)
	report := interactivetest.Run(o, p.programs...)
	for party := 1; party <= n; party++ {
		if report.Errors[party] != nil {
			t.Fatal(report.Errors[party])
		}
	}
	return p, views
}

// shareOut finds the last message with shares of candidates, and how many
// candidates there are: three messages later the shares of N follow their
// commitments.
func (v view) shareOut(l *layout, sender int) (number, count int) {
	messages := v[sender]
	for i := range messages {
		its := len(messages[i]) / (3 * l.product.bytes)
		if its > 0 && len(messages[i])%(3*l.product.bytes) == 0 && i+2 < len(messages) &&
			len(messages[i+1]) == 32 && len(messages[i+2]) == its*l.product.bytes {
			number, count = i, its
		}
	}
	return number, count
}

// interpolated is the attack of a coalition that adds up all shares of p that came
// to it, and those that its own members dealt to each other and to themselves, and
// interpolates. It reports whether that gives a factor of n for some candidate of
// the last batch.
func interpolated(p *parties, l *layout, views []view, coalition []int, n *big.Int) bool {
	outsider := 1
	for slices.Contains(coalition, outsider) {
		outsider++
	}
	number, count := views[coalition[0]].shareOut(l, outsider)
	if count == 0 {
		return false // begun again behind the search
	}
	sums := make([][]*big.Int, len(coalition))
	for i, member := range coalition {
		sums[i] = make([]*big.Int, count)
		for sender := 1; sender <= l.parties; sender++ {
			body := p.dealtBy(l, views, sender, member, number)
			for candidate := range count {
				at := 3 * candidate * l.product.bytes
				if sums[i][candidate] == nil {
					sums[i][candidate] = new(big.Int)
				}
				sums[i][candidate].Add(sums[i][candidate], new(big.Int).SetBytes(body[at:at+l.product.bytes]))
			}
		}
	}
	coefficients := lagrangeFrom(l.product.m, coalition, 0)
	for candidate := range count {
		value := new(big.Int)
		for i, c := range coefficients {
			value.Add(value, new(big.Int).Mul(c, sums[i][candidate]))
		}
		if isFactor(value.Mod(value, l.product.m), n) {
			return true
		}
	}
	return false
}

// dealtBy is what a sender gave a party in a message; to itself, what it kept. The
// test takes it from the sender's other messages: its polynomial is determined by
// the shares of t'+1 others.
func (p *parties) dealtBy(l *layout, views []view, sender, to, number int) []byte {
	if sender != to {
		return views[to][sender][number]
	}
	var others []int
	for party := 1; party <= l.parties && len(others) < l.degree+1; party++ {
		if party != sender {
			others = append(others, party)
		}
	}
	size := l.product.bytes
	out := make([]byte, len(views[others[0]][sender][number]))
	coefficients := lagrangeFrom(l.product.m, others, to)
	for at := 0; at < len(out); at += size {
		value := new(big.Int)
		for i, c := range coefficients {
			share := new(big.Int).SetBytes(views[others[i]][sender][number][at : at+size])
			value.Add(value, share.Mul(c, share))
		}
		value.Mod(value, l.product.m).FillBytes(out[at : at+size])
	}
	return out
}

// lagrangeFrom gives the value at x from those at points.
func lagrangeFrom(m *big.Int, points []int, x int) []*big.Int {
	var out []*big.Int
	for _, i := range points {
		c := big.NewInt(1)
		for _, j := range points {
			if j != i {
				c.Mul(c, big.NewInt(int64(x-j)))
				c.Mul(c, new(big.Int).ModInverse(new(big.Int).Mod(big.NewInt(int64(i-j)), m), m))
			}
		}
		out = append(out, c.Mod(c, m))
	}
	return out
}

func isFactor(v, n *big.Int) bool {
	if v.Sign() == 0 {
		return false
	}
	g := new(big.Int).GCD(nil, nil, v, n)
	return g.Cmp(one) != 0 && g.Cmp(n) != 0
}

// coalitions are all sets of so many of n parties.
func coalitions(n, size int) [][]int {
	var out [][]int
	for mask := range 1 << n {
		var members []int
		for i := range n {
			if mask>>i&1 == 1 {
				members = append(members, i+1)
			}
		}
		if len(members) == size {
			out = append(out, members)
		}
	}
	return out
}

// checkViews looks for the factors in what t' parties and fewer got: their shares,
// interpolated, and every message as it is.
func checkViews(t testing.TB, p *parties, views []view, k, bits int) error {
	t.Helper()
	n := len(p.programs)
	l, err := newLayout(n, k, bits, 32)
	if err != nil {
		return err
	}
	a, b := p.factors(t, k, bits)
	for _, coalition := range coalitions(n, l.degree) {
		if interpolated(p, l, views, coalition, p.results[1].Key.N()) {
			return fmt.Errorf("%v of %d find the factors", coalition, n)
		}
	}
	for to := 1; to <= n; to++ {
		for from := 1; from <= n; from++ {
			for number, body := range views[to][from] {
				for _, f := range []*big.Int{a, b} {
					if bytes.Contains(body, f.FillBytes(make([]byte, bits/16))) {
						return fmt.Errorf("message %d from %d to %d holds a factor", number, from, to)
					}
				}
			}
		}
	}
	return nil
}

// Views of t' parties do not hold the factors; those of t'+1 do, which shows that
// the attack is one.
func TestViewsDoNotHoldTheFactors(t *testing.T) {
	for seed := range uint64(6) {
		n := 3 + int(seed%3)
		p, views := recordViews(t, n, n/2+1, 256, seed)
		l, err := newLayout(n, n/2+1, 256, 32)
		if err != nil {
			t.Fatal(err)
		}
		modulus := p.results[1].Key.N()
		for _, coalition := range coalitions(n, l.degree+1) {
			if !interpolated(p, l, views, coalition, modulus) {
				t.Errorf("seed %d: %v of %d do not find the factors: the attack is wrong", seed, coalition, n)
			}
		}
		for _, coalition := range coalitions(n, l.degree) {
			if interpolated(p, l, views, coalition, modulus) {
				t.Errorf("seed %d: %v of %d find the factors", seed, coalition, n)
			}
		}
	}
}

// Nothing that anybody gets holds a factor, or a number that shares one with N, at
// any place; and what the parties' own seeds give of it does not either.
func TestNoMessageHoldsAFactor(t *testing.T) {
	p, views := recordViews(t, 3, 2, 256, 1)
	n := p.results[1].Key.N()
	a, b := p.factors(t, 2, 256)
	const width = 16
	planted := append([]byte{1, 2, 3}, a.FillBytes(make([]byte, width))...)
	if !holdsFactor(planted, a, b, n, width) {
		t.Fatal("a planted factor is not found")
	}
	for to := 1; to <= 3; to++ {
		for from := 1; from <= 3; from++ {
			for number, body := range views[to][from] {
				if holdsFactor(body, a, b, n, width) {
					t.Errorf("message %d from %d to %d holds a factor", number, from, to)
				}
			}
		}
		f := p.found(to)
		l, err := newLayout(3, 2, 256, 32)
		if err != nil {
			t.Fatal(err)
		}
		own, _ := l.partsOf(f.Seeds, to == leader(f.Batch, 3))
		for _, v := range []*big.Int{own.p, own.q, new(big.Int).Add(own.p, own.q)} {
			if isFactor(v, n) {
				t.Errorf("party %d's own part is a factor", to)
			}
		}
	}
}

// holdsFactor looks for p and q as they are, and at every eighth byte for a number
// that shares a factor with N.
func holdsFactor(body []byte, p, q, n *big.Int, width int) bool {
	for _, f := range []*big.Int{p, q} {
		if bytes.Contains(body, f.FillBytes(make([]byte, width))) {
			return true
		}
	}
	for at := 0; at+width <= len(body); at += 8 {
		if isFactor(new(big.Int).SetBytes(body[at:at+width]), n) {
			return true
		}
	}
	return false
}
