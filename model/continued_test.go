package model

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPosterSplit(t *testing.T) {
	test, hospitals := PosterSplit()
	if test[0] != 230 || hospitals[0][0] != 287 || len(test) != 50 || len(hospitals[2]) != 130 {
		t.Fatalf("%v %v", test, hospitals)
	}
	data, err := os.ReadFile(filepath.Join(realData(t, "diabetes442"), "split-seed42.json"))
	if err != nil {
		t.Skip("no copy of the split to compare with")
	}
	var want struct {
		Test      []int
		Hospitals [3][]int
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(test, want.Test) || !slices.Equal(hospitals[0], want.Hospitals[0]) ||
		!slices.Equal(hospitals[1], want.Hospitals[1]) || !slices.Equal(hospitals[2], want.Hospitals[2]) {
		t.Fatal("another split")
	}
}

// The poster's tables 1.0 and 2.0 in plain arithmetic, and what they would be if
// hospital 1 counted once.
func TestContinuedInTheClear(t *testing.T) {
	d, _, err := embedded(t, "diabetes442").ReadTableFile(filepath.Join(realData(t, "diabetes442"), "diabetes442.csv"))
	if err != nil {
		t.Fatal(err)
	}
	all := UnitScaled(d)
	testRows, hospitals := PosterSplit()
	for _, c := range []struct {
		rate  float64
		steps int
		twice bool
		want  [3]float64
	}{
		{0.01, 100, true, [3]float64{39.83, 121.00, -49.57}},
		{0.001, 100, true, [3]float64{302.45, 315.17, 297.71}},
		{0.001, 50, true, [3]float64{184.60, 187.08, 184.09}},
		{0.001, 200, true, [3]float64{392.35, 431.26, 379.25}},
		{0.001, 100, false, [3]float64{234.09, 244.02, 229.73}},
		{0.01, 100, false, [3]float64{38.51, 109.61, -41.62}},
	} {
		training := Continued{Features: 10, Rate: c.rate, Steps: c.steps, Hospitals: 3}
		if err := training.Validate(); err != nil {
			t.Fatal(err)
		}
		var rows [3]Design
		var alone [3][]float64
		for i := range rows {
			rows[i] = all.Select(hospitals[i])
			alone[i] = training.Alone(rows[i])
		}
		state := training.Start()
		for !training.Over(state) {
			sum := make([]float64, 11)
			for i := range rows {
				for j, g := range training.Gradient(alone[i], state, rows[i]) {
					if sum[j] += g; i == 0 && c.twice {
						sum[j] += g
					}
				}
			}
			if state, err = training.Apply(state, sum); err != nil {
				t.Fatal(err)
			}
		}
		test := all.Select(testRows)
		for i := range rows {
			got := training.Error(alone[i], test) - training.Error(training.Weights(alone[i], state), test)
			if math.Abs(got-c.want[i]) > 0.006 {
				t.Errorf("η %v, %d steps, hospital %d: %.3f, want %.2f", c.rate, c.steps, i+1, got, c.want[i])
			}
		}
	}
}
