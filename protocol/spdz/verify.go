package spdz

import (
	"fmt"

	"consilium/sharing/wide"
)

// checker is what an engine that does not trust the others knows of them.
type checker struct {
	view     transcript     // of all that everybody was told
	dealt    []transcript   // by dealer: of what it dealt last, and all that was told before
	openings uint64         // so many covers were drawn
	settled  []wide.Element // this party's points of V, by sender
	dealers  []wide.Element // and of what dealers proved, which is to be zero at 0
	pending  bool           // something was proved since the last check
	broken   wide.Element   // this party's share of a number that is zero unless a promise was broken
	broke    bool           // the same in the clear
	open     bool           // a check is going on: there are never two at once

	// In tests: how many challenges there are, 0 for the whole field, and what a
	// prover makes of the numbers that it publishes in a step.
	challenges uint64
	cheat      func(f *folding, parts, claimed int)
}

func (e *Engine) active() bool { return !e.Passive && !e.plain && e.backend == nil }

// Check makes sure that all that was computed up to here is right, unless the
// engine is passive. Open, OpenTo and AnyBeyond call it first. It takes a round.
//
// A corrupted party cannot deviate in what it tells everybody unless it proves
// what is wrong: see openProven. All proofs since the beginning come to one
// number for each prover, of which each party has a point. Here the points are
// told, each prover's hidden by a random polynomial that is zero there, too,
// with a hash of all messages. That polynomial comes from the same hash: points of
// two honest parties that were told different proofs are of different challenges,
// and together they would tell a combination of secrets. Points that are not on a polynomial of degree t,
// zero where it has to be, mean that somebody lies. The honest alone determine
// it, so that nobody can help a wrong proof by the points that it tells.
//
// A wrong number passes with probability below 2⁻¹²⁰ for each hash that its
// sender computes in search of challenges that suit it.
func (e *Engine) Check() error {
	if !e.active() || e.checker.open || !e.checker.pending {
		return nil
	}
	e.checker.open = true
	defer func() { e.checker.open = false }()
	if err := e.compare(); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	e.checker.pending = false
	return nil
}

// compare tells what this party has seen, and its points of V.
func (e *Engine) compare() error {
	senders, dealers := append([]wide.Element(nil), e.checker.settled...), e.checker.dealers
	for _, k := range e.mine {
		x := wide.NewExpander(seedOf("compared", k.seed[:], e.checker.view[:]), e.checker.openings)
		for _, i := range e.senders {
			if !k.has(i) {
				senders[i] = wide.Add(senders[i], wide.Mul(k.weight, x.Element()))
			}
		}
	}
	view, own := e.checker.view, append(senders, dealers...)
	e.tell(wide.Append(append([]byte(nil), view[:]...), own))
	points := make([][]wide.Element, e.n+1)
	points[e.self] = own
	for j := 1; j <= e.n; j++ {
		if j == e.self {
			continue
		}
		body, err := e.channel.Receive(j)
		if err != nil {
			return err
		}
		if len(body) < len(view) || transcript(body[:len(view)]) != view {
			return &CheatError{What: fmt.Sprintf("told party %d and this one different things, or party %d says so", j, j)}
		}
		points[j] = make([]wide.Element, len(own))
		if err := wide.Decode(points[j], body[len(view):]); err != nil {
			return &CheatError{Party: j, What: "sent what is no list of elements"}
		}
	}
	for _, i := range e.senders {
		if err := e.vanishes(i, i, i, points); err != nil {
			return err
		}
	}
	for i := 1; i <= e.n; i++ {
		if err := e.vanishes(i, 0, len(senders)+i, points); err != nil {
			return err
		}
	}
	return nil
}

// vanishes says whether what the others told of what a prover proved, at an
// index of their points, lies on a polynomial of degree t that is zero at the
// place.
func (e *Engine) vanishes(prover, place, index int, points [][]wide.Element) error {
	xs, values := []int{place}, []wide.Element{{}}
	for j := 1; j <= e.n; j++ {
		if j == prover {
			if !points[j][index].IsZero() {
				return &CheatError{Party: j, What: "told a point of its own proof"}
			}
			continue
		}
		if len(xs) <= e.Threshold {
			xs, values = append(xs, j), append(values, points[j][index])
			continue
		}
		row, err := wide.Lagrange(xs, j)
		if err != nil {
			return err
		}
		if wide.Dot(row, values) != points[j][index] {
			return &CheatError{What: "proved what is wrong"}
		}
	}
	return nil
}

// random is a secret that nobody knows, so many uniform elements.
func (e *Engine) random(count int) *Secret {
	s := e.secret(count, 1, 0, 0)
	for _, k := range e.mine {
		addDrawn(s.share, k.weight, k.uniform)
	}
	return s
}

// toss opens a fresh random seed. It is called when all that it challenges was
// sent, and everybody has it.
func (e *Engine) toss() (*wide.Expander, error) {
	opened, err := e.openElements(e.random(2))
	if err != nil {
		return nil, fmt.Errorf("toss a coin: %w", err)
	}
	return wide.NewExpander(seedOf("challenge", wide.Append(nil, opened)), 0), nil
}

// openElements tells everybody the elements, without a check before.
func (e *Engine) openElements(s *Secret) ([]wide.Element, error) {
	if e.backend != nil {
		return e.backend.Open(s.Shares())
	}
	e.tell(wide.Append(nil, s.share))
	return e.collectElements(s)
}
