package model

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLoadHospitalFiles(t *testing.T) {
	text := strings.Replace(small, "[generator]\nhospitals = 3\n",
		"[[hospital]]\nname = \"a\"\nfile = \"a.csv\"\n[[hospital]]\nname = \"b\"\nfile = \"b.csv\"\n", 1)
	task := must[*Task](t)(ParseTask("small.toml", []byte(text)))
	dir := t.TempDir()
	writeTable(t, dir, "a.csv", "age,pain,ill\n1,1,0\n2,?,0\n")
	writeTable(t, dir, "b.csv", "age,pain,ill\n3,2,1\n")
	all, err := task.Load(dir, 0, 0)
	if err != nil || len(all) != 2 || all[0].Name != "a" || all[1].Name != "b" || all[0].Report != (Report{2, 1}) || all[1].Data.Rows() != 1 {
		t.Errorf("loaded %+v, %v", all, err)
	}
	first, err := task.Load(dir, 1, 0)
	if err != nil || len(first) != 1 || first[0].Name != "a" {
		t.Errorf("the first: %+v, %v", first, err)
	}
	_, err = task.Load(dir, 3, 0)
	checkError(t, err, "load task small: 3 hospitals asked for, but the task has files of 2")
	_, err = task.Load(dir, -1, 0)
	checkError(t, err, "load task small: -1 hospitals; it must be between 1 and 1000")
	_, err = task.Load("", 0, 0)
	checkError(t, err, "load task small: name the folder that holds a.csv")
}

func TestLoadSingleFile(t *testing.T) {
	text := strings.Replace(small, "[generator]", "[single_file]\nfile = \"all.csv\"", 1)
	task := must[*Task](t)(ParseTask("small.toml", []byte(text)))
	dir := t.TempDir()
	writeTable(t, dir, "all.csv", "age,pain,ill\n0,1,0\n1,1,1\n2,1,0\n3,1,1\n4,1,0\n5,1,1\n6,?,1\n7,1,1\n")
	hospitals, err := task.Load(dir, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	var ages []float64
	for i, h := range hospitals {
		if want := []string{"north", "south", "east"}[i]; h.Name != want || h.Data.Rows() < 2 || h.Data.Rows() > 3 {
			t.Errorf("hospital %q has %d rows", h.Name, h.Data.Rows())
		}
		for row := range h.Data.Rows() {
			ages = append(ages, h.Data.Row(row)[0])
		}
	}
	slices.Sort(ages)
	if !slices.Equal(ages, []float64{0, 1, 2, 3, 4, 5, 7}) {
		t.Errorf("rows %v were dealt", ages)
	}
	_, err = task.Load(dir, 8, 1)
	checkError(t, err, "load task small: 8 hospitals asked for, but all.csv has only 7 complete rows")
}

func writeTable(t *testing.T, dir, name, table string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
}

// "deterministic, unique, lower-case, valid as CLI identifiers".
func TestHospitalNames(t *testing.T) {
	seen := map[string]bool{}
	for i := range maxParties {
		name := hospitalName(i)
		if err := checkName(name); err != nil || seen[name] {
			t.Errorf("hospital %d is called %q: %v", i, name, err)
		}
		seen[name] = true
	}
	if hospitalName(3) != "west" || hospitalName(13) != "south-2" {
		t.Errorf("names %q, %q", hospitalName(3), hospitalName(13))
	}
}
