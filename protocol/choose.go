package protocol

import (
	"fmt"
	"math"

	"consilium/sharing"
)

// Choice is how sums are made.
type Choice struct {
	Scheme  string
	Packing int    // values in one polynomial of scheme shamir, elsewhere 1
	Why     string // for people
}

// Choose picks the cheaper of the two schemes that need no key, and says why. An
// update has so many values of magnitude up to limit, and so many hospitals that
// compare notes must learn nothing; 0 takes the most, k−1. Fewer than that let
// scheme shamir pack. Where liars are to be stood and n is too small to find wrong
// openings among others, only masked does.
func Choose(t Thresholds, length, limit uint64, colluders int) (Choice, error) {
	packing, err := Packing(t, colluders)
	if err != nil {
		return Choice{}, err
	}
	shamir, masked := Choice{Scheme: SchemeShamir, Packing: packing}, Choice{Scheme: SchemeMasked, Packing: 1}
	if _, err := NewMasked(1, Description{Thresholds: t, Length: length, Limit: limit, Modulus: Modulus(SchemeMasked, t, limit)}); err != nil {
		shamir.Why = "masked does not fit: " + err.Error()
		return shamir, nil
	}
	if err := CheckCorrection(t); err != nil {
		masked.Why = fmt.Sprintf("%d hospitals are too few to find wrong openings of scheme shamir when %d may lie", t.Parties, t.Liars)
		return masked, nil
	}
	s, m := shamir.estimate(t, length, limit), masked.estimate(t, length, limit)
	packed := ""
	if packing > 1 {
		packed = fmt.Sprintf(" with %d values in a polynomial", packing)
	}
	if worthIt*s <= m {
		shamir.Why = fmt.Sprintf("for %d values%s %s masked %.3g ms; and it rests on no assumption", length, packed, difference(s), 1e3*m)
		return shamir, nil
	}
	masked.Why = fmt.Sprintf("for %d values %s shamir%s %.3g ms", length, difference(m), packed, 1e3*s)
	return masked, nil
}

// Packing is how many values scheme shamir may pack into one polynomial when so
// many hospitals that compare notes must learn nothing; 0 takes the most, k−1,
// which lets it pack none.
func Packing(t Thresholds, colluders int) (int, error) {
	k := t.Openings()
	switch {
	case colluders < 0 || colluders >= k:
		return 0, fmt.Errorf("%d hospitals that compare notes and must learn nothing: from 1 to %d, since %d open a sum; 0 takes the most", colluders, k-1, k)
	case colluders == 0 || t.Liars > 0 || t.Parties < leastPacked:
		return 1, nil
	}
	return k - max(colluders, leastSecret), nil
}

// Colluders is how many hospitals that compare notes learn nothing but the sum of
// the others.
func Colluders(openings, packing int) int { return openings - max(1, packing) }

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

// What a hospital's work costs, in nanoseconds of one core, and how long bodies
// travel, as measured (docs/performance.md, "Choosing a scheme").
const (
	costWeigh  = 0.9   // one share, times one coefficient
	costFill   = 1.6   // one random element
	costBytes  = 2.5   // hash, seal or store, and read back: one byte
	costMask   = 1.1   // one value of one mask of 32 bits
	costPoint  = 3_000 // one coefficient of one hospital: decode, and verify a share
	costShare  = 80_000
	nanosecond = 1e-9

	linkBytes   = 12.5e6 // a second: 100 Mbit/s
	linkDelay   = 0.02   // seconds one way
	linkWaste   = 1.3    // of a line that is shared by many streams
	firstWindow = 40e3   // bytes that a stream sends before it hears from the other side
	boxAround   = 1200   // bytes of a box beside its content
	moreSlots   = 5      // messages that a round of masked has in sequence beyond one of shamir
	slicedSlots = 2      // one more, which goes through others to some

	// What is less than a twentieth cheaper is no reason to rest on an assumption.
	worthIt = 0.95
)

// travel is how long parts of so many bytes take from everybody to everybody, of
// which a hospital sends so many bytes in all. Parts that are not in the messages
// that announce them are asked for: two round trips, and more until a stream is
// up to speed.
func travel(part, sent float64, inline bool) float64 {
	line := linkWaste * sent / linkBytes
	if inline {
		return line
	}
	return line + 4*linkDelay + linkDelay*max(0, math.Log2(part/firstWindow))
}

// estimate is how many seconds the part of a round takes that differs between
// schemes, with everybody there.
func (c Choice) estimate(t Thresholds, length, limit uint64) float64 {
	n, k, d := float64(t.Parties), float64(t.Openings()), float64(length)
	boxes := (n - 1) * boxAround
	if c.Scheme == SchemeShamir {
		l, seeds := float64(c.Packing), 0.0
		if t.Liars == 0 {
			seeds = k - l
		}
		polynomials := math.Ceil(d / l)
		part := 8 * polynomials
		dealt, opened := (n-1-seeds)*part, (k-1)*part
		work := polynomials*((n-k+l)*k*costWeigh+2*(k-l)*costFill+l*k*costWeigh) + 2*(dealt+opened)*costBytes
		return work*nanosecond + travel(part, dealt, dealt+boxes <= inlineBoxes) + travel(part, opened, part <= inlinePublic)
	}
	modulus := Modulus(c.Scheme, t, limit)
	sliced, _ := Sliced(t, length, modulus)
	work := n * (2*k*costPoint + costShare)
	return work*nanosecond + travel(0, 0, boxes <= inlineBoxes) + estimateSums(t, length, modulus, sliced) + moreSlots*linkDelay
}

// estimateSums is what of that is masked updates and their sum. In a sliced round
// f+c+1 vectors come and as many go, and f+1 slices of n are added up; their roots
// are posted, and the sum goes around.
func estimateSums(t Thresholds, length uint64, modulus uint32, sliced bool) float64 {
	n, part := float64(t.Parties), float64(modulus)/8*float64(length)
	if !sliced {
		return (2*n*part/4*costMask+2*n*part*costBytes)*nanosecond + travel(part, (n-1)*part, part <= inlinePublic)
	}
	held, added := float64(t.Missing()+1), float64(max(2, t.Liars+1))
	work := (n+added)*part/4*costMask + 2*(held+1)*part*costBytes
	return work*nanosecond + travel(held*part/n, held*part, false) + slicedSlots*linkDelay + travel(part/n, part, false)
}

// Sliced tells whether to slice the rounds of scheme masked whose updates have so
// many values, and says why: where it saves a third of the time. It takes a few
// messages more, so a little less traffic is not worth it.
func Sliced(t Thresholds, length uint64, modulus uint32) (sliced bool, why string) {
	whole, slices := estimateSums(t, length, modulus, false), estimateSums(t, length, modulus, true)
	traffic := fmt.Sprintf("a hospital sends %d vectors of %d values instead of %d, which takes %.3g ms a round at 100 Mbit/s instead of %.3g",
		t.Missing()+2, length, t.Parties-1, 1e3*slices, 1e3*whole)
	if 3*slices > 2*whole {
		return false, "not sliced: in slices " + traffic
	}
	return true, "sliced: " + traffic
}
