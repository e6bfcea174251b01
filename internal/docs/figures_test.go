package docs

import (
	"path/filepath"
	"testing"

	"consilium/internal/figure"
	"consilium/internal/golden"
	"consilium/internal/measured"
)

// drawings are the figures of docs/performance.md: which column of which table,
// over what, and with what fixed. Run with -update to draw them anew.
var drawings = []struct {
	file, table, title, y string
	column, hospitals     int // hospitals is 0 where they are what varies
	values                int
}{
	{"work-values", "work", "What a hospital computes in a round, 10 hospitals", "processor seconds", 0, 10, 0},
	{"work-hospitals", "work", "What a hospital computes in a round, 100,000 values", "processor seconds", 0, 0, 100_000},
	{"sent-values", "work", "What a hospital sends in a round, 10 hospitals", "megabytes", 1, 10, 0},
	{"sent-hospitals", "work", "What a hospital sends in a round, 100,000 values", "megabytes", 1, 0, 100_000},
	{"rounds-values", "rounds", "A round over 100 Mbit/s and 20 ms one way, 10 hospitals", "seconds", 0, 10, 0},
	{"rounds-hospitals", "rounds", "A round over 100 Mbit/s and 20 ms one way, 10,000 values", "seconds", 0, 0, 10_000},
}

// Dashed is what lies on another.
var schemes = []struct {
	name, title string
	style       figure.Style
}{
	{"shamir", "shamir", figure.Solid}, {"packed", "shamir, packed", figure.Solid}, {"masked", "masked, 32 bits", figure.Solid},
	{"masked64", "masked, 64 bits", figure.Dashed}, {"paillier", "paillier, 2048 bits", figure.Solid},
}

func TestFigures(t *testing.T) {
	for _, d := range drawings {
		_, rows, err := measured.Read(filepath.Join(root, "docs", "figures", d.table+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		f := figure.Figure{Title: d.title, X: "values in an update", Y: d.y, LogX: true, LogY: true}
		if d.hospitals == 0 {
			f.X = "hospitals"
		}
		for colour, s := range schemes {
			c := figure.Curve{Name: s.title, Colour: colour + 1, Style: s.style}
			for _, r := range rows {
				if r.Name != s.name || d.hospitals > 0 && r.Hospitals != d.hospitals || d.values > 0 && r.Values != d.values {
					continue
				}
				x := r.Hospitals
				if d.hospitals > 0 {
					x = r.Values
				}
				c.X, c.Y = append(c.X, float64(x)), append(c.Y, r.Found[d.column])
			}
			if len(c.X) > 1 {
				f.Curves = append(f.Curves, c)
			}
		}
		svg, err := f.SVG()
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, filepath.Join(root, "docs", "figures", d.file+".svg"), string(svg))
	}
}
