package model

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// upperTriangle writes a symmetric matrix as newton sums it.
func upperTriangle(h *mat.SymDense) []float64 {
	var upper []float64
	for i := range h.SymmetricDim() {
		for j := i; j < h.SymmetricDim(); j++ {
			upper = append(upper, h.At(i, j))
		}
	}
	return upper
}

func loose(float64) float64 { return 1e-12 }

// Against gonum, for columns of very unlike lengths.
func TestCholesky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 7).Draw(t, "k")
		x := mat.NewDense(k+3, k, rapid.SliceOfN(rapid.Float64Range(-1, 1), (k+3)*k, (k+3)*k).Draw(t, "x"))
		for j := range k {
			unit := math.Pow(10, float64(rapid.IntRange(-4, 4).Draw(t, "unit")))
			for i := range k + 3 {
				x.Set(i, j, x.At(i, j)*unit)
			}
		}
		h := mat.NewSymDense(k, nil)
		h.SymOuterK(1, x.T())
		var reference mat.Cholesky
		if !reference.Factorize(h) || reference.Cond() > 1e15 {
			t.Skip("singular")
		}
		c := factor(upperTriangle(h), k, 0, loose)
		if len(c.dependent) > 0 {
			t.Skip("nearly singular")
		}
		g := make([]float64, k)
		for j := range g {
			g[j] = float64(rapid.IntRange(-1000, 1000).Draw(t, "g")) / 1000
		}
		u := c.forward(g)
		solved := c.solve(u)
		var back mat.VecDense
		back.MulVec(h, mat.NewVecDense(k, solved))
		var norm float64
		for j := range k {
			norm = max(norm, math.Abs(solved[j])*math.Sqrt(h.At(j, j)))
		}
		for j := range k {
			if d := math.Abs(back.AtVec(j) - g[j]); d > 1e-11*math.Sqrt(h.At(j, j))*norm {
				t.Fatalf("H·x differs from g by %v in place %d", d, j)
			}
		}
		if got, want := dot(u, u), dot(solved, g); math.Abs(got-want) > 1e-6*got {
			t.Fatalf("gᵀH⁻¹g is %v, want %v", got, want)
		}
	})
}

func TestTraceOfInverse(t *testing.T) {
	h := mat.NewSymDense(3, []float64{4, 1, 0.5, 1, 9, -2, 0.5, -2, 2})
	var inverse mat.Dense
	if err := inverse.Inverse(h); err != nil {
		t.Fatal(err)
	}
	if got := factor(upperTriangle(h), 3, 0, loose).traceOfInverse(); math.Abs(got-mat.Trace(&inverse)) > 1e-12 {
		t.Errorf("trace %v, want %v", got, mat.Trace(&inverse))
	}
}

func TestDependentColumns(t *testing.T) {
	// Column 2 is zero, 3 = 2·(column 0), 5 = column 1 − 10·(column 4).
	x := mat.NewDense(5, 6, []float64{
		1, 2, 0, 2, 3, -28,
		1, -1, 0, 2, 1, -11,
		1, 0, 0, 2, 2, -20,
		1, 3, 0, 2, -5, 53,
		1, 1, 0, 2, 0, 1,
	})
	h := mat.NewSymDense(6, nil)
	h.SymOuterK(1, x.T())
	c := factor(upperTriangle(h), 6, 0, loose)
	if want := []int{2, 3, 5}; !slices.Equal(c.dependent, want) {
		t.Fatalf("dependent columns %v, want %v", c.dependent, want)
	}
	for j, want := range map[int][]int{2: nil, 3: {0}, 5: {1, 4}} {
		if got := c.explains(j); !slices.Equal(got, want) {
			t.Errorf("column %d is a combination of %v, want %v", j, got, want)
		}
	}
}

func TestTriangle(t *testing.T) {
	at := 0
	for i := range 5 {
		for j := i; j < 5; j++ {
			if triangle(5, i, j) != at {
				t.Errorf("entry (%d, %d) is at %d, want %d", i, j, triangle(5, i, j), at)
			}
			at++
		}
	}
	if triangleLength(5) != at {
		t.Errorf("%d entries, want %d", triangleLength(5), at)
	}
}
