package protocol

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Party is a hospital's number in the roster, 1…n. 0 is nobody.
type Party uint16

// MaxParties bounds a roster, and with it every list in a message.
const MaxParties = 256

func (p Party) String() string { return strconv.Itoa(int(p)) }

// Set is a set of parties.
type Set [MaxParties/64 + 1]uint64

// NewSet returns the set of the given parties.
func NewSet(parties ...Party) Set {
	var s Set
	for _, p := range parties {
		s.Add(p)
	}
	return s
}

// AllOf returns {1…n}.
func AllOf(n int) Set {
	var s Set
	for p := range n {
		s.Add(Party(p + 1))
	}
	return s
}

// Add puts p into s.
func (s *Set) Add(p Party) { s[p/64] |= 1 << (p % 64) }

// Has reports whether p is in s.
func (s Set) Has(p Party) bool { return int(p/64) < len(s) && s[p/64]>>(p%64)&1 == 1 }

// Len is the number of parties in s.
func (s Set) Len() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// Minus returns the parties of s that are not in t.
func (s Set) Minus(t Set) Set {
	for i := range s {
		s[i] &^= t[i]
	}
	return s
}

// And returns the parties in both sets.
func (s Set) And(t Set) Set {
	for i := range s {
		s[i] &= t[i]
	}
	return s
}

// Within reports whether every party of s is in t.
func (s Set) Within(t Set) bool { return s.Minus(t) == Set{} }

// Parties lists s in ascending order.
func (s Set) Parties() []Party {
	list := make([]Party, 0, s.Len())
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			list = append(list, Party(64*i+bits.TrailingZeros64(word)))
		}
	}
	return list
}

func (s Set) String() string {
	names := []string{}
	for _, p := range s.Parties() {
		names = append(names, p.String())
	}
	return "{" + strings.Join(names, " ") + "}"
}

// Thresholds are the numbers that a federation fixes when it is set up
// (docs/protocol.md, thresholds that intersect).
type Thresholds struct {
	Parties  int // n: hospitals in the roster
	Liars    int // f: hospitals that may do anything at all
	Dropouts int // c: further hospitals that may be crashed or slow
}

// Quorum is q = ⌊(n+f)/2⌋+1: any two quorums share more than f hospitals, so
// that no two sets can both be certified.
func (t Thresholds) Quorum() int { return (t.Parties+t.Liars)/2 + 1 }

// Openings is k, how many openings reconstruct a sum; k−1 say nothing. It
// equals the quorum: a set that was not certified cannot be opened.
func (t Thresholds) Openings() int { return t.Quorum() }

// SmallestSet is the least number of hospitals in an opened sum. Whoever
// compares notes always learns the sum of the others in the set: with fewer
// than three there would be one other.
func (t Thresholds) SmallestSet() int { return max(t.Openings(), 3) }

// Missing is how many hospitals a phase may go on without, f+c.
func (t Thresholds) Missing() int { return t.Liars + t.Dropouts }

// Validate says why a federation cannot have these thresholds, and what it
// would take.
func (t Thresholds) Validate() error {
	n, f, c := t.Parties, t.Liars, t.Dropouts
	switch {
	case n < 1 || n > MaxParties:
		return fmt.Errorf("a federation has 3 to %d hospitals, not %d", MaxParties, n)
	case n == 1:
		return fmt.Errorf("one hospital has nobody to train with: a sum over one hospital is its update")
	case n == 2:
		return fmt.Errorf("two hospitals cannot hide from each other: each would subtract its own update from the sum; three is the least")
	case f < 0:
		return fmt.Errorf("the number of liars, %d, must not be negative", f)
	case c < 0:
		return fmt.Errorf("the number of dropouts, %d, must not be negative", c)
	case f > MaxParties || c > MaxParties || leastParties(f, c) > MaxParties:
		return fmt.Errorf("no federation stands %d liars and %d dropouts: it has at most %d hospitals, more than three for each liar and two for each dropout", f, c, MaxParties)
	case n < t.Quorum()+f+c:
		return fmt.Errorf("%d hospitals do not stand %d liars and %d dropouts: a quorum of %d must remain; %d hospitals would do",
			n, f, c, t.Quorum(), leastParties(f, c))
	}
	return nil
}

// leastParties is the smallest n with n ≥ q+f+c.
func leastParties(f, c int) int { return max(3, 3*f+2*c+1) }

// MostDropouts is the largest c for n hospitals and f liars, or −1 when n
// hospitals do not stand f liars at all.
func MostDropouts(n, f int) int {
	c := n - Thresholds{Parties: n, Liars: f}.Quorum() - f
	return max(c, -1)
}
