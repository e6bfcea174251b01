package model

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Dataset holds the encoded rows of one hospital, or of a part of them.
type Dataset struct {
	Features []string  // names of the d columns; see [Task.FeatureNames]
	X        []float64 // rows×d values, row by row, in the columns' own units; one-hot columns hold 0 or 1
	Y        []float64 // one label per row: 0 or 1 when Binary, else a number in its own unit
	Binary   bool      // the label is a yes or no
}

// Rows is the number of rows; 0 for a nil data set.
func (d *Dataset) Rows() int {
	if d == nil {
		return 0
	}
	return len(d.Y)
}

// Row returns the d values of row i, from 0. It is a view, not a copy.
func (d *Dataset) Row(i int) []float64 {
	return d.X[i*len(d.Features) : (i+1)*len(d.Features)]
}

// Select returns a copy of the given rows in the given order.
func (d *Dataset) Select(rows []int) *Dataset {
	selected := &Dataset{Features: d.Features, Binary: d.Binary}
	for _, i := range rows {
		selected.X = append(selected.X, d.Row(i)...)
		selected.Y = append(selected.Y, d.Y[i])
	}
	return selected
}

// Pool puts the rows of several hospitals one after the other, which no
// hospital can do in a real study: it is there to compare with.
func Pool(datasets ...*Dataset) (*Dataset, error) {
	if len(datasets) == 0 {
		return nil, errors.New("pool data sets: none given")
	}
	first := datasets[0]
	pooled := &Dataset{Features: first.Features, Binary: first.Binary}
	for i, d := range datasets {
		if !slices.Equal(d.Features, first.Features) || d.Binary != first.Binary {
			return nil, fmt.Errorf("pool data sets: number %d has other columns than the first", i+1)
		}
		pooled.X = append(pooled.X, d.X...)
		pooled.Y = append(pooled.Y, d.Y...)
	}
	return pooled, nil
}

// Streams of one seed, so that no two uses of it draw the same numbers.
// Synthetic hospitals use streamSynthetic, streamSynthetic+1, ….
const (
	streamSplit uint64 = iota + 1
	streamDeal
	streamSynthetic
)

// seeded returns reproducible pseudo-random numbers for splits and synthetic
// patients. They protect nothing: whoever knows the seed knows them all.
func seeded(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream))
}

// Split divides the rows at random into a training and a test part. The test
// part gets the given fraction, rounded, of the positive and of the negative
// rows each (stratified), or of all rows when the label is a number. The same
// seed gives the same split; rows keep their order. The fraction is in [0, 1);
// 0 gives no test rows.
func (d *Dataset) Split(fraction float64, seed uint64) (train, test *Dataset, err error) {
	if !(fraction >= 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("split rows: the test fraction is %v; it must be at least 0 and below 1", fraction)
	}
	random := seeded(seed, streamSplit)
	isTest := make([]bool, d.Rows())
	for _, stratum := range d.strata() {
		random.Shuffle(len(stratum), func(i, j int) { stratum[i], stratum[j] = stratum[j], stratum[i] })
		for _, row := range stratum[:int(math.Round(fraction*float64(len(stratum))))] {
			isTest[row] = true
		}
	}
	var trainRows, testRows []int
	for row, chosen := range isTest {
		if chosen {
			testRows = append(testRows, row)
		} else {
			trainRows = append(trainRows, row)
		}
	}
	return d.Select(trainRows), d.Select(testRows), nil
}

// strata groups row numbers by class: negatives, then positives.
func (d *Dataset) strata() [2][]int {
	var strata [2][]int
	for row, y := range d.Y {
		class := 0
		if d.Binary && y == 1 {
			class = 1
		}
		strata[class] = append(strata[class], row)
	}
	return strata
}

// deal divides the rows at random into nearly equal parts: sizes differ by at
// most one.
func (d *Dataset) deal(parts int, seed uint64) []*Dataset {
	dealt := make([]*Dataset, parts)
	for i, rows := range dealRows(d.Rows(), parts, seed) {
		dealt[i] = d.Select(rows)
	}
	return dealt
}

// dealRows are the numbers of each part's rows, ascending.
func dealRows(rows, parts int, seed uint64) [][]int {
	order := seeded(seed, streamDeal).Perm(rows)
	dealt := make([][]int, parts)
	for i := range dealt {
		dealt[i] = order[i*rows/parts : (i+1)*rows/parts]
		slices.Sort(dealt[i])
	}
	return dealt
}
