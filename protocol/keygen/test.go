package keygen

import (
	"fmt"
	"math/big"

	"consilium/paillier"
)

// test is one repetition, or several, of the test of some candidates.
type test struct {
	candidates []int
	bases      [][]*big.Int // by place in candidates
	values     [][]byte     // by party: its powers, one behind the other
}

// base is the g of a repetition: a number with Jacobi symbol 1 that nobody chose.
// Without that, half of all products of two primes would not pass.
func base(transcript []byte, n *big.Int, repetition int) *big.Int {
	s := newStream("consilium/keygen/1/base", transcript, n.Bytes(), []byte{byte(repetition)})
	for {
		g := s.integer((n.BitLen() + 128 + 7) / 8 * 8)
		if g.Mod(g, n); big.Jacobi(g, n) == 1 {
			return g
		}
	}
}

// exponent of a party: (pᵢ+qᵢ)/4, or (N+1−pᵢ−qᵢ)/4 for the leader. Its length in
// bytes is public.
func (l *layout) exponent(n *big.Int, p parts, leads bool) []byte {
	sum := new(big.Int).Add(p.p, p.q)
	size := l.bits/16 + 1
	if leads {
		sum.Sub(new(big.Int).Add(n, one), sum)
		size = l.bits / 8
	}
	return sum.Rsh(sum, 2).FillBytes(make([]byte, size))
}

// powers are what a party says in a test.
func (b *batch) powers(s *seeds, t test, leads bool) []byte {
	moduli, exponents := make([]*big.Int, len(t.candidates)), make([][]byte, len(t.candidates))
	for i, candidate := range t.candidates {
		moduli[i] = b.moduli[candidate]
		own, _ := b.partsOf(s.at(b.places(b.picks, candidate)), leads)
		exponents[i] = b.exponent(moduli[i], own, leads)
	}
	var out []byte
	for _, values := range paillier.PowersModulo(moduli, t.bases, exponents) {
		for _, v := range values {
			out = appendNumber(out, v, b.bits/8)
		}
	}
	return out
}

// biprimal reports whether the parties' powers multiply to ±1: the leader's is
// ± the product of the others'. values are by party.
func biprimal(n *big.Int, values []*big.Int, leader int) bool {
	product := big.NewInt(1)
	for party := 1; party < len(values); party++ {
		if party != leader {
			product.Mod(product.Mul(product, values[party]), n)
		}
	}
	if product.Cmp(values[leader]) == 0 {
		return true
	}
	return product.Add(product, values[leader]).Cmp(n) == 0
}

// test tests candidates; those that do not pass every repetition are composite.
func (b *batch) test(candidates []int, repetitions int) error {
	if len(candidates) == 0 {
		return nil
	}
	b.talk.step = "test"
	leads := leader(b.number, b.parties)
	t := test{candidates: candidates}
	for _, candidate := range candidates {
		var bases []*big.Int
		for r := range repetitions {
			bases = append(bases, base(b.talk.heard[:], b.moduli[candidate], r))
		}
		t.bases = append(t.bases, bases)
	}
	var err error
	if t.values, err = b.talk.reveal(b.powers(b.own, t, leads == b.talk.self())); err != nil {
		return err
	}
	b.tests = append(b.tests, t)
	values := make([][]*big.Int, b.parties+1)
	for party := 1; party <= b.parties; party++ {
		if values[party], err = b.unitsOf(t, t.values[party]); err != nil {
			return &CheatError{party, b.talk.step, err.Error()}
		}
	}
	column := make([]*big.Int, b.parties+1)
	for i := range len(candidates) * repetitions {
		for party := 1; party <= b.parties; party++ {
			column[party] = values[party][i]
		}
		candidate := candidates[i/repetitions]
		if !biprimal(b.moduli[candidate], column, leads) {
			b.status[candidate] = composite
		}
	}
	return nil
}

// unitsOf reads a party's powers. All are units: two parties that say 0 would make
// any N pass.
func (b *batch) unitsOf(t test, data []byte) ([]*big.Int, error) {
	size, at := b.bits/8, 0
	var out []*big.Int
	for i, candidate := range t.candidates {
		n, count := b.moduli[candidate], len(t.bases[i])
		if len(data) < at+count*size {
			return nil, fmt.Errorf("%d bytes are too few", len(data))
		}
		numbers, err := readNumbers(data[at:at+count*size], count, size, n)
		if err != nil {
			return nil, err
		}
		product := big.NewInt(1)
		for _, v := range numbers {
			product.Mod(product.Mul(product, v), n)
		}
		if new(big.Int).GCD(nil, nil, product, n).Cmp(one) != 0 {
			return nil, fmt.Errorf("a power for candidate %d is no unit", candidate)
		}
		at += count * size
		out = append(out, numbers...)
	}
	if at != len(data) {
		return nil, fmt.Errorf("%d bytes instead of %d", len(data), at)
	}
	return out, nil
}

// with are the candidates of a status.
func (b *batch) with(s status) []int {
	var out []int
	for candidate, its := range b.status {
		if its == s {
			out = append(out, candidate)
		}
	}
	return out
}

// choose runs the tests and returns the candidate that passed all, −1 for none.
func (b *batch) choose() (int, error) {
	if err := b.test(b.with(untested), 1); err != nil {
		return 0, err
	}
	finalists := b.with(untested)
	if err := b.test(finalists, repetitions); err != nil {
		return 0, err
	}
	for _, candidate := range b.with(untested) {
		b.status[candidate] = passed
	}
	if good := b.with(passed); len(good) > 0 {
		return good[0], nil
	}
	return -1, nil
}
