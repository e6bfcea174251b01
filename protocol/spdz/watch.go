package spdz

import (
	"fmt"
	"math"
	"slices"

	"consilium/sharing/wide"
)

// What a mask hides is as large as was reckoned with, and that rests on promises:
// that pre-activations stay in their intervals. Rows of a liar's choice could
// make a training explode within a few steps, and its numbers outgrow their
// masks, before any guard is asked. So where others may lie a promise is kept
// before anything opens that rests on it.

// Promise makes sure that no entry leaves [−1, 1]. If one does, all that opens
// from here on is random, until Broken says so; if all are within ±0.8 (±0.57
// where there are many sets of parties), nothing changes; between, it may do
// either.
//
// A few bits of an entry's square, truncated, are one of a few integers if it is
// small enough, so a product over those is zero. The sum of all products, each
// times a random number, is not opened: times another random number it is added
// to everything that opens (see openProven). It takes about five rounds.
func (e *Engine) Promise(list ...*Secret) error {
	e.Name("promise")
	u, total := e.promiseUnits(), 0
	var products []*Product
	for _, s := range list {
		total += s.Len()
		products = append(products, e.Hadamard(s, s).Times(math.Ldexp(float64(u.whole), -u.bits), u.bits).Keep(u.bits))
	}
	results, err := e.Reduce(products...)
	if err != nil {
		return fmt.Errorf("keep a promise: %w", err)
	}
	squares := e.secret(total, 1, u.bits, 0)
	at := 0
	for _, s := range results {
		each(squares, s, func(dst, src []wide.Element) { copy(dst[at:], src) })
		at += s.Len()
	}
	if e.plain {
		e.checker.broke = e.checker.broke || slices.ContainsFunc(squares.share, func(v wide.Element) bool {
			n, fits := v.Int()
			return !fits || n < int64(u.low) || n > int64(u.high)
		})
		return nil
	}
	broken, err := e.anyOther(squares, u.low, u.high)
	if err != nil {
		return fmt.Errorf("keep a promise: %w", err)
	}
	if e.backend != nil {
		return e.openBroken(broken)
	}
	e.checker.broken = wide.Add(e.checker.broken, broken.share[0])
	return nil
}

// promiseUnits are the units in which squares are looked at.
type promiseUnits struct {
	whole, bits int // 1 is so many, below 2ᵇⁱᵗˢ
	low, high   int // what truncation may make of squares that are small enough
}

// promiseUnits: truncation moves a square by off units at most: half a unit for
// each set, or what happens once in 2⁴⁰ at most where there are many. So a square
// above 1 is beyond high, and one of 1 − 2·off/whole is not.
func (e *Engine) promiseUnits() promiseUnits {
	sets := float64(len(e.sets))
	off, times := (sets+1)/2, 6.0
	if many := 7*math.Sqrt(sets/12) + 1; many < off {
		off, times = many, 3
	}
	u := promiseUnits{whole: int(math.Ceil(times * off))}
	u.low, u.high = -int(off), int(math.Ceil(float64(u.whole)-off))-1
	for 1<<u.bits < u.whole {
		u.bits++
	}
	return u
}

// openBroken is what becomes of a promise with a Backend, where rounds cost little
// beside all else: it opens at once, and ErrOutOfRange says that it was broken.
func (e *Engine) openBroken(broken *Secret) error {
	opened, err := e.openElements(broken)
	if err != nil {
		return fmt.Errorf("open whether a promise was kept: %w", err)
	}
	if !opened[0].IsZero() {
		return ErrOutOfRange
	}
	return nil
}

// anyOther is zero if all entries, in units of their last bit, are integers from
// low to high, and a random number otherwise.
func (e *Engine) anyOther(s *Secret, low, high int) (*Secret, error) {
	// From here on numbers are not small, and nothing is truncated.
	centred := e.secret(s.Rows, 1, 0, 0)
	each(centred, s, func(dst, src []wide.Element) { wide.Accumulate(dst, wide.FromInt(2), src) })
	for i := range centred.share {
		e.addKnown(centred, i, wide.FromInt(int64(-low-high)))
	}
	square, err := e.one(e.Hadamard(centred, centred))
	if err != nil {
		return nil, err
	}
	fourth, err := e.one(e.Hadamard(square, square))
	if err != nil {
		return nil, err
	}
	random, err := e.fresh(s.Rows)
	if err != nil {
		return nil, err
	}
	factors := []*Secret{random}
	k := high - low
	for ; k >= 2; k -= 4 { // (x² − k²)·(x² − (k−2)²)
		a, b := float64(k*k), float64((k-2)*(k-2))
		factors = append(factors, e.AddConstant(e.Sub(fourth, e.Scale(square, a+b, 0)), a*b).Within(0))
	}
	if k >= 0 {
		factors = append(factors, e.AddConstant(square, -float64(k*k)).Within(0))
	}
	for len(factors) > 2 {
		var products []*Product
		for i := 0; i+1 < len(factors); i += 2 {
			products = append(products, e.Hadamard(factors[i], factors[i+1]))
		}
		next, err := e.Reduce(products...)
		if err != nil {
			return nil, err
		}
		factors = append(next, factors[2*len(products):]...)
	}
	return e.one(e.groupDots(factors[0], factors[1], s.Rows))
}

// Broken opens whether a promise was broken since the last call, and nothing
// else.
func (e *Engine) Broken() (bool, error) {
	if e.backend != nil {
		return false, nil // Promise has told
	}
	if e.plain {
		broke := e.checker.broke
		e.checker.broke = false
		return broke, nil
	}
	if err := e.Check(); err != nil {
		return false, err
	}
	opened, err := e.openElements(&Secret{Rows: 1, Cols: 1, share: []wide.Element{e.checker.broken}})
	if err != nil {
		return false, fmt.Errorf("open whether a promise was kept: %w", err)
	}
	e.checker.broken = wide.Element{}
	return !opened[0].IsZero(), nil
}

// groupDots multiplies entry by entry and adds up groups of neighbours.
func (e *Engine) groupDots(a, b *Secret, group int) *Product {
	p := e.product(a.Rows/group, 1, a.Bits+b.Bits, float64(group)*a.Reach*b.Reach)
	p.factors = []factor{{a: a, b: b, entries: true, group: group, times: wide.FromInt(1)}}
	for i := range p.share {
		p.share[i] = wide.Dot(a.share[i*group:(i+1)*group], b.share[i*group:(i+1)*group])
	}
	return p
}
