package spdz

import (
	"fmt"

	"consilium/sharing/wide"
)

// signNumbers is what Negative does where others may lie: all bits are numbers,
// 0 or 1, and their products are checked as all others. It takes about
// 4·width products for a number, where bits of their own take 10 bytes.
func (e *Engine) signNumbers(x *Secret, width int) (*Secret, error) {
	if width >= e.magnitude {
		return nil, &RangeError{Range{Name: "a comparison", Needed: width, Available: e.magnitude}}
	}
	count := x.Len()
	padded := (count + 63) / 64 * 64
	c, err := e.takeCoins(padded / 64 * width)
	if err != nil {
		return nil, err
	}
	bit := make([]*Secret, width)
	hidden := e.secret(count, 1, 0, 0)
	copy(hidden.share, x.share)
	for p := range bit {
		bit[p] = c.numbers.Part(p*padded, p*padded+count)
		wide.Accumulate(hidden.share, wide.PowerOfTwo(p), bit[p].share)
	}
	for _, k := range e.mine {
		times := wide.Mul(k.weight, wide.PowerOfTwo(width))
		for i := range hidden.share {
			high := k.hiders.Below(e.magnitude + e.Hiding - width)
			hidden.share[i] = wide.Add(hidden.share[i], wide.Mul(times, high))
		}
	}
	m, err := e.openProven([]*Product{e.linear(hidden)}, make([]wide.Element, count))
	if err != nil {
		return nil, err
	}
	for i := range m {
		m[i] = wide.Add(m[i], wide.PowerOfTwo(e.magnitude))
	}
	borrow, err := e.borrowNumbers(m, bit[:width-1])
	if err != nil {
		return nil, err
	}
	top := e.flipped(bit[width-1], m, width-1)
	sign, err := e.one(e.Hadamard(top, borrow).Times(-2, 0).PlusSecret(e, e.Add(top, borrow)))
	if err != nil {
		return nil, err
	}
	return sign.Within(1), nil
}

// flipped is s⊕(bit p of m), m public.
func (e *Engine) flipped(s *Secret, m []wide.Element, p int) *Secret {
	r := e.secret(s.Rows, 1, 0, 1)
	for i := range r.share {
		b := wide.Element{Lo: bitOf(m[i], p)}
		r.share[i] = wide.Add(b, wide.Mul(wide.Sub(wide.FromInt(1), wide.Add(b, b)), s.share[i]))
	}
	return r
}

// borrowNumbers says whether m is below the number with these bits.
func (e *Engine) borrowNumbers(m []wide.Element, bit []*Secret) (*Secret, error) {
	generate, propagate := make([]*Secret, len(bit)), make([]*Secret, len(bit))
	for p, s := range bit {
		generate[p] = e.secret(s.Rows, 1, 0, 1)
		for i := range m {
			generate[p].share[i] = wide.Mul(wide.Element{Lo: 1 - bitOf(m[i], p)}, s.share[i])
		}
		propagate[p] = e.AddConstant(e.Negate(e.flipped(s, m, p)), 1).Within(1)
	}
	for len(bit) > 1 {
		half := len(bit) / 2
		upper, g, p := make([]*Secret, half), make([]*Secret, half), make([]*Secret, half)
		for i := range half {
			upper[i], g[i], p[i] = propagate[2*i+1], generate[2*i], propagate[2*i]
		}
		u := e.Stack(upper...)
		list, err := e.Reduce(e.Hadamard(u, e.Stack(g...)), e.Hadamard(u, e.Stack(p...)))
		if err != nil {
			return nil, err
		}
		rows := len(m)
		var nextG, nextP []*Secret
		for i := range half {
			// A bit does not both generate and propagate.
			nextG = append(nextG, e.Add(generate[2*i+1], list[0].Part(i*rows, (i+1)*rows)).Within(1))
			nextP = append(nextP, list[1].Part(i*rows, (i+1)*rows))
		}
		if len(bit)%2 == 1 {
			nextG, nextP = append(nextG, generate[len(bit)-1]), append(nextP, propagate[len(bit)-1])
		}
		generate, propagate, bit = nextG, nextP, bit[:len(nextG)]
	}
	return generate[0], nil
}

func bitOf(v wide.Element, p int) uint64 {
	if p >= 64 {
		return v.Hi >> (p - 64) & 1
	}
	return v.Lo >> p & 1
}

// anyNumber opens whether some of the numbers is not zero: their sum, each times
// a random number, is.
func (e *Engine) anyNumber(numbers *Secret) (bool, error) {
	numbers = numbers.Within(0)
	random, err := e.fresh(numbers.Rows)
	if err != nil {
		return false, err
	}
	hidden, err := e.one(e.groupDots(numbers, random, numbers.Rows))
	if err != nil {
		return false, err
	}
	if err := e.Check(); err != nil {
		return false, err
	}
	opened, err := e.openElements(hidden)
	if err != nil {
		return false, fmt.Errorf("open a comparison: %w", err)
	}
	return !opened[0].IsZero(), nil
}
