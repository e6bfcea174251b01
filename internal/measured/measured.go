package measured

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"testing"

	"consilium/internal/durable"
)

var file = flag.String("csv", "", "CSV file for what benchmarks find")

// Row is one measurement: by what, with so many hospitals and values, and what
// was found, in the order of the columns.
type Row struct {
	Name      string
	Hospitals int
	Values    int
	Found     []float64
}

var key = []string{"scheme", "hospitals", "values"}

// Add puts a row into the file that the benchmark was given; without one it does
// nothing.
func Add(tb testing.TB, columns []string, r Row) {
	tb.Helper()
	if *file == "" {
		return
	}
	_, rows, err := Read(*file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Fatal(err)
	}
	rows = slices.DeleteFunc(rows, func(old Row) bool { return compare(old, r) == 0 })
	if err := write(*file, columns, append(rows, r)); err != nil {
		tb.Fatal(err)
	}
}

func compare(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), a.Hospitals-b.Hospitals, a.Values-b.Values)
}

// Read reads a file that Add has written.
func Read(file string) (columns []string, rows []Row, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(lines) == 0 || len(lines[0]) <= len(key) || !slices.Equal(lines[0][:len(key)], key) {
		return nil, nil, fmt.Errorf("%s: the first line does not begin with %v", file, key)
	}
	for _, line := range lines[1:] {
		r := Row{Name: line[0]}
		var errs [2]error
		r.Hospitals, errs[0] = strconv.Atoi(line[1])
		r.Values, errs[1] = strconv.Atoi(line[2])
		err := errors.Join(errs[:]...)
		for _, text := range line[len(key):] {
			value, wrong := strconv.ParseFloat(text, 64)
			r.Found, err = append(r.Found, value), errors.Join(err, wrong)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		rows = append(rows, r)
	}
	return lines[0][len(key):], rows, nil
}

func write(file string, columns []string, rows []Row) error {
	slices.SortFunc(rows, compare)
	lines := [][]string{slices.Concat(key, columns)}
	for _, r := range rows {
		line := []string{r.Name, strconv.Itoa(r.Hospitals), strconv.Itoa(r.Values)}
		for _, value := range r.Found {
			line = append(line, strconv.FormatFloat(value, 'g', 4, 64))
		}
		lines = append(lines, line)
	}
	var text bytes.Buffer
	if err := csv.NewWriter(&text).WriteAll(lines); err != nil {
		return err
	}
	return durable.WriteFile(file, text.Bytes(), 0o644)
}
