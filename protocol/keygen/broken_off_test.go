package keygen

import (
	"errors"
	"math/big"
	"testing"

	"consilium/protocol/protocoltest/interactivetest"
)

// openedWith is the θ' that three parties open when party 3 deals more than its β,
// and draws anew for each try.
func openedWith(t *testing.T, l *layout, p, q, more *big.Int, try byte) *big.Int {
	t.Helper()
	ps, qs := split(p, l.parties, "p"), split(q, l.parties, "q")
	s := &sharing{ceremony: &ceremony{layout: l}, n: new(big.Int).Mul(p, q), leads: 1}
	dealt := make([][][]byte, l.parties+1)
	for party := 1; party <= l.parties; party++ {
		d := s.draw([]byte{try, byte(party)}, party, parts{ps[party], qs[party]})
		if party == l.parties {
			beta := d.product[0][0]
			beta.Mod(beta.Add(beta, more), l.opened.m)
		}
		dealt[party] = s.deal(d)
	}
	products := make([]*big.Int, l.parties+1)
	for party := 1; party <= l.parties; party++ {
		product, _, err := s.answer(transposed(dealt, party))
		if err != nil {
			t.Fatal(err)
		}
		products[party] = new(big.Int).SetBytes(product)
	}
	theta, err := l.opened.opening(products, 2*l.degree)
	if err != nil {
		t.Fatal(err)
	}
	return theta
}

// The modulus of θ' is some fifty bits longer than β·φ(N) + N·R. A party that
// deals 2^s more than its β adds 2^s·φ(N), of which the lowest bits stick out
// above: it reads them when the others have revealed their shares, falls silent
// before its own shows the lie, and comes back. With other s it reads the bits
// above. If the others shared the candidate again each time, it would have p+q
// after three times at 256 bits, and after twenty at 2048.
func TestBrokenOffSharingsGiveTheFactorsAway(t *testing.T) {
	l, err := newLayout(3, 2, 256, 32)
	if err != nil {
		t.Fatal(err)
	}
	random := newStream("broken off")
	prime := func() *big.Int {
		for {
			v := random.integer(128)
			v.SetBit(v.SetBit(v.SetBit(v.SetBit(v, 127, 1), 126, 1), 1, 1), 0, 1)
			if v.ProbablyPrime(20) {
				return v
			}
		}
	}
	p, q := prime(), prime()
	n := new(big.Int).Mul(p, q)

	high := uint(l.sizes.Opened) // of θ' nothing is above
	window := l.opened.bits - high
	phi, known, tries := new(big.Int), uint(0), 0
	for ; known < 130; tries++ { // p+q < 2¹²⁹
		s := high - known
		theta := openedWith(t, l, p, q, new(big.Int).Lsh(one, s), byte(tries))
		theta.Sub(theta, new(big.Int).Lsh(phi, s))
		theta.Mod(theta, l.opened.m)
		phi.Add(phi, theta.Lsh(theta.Rsh(theta, high), known))
		known += window
	}
	sum := new(big.Int).Sub(new(big.Int).Add(n, one), phi)
	sum.Mod(sum, new(big.Int).Lsh(one, known))
	if sum.Cmp(new(big.Int).Add(p, q)) != 0 {
		t.Fatalf("after %d times p+q is not known: the attack is wrong", tries)
	}
	t.Logf("p+q is known after %d times", tries)
}

// So a candidate is shared once. When a hospital falls silent after anything of its
// sharing was dealt, the others look for another; before, they keep it.
func TestACandidateIsSharedOnce(t *testing.T) {
	const silent = 3
	for step, kept := range map[string]bool{
		"share":                        true, // nobody has dealt
		"share, before the commitment": false,
		"verification values":          false,
		"trial decryption":             false,
	} {
		p := newParties(3, 2, 256, 1, nil)
		quiet := false // from when party 3 should say something of the step
		p.lies[silent] = func(at string, body []byte) []byte {
			if quiet = quiet || at == step; quiet {
				return nil
			}
			return body
		}
		interactivetest.Run(interactivetest.Options{Seed: 1, Tamper: func(_, _, _ int, body []byte) ([]byte, bool) {
			return body, len(body) > frameSize
		}}, p.programs...)
		again := newParties(3, 2, 256, 2, func(party int, c *Config) { c.Resume = p.checkpoints[party] })
		report := interactivetest.Run(interactivetest.Options{Seed: 2}, again.programs...)
		if err := errors.Join(report.Errors[1:]...); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		for party := 1; party < silent; party++ {
			if p.found(party) == nil {
				t.Fatalf("%s: party %d has found nothing: the attack is wrong", step, party)
			}
			if is := p.checkpoints[party].Found != nil; is != kept {
				t.Errorf("%s: party %d keeps the candidate: %v", step, party, is)
			}
			if !kept && p.found(party).modulus().Cmp(again.results[1].Key.N()) == 0 {
				t.Errorf("%s: party %d shares the candidate again", step, party)
			}
		}
	}
}
