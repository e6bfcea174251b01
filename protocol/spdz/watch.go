package spdz

import (
	"math"
	"math/bits"
	"slices"

	"consilium/sharing/wide"
)

// AnyOutside opens whether entries leave [−1, 1]: yes if one does, no if all are
// within ±0.83; between, it may say either. Where others may lie, a comparison of
// each entry (AnyBeyond) is dear. So first entries are taken together: squares
// are added up by fours, and so again, as often as it fits. A sum is below 0.4 if
// all entries are within ½, which opens, and is all in most cases; it is above
// 0.9 if one is beyond 1. Otherwise a few bits of each entry's square tell.
func (e *Engine) AnyOutside(list ...*Secret) (bool, error) {
	total, reach, fraction := 0, 0.0, 0
	for _, s := range list {
		total += s.Len()
		reach, fraction = max(reach, s.Reach), max(fraction, s.Bits)
	}
	times := e.squarings(reach, fraction)
	if times == 0 {
		return e.AnyBeyond(1, list...)
	}
	group := 1 << (2 * (times - 1))
	all := e.secret((total+group-1)/group*group, 1, fraction, reach)
	at := 0
	for _, s := range list {
		up := e.raised(s, fraction)
		copy(all.err[min(at, len(all.err)):], up.err)
		each(all, up, func(dst, src []wide.Element) { copy(dst[at:], src) })
		at += up.Len()
	}
	e.Name("range guard")
	sums, err := e.squareSums(all, times)
	if err != nil {
		return false, err
	}
	if near, err := e.anyLarge(sums, 0.4); err != nil || !near {
		return false, err
	}
	if len(e.sets) > mostSets {
		return e.AnyBeyond(1, list...)
	}
	squares, err := e.one(e.Hadamard(all, all).Keep(e.unitBits() + 1))
	if err != nil {
		return false, err
	}
	return e.anyLarge(squares, 0.7)
}

// mostSets is up to how many sets a product over all integers that a square may
// be is cheaper than a comparison by bits.
const mostSets = 80

// squareSums adds up squares by fours, and so again.
func (e *Engine) squareSums(all *Secret, times int) (*Secret, error) {
	var err error
	for step := range times {
		group, keep := 4, e.squareBits()
		if step == 0 {
			group = 1
		}
		if step == times-1 {
			keep = e.unitBits()
		}
		if all, err = e.one(e.groupDots(all, all, group).Keep(keep)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// squareBits are kept of a square: truncation moves it by 2⁻⁶ at most.
func (e *Engine) squareBits() int { return bits.Len(uint(len(e.sets))) + 5 }

// unitBits are kept of the last sums: truncation moves them by a quarter at most;
// with one bit more, by an eighth.
func (e *Engine) unitBits() int { return bits.Len(uint(len(e.sets))) + 1 }

// squarings is how often entries can be squared, and added up by fours, before
// they leave the field: three times, two, or 0 for never.
func (e *Engine) squarings(reach float64, fraction int) int {
	before := math.Log2(max(1, reach)) + 0.01
	if 2*(before+float64(fraction))+2 > float64(e.magnitude) {
		return 0
	}
	rest := float64(e.magnitude - 2*e.squareBits() - 2)
	switch {
	case 8*before+6 <= rest:
		return 3
	case 4*before+2 <= rest:
		return 2
	}
	return 0
}

// anyLarge opens whether some sum is above the limit: yes if it is so by twice
// what truncation can make, no if all are below. In units of the last bit those
// below are one of a few integers, so a product over them is zero; what opens is
// the sum of all products, each times a random number.
func (e *Engine) anyLarge(sums *Secret, limit float64) (bool, error) {
	off := float64(len(e.sets)+1) / 2 // truncation moves a sum by so many units at most
	low, high := int(-off), int(limit*math.Ldexp(1, sums.Bits)+off)
	if e.plain {
		return slices.ContainsFunc(sums.share, func(v wide.Element) bool {
			n, fits := v.Int()
			return !fits || n < int64(low) || n > int64(high)
		}), nil
	}
	// From here on numbers are not small, and nothing is truncated.
	units := e.secret(sums.Rows, 1, 0, 0)
	each(units, sums, func(dst, src []wide.Element) { wide.Accumulate(dst, wide.FromInt(2), src) })
	for i := range units.share {
		e.addKnown(units, i, wide.FromInt(int64(-low-high)))
	}
	square, err := e.one(e.Hadamard(units, units))
	if err != nil {
		return false, err
	}
	var factors []*Secret
	for k := high - low; k >= 0; k -= 2 {
		factors = append(factors, e.AddConstant(square, -float64(k*k)).Within(0))
	}
	for len(factors) > 1 {
		var products []*Product
		for i := 0; i+1 < len(factors); i += 2 {
			products = append(products, e.Hadamard(factors[i], factors[i+1]))
		}
		next, err := e.Reduce(products...)
		if err != nil {
			return false, err
		}
		factors = append(next, factors[2*len(products):]...)
	}
	return e.anyNumber(factors[0])
}

// groupDots multiplies entry by entry and adds up groups of neighbours.
func (e *Engine) groupDots(a, b *Secret, group int) *Product {
	p := e.product(a.Rows/group, 1, a.Bits+b.Bits, float64(group)*a.Reach*b.Reach)
	p.factors = []factor{{a: a, b: b, entries: true, group: group, times: wide.FromInt(1)}}
	for i := range p.share {
		p.share[i] = wide.Dot(a.share[i*group:(i+1)*group], b.share[i*group:(i+1)*group])
	}
	for i := range a.err {
		p.err[i/group] += productError(a, b, i, i)
	}
	return p
}
