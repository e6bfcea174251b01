package sharing

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// "Reed–Solomon corrects ⌊(m−k)/2⌋ of m": as many wrong points anywhere, and not
// one more.
func TestCorrect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 12).Draw(t, "k")
		m := rapid.IntRange(k, 30).Draw(t, "m")
		coefficients := make([]Element, k)
		for i := range coefficients {
			coefficients[i] = element(t, "coefficient")
		}
		xs := rapid.Permutation(seq(40)).Draw(t, "xs")[:m]
		ys := make([]Element, m)
		for i, x := range xs {
			ys[i] = polynomial(coefficients).at(Element(x))
		}
		wrong := rapid.IntRange(0, (m-k)/2).Draw(t, "wrong")
		for i := range wrong {
			ys[i] = Add(ys[i], 1+Element(rapid.Uint64Range(0, Prime-2).Draw(t, "by")))
		}
		agrees, count, err := Correct(xs, ys, k)
		if err != nil || count != m-wrong || slices.Index(agrees, true) != min(wrong, m-1) && wrong < m {
			t.Fatalf("%d of %d agree, %v", count, m, err)
		}
		for i, ok := range agrees {
			if ok != (i >= wrong) {
				t.Fatalf("point %d of which %d are wrong: %v", i, wrong, ok)
			}
		}
	})
}

func seq(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// "0 at n = 4": with k = 3 of 4 points nothing is corrected, and nothing claimed.
func TestCorrectClaimsNothing(t *testing.T) {
	ys := []Element{1, 2, 4, 8} // no parabola
	if agrees, count, err := Correct([]int{1, 2, 3, 4}, ys, 3); err != nil || count != 0 || slices.Contains(agrees, true) {
		t.Fatalf("%v, %d, %v", agrees, count, err)
	}
	for _, xs := range [][]int{{0, 1}, {1, 1}, {1, MaxParties + 1}} {
		if _, _, err := Correct(xs, make([]Element, 2), 1); err == nil {
			t.Fatalf("abscissae %v are taken", xs)
		}
	}
	if _, _, err := Correct([]int{1}, make([]Element, 1), 2); err == nil {
		t.Fatal("one point for threshold 2 is taken")
	}
}
