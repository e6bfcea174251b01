package spdz

import (
	"fmt"
	"math"

	"consilium/sharing/wide"
)

// Secret is a matrix of fixed-point numbers, of which this party holds a share
// of degree t. It does not change: operations return another.
type Secret struct {
	Rows, Cols int
	Bits       int     // behind the point
	Reach      float64 // no |entry| is larger; operations add it up
	share      []wide.Element
	mac        []wide.Element // this party's share of the MACs; nil without a Backend
	err        []float64      // in the clear: how far a run on shares may be from it
}

// Len is the number of entries.
func (s *Secret) Len() int { return s.Rows * s.Cols }

func (e *Engine) secret(rows, cols, fraction int, reach float64) *Secret {
	s := &Secret{Rows: rows, Cols: cols, Bits: fraction, Reach: reach, share: make([]wide.Element, rows*cols)}
	if e.bounds() {
		s.err = make([]float64, rows*cols)
	}
	if e.backend != nil {
		s.mac = make([]wide.Element, rows*cols)
	}
	return s
}

// Constant is a matrix that everybody knows: entries in fixed point with so
// many bits, by rows.
func (e *Engine) Constant(rows, cols, fraction int, values []float64) *Secret {
	s := e.secret(rows, cols, fraction, 0)
	for i, v := range values {
		e.addKnown(s, i, fixed(v, fraction))
		s.Reach = max(s.Reach, math.Abs(v)+math.Ldexp(0.5, -fraction))
	}
	return s
}

// fixed is v in fixed point, rounded to the nearest; |v|·2^fraction < 2⁶².
func fixed(v float64, fraction int) wide.Element {
	return wide.FromInt(int64(math.RoundToEven(math.Ldexp(v, fraction))))
}

// Within is the same secret with a smaller reach, which the caller answers for:
// by what it knows, or by a check such as Engine.AnyBeyond.
func (s *Secret) Within(reach float64) *Secret {
	c := *s
	c.Reach = min(reach, s.Reach)
	return &c
}

// Add returns a+b, entry by entry.
func (e *Engine) Add(a, b *Secret) *Secret { return e.combineWith(a, b, wide.AddTo) }

// Sub returns a−b, entry by entry.
func (e *Engine) Sub(a, b *Secret) *Secret { return e.combineWith(a, b, wide.SubTo) }

func (e *Engine) combineWith(a, b *Secret, combine func(a, b []wide.Element)) *Secret {
	sameShape("add", a, b)
	fraction := max(a.Bits, b.Bits)
	r := e.raised(a, fraction)
	r.Reach += b.Reach
	each(r, e.raised(b, fraction), combine)
	for i := range r.err {
		r.err[i] += b.err[i]
	}
	return r
}

// raised copies a with more bits behind the point.
func (e *Engine) raised(a *Secret, fraction int) *Secret {
	r := e.secret(a.Rows, a.Cols, fraction, a.Reach)
	copy(r.err, a.err)
	each(r, a, func(dst, src []wide.Element) {
		if fraction == a.Bits {
			copy(dst, src)
			return
		}
		wide.Accumulate(dst, wide.PowerOfTwo(fraction-a.Bits), src)
	})
	return r
}

// Scale returns factor·a, the factor rounded to so many bits behind the point,
// which the result has more.
func (e *Engine) Scale(a *Secret, factor float64, fraction int) *Secret {
	c := fixed(factor, fraction)
	exact := math.Abs(math.Ldexp(c.Float(), -fraction))
	r := e.secret(a.Rows, a.Cols, a.Bits+fraction, a.Reach*exact)
	each(r, a, func(dst, src []wide.Element) { wide.Accumulate(dst, c, src) })
	for i := range r.err {
		r.err[i] = a.err[i] * exact
	}
	return r
}

// Halved is a/2ᵗⁱᵐᵉˢ, exactly: the point moves.
func (s *Secret) Halved(times int) *Secret {
	c := *s
	c.Bits += times
	c.Reach = math.Ldexp(s.Reach, -times)
	if s.err != nil {
		c.err = make([]float64, len(s.err))
		for i, v := range s.err {
			c.err[i] = math.Ldexp(v, -times)
		}
	}
	return &c
}

// AddConstant returns a+c in every entry, c rounded to a's bits.
func (e *Engine) AddConstant(a *Secret, c float64) *Secret {
	r := e.raised(a, a.Bits)
	r.Reach += math.Abs(c)
	k := fixed(c, a.Bits)
	for i := range r.share {
		e.addKnown(r, i, k)
	}
	return r
}

// Negate returns −a.
func (e *Engine) Negate(a *Secret) *Secret {
	r := e.secret(a.Rows, a.Cols, a.Bits, a.Reach)
	copy(r.err, a.err)
	each(r, a, wide.SubTo)
	return r
}

// Transpose returns aᵀ.
func (e *Engine) Transpose(a *Secret) *Secret {
	r := e.secret(a.Cols, a.Rows, a.Bits, a.Reach)
	each(r, a, func(dst, src []wide.Element) { wide.Transpose(dst, src, a.Rows, a.Cols) })
	for i := range a.err {
		r.err[i%a.Cols*a.Rows+i/a.Cols] = a.err[i]
	}
	return r
}

// Select returns some rows, in this order.
func (e *Engine) Select(a *Secret, rows []int) *Secret {
	r := e.secret(len(rows), a.Cols, a.Bits, a.Reach)
	for i, row := range rows {
		each(r, a, func(dst, src []wide.Element) { copy(dst[i*a.Cols:(i+1)*a.Cols], src[row*a.Cols:]) })
		if a.err != nil {
			copy(r.err[i*a.Cols:(i+1)*a.Cols], a.err[row*a.Cols:])
		}
	}
	return r
}

// Part returns rows from up to before to.
func (s *Secret) Part(from, to int) *Secret {
	c := *s
	c.Rows = to - from
	c.share = s.share[from*s.Cols : to*s.Cols]
	if s.mac != nil {
		c.mac = s.mac[from*s.Cols : to*s.Cols]
	}
	if s.err != nil {
		c.err = s.err[from*s.Cols : to*s.Cols]
	}
	return &c
}

// Stack puts matrices of as many columns below each other.
func (e *Engine) Stack(list ...*Secret) *Secret {
	rows, fraction, reach := 0, 0, 0.0
	for _, s := range list {
		rows += s.Rows
		fraction = max(fraction, s.Bits)
		reach = max(reach, s.Reach)
	}
	r := e.secret(0, list[0].Cols, fraction, reach)
	r.Rows = rows
	for _, s := range list {
		if s.Cols != r.Cols {
			panic(fmt.Sprintf("spdz: stack %d columns on %d", s.Cols, r.Cols))
		}
		up := e.raised(s, fraction)
		r.share, r.mac, r.err = append(r.share, up.share...), append(r.mac, up.mac...), append(r.err, up.err...)
	}
	return r
}

// WithOnes puts a column of ones before a.
func (e *Engine) WithOnes(a *Secret) *Secret {
	r := e.secret(a.Rows, a.Cols+1, a.Bits, max(1, a.Reach))
	one := wide.PowerOfTwo(a.Bits)
	for i := range a.Rows {
		e.addKnown(r, i*r.Cols, one)
		each(r, a, func(dst, src []wide.Element) { copy(dst[i*r.Cols+1:(i+1)*r.Cols], src[i*a.Cols:]) })
		if a.err != nil {
			copy(r.err[i*r.Cols+1:(i+1)*r.Cols], a.err[i*a.Cols:])
		}
	}
	return r
}

// WithoutFirst leaves the first column away.
func (e *Engine) WithoutFirst(a *Secret) *Secret {
	r := e.secret(a.Rows, a.Cols-1, a.Bits, a.Reach)
	for i := range a.Rows {
		each(r, a, func(dst, src []wide.Element) { copy(dst[i*r.Cols:(i+1)*r.Cols], src[i*a.Cols+1:]) })
		if a.err != nil {
			copy(r.err[i*r.Cols:(i+1)*r.Cols], a.err[i*a.Cols+1:])
		}
	}
	return r
}

// each does the same to the shares of numbers, and to those of their MACs.
func each(dst, src *Secret, do func(dst, src []wide.Element)) {
	do(dst.share, src.share)
	if src.mac != nil {
		do(dst.mac, src.mac)
	}
}

// addKnown adds a number that everybody knows to an entry. In Shamir's sharing it
// is its own share.
func (e *Engine) addKnown(s *Secret, i int, v wide.Element) {
	if e.backend == nil {
		s.share[i] = wide.Add(s.share[i], v)
		return
	}
	s.share[i] = wide.Add(s.share[i], wide.Mul(v, e.unit.Value[0]))
	s.mac[i] = wide.Add(s.mac[i], wide.Mul(v, e.unit.MAC[0]))
}

func sameShape(action string, a, b *Secret) {
	if a.Rows != b.Rows || a.Cols != b.Cols {
		panic(fmt.Sprintf("spdz: %s %d×%d and %d×%d", action, a.Rows, a.Cols, b.Rows, b.Cols))
	}
}
