package sharing

import "fmt"

// Correct finds the polynomial of degree below k on which most of the points
// (xᵢ, yᵢ) lie, and tells which of them do and how many. It stands ⌊(m−k)/2⌋
// wrong points of m; when more are wrong, or none is found, count is 0.
//
// This is Gao's decoder for Reed–Solomon codes ("A new algorithm for decoding
// Reed–Solomon codes", 2003, algorithm 1): the interpolation polynomial of all
// points is the wanted one times an error locator, modulo ∏(x−xᵢ), and the
// extended Euclidean algorithm separates the two. Time depends on the values;
// they are public. m² multiplications.
func Correct(xs []int, ys []Element, k int) (agrees []bool, count int, err error) {
	m := len(xs)
	if k < 1 || m < k || len(ys) != m {
		return nil, 0, fmt.Errorf("correct points: %d of them for threshold %d", m, k)
	}
	if _, err := Lagrange(xs, 0); err != nil {
		return nil, 0, err // abscissae out of range or repeated
	}
	agrees = make([]bool, m)
	found := locate(xs, ys, k)
	if len(found) > k {
		return agrees, 0, nil
	}
	for i, x := range xs {
		if agrees[i] = found.at(Element(x)) == ys[i]; agrees[i] {
			count++
		}
	}
	if 2*(m-count) > m-k {
		clear(agrees)
		return agrees, 0, nil
	}
	return agrees, count, nil
}

// locate gives the polynomial, or one of a higher degree when there is none.
func locate(xs []int, ys []Element, k int) polynomial {
	product, all := interpolation(xs, ys)
	r0, r1 := product, all.trim()
	v0, v1 := polynomial(nil), polynomial{1}
	for 2*(len(r1)-1) >= len(xs)+k {
		quotient, rest := r0.divide(r1)
		r0, r1 = r1, rest
		v0, v1 = v1, v0.minusProduct(quotient, v1)
	}
	found, rest := r1.divide(v1)
	if len(rest) > 0 {
		return product
	}
	return found
}

// polynomial lists coefficients from the constant on; the last is not 0.
type polynomial []Element

func (p polynomial) trim() polynomial {
	for len(p) > 0 && p[len(p)-1] == 0 {
		p = p[:len(p)-1]
	}
	return p
}

func (p polynomial) at(x Element) Element {
	y := Element(0)
	for i := len(p) - 1; i >= 0; i-- {
		y = Add(Mul(y, x), p[i])
	}
	return y
}

// divide gives quotient and rest; d is not zero.
func (p polynomial) divide(d polynomial) (quotient, rest polynomial) {
	rest = append(polynomial{}, p...)
	if len(p) < len(d) {
		return nil, rest.trim()
	}
	quotient = make(polynomial, len(p)-len(d)+1)
	lead := InvVarTime(d[len(d)-1])
	for i := len(quotient) - 1; i >= 0; i-- {
		factor := Mul(rest[i+len(d)-1], lead)
		quotient[i] = factor
		for j, c := range d {
			rest[i+j] = Sub(rest[i+j], Mul(factor, c))
		}
	}
	return quotient.trim(), rest[:len(d)-1].trim()
}

// minusProduct is p − a·b.
func (p polynomial) minusProduct(a, b polynomial) polynomial {
	out := make(polynomial, max(len(p), len(a)+len(b)))
	copy(out, p)
	for i, x := range a {
		for j, y := range b {
			out[i+j] = Sub(out[i+j], Mul(x, y))
		}
	}
	return out.trim()
}

// interpolation gives ∏(x−xᵢ) and the polynomial through all points, by Newton's
// divided differences.
func interpolation(xs []int, ys []Element) (product, through polynomial) {
	product, through = polynomial{1}, make(polynomial, len(xs))
	for i, x := range xs {
		at := Element(x)
		step := Mul(Sub(ys[i], through.at(at)), InvVarTime(product.at(at)))
		for j, c := range product {
			through[j] = Add(through[j], Mul(step, c))
		}
		product = append(product, 0)
		for j := len(product) - 1; j > 0; j-- {
			product[j] = Sub(product[j-1], Mul(at, product[j]))
		}
		product[0] = Sub(0, Mul(at, product[0]))
	}
	return product, through
}
