package protocol

import (
	"fmt"

	"consilium/sharing"
)

// Choose picks the cheaper of the two schemes that need no key, and says why. An
// update has so many values of magnitude up to limit. Where liars are to be
// stood and n is too small to find wrong openings among others, only masked does.
func Choose(t Thresholds, length, limit uint64) (scheme, why string) {
	masked := estimate(SchemeMasked, t, length, limit)
	if _, err := NewMasked(1, Description{Thresholds: t, Length: length, Limit: limit, Modulus: Modulus(SchemeMasked, t, limit)}); err != nil {
		return SchemeShamir, "masked does not fit: " + err.Error()
	}
	if err := CheckCorrection(t); err != nil {
		return SchemeMasked, fmt.Sprintf("%d hospitals do not find %d wrong openings of scheme shamir by the others", t.Parties, t.Liars)
	}
	shamir := estimate(SchemeShamir, t, length, limit)
	if shamir <= masked {
		return SchemeShamir, fmt.Sprintf("for %d values %s masked %.3g ms; and it rests on no assumption", length, difference(shamir), 1e3*masked)
	}
	return SchemeMasked, fmt.Sprintf("for %d values %s shamir %.3g ms", length, difference(masked), 1e3*shamir)
}

func difference(seconds float64) string {
	return fmt.Sprintf("what differs between the schemes takes it %.3g ms a round at 100 Mbit/s, and", 1e3*seconds)
}

// Modulus is what the description of a round says in a scheme: in masked the
// smaller ring in which sums fit.
func Modulus(scheme string, t Thresholds, limit uint64) uint32 {
	switch {
	case scheme != SchemeMasked:
		return 0
	case sharing.Ring32.Fits(t.Parties, limit):
		return 32
	}
	return 64
}

// What a hospital's work costs, in nanoseconds of one core, as measured
// (docs/performance.md, "Choosing a scheme"), and the network that is assumed.
const (
	costWeigh  = 0.9   // one share, times one coefficient
	costFill   = 1.6   // one random element
	costBytes  = 2.5   // hash, seal or store, and read back: one byte
	costMask   = 1.1   // one value of one mask of 32 bits
	costPoint  = 3_000 // one coefficient of one hospital: decode, and verify a share
	costShare  = 80_000
	linkBytes  = 12.5e6 // a second: 100 Mbit/s
	linkDelay  = 0.02   // seconds one way
	moreSlots  = 5      // messages that a round of masked has in sequence beyond one of shamir
	slicedHops = 4      // a sliced round beyond another: the sums' roots, and the sums with their index
	nanosecond = 1e-9
)

// estimate is how many seconds the part of a round takes that differs between
// schemes, with everybody there and an update that is a large part of what is
// sent.
func estimate(scheme string, t Thresholds, length, limit uint64) float64 {
	n, k, d := float64(t.Parties), float64(t.Openings()), float64(length)
	if scheme == SchemeShamir {
		share, sent := 8*d, (n-1)+(k-1) // shares for all others, and the opening to as many as open
		if t.Liars == 0 {
			sent -= k - 1 // seeds
		}
		work := d*((n-k+1)*k*costWeigh+k*costFill+k*costWeigh) + 2*sent*share*costBytes
		return work*nanosecond + sent*share/linkBytes
	}
	modulus := Modulus(scheme, t, limit)
	sliced, _ := Sliced(t, length, modulus)
	return estimateMasked(t, length, modulus, sliced) + n*(2*k*costPoint+costShare)*nanosecond + moreSlots*linkDelay
}

// estimateMasked is what of that grows with the vector, in scheme masked. In a
// sliced round f+c+1 vectors come and as many go, and f+1 slices of n are added
// up; then the sum goes around.
func estimateMasked(t Thresholds, length uint64, modulus uint32, sliced bool) float64 {
	n, vector := float64(t.Parties), float64(length)*float64(modulus)/8
	added, sent, hops := n, n-1, 0.0
	if sliced {
		added, sent, hops = float64(t.Liars+1), float64(t.Missing()+2), slicedHops
	}
	work := (n+added)*vector/4*costMask + 2*(sent+1)*vector*costBytes
	return work*nanosecond + sent*vector/linkBytes + hops*linkDelay
}

// Sliced tells whether to slice the rounds of scheme masked whose updates have so
// many values, and says why: where it saves a third of the time. It takes a few
// messages more, so a little less traffic is not worth it.
func Sliced(t Thresholds, length uint64, modulus uint32) (sliced bool, why string) {
	whole, slices := estimateMasked(t, length, modulus, false), estimateMasked(t, length, modulus, true)
	traffic := fmt.Sprintf("a hospital sends %d vectors of %d values instead of %d, which takes %.3g ms a round at 100 Mbit/s instead of %.3g",
		t.Missing()+2, length, t.Parties-1, 1e3*slices, 1e3*whole)
	if 3*slices > 2*whole {
		return false, "not sliced: in slices " + traffic
	}
	return true, "sliced: " + traffic
}
