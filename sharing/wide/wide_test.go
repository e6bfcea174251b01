package wide

import (
	"bytes"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 127), big.NewInt(1))

func toBig(e Element) *big.Int {
	v := new(big.Int).SetUint64(e.Hi)
	return v.Add(v.Lsh(v, 64), new(big.Int).SetUint64(e.Lo))
}

func element(t *rapid.T, name string) Element {
	words := []uint64{0, 1, 2, 1<<64 - 1, 1<<64 - 2, 1 << 63, 1<<63 - 1, 1<<62 - 1, 1 << 62}
	word := func(part string) uint64 {
		if rapid.Bool().Draw(t, name+part+" at the edge") {
			return rapid.SampledFrom(words).Draw(t, name+part)
		}
		return rapid.Uint64().Draw(t, name+part)
	}
	return FromUint(word(" lo"), word(" hi"))
}

func TestFieldAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := element(t, "a"), element(t, "b")
		check := func(op string, got Element, want *big.Int) {
			if want.Mod(want, prime); toBig(got).Cmp(want) != 0 {
				t.Fatalf("%v %s %v = %v, want %s", a, op, b, got, want)
			}
		}
		check("+", Add(a, b), new(big.Int).Add(toBig(a), toBig(b)))
		check("-", Sub(a, b), new(big.Int).Sub(toBig(a), toBig(b)))
		check("neg", Neg(a), new(big.Int).Neg(toBig(a)))
		check("*", Mul(a, b), new(big.Int).Mul(toBig(a), toBig(b)))
		if !a.IsZero() {
			check("1/a·b", Mul(InvVarTime(a), b), new(big.Int).Mul(new(big.Int).ModInverse(toBig(a), prime), toBig(b)))
		}
		s := rapid.UintRange(0, 63).Draw(t, "shift")
		check(">>", a.Shift(s), new(big.Int).Rsh(toBig(a), s))
	})
}

func TestDotAndMatMulAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, inner, cols := rapid.IntRange(1, 3).Draw(t, "rows"), rapid.IntRange(1, 20).Draw(t, "inner"), rapid.IntRange(1, 3).Draw(t, "cols")
		a, b := make([]Element, rows*inner), make([]Element, inner*cols)
		for i := range a {
			a[i] = element(t, "a")
		}
		for i := range b {
			b[i] = element(t, "b")
		}
		dst := make([]Element, rows*cols)
		MatMul(dst, a, b, rows, inner, cols)
		turned := make([]Element, len(b))
		Transpose(turned, b, inner, cols)
		for i := range rows {
			for j := range cols {
				want := new(big.Int)
				for k := range inner {
					want.Add(want, new(big.Int).Mul(toBig(a[i*inner+k]), toBig(b[k*cols+j])))
				}
				want.Mod(want, prime)
				if toBig(dst[i*cols+j]).Cmp(want) != 0 {
					t.Fatalf("entry %d,%d", i, j)
				}
				if dot := Dot(a[i*inner:(i+1)*inner], turned[j*inner:(j+1)*inner]); dot != dst[i*cols+j] {
					t.Fatalf("dot %v, product %v", dot, dst[i*cols+j])
				}
			}
		}
	})
}

// Columns carry into their third word only with many large terms.
func TestLongSumsOfLargeTerms(t *testing.T) {
	large := Neg(Element{Lo: 1})
	a := make([]Element, 10000)
	for i := range a {
		a[i] = large
	}
	if got := Dot(a, a); got != (Element{Lo: 10000}) {
		t.Errorf("10000·(−1)² = %v", got)
	}
}

func TestCombine(t *testing.T) {
	v := make([]Element, 12)
	NewExpander([SeedSize]byte{1}, 0).Fill(v)
	factors := []Element{FromInt(-3), FromInt(5), FromInt(1 << 40)}
	got, want := make([]Element, 4), make([]Element, 4)
	Combine(got, factors, v)
	for j, f := range factors {
		Accumulate(want, f, v[4*j:4*j+4])
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("entry %d: %v, want %v", i, got[i], want[i])
		}
	}
}

func TestCubicDots(t *testing.T) {
	a, b := make([]Element, 12), make([]Element, 12)
	NewExpander([SeedSize]byte{1}, 0).Fill(a)
	NewExpander([SeedSize]byte{2}, 0).Fill(b)
	for j, got := range CubicDots(a, b) {
		row := make([]Element, 4)
		if j+1 < len(row) {
			row[j+1] = FromInt(1)
		} else {
			var err error
			if row, err = Lagrange([]int{0, 1, 2, 3}, j+1); err != nil {
				t.Fatal(err)
			}
		}
		p, q := make([]Element, 3), make([]Element, 3)
		Combine(p, row, a)
		Combine(q, row, b)
		if got != Dot(p, q) {
			t.Errorf("at %d: %v, want %v", j+1, got, Dot(p, q))
		}
	}
}

func TestIntRoundTrip(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 1<<62 + 5, -1<<62 - 5, 1<<63 - 1, -1 << 63} {
		e := FromInt(v)
		if back, fits := e.Int(); back != v || !fits || e.Float() != float64(v) {
			t.Errorf("%d came back as %d, %v, %v", v, back, fits, e.Float())
		}
	}
	for _, e := range []Element{PowerOfTwo(63), PowerOfTwo(100), Sub(FromInt(-1<<63), Element{Lo: 1})} {
		if v, fits := e.Int(); fits {
			t.Errorf("%v became %d", e, v)
		}
	}
}

func TestLagrange(t *testing.T) {
	at := func(x int64) Element { return FromInt(7 - 3*x + 5*x*x) }
	lambda, err := Lagrange([]int{1, 4, 6}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := Dot(lambda, []Element{at(1), at(4), at(6)}); got != FromInt(7) {
		t.Errorf("f(0) = %v", got)
	}
	for _, xs := range [][]int{{1, 1}, {-1, 2}} {
		if _, err := Lagrange(xs, 0); err == nil {
			t.Errorf("abscissae %v were taken", xs)
		}
	}
}

func TestExpandersDifferAndKeepTheirBounds(t *testing.T) {
	x, y := NewExpander([SeedSize]byte{1}, 0), NewExpander([SeedSize]byte{1}, 1)
	seen := map[Element]bool{}
	for range 1000 {
		for _, e := range []Element{x.Element(), y.Element()} {
			if seen[e] {
				t.Fatal("an element came twice")
			}
			seen[e] = true
		}
	}
	largest := 0
	for range 100 {
		largest = max(largest, toBig(x.Below(100)).BitLen())
	}
	if largest > 100 || largest < 95 {
		t.Errorf("numbers below 2^100 have up to %d bits", largest)
	}
	words := make([]uint64, 3)
	x.Words(words)
	if first, second := x.Element(), x.Element(); words[0] == words[1] || first == second {
		t.Error("words repeat")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 16))
	f.Add(Append(nil, []Element{FromInt(-1), FromInt(5)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		dst := make([]Element, len(data)/Size)
		if Decode(dst, data) == nil && !bytes.Equal(Append(nil, dst), data) {
			t.Error("two encodings of the same elements")
		}
	})
}

func BenchmarkDot(b *testing.B) {
	x, y := make([]Element, 1024), make([]Element, 1024)
	NewExpander([SeedSize]byte{1}, 0).Fill(x)
	NewExpander([SeedSize]byte{2}, 0).Fill(y)
	for b.Loop() {
		Dot(x, y)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/product")
}

func BenchmarkMul(b *testing.B) {
	x := FromInt(-12345)
	for b.Loop() {
		x = Mul(x, x)
	}
}

func BenchmarkFill(b *testing.B) {
	x := NewExpander([SeedSize]byte{1}, 0)
	dst := make([]Element, 1024)
	b.SetBytes(16 * 1024)
	for b.Loop() {
		x.Fill(dst)
	}
}
