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

	// Deferred checks products only before something opens, which takes a tenth
	// of the rounds. Who deviates is noticed as surely, but may have learned
	// something by then: a large number added to a product makes the next one
	// larger than its mask. Otherwise the factors of every product are checked
	// before its masked value opens.
	Deferred bool

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
	plain      bool // the clear twin: no sharing, exact truncation
	magnitude  int  // numbers are below 2^magnitude
	sets       []subset
	mine       []*keyed         // the sets with this party
	pairs      []*pairKeys      // by party
	senders    []int            // 1…2t+1: enough for degree 2t
	lagrange   wide.Element     // this sender's coefficient at 0
	vanishing  [][]wide.Element // checks of degree t: each row is orthogonal to all shares
	combine    []wide.Element   // coefficients at 0 of parties 1…t+1
	crossTerms [][2]int         // of mine: the products of bits that this party adds
	stock      stock
	private    *wide.Expander // this party's own randomness
	riders     []rider        // products that wait for the next round
	ranges     rangeTable
	checker    checker
	cost       Cost
	name       string
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
		c.Bytes, c.Messages = e.backend.Sent()
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
	e := &Engine{Config: cfg, n: n, self: self, sets: subsets(n, t), private: wide.NewExpander(cfg.Seed, 0), stock: stock{hiders: map[int]*hider{}, taken: map[int]int{}}, checker: newChecker()}
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
	lambda, err := wide.Lagrange(e.senders, 0)
	if err != nil {
		return nil, err
	}
	if self <= len(e.senders) {
		e.lagrange = lambda[self-1]
	}
	return e, e.prepareOpening()
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

// strict says that factors are checked before their product opens under a mask.
func (e *Engine) strict() bool { return e.active() && !e.Deferred }

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
