package keygen

import (
	"bytes"
	"errors"
	"math/big"
)

// ErrUnexplained says that something was wrong, and that all seeds explain what
// everybody said. It does not happen.
var ErrUnexplained = errors.New("the ceremony went wrong and nobody deviated")

// open opens the seeds of all candidates but the chosen one (−1: of all), and
// compares what became of the candidates with what should have.
func (b *batch) open(chosen int) ([]*seeds, error) {
	if b.unexplained {
		return nil, b.explain()
	}
	kept := map[int]bool{}
	if chosen >= 0 {
		for _, place := range b.places(b.picks, chosen) {
			kept[place] = true
		}
	}
	all, err := b.openBut(kept)
	if err == nil && !b.asItShould(all, chosen) {
		err = b.explain()
	}
	return all, err
}

// openBut opens all seeds but the kept ones.
func (b *batch) openBut(kept map[int]bool) ([]*seeds, error) {
	b.talk.step = "open"
	bodies, err := b.talk.broadcast(b.own.open(kept))
	if err != nil {
		return nil, err
	}
	all := make([]*seeds, b.parties+1)
	for party := 1; party <= b.parties; party++ {
		all[party], err = decodeSeeds(bodies[party], b.talk.session, party, b.number, b.layout.seeds, kept, b.commitments[party])
		if err != nil {
			return nil, &CheatError{party, b.talk.step, err.Error()}
		}
	}
	return all, nil
}

// asItShould reports whether every opened candidate is the product that it was
// said to be, and a rejected one deserved it.
func (b *batch) asItShould(all []*seeds, chosen int) bool {
	leads := leader(b.number, b.parties)
	for candidate, n := range b.moduli {
		if candidate == chosen {
			continue
		}
		p, q := new(big.Int), new(big.Int)
		for party := 1; party <= b.parties; party++ {
			own, _ := b.partsOf(all[party].at(b.places(b.picks, candidate)), party == leads)
			p.Add(p, own.p)
			q.Add(q, own.q)
		}
		if new(big.Int).Mul(p, q).Cmp(n) != 0 || new(big.Int).GCD(nil, nil, n, b.step).Cmp(one) != 0 {
			return false
		}
		if b.status[candidate] == composite && p.ProbablyPrime(0) && q.ProbablyPrime(0) {
			return false
		}
	}
	return true
}

// Private messages in the order in which they are sent, for complaints.
const (
	complainNot = iota
	complainFirst
	complainSecond
)

// explain finds out who deviated: all seeds are opened, the chosen candidate's
// too, and everybody computes what everybody should have said. What was sent in
// private comes first, since what was said to all follows from it.
func (b *batch) explain() error {
	all, err := b.openBut(nil)
	if err != nil {
		return err
	}
	leads := leader(b.number, b.parties)
	sieved, dealt := make([][][]byte, b.parties+1), make([][][]byte, b.parties+1)
	for party := 1; party <= b.parties; party++ {
		sieved[party] = b.dealSieve(all[party])
		if b.dealt != nil {
			dealt[party] = b.dealProduct(all[party], b.picks, b.count(), party == leads)
		}
	}
	if err := b.talk.complain(sieved, b.sieved, dealt, b.dealt); err != nil {
		return err
	}
	for party := 1; party <= b.parties; party++ {
		if !bytes.Equal(b.answerSieve(transposed(sieved, party)), b.units[party]) {
			return &CheatError{party, "sieve", "its sums are not those of the shares that it got"}
		}
	}
	for party := 1; party <= b.parties; party++ {
		if b.dealt != nil && !bytes.Equal(b.answerProduct(transposed(dealt, party), b.count()), b.products[party]) {
			return &CheatError{party, "product", "its product is not that of the shares that it got"}
		}
	}
	for _, t := range b.tests {
		for party := 1; party <= b.parties; party++ {
			if !bytes.Equal(b.powers(all[party], t, party == leads), t.values[party]) {
				return &CheatError{party, "test", "its power is not that of the parts that it drew"}
			}
		}
	}
	return ErrUnexplained
}

// transposed are the messages to one party, by sender.
func transposed(messages [][][]byte, to int) [][]byte {
	out := make([][]byte, len(messages))
	for from := 1; from < len(messages); from++ {
		out[from] = messages[from][to]
	}
	return out
}

// complain tells the others which private message is the first that was not what
// its sender's seeds say, if any, and hears theirs. shouldFirst and shouldSecond
// are by sender and recipient, nil where that step was not reached.
func (t *talk) complain(shouldFirst [][][]byte, first [][]byte, shouldSecond [][][]byte, second [][]byte) error {
	t.step = "complain"
	body := []byte{complainNot, 0}
	for party := t.parties(); party >= 1; party-- {
		if second != nil && body[0] != complainFirst && !bytes.Equal(shouldSecond[party][t.self()], second[party]) {
			body = []byte{complainSecond, byte(party)}
		}
		if !bytes.Equal(shouldFirst[party][t.self()], first[party]) {
			body = []byte{complainFirst, byte(party)}
		}
	}
	bodies, err := t.broadcast(body)
	if err != nil {
		return err
	}
	var dispute *DisputeError
	for _, step := range []byte{complainFirst, complainSecond} {
		for party := 1; party <= t.parties() && dispute == nil; party++ {
			if c := bodies[party]; len(c) == 2 && c[0] == step {
				dispute = &DisputeError{Step: "private message", By: party, Accused: int(c[1])}
			}
		}
	}
	if dispute != nil {
		return dispute
	}
	return nil
}
