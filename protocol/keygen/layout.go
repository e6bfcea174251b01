package keygen

import (
	"fmt"
	"math/big"
	"math/bits"

	"consilium/paillier"
)

const (
	// fixed is what one party, the batch's leader, brings p and q to be units of;
	// the others' parts are multiples of it: 4 for p ≡ q ≡ 3 mod 4, and the primes
	// up to 16, modulo which 16 points do not differ by units.
	fixed = 4 * 3 * 5 * 7 * 11 * 13

	// trialBound is up to where N is divided by all primes.
	trialBound = 1 << 16

	// repetitions of the test on the candidate that is taken; each lets an N that is
	// no product of two primes pass with probability 1/2 at most.
	repetitions = 80

	// spanBits is at least how many bits each party draws for a factor besides what
	// the sieve leaves of it.
	spanBits = 32
)

// layout is what follows from the number of parties and the length of N.
type layout struct {
	parties    int
	degree     int // t' = ⌊(n−1)/2⌋: so many colluders learn nothing
	threshold  int // k
	bits       int // of N
	candidates int // of a batch
	groups     []group
	seeds      int // of a party in a batch
	step       *big.Int
	parts      []*big.Int // by group: 0 modulo everything but the group's primes
	fixedPart  *big.Int   // 0 modulo all groups
	fixedUnit  uint64     // 1/fixedPart mod fixed
	low        *big.Int   // what the leader adds, in steps
	span       int        // bits that each draws, in steps
	product    bigRing    // of N
	sizes      paillier.JointSizes
	opened     bigRing  // of θ'
	primes     *big.Int // product of the primes that no factor may have
}

// group is primes that the sieve treats at once.
type group struct {
	ring    wordRing
	product *big.Int
	tries   int
	first   int      // index of the seed of its first try
	open    []uint64 // interpolation at 0 of degree 2t'
}

func newLayout(parties, threshold, length, candidates int) (*layout, error) {
	if parties < 3 || parties > paillier.MaxHolders {
		return nil, fmt.Errorf("make a key: %d parties are not in 3…%d", parties, paillier.MaxHolders)
	}
	if length < paillier.InsecureCeremonyBits || length > paillier.MaxBits || length%128 != 0 {
		return nil, fmt.Errorf("make a key: %d bits are not a multiple of 128 in %d…%d", length, paillier.InsecureCeremonyBits, paillier.MaxBits)
	}
	sizes, err := paillier.NewJointSizes(length, parties, threshold)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	l := &layout{
		parties: parties, degree: (parties - 1) / 2, threshold: threshold, bits: length, candidates: candidates,
		product: newBigRing(length + 1), sizes: sizes, opened: newBigRing(sizes.Opened + 1),
	}
	l.sieve()
	return l, nil
}

// sieve chooses the primes of the sieve: as many as leave room below the length of
// a factor.
func (l *layout) sieve() {
	half := l.bits / 2
	room := half - 4 - bits.Len(uint(l.parties)) - spanBits - 8
	l.step = big.NewInt(fixed)
	word, seeds := uint64(1), l.candidates
	all := primesBelow(trialBound)
	l.primes = productOf(all)
	flush := func() {
		if word == 1 {
			return
		}
		m := new(big.Int).SetUint64(word)
		l.step.Mul(l.step, m)
		ring := newWordRing(word)
		g := group{ring: ring, product: m, tries: triesFor(word, all, 2*l.candidates), first: seeds, open: ring.lagrangeAt(0, 2*l.degree+1)}
		seeds += g.tries
		l.groups = append(l.groups, g)
		word = 1
	}
	for _, r := range all {
		if r <= paillier.MaxHolders {
			continue
		}
		if bits.Len64(word)+bits.Len64(r) > 61 {
			flush()
		}
		if l.step.BitLen()+bits.Len64(word)+bits.Len64(r) <= room {
			word *= r
		} else {
			break
		}
	}
	flush()
	l.seeds = seeds
	for _, g := range l.groups {
		l.parts = append(l.parts, new(big.Int).Div(l.step, g.product))
	}
	l.fixedPart = new(big.Int).Div(l.step, big.NewInt(fixed))
	l.fixedUnit = new(big.Int).ModInverse(new(big.Int).Mod(l.fixedPart, big.NewInt(fixed)), big.NewInt(fixed)).Uint64()
	l.spread(half)
}

// spread divides the interval from ¾·2^half to 2^half among the parties, in steps.
func (l *layout) spread(half int) {
	l.low = new(big.Int).Lsh(big.NewInt(3), uint(half-2))
	l.low.Add(l.low.Div(l.low, l.step), big.NewInt(1))
	rest := new(big.Int).Lsh(big.NewInt(1), uint(half))
	rest.Sub(rest.Div(rest, l.step), l.low)
	rest.Div(rest, big.NewInt(int64(l.parties)))
	rest.Sub(rest, big.NewInt(int64(len(l.groups)+2)))
	l.span = (rest.BitLen() - 1) / 8 * 8
}

// triesFor is how many tries give so many units modulo m, but for chance: both
// the sum and its mask must be one.
func triesFor(m uint64, primes []uint64, wanted int) int {
	success := 1.0
	for _, r := range primes {
		if m%r == 0 {
			success *= (1 - 1/float64(r)) * (1 - 1/float64(r))
		}
	}
	// Three standard deviations of the negative binomial distribution.
	deviation := new(big.Float).Sqrt(big.NewFloat(float64(wanted) * (1 - success)))
	three, _ := deviation.Float64()
	return int((float64(wanted)+3*three)/success) + 2
}

func primesBelow(bound int) []uint64 {
	composite := make([]bool, bound)
	var primes []uint64
	for i := 2; i < bound; i++ {
		if composite[i] {
			continue
		}
		if i > 2 {
			primes = append(primes, uint64(i))
		}
		for j := i * i; j < bound; j += i {
			composite[j] = true
		}
	}
	return primes
}

// productOf multiplies halves, so that the numbers grow evenly.
func productOf(factors []uint64) *big.Int {
	if len(factors) == 1 {
		return new(big.Int).SetUint64(factors[0])
	}
	half := len(factors) / 2
	return new(big.Int).Mul(productOf(factors[:half]), productOf(factors[half:]))
}

// expected is how many products, and how many tests, a ceremony takes on average:
// by Mertens and the prime number theorem, a number that is coprime to all primes
// up to b is prime with probability e^γ·ln b / ln p.
func (l *layout) expected() (products, tests float64) {
	chance := 1.0 // of a number being coprime to what the sieve leaves out
	for _, r := range primesBelow(trialBound) {
		if new(big.Int).Mod(l.step, new(big.Int).SetUint64(r)).Sign() != 0 {
			chance *= 1 - 1/float64(r)
		}
	}
	const eGammaLn = 1.7810724 * 11.0903549 // e^γ·ln 2¹⁶
	density := eGammaLn / (float64(l.bits/2) * 0.6931472)
	tests = 1 / (density * density)
	return tests / (chance * chance), tests
}
