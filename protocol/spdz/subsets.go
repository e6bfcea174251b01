package spdz

import (
	"fmt"
	"math/bits"
	"slices"

	"consilium/sharing/wide"
)

// MaxParties bounds n: the seeds grow as C(n, t).
const MaxParties = 10

// subset is a set of n−t parties that share a seed: what is drawn from it, all
// t others together do not know.
type subset struct {
	members []int
	weight  wide.Element // f(self), f of degree t with f(0) = 1 and f(j) = 0 outside
}

// has says whether a party belongs to the set.
func (s *subset) has(party int) bool { return slices.Contains(s.members, party) }

// subsets lists all sets of n−t of n parties in one order, the same everywhere.
func subsets(n, t int) []subset {
	var list []subset
	for mask := range 1 << n {
		if bits.OnesCount(uint(mask)) != n-t {
			continue
		}
		var s subset
		for party := 1; party <= n; party++ {
			if mask>>(party-1)&1 == 1 {
				s.members = append(s.members, party)
			}
		}
		list = append(list, s)
	}
	return list
}

// weightOf is f(self) for the set's polynomial: Π (j−self)/j over the parties j
// outside.
func (s *subset) weightOf(self, n int) wide.Element {
	num, den := wide.FromInt(1), wide.FromInt(1)
	for j := 1; j <= n; j++ {
		if !s.has(j) {
			num = wide.Mul(num, wide.FromInt(int64(j-self)))
			den = wide.Mul(den, wide.FromInt(int64(j)))
		}
	}
	return wide.Mul(num, wide.InvVarTime(den))
}

// checkSizes refuses what Shamir's sharing cannot multiply.
func checkSizes(n, t int) error {
	switch {
	case t < 1:
		return fmt.Errorf("threshold %d: with t = 0 every share is the secret itself; t is at least 1", t)
	case n < 2*t+1:
		return fmt.Errorf("%d parties with threshold %d: multiplication needs %d", n, t, 2*t+1)
	case n > MaxParties:
		return fmt.Errorf("%d parties: at most %d", n, MaxParties)
	}
	return nil
}
