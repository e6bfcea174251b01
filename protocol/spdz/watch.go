package spdz

import (
	"math"

	"consilium/sharing/wide"
)

// AnyNear opens whether entries come near ±1: yes if one is beyond, no if all
// are within ½; between, it may say either. Where others may lie, a comparison
// of each entry is dear (AnyBeyond), so one stands for many: the sum of the
// eighth powers of 64 entries, or of the fourth powers of 16 where eighth powers
// would not fit, is compared with 1; and where neither fits, each entry is.
func (e *Engine) AnyNear(list ...*Secret) (bool, error) {
	if e.backend != nil {
		return false, ErrNoComparison
	}
	total, reach, fraction := 0, 0.0, 0
	for _, s := range list {
		total += s.Len()
		reach, fraction = max(reach, s.Reach), max(fraction, s.Bits)
	}
	power, group, keep := e.watching(reach, fraction)
	if power == 1 {
		return e.AnyBeyond(1, list...)
	}
	all := e.secret((total+group-1)/group*group, 1, fraction, reach)
	at := 0
	for _, s := range list {
		up := e.raised(s, fraction)
		copy(all.err[min(at, len(all.err)):], up.err)
		at += copy(all.share[at:], up.share)
	}
	e.Name("range guard")
	var err error
	for ; power > 2; power /= 2 {
		if all, err = e.one(e.Hadamard(all, all).Keep(keep)); err != nil {
			return false, err
		}
	}
	sums, err := e.one(e.groupDots(all, all, group).Keep(keep))
	if err != nil {
		return false, err
	}
	over := e.AddConstant(e.Negate(sums), 1)
	if e.plain {
		return e.anyNegative(over), nil
	}
	numbers, width := e.flat([]*Secret{over})
	signs, err := e.sign(numbers, width)
	if err != nil {
		return false, err
	}
	return e.anyNumber(&Secret{Rows: len(signs), Cols: 1, Reach: 1, share: signs})
}

// watching chooses the power, how many entries share a comparison, and the bits
// behind the point on the way, which need only tell ½ from 1: 1 and 1 where no
// power fits.
func (e *Engine) watching(reach float64, fraction int) (power, group, keep int) {
	before := math.Log2(max(1, reach)) + 0.01
	for _, c := range []struct{ power, group, bits, keep int }{{8, 64, 6, 8}, {4, 16, 4, 8}, {4, 16, 4, 6}} {
		last := float64(c.power)*before + float64(c.bits+2*c.keep)
		if first := 2 * (before + float64(fraction)); max(first, last)+2 <= float64(e.magnitude) {
			return c.power, c.group, c.keep
		}
	}
	return 1, 1, e.Fraction
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

func (e *Engine) anyNegative(s *Secret) bool {
	for i := range s.share {
		if s.value(i) < 0 {
			return true
		}
	}
	return false
}
