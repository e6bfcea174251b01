package model

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// numbered is a data set whose only feature is the row number.
func numbered(labels []float64) *Dataset {
	d := &Dataset{Features: []string{"row"}, Y: labels, Binary: true}
	for i := range labels {
		d.X = append(d.X, float64(i))
	}
	return d
}

func TestSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1}), 0, 200).Draw(t, "labels")
		fraction := rapid.Float64Range(0, 0.999).Draw(t, "fraction")
		seed := rapid.Uint64().Draw(t, "seed")
		d := numbered(labels)
		train, test, err := d.Split(fraction, seed)
		if err != nil {
			t.Fatal(err)
		}
		for class := range 2 {
			all, chosen := count(labels, float64(class)), count(test.Y, float64(class))
			if want := math.Round(fraction * float64(all)); float64(chosen) != want {
				t.Errorf("%d of %d rows of class %d are test rows, want %v", chosen, all, class, want)
			}
		}
		if !slices.IsSorted(train.X) || !slices.IsSorted(test.X) {
			t.Error("rows changed their order")
		}
		rows := slices.Concat(train.X, test.X)
		slices.Sort(rows)
		if !slices.Equal(rows, d.X) {
			t.Error("rows were lost or doubled")
		}
		for _, part := range []*Dataset{train, test} {
			for i, row := range part.X {
				if part.Y[i] != labels[int(row)] {
					t.Errorf("row %v has the label of another row", row)
				}
			}
		}
		again, _, _ := d.Split(fraction, seed)
		if !slices.Equal(again.X, train.X) {
			t.Error("the same seed gives another split")
		}
	})
}

func count(values []float64, x float64) int {
	n := 0
	for _, v := range values {
		if v == x {
			n++
		}
	}
	return n
}

func TestSplitDependsOnTheSeed(t *testing.T) {
	d := numbered(make([]float64, 100))
	first, _, _ := d.Split(0.34, 1)
	second, _, _ := d.Split(0.34, 2)
	if slices.Equal(first.X, second.X) {
		t.Error("two seeds, one split")
	}
}

// Seeds are quoted in documents and bug reports: the same seed must keep
// giving the same rows.
func TestSplitsAreStable(t *testing.T) {
	d := numbered([]float64{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1})
	_, test, _ := d.Split(0.34, 1)
	if want := []float64{1, 2, 5, 6}; !slices.Equal(test.X, want) {
		t.Errorf("test rows %v, want %v", test.X, want)
	}
	if got, want := d.deal(4, 1)[0].X, []float64{3, 4, 10}; !slices.Equal(got, want) {
		t.Errorf("the first hospital gets rows %v, want %v", got, want)
	}
}

func TestSplitRefusesFractions(t *testing.T) {
	for _, fraction := range []float64{-0.1, 1, 2, math.NaN()} {
		_, _, err := numbered(nil).Split(fraction, 0)
		checkError(t, err, fmt.Sprintf("split rows: the test fraction is %v; it must be at least 0 and below 1", fraction))
	}
}

func TestPool(t *testing.T) {
	a, b := numbered([]float64{0, 1}), numbered([]float64{1})
	p, err := Pool(a, b)
	if err != nil || !slices.Equal(p.X, []float64{0, 1, 0}) || !slices.Equal(p.Y, []float64{0, 1, 1}) || !p.Binary {
		t.Errorf("pooled %+v, %v", p, err)
	}
	p.X[0] = 7
	if a.X[0] != 0 {
		t.Error("pooling shares memory with a hospital")
	}
	_, err = Pool(a, &Dataset{Features: []string{"other"}})
	checkError(t, err, "pool data sets: number 2 has other columns than the first")
	_, err = Pool()
	checkError(t, err, "pool data sets: none given")
}

func TestDeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(0, 100).Draw(t, "rows")
		parts := rapid.IntRange(1, 10).Draw(t, "parts")
		d := numbered(make([]float64, rows))
		var all []float64
		for _, part := range d.deal(parts, rapid.Uint64().Draw(t, "seed")) {
			if part.Rows() != rows/parts && part.Rows() != (rows+parts-1)/parts {
				t.Errorf("a part has %d of %d rows in %d parts", part.Rows(), rows, parts)
			}
			all = append(all, part.X...)
		}
		slices.Sort(all)
		if !slices.Equal(all, d.X) {
			t.Error("rows were lost or doubled")
		}
	})
}
