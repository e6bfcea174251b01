package model

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// A table that was dealt out as files gives every hospital the same rows as one
// that was dealt out in memory.
func TestDealTables(t *testing.T) {
	task, _ := Embedded("pima")
	table := "pregnancies,glucose,blood_pressure,skin_thickness,insulin,bmi,pedigree,age,outcome\n" +
		"6,148,72,35,0,33.6,0.627,50,1\n1,85,66,29,0,26.6,0.351,31,0\n8,0,64,0,0,23.3,0.672,32,1\n" +
		"1,89,66,23,94,28.1,0.167,21,0\n0,137,40,35,168,43.1,2.288,33,1\n5,116,74,0,0,25.6,0.201,30,0\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, task.SingleFile.File), []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(5) {
		loaded, err := task.Load(dir, 3, seed)
		if err != nil {
			t.Fatal(err)
		}
		tables, err := task.DealTables(dir, 3, seed)
		if err != nil || len(tables) != 3 {
			t.Fatalf("%d tables, %v", len(tables), err)
		}
		for i, text := range tables {
			data, report, err := task.ReadTable(bytes.NewReader(text), "part")
			if err != nil || report.Dropped != 0 || !reflect.DeepEqual(data, loaded[i].Data) {
				t.Fatalf("seed %d, hospital %d: %v, %v\n got %+v\nwant %+v", seed, i, report, err, data, loaded[i].Data)
			}
		}
	}
	heart, _ := Embedded("heart")
	if _, err := heart.DealTables(dir, 3, 1); err == nil {
		t.Error("a task with a file for each hospital was dealt out")
	}
	if _, err := task.DealTables(t.TempDir(), 3, 1); err == nil {
		t.Error("a missing file was dealt out")
	}
}
