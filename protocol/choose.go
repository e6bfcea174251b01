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
	width := float64(Modulus(scheme, t, limit)) / 8
	work := 2*n*d*width/4*costMask + 2*n*d*width*costBytes + n*(2*k*costPoint+costShare)
	return work*nanosecond + (n-1)*d*width/linkBytes + moreSlots*linkDelay
}
