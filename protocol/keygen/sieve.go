package keygen

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
)

// batch is one batch of candidates at one party.
type batch struct {
	*layout
	talk   *talk
	number int
	own    *seeds

	commitments [][]byte // by party
	sieved      [][]byte // shares for the sieve that came here, by party
	units       [][]byte // what each party opened of the sieve
	picks       [][]int  // by group: the tries that gave units, in order; two a candidate
	dealt       [][]byte // shares of p, q and 0 that came here, by party
	products    [][]byte // shares of all N that each party opened
	moduli      []*big.Int
	status      []status
	tests       []test
	unexplained bool // something is wrong already: find out who it was
}

// status is what became of a candidate.
type status int

const (
	untested  status = iota // N has no small factor
	divisible               // N has a small factor, or not its length
	composite               // N did not pass a test
	passed                  // N passed all tests
)

// leader is the party with the part of p and q that is no multiple of fixed. Its
// test takes twice as long, so the parties take turns.
func leader(batch, parties int) int { return 1 + batch%parties }

// try is what a party draws for one try of the sieve: polynomials of its part of
// the number, of its part of the mask, and of zero.
type try struct{ part, mask, zero []uint64 }

func (l *layout) try(r wordRing, seed []byte) try {
	s := newStream("consilium/keygen/1/try", seed)
	draw := func(n int) []uint64 {
		p := make([]uint64, n)
		for i := range p {
			p[i] = r.draw(s)
		}
		return p
	}
	t := try{draw(l.degree + 1), draw(l.degree + 1), draw(2*l.degree + 1)}
	t.zero[0] = 0
	return t
}

// dealSieve are a party's shares for the sieve, by recipient: three words a try.
func (l *layout) dealSieve(s *seeds) [][]byte {
	to := make([][]byte, l.parties+1)
	for _, g := range l.groups {
		for i := range g.tries {
			t := l.try(g.ring, s.list[g.first+i])
			for party := 1; party <= l.parties; party++ {
				for _, p := range [][]uint64{t.part, t.mask, t.zero} {
					to[party] = binary.BigEndian.AppendUint64(to[party], g.ring.evaluate(p, party))
				}
			}
		}
	}
	return to
}

// answerSieve is what a party opens of the sieve, given the shares that came to
// it: a word a try.
func (l *layout) answerSieve(shares [][]byte) []byte {
	var out []byte
	at := 0
	for _, g := range l.groups {
		for range g.tries {
			var sum [3]uint64
			for _, from := range shares[1:] {
				for i := range sum {
					sum[i] = g.ring.add(sum[i], binary.BigEndian.Uint64(from[at+8*i:]))
				}
			}
			at += 24
			out = binary.BigEndian.AppendUint64(out, g.ring.add(g.ring.mul(sum[0], sum[1]), sum[2]))
		}
	}
	return out
}

// checkWords refuses words that are not below their modulus, of which every try
// has so many.
func (l *layout) checkWords(data []byte, each int) error {
	at := 0
	for _, g := range l.groups {
		for range g.tries * each {
			if len(data) < at+8 {
				return fmt.Errorf("%d bytes are too few", len(data))
			}
			if binary.BigEndian.Uint64(data[at:]) >= g.ring.m {
				return fmt.Errorf("a number is not below its modulus at byte %d", at)
			}
			at += 8
		}
	}
	if at != len(data) {
		return fmt.Errorf("%d bytes instead of %d", len(data), at)
	}
	return nil
}

// pickUnits interpolates the opened words and says which tries gave units, by
// group. Of n > 2t'+1 words the last is compared with the others.
func (l *layout) pickUnits(opened [][]byte) (picks [][]int, consistent bool) {
	consistent = true
	at := 0
	word := func(party, at int) uint64 { return binary.BigEndian.Uint64(opened[party][at:]) }
	for _, g := range l.groups {
		var picked []int
		var beyond []uint64
		if last := 2*l.degree + 2; last <= l.parties {
			beyond = g.ring.lagrangeAt(last, 2*l.degree+1)
		}
		for i := range g.tries {
			value, extra := uint64(0), uint64(0)
			for j, c := range g.open {
				value = g.ring.add(value, g.ring.mul(c, word(j+1, at)))
				if beyond != nil {
					extra = g.ring.add(extra, g.ring.mul(beyond[j], word(j+1, at)))
				}
			}
			if beyond != nil && extra != word(l.parties, at) {
				consistent = false
			}
			if coprime(value, g.ring.m) { // value is public
				picked = append(picked, i)
			}
			at += 8
		}
		picks = append(picks, picked)
	}
	return picks, consistent
}

func coprime(a, b uint64) bool {
	for a != 0 {
		a, b = b%a, a
	}
	return b == 1
}

// sieve brings the batch to candidates without factors among the sieve's primes.
func (b *batch) sieve() error {
	b.talk.step = "commit"
	own := b.own.commitment()
	commitments, err := b.talk.broadcast(own[:])
	if err != nil {
		return err
	}
	b.commitments = commitments
	for party := 1; party <= b.parties; party++ {
		if len(commitments[party]) != len(own) {
			return &CheatError{party, b.talk.step, "a commitment of another length"}
		}
		if i := slices.IndexFunc(commitments[1:party], func(c []byte) bool { return string(c) == string(commitments[party]) }); i >= 0 {
			return &CheatError{party, b.talk.step, fmt.Sprintf("it commits to what party %d has committed to", i+1)}
		}
	}
	b.talk.step = "sieve"
	if b.sieved, err = b.talk.exchange(b.dealSieve(b.own)); err != nil {
		return err
	}
	for party := 1; party <= b.parties; party++ {
		if err := b.checkWords(b.sieved[party], 3); err != nil {
			return b.talk.accuse(party, err.Error())
		}
	}
	if b.units, err = b.talk.broadcast(b.answerSieve(b.sieved)); err != nil {
		return err
	}
	for party := 1; party <= b.parties; party++ {
		if err := b.checkWords(b.units[party], 1); err != nil {
			return &CheatError{party, b.talk.step, err.Error()}
		}
	}
	picks, consistent := b.pickUnits(b.units)
	b.picks = picks
	// Chance leaves less than half of a batch once in an age; who speaks last can
	// make every try fail, and the search go on for ever.
	b.unexplained = !consistent || 2*b.count() < b.candidates
	return nil
}

// count is how many candidates the sieve left.
func (b *batch) count() int {
	count := b.candidates
	for _, picked := range b.picks {
		count = min(count, len(picked)/2)
	}
	return count
}
