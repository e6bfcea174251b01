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
// all prove unless the engine is passive. It takes one round, and 16 bytes an entry for all but the first t others, who
// draw their shares from a seed that they have in common with the dealer.
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
	if err := e.shareOut(secrets, list); err != nil {
		return nil, err
	}
	if e.active() {
		e.checker.dealt = append(e.checker.dealt, list[1:]...)
	}
	return list, nil
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
// each party deals.
func (e *Engine) shareOut(secrets []wide.Element, list []*Secret) error {
	if err := e.deal(secrets, list[e.self].share); err != nil {
		return err
	}
	for dealer := 1; dealer <= e.n; dealer++ {
		switch {
		case dealer == e.self || list[dealer].Len() == 0:
		case e.drawn(dealer, e.self):
			e.pairs[dealer].receiving.Fill(list[dealer].share)
		default:
			if err := e.receiveElements(dealer, list[dealer].share); err != nil {
				return err
			}
		}
	}
	return nil
}

// drawn says whether a party draws the shares that a dealer deals it.
func (e *Engine) drawn(dealer, party int) bool {
	before := party
	if party > dealer {
		before--
	}
	return before <= e.Threshold
}

// deal sends the shares of secrets to all others but those who draw theirs: the
// polynomial goes through the secret at 0 and their shares.
func (e *Engine) deal(secrets, own []wide.Element) error {
	if len(secrets) == 0 {
		return nil
	}
	xs, points := []int{0}, [][]wide.Element{secrets}
	for j := 1; j <= e.n; j++ {
		if j != e.self && e.drawn(e.self, j) {
			drawn := make([]wide.Element, len(secrets))
			e.pairs[j].dealing.Fill(drawn)
			xs, points = append(xs, j), append(points, drawn)
		}
	}
	for j := 1; j <= e.n; j++ {
		if j != e.self && e.drawn(e.self, j) {
			continue
		}
		lambda, err := wide.Lagrange(xs, j)
		if err != nil {
			return err
		}
		share := own
		if j != e.self {
			share = make([]wide.Element, len(secrets))
		}
		for i, c := range lambda {
			wide.Accumulate(share, c, points[i])
		}
		if j != e.self {
			e.send(j, wide.Append(make([]byte, 0, wide.Size*len(share)), share))
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
	bodies, err := e.channel.Broadcast(binary.LittleEndian.AppendUint32(nil, uint32(count)))
	if err != nil {
		return nil, fmt.Errorf("announce: %w", err)
	}
	e.cost.Bytes += int64((e.n - 1) * (4 + sha256.Size))
	e.cost.Messages += int64(2 * (e.n - 1))
	counts := make([]int, e.n+1)
	for party := 1; party <= e.n; party++ {
		if len(bodies[party]) != 4 {
			return nil, &CheatError{Party: party, What: "announced what is no count"}
		}
		counts[party] = int(binary.LittleEndian.Uint32(bodies[party]))
	}
	return counts, nil
}
