package spdz

import (
	"fmt"
	"math"
	"slices"

	"consilium/sharing/wide"
)

// sumBits adds numbers, planes of so many words, mod 2^width: three become two
// as long as there are three (carry-save), and the last two are added with all
// carries at once (Sklansky 1960).
func (e *Engine) sumBits(list []bitShare, width, words int) (bitShare, error) {
	for len(list) > 2 {
		var x, y, z, next []bitShare
		for len(list) > 2 {
			x, y, z = append(x, list[0]), append(y, list[1]), append(z, list[2])
			list = list[3:]
		}
		a, b, c := joined(x...), joined(y...), joined(z...)
		ac, bc := e.xor(a, c), e.xor(b, c)
		carry, err := e.and(ac, bc)
		if err != nil {
			return nil, err
		}
		carry, sum := e.xor(carry, c), e.xor(ac, b)
		for i := range x {
			from, to := i*width*words, (i+1)*width*words
			zero := e.bitShare(words)
			next = append(next, sum.part(from, to), joined(zero, carry.part(from, to-words)))
		}
		list = append(next, list...)
	}
	if len(list) == 1 {
		return list[0], nil
	}
	generate, err := e.and(list[0], list[1])
	if err != nil {
		return nil, err
	}
	half := e.xor(list[0], list[1])
	carries, err := e.carries(generate, half, width, words)
	if err != nil {
		return nil, err
	}
	return e.xor(half, joined(e.bitShare(words), carries.part(0, (width-1)*words))), nil
}

// carries finds the carry out of each plane: blocks of 1, 2, 4… planes are
// joined, the upper half of each taking the carry out of the lower.
func (e *Engine) carries(generate, propagate bitShare, width, words int) (bitShare, error) {
	g, p := joined(generate), joined(propagate)
	for block := 1; block < width; block *= 2 {
		var upper, lower []int
		for plane := range width {
			if plane&block != 0 {
				upper, lower = append(upper, plane), append(lower, plane&^(block-1)-1)
			}
		}
		pu := e.gather(p, upper, words)
		products, err := e.and(joined(pu, pu), joined(e.gather(g, lower, words), e.gather(p, lower, words)))
		if err != nil {
			return nil, err
		}
		for i, plane := range upper {
			for k := range g {
				xorWords(g[k][plane*words:(plane+1)*words], products[k][i*words:(i+1)*words])
				copy(p[k][plane*words:(plane+1)*words], products[k][(len(upper)+i)*words:])
			}
		}
	}
	return g, nil
}

func (e *Engine) gather(b bitShare, list []int, words int) bitShare {
	r := make(bitShare, len(b))
	for k := range b {
		for _, plane := range list {
			r[k] = append(r[k], b[k][plane*words:(plane+1)*words]...)
		}
	}
	return r
}

// Negative tells of each entry whether it is below zero: one or zero, without
// fraction bits. It takes 2 + ⌈log₂(bits)⌉ rounds for all matrices together,
// with what was prepared.
func (e *Engine) Negative(list ...*Secret) ([]*Secret, error) {
	if e.backend != nil {
		return nil, ErrNoComparison
	}
	results := make([]*Secret, len(list))
	if e.plain {
		for i, s := range list {
			results[i] = e.negativeClear(s)
		}
		return results, nil
	}
	numbers, width := e.flat(list)
	signs, err := e.sign(numbers, width)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	at := 0
	for i, s := range list {
		results[i] = e.secret(s.Rows, s.Cols, 0, 1)
		at += copy(results[i].share, signs[at:])
	}
	return results, nil
}

// sign is 1 for each negative number, and 0 for the others.
func (e *Engine) sign(numbers *Secret, width int) ([]wide.Element, error) {
	if e.active() {
		signs, err := e.signNumbers(numbers, width)
		if err != nil {
			return nil, err
		}
		return signs.share, nil
	}
	h, err := e.takeHider(numbers.Len(), width)
	if err != nil {
		return nil, err
	}
	bits, err := e.signBits(numbers, width, h)
	if err != nil {
		return nil, err
	}
	return e.numbersOf(bits, numbers.Len())
}

// flat puts all entries below each other, and says how many bits the widest
// has with its sign.
func (e *Engine) flat(list []*Secret) (*Secret, int) {
	width := 2
	all := &Secret{Cols: 1}
	for _, s := range list {
		if s.Reach > 0 {
			width = max(width, math.Ilogb(s.Reach)+2+s.Bits)
		}
		all.share = append(all.share, s.share...)
	}
	all.Rows = len(all.share)
	return all, width
}

// signBits opens m = x + r, and finds the sign of m − r from their low bits.
func (e *Engine) signBits(x *Secret, width int, h *hider) (bitShare, error) {
	if width > e.magnitude {
		return nil, &RangeError{Range{Name: "a comparison", Needed: width, Available: e.magnitude}}
	}
	message := make([]wide.Element, len(x.share))
	if e.sender() {
		wide.Accumulate(message, e.lagrange[e.self], x.share)
	}
	for _, r := range h.adds {
		wide.AddTo(message, r[:len(message)])
	}
	m, err := e.openMasked(message)
	if err != nil {
		return nil, err
	}
	offset := wide.PowerOfTwo(e.magnitude) // 0 mod 2^width
	for i := range m {
		m[i] = wide.Add(m[i], offset)
	}
	low := make([]uint64, width*h.words)
	planes(low, m, width)
	borrow, err := e.borrow(low[:(width-1)*h.words], h.low, width-1, h.words)
	if err != nil {
		return nil, err
	}
	top := h.low.part((width-1)*h.words, width*h.words)
	return e.xorPublic(e.xor(top, borrow), low[(width-1)*h.words:]), nil
}

// borrow says whether public m is below shared r: neighbouring planes are
// joined until one is left.
func (e *Engine) borrow(m []uint64, r bitShare, width, words int) (bitShare, error) {
	r = r.part(0, width*words)
	not := make([]uint64, len(m))
	for i := range m {
		not[i] = ^m[i]
	}
	g := e.andPublic(r, not) // r is one and m zero here
	p := e.xorPublic(r, not) // they are equal here
	for width > 1 {
		var upper, lower []int
		for plane := 0; plane+1 < width; plane += 2 {
			lower, upper = append(lower, plane), append(upper, plane+1)
		}
		pu := e.gather(p, upper, words)
		products, err := e.and(joined(pu, pu), joined(e.gather(g, lower, words), e.gather(p, lower, words)))
		if err != nil {
			return nil, err
		}
		half := len(upper) * words
		ng, np := e.xor(e.gather(g, upper, words), products.part(0, half)), products.part(half, 2*half)
		if width%2 == 1 {
			last := []int{width - 1}
			ng, np = joined(ng, e.gather(g, last, words)), joined(np, e.gather(p, last, words))
		}
		g, p, width = ng, np, (width+1)/2
	}
	return g, nil
}

// additive is this party's part of the exclusive or of all sets' numbers.
func (e *Engine) additive(b bitShare) []uint64 {
	sum := make([]uint64, len(b[0]))
	for k, set := range e.mine {
		if set.adds {
			xorWords(sum, b[k])
		}
	}
	return sum
}

func (e *Engine) negativeClear(s *Secret) *Secret {
	r := e.secret(s.Rows, s.Cols, 0, 1)
	for i := range r.share {
		v := s.value(i)
		if v < 0 {
			r.share[i] = wide.FromInt(1)
		}
		if s.err != nil && math.Abs(v) <= s.err[i] {
			r.err[i] = 1 // on shares it may be the other
		}
	}
	return r
}

// AnyBeyond opens whether some entry of the matrices is beyond ±limit, and
// nothing else.
func (e *Engine) AnyBeyond(limit float64, list ...*Secret) (bool, error) {
	if e.backend != nil {
		return false, ErrNoComparison
	}
	var sides []*Secret
	for _, s := range list {
		sides = append(sides, e.AddConstant(s, limit), e.AddConstant(e.Negate(s), limit))
	}
	if e.plain {
		return slices.ContainsFunc(sides, e.anyNegative), nil
	}
	numbers, width := e.flat(sides)
	if e.active() {
		signs, err := e.signNumbers(numbers, width)
		if err != nil {
			return false, fmt.Errorf("compare with a limit: %w", err)
		}
		return e.anyNumber(signs)
	}
	h, err := e.takeHider(len(numbers.share), width)
	if err != nil {
		return false, err
	}
	sign, err := e.signBits(numbers, width, h)
	if err != nil {
		return false, fmt.Errorf("compare with a limit: %w", err)
	}
	if tail := len(numbers.share) % 64; tail > 0 { // the last word's empty places
		for k := range sign {
			sign[k][h.words-1] &= 1<<tail - 1
		}
	}
	return e.openAny(sign)
}

func (e *Engine) anyNegative(s *Secret) bool {
	for i := range s.share {
		if s.value(i) < 0 {
			return true
		}
	}
	return false
}
