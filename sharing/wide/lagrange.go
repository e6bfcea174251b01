package wide

import "fmt"

// Lagrange returns the coefficients λ with f(at) = Σ λᵢ·f(xᵢ) for every
// polynomial of degree below len(xs). The abscissae are public, at least 0, and
// differ.
func Lagrange(xs []int, at int) ([]Element, error) {
	lambda := make([]Element, len(xs))
	for i, xi := range xs {
		num, den := Element{Lo: 1}, Element{Lo: 1}
		for j, xj := range xs {
			if j == i {
				continue
			}
			if xi == xj || xi < 0 {
				return nil, fmt.Errorf("interpolate: abscissae %v are not distinct numbers from 0", xs)
			}
			num = Mul(num, FromInt(int64(at-xj)))
			den = Mul(den, FromInt(int64(xi-xj)))
		}
		lambda[i] = Mul(num, InvVarTime(den))
	}
	return lambda, nil
}
