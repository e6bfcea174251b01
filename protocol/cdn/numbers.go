package cdn

import (
	"math"
	"math/big"

	"consilium/paillier"
)

func unitRows(count int) [][]paillier.Term {
	rows := make([][]paillier.Term, count)
	for i := range rows {
		rows[i] = []paillier.Term{{Index: i, Weight: big.NewInt(1)}}
	}
	return rows
}

func diagonal(count int) [][]Pair {
	rows := make([][]Pair, count)
	for i := range rows {
		rows[i] = []Pair{{i, i}}
	}
	return rows
}

func zeros(count int) []*big.Int {
	list := make([]*big.Int, count)
	for i := range list {
		list[i] = new(big.Int)
	}
	return list
}

func power(exponent int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(exponent)) }

// Float is v·2^−bits.
func Float(v *big.Int, bits int) float64 {
	f, _ := new(big.Float).SetMantExp(new(big.Float).SetInt(v), -bits).Float64()
	return f
}

// Floats are v·2^−bits.
func Floats(values []*big.Int, bits int) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = Float(v, bits)
	}
	return out
}

// Fixed is the integer nearest to v·2^bits.
func Fixed(v float64, bits int) *big.Int {
	scaled := new(big.Float).SetMantExp(big.NewFloat(v), bits)
	half := 0.5
	if v < 0 {
		half = -0.5
	}
	out, _ := scaled.Add(scaled, big.NewFloat(half)).Int(nil)
	return out
}

// Bounds are how far the numbers of a computation on encryptions may be from
// these in the clear.
func (v *Vector) Bounds() []float64 {
	out := make([]float64, len(v.off))
	for i, off := range v.off {
		out[i] = math.Ldexp(off, -v.Bits)
	}
	return out
}
