package dishonest

import (
	"math"
	"testing"

	"consilium/protocol/spdz"
)

// Every operation against the clear.
func TestOperations(t *testing.T) {
	a := []float64{1.5, -2.25, 3, 0.125, -0.5, 7}
	b := []float64{0.75, 4, -1, 2, -3.5, 0.25}
	ulp := math.Ldexp(1, -spdz.DefaultFraction)
	for _, n := range []int{2, 3} {
		run(t, n, Config{}, func(p *party, e *spdz.Engine) error {
			x, err := shared(e, 2, 3, a, 8)
			if err != nil {
				return err
			}
			y, err := shared(e, 2, 3, b, 4)
			if err != nil {
				return err
			}
			open := func(what string, s *spdz.Secret, want []float64, within float64) error {
				got, err := e.Open(s)
				if err != nil {
					return err
				}
				return near(what, got, want, within)
			}
			if err := open("sum", e.Sub(e.Add(x, y), e.AddConstant(e.Negate(y), 1)), zip(a, b, func(a, b float64) float64 { return a + 2*b - 1 }), 0); err != nil {
				return err
			}
			products, err := e.Reduce(e.Hadamard(x, y), e.MatMul(x, e.Transpose(y)), e.MatMul(e.Transpose(x), y).Times(-0.5, 1).PlusSecret(e, e.Transpose(e.Select(e.Stack(x, y), []int{0, 1, 2}))))
			if err != nil {
				return err
			}
			within := (float64(n)/2 + 0.5) * ulp
			if err := open("entries", products[0], zip(a, b, func(a, b float64) float64 { return a * b }), within); err != nil {
				return err
			}
			if err := open("matrices", products[1], []float64{
				a[0]*b[0] + a[1]*b[1] + a[2]*b[2], a[0]*b[3] + a[1]*b[4] + a[2]*b[5],
				a[3]*b[0] + a[4]*b[1] + a[5]*b[2], a[3]*b[3] + a[4]*b[4] + a[5]*b[5]}, within); err != nil {
				return err
			}
			rows := [][]float64{a[:3], a[3:], b[:3]}
			want := make([]float64, 9)
			for i := range 3 {
				for j := range 3 {
					want[3*i+j] = -0.5*(a[i]*b[j]+a[3+i]*b[3+j]) + rows[j][i]
				}
			}
			return open("a product times a number, and a sum", products[2], want, within)
		})
	}
}

func zip(a, b []float64, f func(a, b float64) float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = f(a[i], b[i])
	}
	return out
}
