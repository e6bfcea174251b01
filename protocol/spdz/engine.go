package spdz

import (
	"fmt"
	"math/bits"

	"consilium/protocol/interactive"
	"consilium/sharing/wide"
)

// What a Config has when it does not say otherwise.
const (
	DefaultFraction = 16
	DefaultHiding   = 60
)

// Config is agreed by all parties, but for the seed.
type Config struct {
	Threshold int // t ≥ 1: so many parties together learn nothing
	Fraction  int // f: bits behind the point, 16 unless said
	Hiding    int // κ: an opened masked number is within 2^(1−κ) of random, 60 unless said

	// Passive trusts that all parties follow the protocol. Otherwise a party that
	// sends anything else is noticed before a result opens, and all stop.
	Passive bool

	// Dishonest is for n−1 parties that may deviate: additive shares, and a Backend
	// that makes them (package dishonest). Threshold is n−1 then, whatever it says,
	// and Passive is refused.
	Dishonest bool

	// Seed is fresh from a cryptographic source for every computation.
	Seed [wide.SeedSize]byte
}

func (c *Config) setDefaults() {
	if c.Fraction == 0 {
		c.Fraction = DefaultFraction
	}
	if c.Hiding == 0 {
		c.Hiding = DefaultHiding
	}
}

// Engine is one party's end of a computation on shares. All parties call the
// same methods in the same order. Its errors end the computation.
type Engine struct {
	Config
	channel    *interactive.Channel
	backend    Backend // nil: Shamir's sharing
	unit       Shares  // with a backend: what this party holds of the number one
	self, n    int
	plain      bool             // in the clear: no sharing
	replayed   []*wide.Expander // and truncation as it was, by the masks of all sets
	magnitude  int              // numbers are below 2^magnitude
	sets       []subset
	mine       []*keyed         // the sets with this party
	pairs      []*pairKeys      // by party
	senders    []int            // 1…2t+1: enough for degree 2t
	lagrange   []wide.Element   // the senders' coefficients at 0
	inverse    []wide.Element   // 1/lagrange
	guarding   [][]wide.Element // by senders i and j: j/(i−j)
	vanishing  [][]wide.Element // checks of degree t: each row is orthogonal to all shares
	combine    []wide.Element   // coefficients at 0 of parties 1…t+1
	crossTerms [][2]int         // of mine: the products of bits that this party adds
	stock      stock
	private    *wide.Expander      // this party's own randomness
	run        [wide.SeedSize]byte // names this computation: public, and no other's
	riders     []rider             // products that wait for the next round
	ranges     rangeTable
	checker    checker
	cost       Cost
	name       string
	room       room
	places
}

// Cost is what a party has sent.
type Cost struct {
	Bytes      int64 // to all others together
	Messages   int64
	Reductions int64 // elements
	Rounds     int
}

// Cost is what this party has sent up to here.
func (e *Engine) Cost() Cost {
	c := e.cost
	if e.backend != nil {
		bytes, messages := e.backend.Sent()
		c.Bytes, c.Messages = c.Bytes+bytes, c.Messages+messages
	}
	if e.channel != nil {
		c.Rounds = e.channel.Depth()
	}
	return c
}

// Parties is n.
func (e *Engine) Parties() int { return e.n }

// Self is this party's number, 1…n; 1 in the clear.
func (e *Engine) Self() int { return e.self }

// SetFraction changes how many bits behind the point is what is put in and
// multiplied from now on. All parties call it at the same place.
func (e *Engine) SetFraction(fraction int) { e.Fraction = fraction }

// Run names this computation: public, the same at all parties, and no other's.
func (e *Engine) Run() [32]byte { return e.run }

// Magnitude is the number of bits that a value and its fraction have together.
func (e *Engine) Magnitude() int { return e.magnitude }

// New sets up a computation: the parties draw the seeds that each set of n−t of
// them shares, and compare them. It takes two rounds.
func New(c *interactive.Channel, cfg Config) (*Engine, error) {
	if cfg.Dishonest {
		return nil, fmt.Errorf("begin computing: where n−1 parties may deviate, use package dishonest")
	}
	e, err := newEngine(c.Parties(), c.Self(), cfg)
	if err != nil {
		return nil, err
	}
	e.channel = c
	if err := e.exchangeKeys(); err != nil {
		return nil, fmt.Errorf("agree on seeds: %w", err)
	}
	return e, nil
}

// Clear is an engine that computes the same numbers in the clear, for n parties'
// worth of rounding error: truncation rounds to the nearest, and each element
// carries a bound of how far a computation on shares may be from it.
func Clear(parties int, cfg Config) (*Engine, error) {
	e, err := newEngine(parties, 1, cfg)
	if err != nil {
		return nil, err
	}
	e.plain = true
	return e, nil
}

func newEngine(n, self int, cfg Config) (*Engine, error) {
	cfg.setDefaults()
	if err := cfg.checkParties(n); err != nil {
		return nil, err
	}
	t := cfg.Threshold
	e := &Engine{Config: cfg, n: n, self: self, sets: subsets(n, t), private: wide.NewExpander(cfg.Seed, 0), stock: stock{hiders: map[int]*hider{}, taken: map[int]int{}}}
	// 2^(k+1) + C·2^(k+κ) stays below 2^127.
	e.magnitude = wide.Bits - 1 - cfg.Hiding - bits.Len(uint(len(e.sets)-1))
	if cfg.Fraction < 1 || cfg.Hiding < 40 || e.magnitude < 2*cfg.Fraction+8 {
		return nil, fmt.Errorf("%d fraction bits, hidden by %d: numbers have %d bits, at least %d are needed",
			cfg.Fraction, cfg.Hiding, e.magnitude, 2*cfg.Fraction+8)
	}
	if cfg.Dishonest {
		return e, nil
	}
	for party := 1; party <= 2*t+1; party++ {
		e.senders = append(e.senders, party)
	}
	if err := e.prepareSending(); err != nil {
		return nil, err
	}
	return e, e.prepareOpening()
}

// prepareSending finds what senders multiply by.
func (e *Engine) prepareSending() error {
	lambda, err := wide.Lagrange(e.senders, 0)
	if err != nil {
		return err
	}
	count := len(e.senders) + 1
	e.lagrange, e.inverse, e.guarding = make([]wide.Element, e.n+1), make([]wide.Element, count), make([][]wide.Element, count)
	for _, i := range e.senders {
		e.lagrange[i], e.inverse[i] = lambda[i-1], wide.InvVarTime(lambda[i-1])
		e.guarding[i] = make([]wide.Element, e.n+1)
		for _, j := range e.senders {
			if i != j {
				e.guarding[i][j] = wide.Mul(wide.FromInt(int64(j)), wide.InvVarTime(wide.FromInt(int64(i-j))))
			}
		}
	}
	e.checker.settled, e.checker.dealers = make([]wide.Element, count), make([]wide.Element, e.n+1)
	e.checker.dealt = make([]transcript, e.n+1)
	e.places, err = newPlaces()
	return err
}

// prepareOpening finds how t+1 shares give the secret, and how they give each
// further share.
func (e *Engine) prepareOpening() error {
	var xs []int
	for party := 1; party <= e.Threshold+1; party++ {
		xs = append(xs, party)
	}
	var err error
	if e.combine, err = wide.Lagrange(xs, 0); err != nil {
		return err
	}
	for party := e.Threshold + 2; party <= e.n; party++ {
		row, err := wide.Lagrange(xs, party)
		if err != nil {
			return err
		}
		e.vanishing = append(e.vanishing, row)
	}
	return nil
}

func (e *Engine) sender() bool { return e.self <= len(e.senders) }

// send hands body to a party and counts it.
func (e *Engine) send(party int, body []byte) {
	e.cost.Bytes += int64(len(body))
	e.cost.Messages++
	e.channel.Send(party, body)
}

// tell sends body to all others.
func (e *Engine) tell(body []byte) {
	for party := 1; party <= e.n; party++ {
		if party != e.self {
			e.send(party, body)
		}
	}
}
