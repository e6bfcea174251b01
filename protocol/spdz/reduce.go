package spdz

import (
	"fmt"
	"math"

	"consilium/sharing/wide"
)

// Reduce makes secrets of products, all in one round. Those with more than the
// engine's fraction bits are truncated to them (or to those of Keep).
func (e *Engine) Reduce(products ...*Product) ([]*Secret, error) {
	riders := e.riders
	e.riders = nil
	for _, r := range riders {
		products = append(products, r.product)
	}
	results, err := e.reduce(products)
	if err != nil {
		return nil, err
	}
	own := len(results) - len(riders)
	for i, r := range riders {
		*r.to = results[own+i]
	}
	return results[:own], nil
}

// Later reduces a product in the round of the next Reduce.
func (e *Engine) Later(p *Product, to **Secret) { e.riders = append(e.riders, rider{p, to}) }

type rider struct {
	product *Product
	to      **Secret
}

func (e *Engine) reduce(products []*Product) ([]*Secret, error) {
	total := 0
	for _, p := range products {
		if err := e.fit(p.reach, p.bits); err != nil {
			return nil, err
		}
		total += len(p.share)
	}
	e.cost.Reductions += int64(total)
	if e.plain {
		return e.reduceClear(products), nil
	}
	if e.backend != nil {
		return e.reduceOn(products)
	}
	results, masks := make([]*Secret, len(products)), make([]wide.Element, total)
	at := 0
	for i, p := range products {
		results[i] = e.secret(p.rows, p.cols, min(p.bits, p.keep), p.reach)
		e.drawMasks(masks[at:at+len(p.share)], results[i].share, uint(p.bits-results[i].Bits))
		at += len(p.share)
	}
	open := e.openProven
	if e.Passive {
		open = e.openTrusting
	}
	opened, err := open(products, masks)
	if err != nil {
		return nil, fmt.Errorf("reduce products: %w", err)
	}
	for i, p := range products {
		e.unmask(p, results[i], opened[:len(p.share)])
		opened = opened[len(p.share):]
	}
	return results, nil
}

// drawMasks draws numbers r and takes this party's points of r≫s from share. In
// masks it leaves its points of r; in the passive engine, those of the sets'
// numbers that it is the one to add.
func (e *Engine) drawMasks(masks, share []wide.Element, shift uint) {
	width := e.magnitude + e.Hiding
	for _, k := range e.mine {
		minus, x := wide.Neg(k.weight), k.masks
		if shift == 0 {
			width, x = wide.Bits, k.uniform
		}
		for i := range masks {
			r := x.Below(width)
			share[i] = wide.Add(share[i], wide.Mul(minus, r.Shift(shift)))
			switch {
			case !e.Passive:
				masks[i] = wide.Add(masks[i], wide.Mul(k.weight, r))
			case k.adds:
				masks[i] = wide.Add(masks[i], r)
			}
		}
	}
}

// openTrusting opens products plus masks, where everybody follows the protocol.
func (e *Engine) openTrusting(products []*Product, masks []wide.Element) ([]wide.Element, error) {
	if e.sender() {
		at := 0
		for _, p := range products {
			wide.Accumulate(masks[at:at+len(p.share)], e.lagrange[e.self], p.share)
			at += len(p.share)
		}
	}
	return e.openMasked(masks)
}

// openMasked adds up what the senders have, so that everybody learns the sum
// and nothing else: each pair of senders hides its messages by numbers that
// cancel.
func (e *Engine) openMasked(message []wide.Element) ([]wide.Element, error) {
	if e.sender() {
		for _, j := range e.senders {
			if j != e.self {
				e.addZeros(message, j)
			}
		}
		e.tell(wide.Append(make([]byte, 0, wide.Size*len(message)), message))
	} else {
		clear(message)
	}
	from := make([]wide.Element, len(message))
	for _, j := range e.senders {
		if j == e.self {
			continue
		}
		if err := e.receiveElements(j, from); err != nil {
			return nil, err
		}
		wide.AddTo(message, from)
	}
	return message, nil
}

func (e *Engine) addZeros(message []wide.Element, other int) {
	zeros := e.pairs[other].zeros
	for i := range message {
		z := zeros.Element()
		if other > e.self {
			z = wide.Neg(z)
		}
		message[i] = wide.Add(message[i], z)
	}
}

// receiveElements fills dst from a party's message.
func (e *Engine) receiveElements(from int, dst []wide.Element) error {
	body, err := e.channel.Receive(from)
	if err != nil {
		return err
	}
	if err := wide.Decode(dst, body); err != nil {
		return &CheatError{Party: from, What: "sent what is no list of elements"}
	}
	return nil
}

// unmask completes result, which holds the share of −(r≫s), from the opened m.
// With C sets, the low bits of their numbers add C/2 ulp on average; the
// constant takes that off, and rounds.
func (e *Engine) unmask(p *Product, result *Secret, m []wide.Element) {
	shift := p.bits - result.Bits
	if shift == 0 {
		wide.AddTo(result.share, m)
		return
	}
	offset, back := e.offset(shift, len(e.sets))
	for i := range m {
		high := wide.Add(m[i], offset).Shift(uint(shift))
		result.share[i] = wide.Add(result.share[i], wide.Sub(high, back))
	}
}

// offset makes numbers positive before the shift, and what that comes to behind
// it: 2ᵏ + 2ˢ⁻¹ − masks·2ˢ⁻¹, and 2ᵏ⁻ˢ.
func (e *Engine) offset(shift, masks int) (offset, back wide.Element) {
	half := wide.PowerOfTwo(shift - 1)
	offset = wide.Add(wide.PowerOfTwo(e.magnitude), half)
	offset = wide.Sub(offset, wide.Mul(half, wide.FromInt(int64(masks))))
	return offset, wide.PowerOfTwo(e.magnitude - shift)
}

// reduceClear is Reduce in the clear.
func (e *Engine) reduceClear(products []*Product) []*Secret {
	results := make([]*Secret, len(products))
	for i, p := range products {
		r := e.secret(p.rows, p.cols, min(p.bits, p.keep), p.reach)
		copy(r.err, p.err)
		copy(r.share, p.share)
		results[i] = r
		if shift := p.bits - r.Bits; shift > 0 {
			e.truncate(r.share, shift)
			for j := range r.err {
				r.err[j] += e.TruncationError(r.Bits)
			}
		}
	}
	return results
}

// TruncationError bounds the difference between a number truncated to so many
// bits on shares and in the clear: C/2 ulp and a half there for the low bits of C numbers and
// rounding, and half a ulp here.
func (e *Engine) TruncationError(fraction int) float64 {
	return math.Ldexp(float64(len(e.sets))/2+1, -fraction)
}
