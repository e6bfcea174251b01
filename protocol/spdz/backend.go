package spdz

import (
	"errors"
	"fmt"
	"math"

	"consilium/protocol/interactive"
	"consilium/sharing/wide"
)

// Backend does for an Engine what takes messages, with another sharing than
// Shamir's: shares add up to the number, and each has a share of a MAC beside it
// (package dishonest). Sums and public factors stay the engine's.
type Backend interface {
	// One is what this party holds of the number one.
	One() Shares
	// Input shares one list of every party: own is this party's, integers in
	// [−2^width, 2^width), which each party proves of its own; width 0 proves
	// nothing. counts, by party from 1, are known to all.
	Input(counts []int, own []wide.Element, width int) ([]Shares, error)
	// Reduce computes sums of products and truncates them.
	Reduce(sums []Sum) ([]Shares, error)
	// Draw gives numbers that nobody knows.
	Draw(count int) (Shares, error)
	// Open tells everybody the numbers, after everything was checked.
	Open(s Shares) ([]wide.Element, error)
	// OpenTo tells one party; the others get nil.
	OpenTo(party int, s Shares) ([]wide.Element, error)
	// Refill makes ready times as much as was taken since the last call.
	Refill(times int) error
	// Run names the computation: public, and no other's.
	Run() [32]byte
	// Sent is what this party has sent.
	Sent() (bytes, messages int64)
}

// Shares are what a party holds of a list of numbers.
type Shares struct{ Value, MAC []wide.Element }

// Len is how many numbers there are.
func (s Shares) Len() int { return len(s.Value) }

// Sum is a sum of products that is to be truncated.
type Sum struct {
	Rows, Cols int
	Terms      []Term
	Linear     Shares // to be added; none if it is empty
	Shift      int    // so many bits go
	Bits       int    // no number is larger than 2^Bits
}

// Term is a product in a Sum, times a public number: a·b, or a∘b entry by entry,
// of which neighbours may be added up.
type Term struct {
	A, B        Shares
	Inner       int // a is Rows×Inner and b Inner×Cols; 0: entry by entry
	Group       int // then so many neighbours are added up, at least 1
	PublicTimes wide.Element
}

// ErrNoComparison refuses what takes a comparison. Promises take none.
var ErrNoComparison = errors.New("there are no comparisons where n−1 parties may deviate: no ReLU and no clipping")

// NewOn sets up a computation on a backend. cfg.Dishonest is set.
func NewOn(c *interactive.Channel, cfg Config, b Backend) (*Engine, error) {
	e, err := newEngine(c.Parties(), c.Self(), cfg)
	if err != nil {
		return nil, err
	}
	e.channel, e.backend, e.unit, e.run = c, b, b.One(), b.Run()
	return e, nil
}

// checkParties refuses sizes, and sets the threshold where it follows from n.
func (c *Config) checkParties(n int) error {
	if !c.Dishonest {
		return checkSizes(n, c.Threshold)
	}
	c.Threshold = n - 1
	switch {
	case n < 2 || n > MaxParties:
		return fmt.Errorf("%d parties, of whom all but one may deviate: 2 to %d", n, MaxParties)
	case c.Passive:
		return errors.New("where n−1 parties may deviate, they are checked: passive is for an honest majority")
	}
	return nil
}

// Shares are this party's.
func (s *Secret) Shares() Shares { return Shares{s.share, s.mac} }

// inputOn is Input on a backend, which proves that numbers are below the next
// power of two.
func (e *Engine) inputOn(shapes []Shape, secrets []wide.Element, reach float64) ([]*Secret, error) {
	width := bitsOfReach(reach+math.Ldexp(0.5, -e.Fraction), e.Fraction)
	list := make([]*Secret, e.n+1)
	for party := 1; party <= e.n; party++ {
		list[party] = e.secret(shapes[party].Rows, shapes[party].Cols, e.Fraction, math.Ldexp(1, width-e.Fraction))
	}
	if err := e.dealOn(shapes, secrets, list, width); err != nil {
		return nil, fmt.Errorf("share inputs: %w", err)
	}
	return list, nil
}

func (e *Engine) dealOn(shapes []Shape, secrets []wide.Element, list []*Secret, width int) error {
	counts := make([]int, e.n+1)
	for party := 1; party <= e.n; party++ {
		counts[party] = shapes[party].Rows * shapes[party].Cols
	}
	dealt, err := e.backend.Input(counts, secrets, width)
	if err != nil {
		return err
	}
	for party := 1; party <= e.n; party++ {
		list[party].share, list[party].mac = dealt[party].Value, dealt[party].MAC
	}
	return nil
}

// bitsOfReach is how many bits a number has with its fraction.
func bitsOfReach(reach float64, fraction int) int {
	if reach == 0 {
		return fraction
	}
	return math.Ilogb(reach) + 1 + fraction
}

// reduceOn is Reduce on a backend.
func (e *Engine) reduceOn(products []*Product) ([]*Secret, error) {
	results, sums := make([]*Secret, len(products)), make([]Sum, len(products))
	for i, p := range products {
		results[i] = e.secret(p.rows, p.cols, min(p.bits, p.keep), p.reach)
		sums[i] = Sum{Rows: p.rows, Cols: p.cols, Linear: Shares{p.linear, p.linearMAC}, Shift: p.bits - results[i].Bits, Bits: bitsOfReach(p.reach, p.bits)}
		for _, f := range p.factors {
			term := Term{A: f.a.Shares(), B: f.b.Shares(), Group: max(1, f.group), PublicTimes: f.times}
			if !f.entries {
				term.Inner = f.a.Cols
			}
			sums[i].Terms = append(sums[i].Terms, term)
		}
	}
	reduced, err := e.backend.Reduce(sums)
	if err != nil {
		return nil, fmt.Errorf("reduce products: %w", err)
	}
	for i, r := range reduced {
		results[i].share, results[i].mac = r.Value, r.MAC
	}
	return results, nil
}

// fresh are secret numbers that nobody knows.
func (e *Engine) fresh(count int) (*Secret, error) {
	if e.backend == nil {
		return e.random(count), nil
	}
	s := e.secret(count, 1, 0, 0)
	drawn, err := e.backend.Draw(count)
	s.share, s.mac = drawn.Value, drawn.MAC
	return s, err
}
