package keygen

import (
	"fmt"
	"math/big"
)

// parts are a party's parts of p and q of one candidate.
type parts struct{ p, q *big.Int }

// partsOf makes those of a candidate from the seeds that a party has for it, in
// the order of places. The stream goes on with the polynomials.
func (l *layout) partsOf(seeds [][]byte, leads bool) (parts, *stream) {
	random := newStream("consilium/keygen/1/candidate", seeds[0])
	factor := func(which int) *big.Int {
		value := random.integer(l.span)
		unit := fixedUnitFrom(random)
		if leads {
			value.Add(value, l.low)
		}
		value.Mul(value, l.step)
		if leads {
			term := new(big.Int).SetUint64(unit * l.fixedUnit % fixed)
			value.Add(value, term.Mul(term, l.fixedPart))
		}
		for g, group := range l.groups {
			part := l.try(group.ring, seeds[1+2*g+which]).part[0]
			term := new(big.Int).SetUint64(part)
			value.Add(value, term.Mul(term, l.parts[g]))
		}
		return value
	}
	return parts{p: factor(0), q: factor(1)}, random
}

// places are the indices of a candidate's seeds: its own, then for each group the
// tries for p and for q.
func (l *layout) places(picks [][]int, candidate int) []int {
	places := []int{candidate}
	for g, group := range l.groups {
		places = append(places, group.first+picks[g][2*candidate], group.first+picks[g][2*candidate+1])
	}
	return places
}

// fixedUnitFrom is a unit modulo fixed that is 3 mod 4. It draws until it has
// one; how often does not depend on which, nor does the time of a remainder by a
// constant. coprime is for public numbers.
func fixedUnitFrom(s *stream) uint64 {
	for {
		if u := s.word() % fixed; u%4 == 3 && u%3 > 0 && u%5 > 0 && u%7 > 0 && u%11 > 0 && u%13 > 0 {
			return u
		}
	}
}

// dealProduct are a party's shares of p, q and 0 of all candidates, by recipient:
// of degrees t', t' and 2t'.
func (l *layout) dealProduct(s *seeds, picks [][]int, count int, leads bool) [][]byte {
	to := make([][]byte, l.parties+1)
	for candidate := range count {
		own, random := l.partsOf(s.at(l.places(picks, candidate)), leads)
		sharing := [][]*big.Int{
			l.product.polynomial(random, own.p, l.degree),
			l.product.polynomial(random, own.q, l.degree),
			l.product.polynomial(random, new(big.Int), 2*l.degree),
		}
		for party := 1; party <= l.parties; party++ {
			for _, p := range sharing {
				to[party] = appendNumber(to[party], l.product.evaluate(p, party), l.product.bytes)
			}
		}
	}
	return to
}

// answerProduct are a party's shares of all N, given the shares that came to it.
func (l *layout) answerProduct(shares [][]byte, count int) []byte {
	var out []byte
	for candidate := range count {
		sums := l.sums(shares, candidate)
		n := sums[0].Mul(sums[0], sums[1])
		out = appendNumber(out, l.product.reduce(n.Add(n, sums[2])), l.product.bytes)
	}
	return out
}

// sums are the shares of p, q and 0 of one candidate that the parties' make.
func (l *layout) sums(shares [][]byte, candidate int) (sums [3]*big.Int) {
	size := l.product.bytes
	for i := range sums {
		sums[i] = new(big.Int)
		for _, from := range shares[1:] {
			at := (3*candidate + i) * size
			sums[i].Add(sums[i], new(big.Int).SetBytes(from[at:at+size]))
		}
		l.product.reduce(sums[i])
	}
	return sums
}

// readNumbers decodes count numbers of size bytes below a bound.
func readNumbers(data []byte, count, size int, bound *big.Int) ([]*big.Int, error) {
	if len(data) != count*size {
		return nil, fmt.Errorf("%d bytes instead of %d numbers of %d", len(data), count, size)
	}
	out := make([]*big.Int, count)
	for i := range out {
		out[i] = new(big.Int).SetBytes(data[i*size : (i+1)*size])
		if out[i].Cmp(bound) >= 0 {
			return nil, fmt.Errorf("number %d is out of range", i)
		}
	}
	return out, nil
}

func appendNumber(dst []byte, v *big.Int, size int) []byte {
	return append(dst, v.FillBytes(make([]byte, size))...)
}

// multiply opens N of every candidate and divides it by the small primes.
func (b *batch) multiply() error {
	b.talk.step = "product"
	count, leads := b.count(), leader(b.number, b.parties) == b.talk.self()
	dealt, err := b.talk.exchange(b.dealProduct(b.own, b.picks, count, leads))
	if err != nil {
		return err
	}
	b.dealt = dealt
	for party := 1; party <= b.parties; party++ {
		if _, err := readNumbers(dealt[party], 3*count, b.product.bytes, b.product.m); err != nil {
			return b.talk.accuse(party, err.Error())
		}
	}
	if b.products, err = b.talk.reveal(b.answerProduct(dealt, count)); err != nil {
		return err
	}
	shares := make([][]*big.Int, b.parties+1)
	for party := 1; party <= b.parties; party++ {
		if shares[party], err = readNumbers(b.products[party], count, b.product.bytes, b.product.m); err != nil {
			return &CheatError{party, b.talk.step, err.Error()}
		}
	}
	b.moduli, b.status = make([]*big.Int, count), make([]status, count)
	column := make([]*big.Int, b.parties+1)
	for candidate := range count {
		for party := 1; party <= b.parties; party++ {
			column[party] = shares[party][candidate]
		}
		b.moduli[candidate], b.status[candidate] = b.openProduct(column)
	}
	return nil
}

// openProduct interpolates N. Whatever is no product of numbers of the right
// length shows that somebody deviated.
func (b *batch) openProduct(shares []*big.Int) (*big.Int, status) {
	n, err := b.product.opening(shares, 2*b.degree)
	if err != nil || n.BitLen() != b.bits || n.Bit(0) == 0 {
		b.unexplained = true
		return new(big.Int), divisible
	}
	if new(big.Int).GCD(nil, nil, n, new(big.Int).Mod(b.primes, n)).Cmp(one) != 0 {
		return n, divisible
	}
	return n, untested
}

var one = big.NewInt(1)
