package dishonest

import (
	"fmt"
	"math/bits"

	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// Input shares one list of every party: see spdz.Backend. Numbers with a width are
// shared digit by digit, and proved to be what the digits can be.
func (p *party) Input(counts []int, own []wide.Element, width int) ([]spdz.Shares, error) {
	if width == 0 {
		return p.inputUnproved(counts, own)
	}
	offset := wide.PowerOfTwo(width)
	numbers := make([]wide.Element, len(own))
	for i, v := range own {
		numbers[i] = wide.Add(v, offset)
		if bitLen(numbers[i]) > width+1 {
			return nil, fmt.Errorf("number %d is not below 2^%d", i, width)
		}
	}
	list, err := p.dealDigits("inputs", numbers, counts, []int{width + 1})
	if err != nil {
		return nil, err
	}
	one := p.One()
	for j := 1; j <= p.n; j++ {
		for i := range list[j].Value {
			accumulate(part(list[j], i, i+1), wide.Neg(offset), one)
		}
	}
	return list, nil
}

func bitLen(v wide.Element) int {
	if v.Hi > 0 {
		return 64 + bits.Len64(v.Hi)
	}
	return bits.Len64(v.Lo)
}

func (p *party) inputUnproved(counts []int, own []wide.Element) ([]spdz.Shares, error) {
	rows := make([]int, p.n+1)
	for j := range rows {
		rows[j] = (counts[j] + p.lanes.Count - 1) / p.lanes.Count
	}
	d, err := p.deal("inputs", p.packed(own), rows)
	if err != nil {
		return nil, err
	}
	tagged, err := p.tag("inputs", d)
	if err != nil {
		return nil, err
	}
	list := make([]spdz.Shares, p.n+1)
	for j := 1; j <= p.n; j++ {
		list[j] = p.sharesOf(tagged[j], 0, counts[j])
	}
	return list, nil
}

// piece is a part of a term that takes one triple: the rows from row on and the
// inner places from k on of a matrix product, or neighbours from k on that make
// entry number row.
type piece struct {
	shape
	sum, term int
	row, k    int
	triple    *triple
}

// Reduce computes sums of products and truncates them (see spdz.Backend): with a
// triple each, x·y = c + ε·b + a·δ + ε·δ of the opened ε = x−a and δ = y−b (Beaver
// 1991), and then the number plus a mask opens.
//
// ε and δ are uniform, whoever deviates; what opens in the second step is hidden by
// κ bits only if the number is as small as it should be. So MACs are checked in
// between: otherwise a party that moves ε by 2¹⁰⁰ would see y before it is caught.
func (p *party) Reduce(sums []spdz.Sum) ([]spdz.Shares, error) {
	results, err := p.multiply(sums)
	if err != nil {
		return nil, err
	}
	masked, masks := spdz.Shares{}, make([][]*mask, len(sums))
	for i, s := range sums {
		if s.Shift == 0 {
			continue
		}
		if s.Shift > 63 {
			return nil, fmt.Errorf("%d bits are to go in a truncation, at most 63", s.Shift)
		}
		kind := maskKind{bits: s.Bits + p.Hiding, shift: s.Shift}
		if err := p.needMasks(results[i].Len(), kind); err != nil {
			return nil, err
		}
		hidden := p.shares(results[i].Len())
		addTo(hidden, results[i])
		for k := range hidden.Value {
			m, err := p.takeMask(kind)
			if err != nil {
				return nil, err
			}
			masks[i] = append(masks[i], m)
			addTo(part(hidden, k, k+1), m.whole)
		}
		masked = spdz.Shares{Value: append(masked.Value, hidden.Value...), MAC: append(masked.MAC, hidden.MAC...)}
	}
	if masked.Len() == 0 {
		return results, nil
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	opened, err := p.reveal(masked)
	if err != nil {
		return nil, err
	}
	for i, s := range sums {
		if s.Shift > 0 {
			p.truncate(results[i], opened[:results[i].Len()], masks[i], s)
			opened = opened[results[i].Len():]
		}
	}
	return results, nil
}

// truncate is (m≫shift) − Σ(r≫shift) for the opened m = x + Σ r. The low bits of
// the n parties' r add n/2 units of the last place on average, which are taken
// off, and the result is rounded: it is off by n/2 + ½ at most. Whoever deviates
// cannot make it more: the r are proved to be in range.
func (p *party) truncate(result spdz.Shares, m []wide.Element, masks []*mask, s spdz.Sum) {
	one := p.One()
	half := wide.PowerOfTwo(s.Shift - 1)
	back := wide.PowerOfTwo(max(0, s.Bits-s.Shift) + 4) // makes numbers positive before the shift, for up to 10 parties
	offset := wide.Mul(back, wide.PowerOfTwo(s.Shift))
	offset = wide.Sub(offset, wide.Mul(half, wide.FromInt(int64(p.n-1))))
	for i, v := range m {
		high := wide.Sub(wide.Add(v, offset).Shift(uint(s.Shift)), back)
		own := p.shares(1)
		accumulate(own, high, one)
		subFrom(own, masks[i].high)
		result.Value[i], result.MAC[i] = own.Value[0], own.MAC[0]
	}
}

// multiply computes the sums before truncation, in one round.
func (p *party) multiply(sums []spdz.Sum) ([]spdz.Shares, error) {
	pieces, err := p.pieces(sums)
	if err != nil {
		return nil, err
	}
	differences := spdz.Shares{}
	for _, q := range pieces {
		a, b := q.factors(p, sums)
		subFrom(a, q.triple.a)
		subFrom(b, q.triple.b)
		differences = spdz.Shares{
			Value: append(append(differences.Value, a.Value...), b.Value...),
			MAC:   append(append(differences.MAC, a.MAC...), b.MAC...),
		}
	}
	results := make([]spdz.Shares, len(sums))
	for i, s := range sums {
		results[i] = p.shares(s.Rows * s.Cols)
		if s.Linear.Len() > 0 {
			addTo(results[i], s.Linear)
		}
	}
	if len(pieces) == 0 {
		return results, nil
	}
	opened, err := p.reveal(differences)
	if err != nil {
		return nil, err
	}
	for _, q := range pieces {
		sizeA, sizeB := q.rows*q.inner, q.inner*q.cols
		product := q.triple.product(p, opened[:sizeA], opened[sizeA:sizeA+sizeB])
		q.add(results[q.sum], product, sums[q.sum].Terms[q.term].PublicTimes)
		opened = opened[sizeA+sizeB:]
	}
	return results, nil
}

// product is c + ε·b + a·δ + ε·δ.
func (t *triple) product(p *party, epsilon, delta []wide.Element) spdz.Shares {
	r, step := p.shares(t.rows*t.cols), p.shares(t.rows*t.cols)
	addTo(r, t.c)
	wide.MatMul(step.Value, epsilon, t.b.Value, t.rows, t.inner, t.cols)
	wide.MatMul(step.MAC, epsilon, t.b.MAC, t.rows, t.inner, t.cols)
	addTo(r, step)
	wide.MatMul(step.Value, t.a.Value, delta, t.rows, t.inner, t.cols)
	wide.MatMul(step.MAC, t.a.MAC, delta, t.rows, t.inner, t.cols)
	addTo(r, step)
	known, one := make([]wide.Element, t.rows*t.cols), p.One()
	wide.MatMul(known, epsilon, delta, t.rows, t.inner, t.cols)
	wide.Accumulate(r.Value, one.Value[0], known)
	wide.Accumulate(r.MAC, one.MAC[0], known)
	return r
}

// pieces cuts terms so that each takes one triple, and takes these.
func (p *party) pieces(sums []spdz.Sum) ([]piece, error) {
	var list []piece
	var shapes []shape
	for i, s := range sums {
		for j, t := range s.Terms {
			cut := []piece{}
			if t.Inner == 0 {
				_, inner, err := p.blocks(shape{1, t.Group, 1})
				if err != nil {
					return nil, err
				}
				for row := range s.Rows * s.Cols {
					for k := 0; k < t.Group; k += inner {
						cut = append(cut, piece{shape: shape{1, min(inner, t.Group-k), 1}, sum: i, term: j, row: row, k: k})
					}
				}
			} else {
				rows, inner, err := p.blocks(shape{s.Rows, t.Inner, s.Cols})
				if err != nil {
					return nil, err
				}
				for row := 0; row < s.Rows; row += rows {
					for k := 0; k < t.Inner; k += inner {
						size := shape{min(rows, s.Rows-row), min(inner, t.Inner-k), s.Cols}
						cut = append(cut, piece{shape: size, sum: i, term: j, row: row, k: k})
					}
				}
			}
			for _, q := range cut {
				shapes = append(shapes, q.shape)
			}
			list = append(list, cut...)
		}
	}
	if err := p.needTriples(shapes); err != nil {
		return nil, err
	}
	for i := range list {
		var err error
		if list[i].triple, err = p.takeTriple(list[i].shape); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// factors are copies of the piece's parts of x and y.
func (q *piece) factors(p *party, sums []spdz.Sum) (a, b spdz.Shares) {
	t := sums[q.sum].Terms[q.term]
	a, b = p.shares(q.rows*q.inner), p.shares(q.inner*q.cols)
	if t.Inner == 0 {
		from := q.row*t.Group + q.k
		addTo(a, part(t.A, from, from+q.inner))
		addTo(b, part(t.B, from, from+q.inner))
		return a, b
	}
	for row := range q.rows {
		from := (q.row+row)*t.Inner + q.k
		addTo(part(a, row*q.inner, (row+1)*q.inner), part(t.A, from, from+q.inner))
	}
	addTo(b, part(t.B, q.k*q.cols, (q.k+q.inner)*q.cols))
	return a, b
}

// add puts the piece's product, times a public number, where it belongs.
func (q *piece) add(result, product spdz.Shares, times wide.Element) {
	accumulate(part(result, q.row*q.cols, q.row*q.cols+product.Len()), times, product)
}
