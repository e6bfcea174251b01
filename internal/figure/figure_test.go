package figure

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"
)

func example() Figure {
	return Figure{
		Title: "weights & predictions <explode>", X: "iteration", Y: "max |z|", LogX: true, LogY: true,
		Curves: []Curve{
			{Name: "one", X: []float64{0, 1, 10, 100}, Y: []float64{1, 2, math.Inf(1), 30}, Ended: true},
			{Name: "none", X: []float64{1}, Y: []float64{math.NaN()}},
		},
		Levels: []Level{{Name: "interval", Y: 8}},
	}
}

func TestFiguresAreWellFormed(t *testing.T) {
	svg, err := example().SVG()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(svg, []byte("<svg")) {
		t.Errorf("the document begins with %.40q", svg)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		_, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	again, err := example().SVG()
	if err != nil || !bytes.Equal(svg, again) {
		t.Error("the same figure is drawn differently")
	}
	data, err := example().PNG()
	if err != nil {
		t.Fatal(err)
	}
	if image, err := png.Decode(bytes.NewReader(data)); err != nil || image.Bounds().Dx() < 1000 {
		t.Errorf("%v %v", image.Bounds(), err)
	}
}

func TestDecades(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{1e3, 1e7, "1000 10⁴ 10⁵ 10⁶ 10⁷"}, {3e-6, 2e-4, "5·10⁻⁶ 10⁻⁵ 2·10⁻⁵ 5·10⁻⁵ 10⁻⁴ 2·10⁻⁴"},
		{4, 30, "5 10 20"}, {0.3, 0.8, "0.3 0.4 0.5 0.6 0.7 0.8"},
	} {
		var labels []string
		for _, tick := range decades(c.low, c.high) {
			if tick.Label != "" {
				labels = append(labels, tick.Label)
			}
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%g to %g: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}
