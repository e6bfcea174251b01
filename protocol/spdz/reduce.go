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
	if e.strict() {
		if err := e.Check(); err != nil {
			return nil, err
		}
	}
	results, products2t := make([]*Secret, len(products)), make([][]wide.Element, len(products))
	message := make([]wide.Element, 0, total)
	for i, p := range products {
		results[i] = e.secret(p.rows, p.cols, min(p.bits, p.keep), p.reach)
		if e.active() {
			products2t[i] = make([]wide.Element, len(p.share))
		}
		message = append(message, e.masked(p, results[i], products2t[i])...)
	}
	opened, err := e.openMasked(message)
	if err != nil {
		return nil, fmt.Errorf("reduce products: %w", err)
	}
	for i, p := range products {
		m := opened[:len(p.share)]
		opened = opened[len(p.share):]
		if e.active() {
			e.record(p, products2t[i], m)
		}
		e.unmask(p, results[i], m)
	}
	return results, nil
}

// record keeps what has to be checked: the product before truncation, of which
// whole holds the share of −r, without what was added to it.
func (e *Engine) record(p *Product, whole, m []wide.Element) {
	wide.AddTo(whole, m)
	if p.linear != nil {
		wide.SubTo(whole, p.linear)
	}
	e.checker.records = append(e.checker.records, record{factors: p.factors, z: whole})
}

// masked is what this party adds to the sum m = xy + r that is opened. It
// leaves its share of −(r≫s) in result, and that of −r in whole, if there is
// one.
func (e *Engine) masked(p *Product, result *Secret, whole []wide.Element) []wide.Element {
	d := make([]wide.Element, len(p.share))
	if e.sender() {
		wide.Accumulate(d, e.lagrange, p.share)
	}
	shift := uint(p.bits - result.Bits)
	for _, k := range e.mine {
		e.drawMasks(k, d, result.share, whole, shift)
	}
	return d
}

// drawMasks draws the set's numbers r, adds them to d where this party is the
// one to do so, and takes r≫s from share and r from whole, with the set's
// weight.
func (e *Engine) drawMasks(k *keyed, d, share, whole []wide.Element, shift uint) {
	width := e.magnitude + e.Hiding
	if shift == 0 {
		width = wide.Bits
	}
	minus := wide.Neg(k.weight)
	for i := range d {
		r := k.masks.Below(width)
		if k.adds {
			d[i] = wide.Add(d[i], r)
		}
		share[i] = wide.Add(share[i], wide.Mul(minus, r.Shift(shift)))
		if whole != nil {
			whole[i] = wide.Add(whole[i], wide.Mul(minus, r))
		}
	}
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
	if e.active() {
		e.checker.transcript.Write(wide.Append(nil, message))
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
		shift := p.bits - r.Bits
		if shift == 0 {
			continue
		}
		offset, back := e.offset(shift, 0)
		for j, v := range r.share {
			r.share[j] = wide.Sub(wide.Add(v, offset).Shift(uint(shift)), back)
			r.err[j] += e.TruncationError(r.Bits)
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
