package model

import "math"

// cholesky is a symmetric positive semi-definite matrix H of order k, factored
// as D·L·Lᵀ·D: D² is the diagonal of H, and L a lower triangle with rows of
// length 1. A pivot of L is then 1−R², the share of a column that the columns
// before it do not explain, whatever the columns' units (its reciprocal is
// the variance inflation factor over those columns).
//
// Its arithmetic is that of [Program.Apply]: plain loops of a fixed order, and
// no product is fused with a sum.
type cholesky struct {
	k         int
	scale     []float64 // diagonal of D; 0 marks a column of zeros
	lower     []float64 // k×k, row by row
	dependent []int     // columns that the columns before them explain; L has a 0 on their diagonal
}

// factor factors the matrix with the given upper triangle, row by row. A
// diagonal entry of at most zero counts as 0, and a pivot of at most
// tolerance(smallest diagonal entry) as a column that depends on others.
func factor(upper []float64, k int, zero float64, tolerance func(smallest float64) float64) *cholesky {
	c := &cholesky{k: k, scale: make([]float64, k), lower: make([]float64, k*k)}
	smallest := math.Inf(1)
	for j := range k {
		if h := upper[triangle(k, j, j)]; h > zero {
			c.scale[j], smallest = math.Sqrt(h), min(smallest, h)
		}
	}
	limit := tolerance(smallest)
	for i := range k {
		if c.scale[i] == 0 {
			c.dependent = append(c.dependent, i)
			continue
		}
		row := c.row(i)
		pivot := 1.0
		for j := range i {
			if c.row(j)[j] == 0 {
				continue
			}
			row[j] = (upper[triangle(k, j, i)]/c.scale[i]/c.scale[j] - dot(row[:j], c.row(j)[:j])) / c.row(j)[j]
			pivot -= float64(row[j] * row[j])
		}
		if !(pivot > limit) {
			c.dependent = append(c.dependent, i)
			continue
		}
		row[i] = math.Sqrt(pivot)
	}
	return c
}

func (c *cholesky) row(i int) []float64 { return c.lower[i*c.k : (i+1)*c.k] }

// pivot is 1−R² of a column.
func (c *cholesky) pivot(j int) float64 { return float64(c.row(j)[j] * c.row(j)[j]) }

// triangle is where entry (i, j), i ≤ j, of a symmetric matrix of order k
// stands in its upper triangle, written row by row.
func triangle(k, i, j int) int { return i*(2*k-i-1)/2 + j }

// triangleLength is the number of entries of that triangle.
func triangleLength(k int) int { return k * (k + 1) / 2 }

// dot is a sum of products in order, none of them fused.
func dot(a, b []float64) float64 {
	var sum float64
	for i, x := range a {
		sum += float64(x * b[i])
	}
	return sum
}

// forward solves D·L·u = v for a matrix of full rank: ‖u‖² is vᵀ·H⁻¹·v.
func (c *cholesky) forward(v []float64) []float64 {
	u := make([]float64, c.k)
	for i := range u {
		row := c.row(i)
		u[i] = (v[i]/c.scale[i] - dot(row[:i], u[:i])) / row[i]
	}
	return u
}

// solve is H⁻¹·v, given u = forward(v).
func (c *cholesky) solve(u []float64) []float64 {
	x := c.backward(u)
	for i := range x {
		x[i] /= c.scale[i]
	}
	return x
}

// backward solves Lᵀ·x = u, leaving dependent columns at 0.
func (c *cholesky) backward(u []float64) []float64 {
	x := make([]float64, c.k)
	for i := c.k - 1; i >= 0; i-- {
		if c.row(i)[i] == 0 {
			continue
		}
		rest := u[i]
		for j := i + 1; j < c.k; j++ {
			if c.row(j)[j] != 0 {
				rest -= float64(c.row(j)[i] * x[j])
			}
		}
		x[i] = rest / c.row(i)[i]
	}
	return x
}

// explains lists the columns of which a dependent column j is a combination.
func (c *cholesky) explains(j int) []int {
	if c.scale[j] == 0 {
		return nil
	}
	const negligible = 1e-3 // of a column of the same length; below is rounding
	u := make([]float64, c.k)
	copy(u, c.row(j)[:j])
	var columns []int
	for i, share := range c.backward(u) {
		if math.Abs(share) > negligible {
			columns = append(columns, i)
		}
	}
	return columns
}

// traceOfInverse is the sum of the eigenvalues of H⁻¹.
func (c *cholesky) traceOfInverse() float64 {
	var trace float64
	unit := make([]float64, c.k)
	for j := range unit {
		unit[j] = 1
		u := c.forward(unit)
		trace += dot(u, u)
		unit[j] = 0
	}
	return trace
}
