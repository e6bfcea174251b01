package measured

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRowsTakeTheirPlace(t *testing.T) {
	*file = filepath.Join(t.TempDir(), "rows.csv")
	defer func() { *file = "" }()
	columns := []string{"seconds", "megabytes"}
	for _, r := range []Row{
		{"b", 10, 1000, []float64{1, 2}}, {"a", 10, 20, []float64{3, 4}}, {"b", 3, 1000, []float64{5, 6}}, {"b", 10, 1000, []float64{0.123456, 8}},
	} {
		Add(t, columns, r)
	}
	got, rows, err := Read(*file)
	if err != nil || !slices.Equal(got, columns) {
		t.Fatal(got, err)
	}
	want := []Row{{"a", 10, 20, []float64{3, 4}}, {"b", 3, 1000, []float64{5, 6}}, {"b", 10, 1000, []float64{0.1235, 8}}}
	if !slices.EqualFunc(rows, want, func(a, b Row) bool { return compare(a, b) == 0 && slices.Equal(a.Found, b.Found) }) {
		t.Errorf("%v", rows)
	}
	for _, text := range []string{"", "scheme,hospitals\n", "scheme,hospitals,values,x\na,b,1,2\n", "scheme,hospitals,values,x\na,1,1,z\n"} {
		if err := os.WriteFile(*file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Read(*file); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
