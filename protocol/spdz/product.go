package spdz

import (
	"fmt"
	"math"

	"consilium/sharing/wide"
)

// Product is a sum of products before its reduction: shares of degree 2t.
// Whatever is added to it costs nothing more.
type Product struct {
	rows, cols int
	bits       int
	keep       int // bits behind the point after the reduction
	reach      float64
	share      []wide.Element
	err        []float64
	factors    []factor
	linear     []wide.Element // what of share is of degree t, nil for nothing
	linearMAC  []wide.Element // with a Backend, beside linear
}

// factor is one of the products in the sum, times a public number.
type factor struct {
	a, b    *Secret
	entries bool // entry by entry; otherwise a·b of matrices
	group   int  // so many neighbouring entries are added up; 0 is 1
	times   wide.Element
}

func (e *Engine) product(rows, cols, fraction int, reach float64) *Product {
	p := &Product{rows: rows, cols: cols, bits: fraction, keep: e.Fraction, reach: reach, share: make([]wide.Element, rows*cols)}
	if e.bounds() {
		p.err = make([]float64, rows*cols)
	}
	return p
}

// MatMul is the matrix product a·b.
func (e *Engine) MatMul(a, b *Secret) *Product {
	if a.Cols != b.Rows {
		panic(fmt.Sprintf("spdz: %d×%d times %d×%d", a.Rows, a.Cols, b.Rows, b.Cols))
	}
	p := e.product(a.Rows, b.Cols, a.Bits+b.Bits, float64(a.Cols)*a.Reach*b.Reach)
	p.factors = []factor{{a: a, b: b, times: wide.FromInt(1)}}
	wide.MatMul(p.share, a.share, b.share, a.Rows, a.Cols, b.Cols)
	for i := range p.err {
		for k := range a.Cols {
			p.err[i] += productError(a, b, i/b.Cols*a.Cols+k, k*b.Cols+i%b.Cols)
		}
	}
	return p
}

// Hadamard is the product a∘b, entry by entry.
func (e *Engine) Hadamard(a, b *Secret) *Product {
	sameShape("multiply", a, b)
	p := e.product(a.Rows, a.Cols, a.Bits+b.Bits, a.Reach*b.Reach)
	p.factors = []factor{{a: a, b: b, entries: true, times: wide.FromInt(1)}}
	for i := range p.share {
		p.share[i] = wide.Mul(a.share[i], b.share[i])
	}
	for i := range p.err {
		p.err[i] = productError(a, b, i, i)
	}
	return p
}

// productError bounds |a'b'−ab| for |a'−a| and |b'−b| within their errors.
func productError(a, b *Secret, i, j int) float64 {
	if a.err[i] == 0 && b.err[j] == 0 {
		return 0 // the other may be infinite
	}
	return a.err[i]*(math.Abs(b.value(j))+b.err[j]) + math.Abs(a.value(i))*b.err[j]
}

// value is an entry in the clear.
func (s *Secret) value(i int) float64 { return math.Ldexp(s.share[i].Float(), -s.Bits) }

// Plus adds another product with as many bits behind the point.
func (p *Product) Plus(q *Product) *Product {
	if p.rows != q.rows || p.cols != q.cols || p.bits != q.bits {
		panic(fmt.Sprintf("spdz: add products %d×%d with %d bits and %d×%d with %d", p.rows, p.cols, p.bits, q.rows, q.cols, q.bits))
	}
	wide.AddTo(p.share, q.share)
	p.reach += q.reach
	for i := range p.err {
		p.err[i] += q.err[i]
	}
	p.factors = append(p.factors, q.factors...)
	if q.linear != nil {
		p.addLinear(q.linear, q.linearMAC)
	}
	return p
}

// PlusSecret adds a secret with at most as many bits behind the point.
func (p *Product) PlusSecret(e *Engine, s *Secret) *Product {
	if p.rows != s.Rows || p.cols != s.Cols || p.bits < s.Bits {
		panic(fmt.Sprintf("spdz: add a secret %d×%d with %d bits to a product %d×%d with %d", s.Rows, s.Cols, s.Bits, p.rows, p.cols, p.bits))
	}
	up := e.raised(s, p.bits)
	wide.AddTo(p.share, up.share)
	p.addLinear(up.share, up.mac)
	p.reach += s.Reach
	for i := range p.err {
		p.err[i] += s.err[i]
	}
	return p
}

func (p *Product) addLinear(share, mac []wide.Element) {
	if p.linear == nil {
		p.linear, p.linearMAC = make([]wide.Element, len(p.share)), make([]wide.Element, len(mac))
	}
	wide.AddTo(p.linear, share)
	wide.AddTo(p.linearMAC, mac)
}

// Times multiplies by a public factor, rounded to so many bits behind the point.
func (p *Product) Times(value float64, fraction int) *Product {
	c := fixed(value, fraction)
	exact := math.Abs(math.Ldexp(c.Float(), -fraction))
	p.bits += fraction
	p.reach *= exact
	for i := range p.share {
		p.share[i] = wide.Mul(p.share[i], c)
	}
	for i := range p.linear {
		p.linear[i] = wide.Mul(p.linear[i], c)
	}
	for i := range p.linearMAC {
		p.linearMAC[i] = wide.Mul(p.linearMAC[i], c)
	}
	for i := range p.err {
		p.err[i] *= exact
	}
	for i := range p.factors {
		p.factors[i].times = wide.Mul(p.factors[i].times, c)
	}
	return p
}

// Keep leaves so many bits behind the point in the reduction, instead of the
// engine's.
func (p *Product) Keep(fraction int) *Product {
	p.keep = fraction
	return p
}
