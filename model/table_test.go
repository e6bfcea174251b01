package model

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadTable(t *testing.T) {
	task := parseSmall(t)
	table := "ill, pain ,comment,age\r\n" + // columns in another order, one unused
		"0,1,\"a, \"\"quoted\"\"\",63\r\n" +
		"\r\n" +
		"2, 3.0 ,,0.5e2\r\n" + // levels compare as numbers, spaces do not count
		"1,2,x,?\r\n" + // missing everywhere
		"1,-9.0,x,40\r\n" + // missing in this column
		"0,02,,120\r\n"
	data, report, err := task.ReadTable(strings.NewReader("\ufeff"+table), "t.csv")
	if err != nil {
		t.Fatal(err)
	}
	if report != (Report{Rows: 5, Dropped: 2}) {
		t.Errorf("report %+v", report)
	}
	if !slices.Equal(data.X, []float64{63, 0, 0, 50, 0, 1, 120, 1, 0}) || !slices.Equal(data.Y, []float64{0, 1, 0}) || !data.Binary {
		t.Errorf("read %+v", data)
	}
}

func TestTablesThatAreRefused(t *testing.T) {
	cases := []struct{ name, table, want string }{
		{"empty", "", "the file is empty; expected a header line with the columns age, pain, ill"},
		{"only empty lines", "\n\n", "the file is empty; expected a header line with the columns age, pain, ill"},
		{"missing column", "age,ill\n1,0\n", `line 1: the header has no column "pain"; expected the columns age, pain, ill in any order`},
		{"repeated column", "age,pain,ill,age\n", `line 1: the header names column "age" twice`},
		{"many columns", "age,pain,ill" + strings.Repeat(",", 10_000) + "\n", "line 1: the header has 10003 columns, the limit is 10000"},
		{"ragged", "age,pain,ill\n1,1,0\n1,1\n", "line 3: the row has 2 fields, expected 3 (age, pain, ill)"},
		{"ragged, longer", "age,pain,ill\n1,1,0,0\n", "line 2: the row has 4 fields, expected 3 (age, pain, ill)"},
		{"unknown level", "age,pain,ill\n1,4,0\n", `line 2, column "pain": "4" is not a declared level; expected one of 1, 2, 3`},
		{"text in a number", "age,pain,ill\n\n1,1,0\nold,1,0\n", `line 4, column "age": "old" is not a number; expected a number from 0 to 120`},
		{"decimal comma", "age;pain;ill\n", `line 1: the header has no column "age"; expected the columns age, pain, ill in any order`},
		{"NaN", "age,pain,ill\nNaN,1,0\n", `line 2, column "age": "NaN" is not a number; expected a number from 0 to 120`},
		{"infinity", "age,pain,ill\n-Inf,1,0\n", `line 2, column "age": "-Inf" is not a number; expected a number from 0 to 120`},
		{"overflow", "age,pain,ill\n1e999,1,0\n", `line 2, column "age": "1e999" is not a number; expected a number from 0 to 120`},
		{"hexadecimal", "age,pain,ill\n0x1p4,1,0\n", `line 2, column "age": "0x1p4" is not a number; expected a number from 0 to 120`},
		{"empty field", "age,pain,ill\n,1,0\n", `line 2, column "age": the field is empty; expected a number; expected a number from 0 to 120`},
		{"out of range", "age,pain,ill\n121,1,0\n", `line 2, column "age": 121 is outside the declared range 0 to 120; correct the row, or the range in the task file of all hospitals`},
		{"below the range", "age,pain,ill\n-0.5,1,0\n", `line 2, column "age": -0.5 is outside the declared range 0 to 120; correct the row, or the range in the task file of all hospitals`},
		{"error in a row that is dropped", "age,pain,ill\n?,7,0\n", `line 2, column "pain": "7" is not a declared level; expected one of 1, 2, 3`},
		{"missing label", "age,pain,ill\n1,1,?\n", `line 2, column "ill": the label is missing; remove the row or enter its outcome`},
		{"empty label", "age,pain,ill\n1,1, \n", `line 2, column "ill": the label is missing; remove the row or enter its outcome`},
		{"text in the label", "age,pain,ill\n1,1,yes\n", `line 2, column "ill": "yes" is not a number; the label must be a number`},
		{"open quote", "age,pain,ill\n1,\"1,0\n1,1,0\n", `line 3: extraneous or missing " in quoted-field (write a quote inside a field twice)`},
		{"quote in a field", "age,pain,ill\n1\",1,0\n", `line 2: bare " in non-quoted-field (write a quote inside a field twice)`},
		{"too many rows", "age,pain,ill\n" + strings.Repeat("1,1,0\n", 101), "line 102: more than 100 complete rows, the max_rows of the task"},
		{"long line", "age,pain,ill\n1,1,0\n" + strings.Repeat("1", maxRecordBytes+5000), "after line 2: a line has more than 1048576 bytes (is a quote not closed?)"},
		{"long field", "age,pain,ill\n" + strings.Repeat("x", 100) + ",1,0\n", `line 2, column "age": "` + strings.Repeat("x", 40) + `"… is not a number; expected a number from 0 to 120`},
	}
	task := parseSmall(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			data, _, err := task.ReadTable(strings.NewReader(c.table), "t.csv")
			checkError(t, err, "read table t.csv: "+c.want)
			if data != nil {
				t.Error("a data set beside an error")
			}
		})
	}
}

func TestReadTableWithoutHeader(t *testing.T) {
	text := strings.Replace(small, "header = true", `columns = ["ill", "age", "pain"]`, 1)
	task := must[*Task](t)(ParseTask("small.toml", []byte(text)))
	data, report, err := task.ReadTable(strings.NewReader("1,50,2\n"), "t.csv")
	if err != nil || report.Rows != 1 || !slices.Equal(data.X, []float64{50, 1, 0}) || !slices.Equal(data.Y, []float64{1}) {
		t.Errorf("read %+v, %+v, %v", data, report, err)
	}
	_, _, err = task.ReadTable(strings.NewReader(""), "t.csv")
	checkError(t, err, "read table t.csv: the file is empty; expected lines of 3 columns (ill, age, pain)")
}

// "Zero rows or one class is NOT an error here".
func TestTablesWithoutUsableRows(t *testing.T) {
	task := parseSmall(t)
	for _, table := range []string{"age,pain,ill\n", "age,pain,ill\n?,1,0\n"} {
		data, _, err := task.ReadTable(strings.NewReader(table), "t.csv")
		if err != nil || data.Rows() != 0 {
			t.Errorf("%q: %v rows, %v", table, data.Rows(), err)
		}
	}
}

func TestReadTableFile(t *testing.T) {
	task := parseSmall(t)
	name := filepath.Join(t.TempDir(), "t.csv")
	_, _, err := task.ReadTableFile(name)
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "read table: open "+name) {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(name, []byte("age,pain,ill\n1,9,0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = task.ReadTableFile(name)
	checkError(t, err, `read table t.csv: line 2, column "pain": "9" is not a declared level; expected one of 1, 2, 3`)
}

func TestReadTableReportsReadErrors(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("age,pain,ill\n1,1,0\n"), brokenReader{})
	_, _, err := parseSmall(t).ReadTable(broken, "t.csv")
	checkError(t, err, "read table t.csv: after line 2: the disk is on fire")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("the disk is on fire") }

func TestReadTableRefusesATaskThatIsNotValid(t *testing.T) {
	_, _, err := new(Task).ReadTable(strings.NewReader("1"), "t.csv")
	checkError(t, err, `read table t.csv: task: task name: "" has 0 characters; use 1 to 64`)
}

func TestFileSizeLimit(t *testing.T) {
	limit := &recordLimiter{reader: strings.NewReader("12345678"), record: 100, total: 5}
	if _, err := io.ReadAll(limit); !errors.Is(err, errTableTooLong) {
		t.Errorf("reading beyond the limit: %v", err)
	}
}

// "heart: … → 303, 261, 46, 130 rows, 383 of 740 positive", 13 features.
func TestHeartCounts(t *testing.T) {
	dir := realData(t, "heart")
	hospitals, err := embedded(t, "heart").Load(dir, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name   string
		report Report
		rows   int
	}{
		{"cleveland", Report{303, 0}, 303}, {"hungarian", Report{294, 33}, 261},
		{"switzerland", Report{123, 77}, 46}, {"va", Report{200, 70}, 130},
	}
	rows, positive := 0, 0.0
	for i, h := range hospitals {
		if h.Name != want[i].name || h.Report != want[i].report || h.Data.Rows() != want[i].rows {
			t.Errorf("hospital %s: %+v, %d rows; want %+v", h.Name, h.Report, h.Data.Rows(), want[i])
		}
		if len(h.Data.X) != 13*h.Data.Rows() {
			t.Errorf("hospital %s: %d values for %d rows of 13 features", h.Name, len(h.Data.X), h.Data.Rows())
		}
		rows += h.Data.Rows()
		for _, y := range h.Data.Y {
			positive += y
		}
	}
	if rows != 740 || positive != 383 {
		t.Errorf("%v of %d positive, want 383 of 740", positive, rows)
	}
	// processed.cleveland.data: 67.0,1.0,4.0,160.0,286.0,0.0,2.0,108.0,1.0,1.5,2.0,3.0,3.0,2
	if got, want := hospitals[0].Data.Row(1), []float64{67, 1, 0, 0, 1, 160, 286, 0, 0, 1, 108, 1, 1.5}; !slices.Equal(got, want) {
		t.Errorf("second row %v, want %v", got, want)
	}
}

func TestPimaCounts(t *testing.T) {
	dir := realData(t, "pima")
	task := embedded(t, "pima")
	data, report, err := task.ReadTableFile(filepath.Join(dir, "pima.csv"))
	if err != nil || report != (Report{768, 44}) || data.Rows() != 724 {
		t.Errorf("%+v, %d rows, %v; want 724 of 768", report, data.Rows(), err)
	}
	// "check what remains: 392 rows" with all eight columns.
	for _, column := range []string{"insulin", "skin_thickness"} {
		task.Features = append(task.Features, Feature{Column: column, Kind: Number, Min: 1, Max: 1000, Missing: []string{"0"}})
	}
	data, _, err = task.ReadTableFile(filepath.Join(dir, "pima.csv"))
	if err != nil || data.Rows() != 392 {
		t.Errorf("with insulin and skin_thickness %d rows, %v; want 392", data.Rows(), err)
	}
}

// FuzzReadTable also checks that every accepted row is one that encoding/csv
// sees, and that accepted values keep what the task promises.
func FuzzReadTable(f *testing.F) {
	task := parseSmall(f)
	f.Add([]byte("age,pain,ill\n1,1,0\n"))
	f.Add([]byte("\ufeffill,pain,age\r\n1,\"2\",?\r\n"))
	f.Add([]byte("age,pain,ill\n\"1\n,1,0\n"))
	f.Fuzz(func(t *testing.T, table []byte) {
		data, report, err := task.ReadTable(bytes.NewReader(table), "fuzz")
		if err != nil {
			if data != nil {
				t.Error("a data set beside an error")
			}
			return
		}
		records, csvErr := csv.NewReader(bytes.NewReader(table)).ReadAll()
		if csvErr != nil || len(records) != report.Rows+1 {
			t.Errorf("%d rows accepted, encoding/csv has %d records, %v", report.Rows, len(records), csvErr)
		}
		if data.Rows() != report.Rows-report.Dropped || len(data.X) != 3*data.Rows() {
			t.Errorf("%+v, %d rows, %d values", report, data.Rows(), len(data.X))
		}
		for i := range data.Rows() {
			row := data.Row(i)
			if !(row[0] >= 0 && row[0] <= 120) || row[1]+row[2] > 1 || data.Y[i] != 0 && data.Y[i] != 1 {
				t.Errorf("row %v, label %v", row, data.Y[i])
			}
		}
	})
}
