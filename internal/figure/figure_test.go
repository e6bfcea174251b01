package figure

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"io"
	"math"
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
