package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"
	"testing"
)

func TestGenerate(t *testing.T) {
	hospitals, err := Generate(1, 6)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range hospitals[:4] {
		if want := []int{303, 261, 46, 130}[i]; h.Data.Rows() != want {
			t.Errorf("%s has %d rows, want %d", h.Name, h.Data.Rows(), want)
		}
	}
	for i, h := range hospitals {
		positive := float64(count(h.Data.Y, 1)) / float64(h.Data.Rows())
		if positive < 0.1 || positive > 0.99 || h.Report.Dropped != 0 {
			t.Errorf("%s: %.2f positive, %+v", h.Name, positive, h.Report)
		}
		one, err := GenerateHospital(1, i, 6)
		if err != nil || !reflect.DeepEqual(one, h) {
			t.Errorf("%s alone differs from %s among all: %v", one.Name, h.Name, err)
		}
	}
	again := must[[]Hospital](t)(embedded(t, "synthetic").Load("", 6, 1))
	if !reflect.DeepEqual(again, hospitals) {
		t.Error("Load gives other rows than Generate")
	}
	other := must[[]Hospital](t)(Generate(2, 6))
	if slices.Equal(other[0].Data.X, hospitals[0].Data.X) || slices.Equal(hospitals[0].Data.X[:13], hospitals[1].Data.X[:13]) {
		t.Error("two seeds, or two hospitals, draw the same patients")
	}
}

// "write itself as CSV text in the task's declared format, round-tripping
// through the reader".
func TestSyntheticTableRoundTrip(t *testing.T) {
	table := must[[]byte](t)(SyntheticTable(7, 2, 4))
	data, report, err := embedded(t, "synthetic").ReadTable(bytes.NewReader(table), "east.csv")
	if err != nil {
		t.Fatal(err)
	}
	h := must[Hospital](t)(GenerateHospital(7, 2, 4))
	if !reflect.DeepEqual(data, h.Data) || report != h.Report || h.Name != "east" {
		t.Error("the table does not read back as the hospital")
	}
}

// Seeds are quoted in documents and bug reports: the same seed must keep
// giving the same patients.
func TestSyntheticTableIsStable(t *testing.T) {
	for index, want := range []string{"52d5cae9370df178", "e28026dc88538961"} {
		table := must[[]byte](t)(SyntheticTable(1, index, 4))
		first, _, _ := bytes.Cut(table, []byte("\n"))
		if string(first) != "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,disease" {
			t.Errorf("header %s", first)
		}
		digest := sha256.Sum256(table)
		if got := hex.EncodeToString(digest[:8]); got != want {
			t.Errorf("hospital %d: hash %s, want %s", index, got, want)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	_, err := Generate(1, 2)
	checkError(t, err, "generate patients: 2 hospitals; it must be between 3 and 1000")
	_, err = GenerateHospital(1, 4, 4)
	checkError(t, err, "generate patients: hospital 4 of 4 does not exist; they count from 0")
}

// "joint training visibly beats most hospitals alone": all of them, by more
// than two points of accuracy in the mean over five seeds, and in log-loss for
// each seed.
func TestSyntheticHospitalsGainTogether(t *testing.T) {
	task := embedded(t, "synthetic")
	const seeds = 5
	var gain [4]float64
	for seed := range uint64(seeds) {
		splits := studySplits(t, task, "", 0.34, seed)
		test := pooled(t, splits).Test
		joint := newProgram(t, Plan{Task: task})
		together := must[Metrics](t)(joint.Evaluate(replay(t, joint, splits), test))
		alone := newProgram(t, Plan{Task: task, Hospitals: 1})
		for h := range splits {
			own := must[Metrics](t)(alone.Evaluate(replay(t, alone, splits[h:h+1]), test))
			if *own.LogLoss <= *together.LogLoss {
				t.Errorf("seed %d, hospital %d: log-loss %.4f alone, %.4f together", seed, h, *own.LogLoss, *together.LogLoss)
			}
			gain[h] += (*together.Accuracy - *own.Accuracy) / seeds
		}
	}
	for h, g := range gain {
		if g < 0.02 {
			t.Errorf("hospital %d gains only %.3f of accuracy in the mean", h, g)
		}
	}
}
