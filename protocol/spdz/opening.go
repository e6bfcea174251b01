package spdz

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"consilium/sharing/wide"
)

// Shape is the public size of an input.
type Shape struct {
	Rows, Cols int
}

// Input shares one matrix of every party: shapes, by party from 1, 0 unused, are
// known to all; values are this party's own, by rows, none beyond reach, which
// all prove unless the engine is passive. It takes one round, and 16 bytes an
// entry to each other party; with the proof six rounds.
func (e *Engine) Input(shapes []Shape, values []float64, reach float64) ([]*Secret, error) {
	if e.plain {
		return nil, fmt.Errorf("share inputs: in the clear, use Constant")
	}
	own := shapes[e.self]
	if len(values) != own.Rows*own.Cols {
		return nil, fmt.Errorf("share inputs: %d values for %d×%d", len(values), own.Rows, own.Cols)
	}
	secrets := make([]wide.Element, len(values))
	for i, v := range values {
		if !(math.Abs(v) <= reach) {
			return nil, fmt.Errorf("share inputs: value %d is beyond %v", i, reach)
		}
		secrets[i] = fixed(v, e.Fraction)
	}
	if e.backend != nil {
		return e.inputOn(shapes, secrets, reach)
	}
	list, err := e.inputElements(shapes, secrets, e.Fraction, reach+math.Ldexp(0.5, -e.Fraction))
	if err == nil && e.active() {
		err = e.proveRanges(secrets, list)
	}
	if err != nil {
		return nil, fmt.Errorf("share inputs: %w", err)
	}
	return list, nil
}

func (e *Engine) inputElements(shapes []Shape, secrets []wide.Element, fraction int, reach float64) ([]*Secret, error) {
	list := make([]*Secret, e.n+1)
	for party := 1; party <= e.n; party++ {
		list[party] = e.secret(shapes[party].Rows, shapes[party].Cols, fraction, reach)
	}
	if e.backend != nil {
		return list, e.dealOn(shapes, secrets, list, 0)
	}
	return list, e.shareOut(secrets, list)
}

// Sum opens the sum of one list of integers of every party, all of one length
// and below 2^Magnitude together, and nothing else.
func (e *Engine) Sum(values []int64) ([]int64, error) {
	shapes := make([]Shape, e.n+1)
	for party := 1; party <= e.n; party++ {
		shapes[party] = Shape{Rows: len(values), Cols: 1}
	}
	secrets := make([]wide.Element, len(values))
	for i, v := range values {
		secrets[i] = wide.FromInt(v)
	}
	list, err := e.inputElements(shapes, secrets, 0, math.Ldexp(1, 62))
	if err != nil {
		return nil, err
	}
	sum := list[1]
	for _, s := range list[2:] {
		sum = e.Add(sum, s)
	}
	if err := e.Check(); err != nil {
		return nil, err
	}
	opened, err := e.openElements(sum)
	if err != nil {
		return nil, fmt.Errorf("open a sum: %w", err)
	}
	sums := make([]int64, len(opened))
	for i, v := range opened {
		var fits bool
		if sums[i], fits = v.Int(); !fits {
			return nil, fmt.Errorf("open a sum: value %d has more than 64 bits; somebody shared a number that is out of range", i)
		}
	}
	return sums, nil
}

// shareOut deals this party's elements, and fills list with the shares of what
// each party deals: a random secret that the dealer knows, out of the seeds that
// it shares, and what it is off, which the dealer tells everybody. So no liar
// can deal what is on no polynomial of degree t.
func (e *Engine) shareOut(secrets []wide.Element, list []*Secret) error {
	before, off := e.checker.view, append([]wide.Element(nil), secrets...)
	for dealer := 1; dealer <= e.n; dealer++ { // in one order everywhere
		share := list[dealer].share
		for _, k := range e.mine {
			if !k.has(dealer) {
				continue
			}
			for i := range share {
				r := k.uniform.Element()
				share[i] = wide.Add(share[i], wide.Mul(k.weight, r))
				if dealer == e.self {
					off[i] = wide.Sub(off[i], r)
				}
			}
		}
	}
	if len(off) > 0 {
		e.tell(wide.Append(make([]byte, 0, wide.Size*len(off)), off))
	}
	for dealer := 1; dealer <= e.n; dealer++ {
		share := list[dealer].share
		told := off
		switch {
		case len(share) == 0:
			continue
		case dealer != e.self:
			told = make([]wide.Element, len(share))
			if err := e.receiveElements(dealer, told); err != nil {
				return err
			}
		}
		wide.AddTo(share, told)
		if e.active() {
			body := wide.Append(nil, told)
			e.checker.dealt[dealer] = before
			e.checker.dealt[dealer].absorb(dealer, body)
			e.checker.view.absorb(dealer, body)
			e.checker.pending = true
		}
	}
	return nil
}

// Open tells everybody the numbers. Shares that do not lie on one polynomial of
// degree t are an error: with 2t+1 parties, t liars cannot put theirs on
// another.
func (e *Engine) Open(s *Secret) ([]float64, error) {
	if e.plain {
		return s.floats(s.share), nil
	}
	if err := e.Check(); err != nil {
		return nil, err
	}
	opened, err := e.openElements(s)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return s.floats(opened), nil
}

// OpenTo tells one party the numbers; the others get nil.
func (e *Engine) OpenTo(party int, s *Secret) ([]float64, error) {
	if e.plain {
		return s.floats(s.share), nil
	}
	if e.backend != nil {
		opened, err := e.backend.OpenTo(party, s.Shares())
		if err != nil || opened == nil {
			return nil, err
		}
		return s.floats(opened), nil
	}
	if err := e.Check(); err != nil {
		return nil, err
	}
	if party != e.self {
		e.send(party, wide.Append(nil, s.share))
		return nil, nil
	}
	opened, err := e.collectElements(s)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return s.floats(opened), nil
}

func (e *Engine) collectElements(s *Secret) ([]wide.Element, error) {
	shares := make([][]wide.Element, e.n+1)
	for j := 1; j <= e.n; j++ {
		shares[j] = s.share
		if j == e.self {
			continue
		}
		shares[j] = make([]wide.Element, s.Len())
		if err := e.receiveElements(j, shares[j]); err != nil {
			return nil, err
		}
	}
	return e.interpolate(shares)
}

// interpolate finds the secrets of shares by party, and refuses those that lie
// on no polynomial of degree t.
func (e *Engine) interpolate(shares [][]wide.Element) ([]wide.Element, error) {
	first := shares[1 : e.Threshold+2]
	for i, row := range e.vanishing {
		predicted := weighted(row, first)
		for k, v := range shares[e.Threshold+2+i] {
			if predicted[k] != v {
				return nil, &CheatError{What: "opened a wrong share"}
			}
		}
	}
	return weighted(e.combine, first), nil
}

// weighted is Σ row[i]·lists[i].
func weighted(row []wide.Element, lists [][]wide.Element) []wide.Element {
	sum := make([]wide.Element, len(lists[0]))
	for i, c := range row {
		wide.Accumulate(sum, c, lists[i])
	}
	return sum
}

func (s *Secret) floats(elements []wide.Element) []float64 {
	values := make([]float64, len(elements))
	for i, v := range elements {
		values[i] = math.Ldexp(v.Float(), -s.Bits)
	}
	return values
}

// Announce tells everybody a public count, and returns those of all parties, 0
// unused. Who tells two different ones is noticed.
func (e *Engine) Announce(count int) ([]int, error) {
	bodies, err := e.broadcast(binary.LittleEndian.AppendUint32(nil, uint32(count)))
	if err != nil {
		return nil, fmt.Errorf("announce: %w", err)
	}
	counts := make([]int, e.n+1)
	for party := 1; party <= e.n; party++ {
		if len(bodies[party]) != 4 {
			return nil, &CheatError{Party: party, What: "announced what is no count"}
		}
		counts[party] = int(binary.LittleEndian.Uint32(bodies[party]))
	}
	return counts, nil
}

// broadcast tells everybody the same, and makes sure of it.
func (e *Engine) broadcast(body []byte) ([][]byte, error) {
	e.cost.Bytes += int64((e.n - 1) * (len(body) + sha256.Size))
	e.cost.Messages += int64(2 * (e.n - 1))
	return e.channel.Broadcast(body)
}
