package figure

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Width and Height of a figure.
const (
	Width  = 21 * vg.Centimeter
	Height = 10 * vg.Centimeter
)

// Figure is a set of curves over one pair of axes.
type Figure struct {
	Title, X, Y string
	LogX, LogY  bool // decades; points that are not positive are left out
	Curves      []Curve
	// YMin and YMax bound what is shown, where they differ; so does XMin, where it
	// is not 0.
	YMin, YMax, XMin float64
	// Levels are dashed horizontal lines.
	Levels []Level
}

// Curve is a line through points. Points that are not finite are left out.
type Curve struct {
	Name   string
	X, Y   []float64
	Colour int // of the palette, from 1; 0: its place among the curves
	Style  Style
	Ended  bool // mark the last point with a cross: the run ended there
}

// Style is how a line is drawn.
type Style int

// Styles.
const (
	Solid Style = iota
	Dashed
	Dotted
	DashDotted
)

var dashes = map[Style][]vg.Length{Dashed: {5, 3}, Dotted: {1.5, 2}, DashDotted: {6, 2, 1.5, 2}}

// Level is a horizontal line with a name.
type Level struct {
	Name string
	Y    float64
}

// palette is Okabe and Ito's, told apart by colour-blind readers, too, and a dark
// red.
var palette = []color.RGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{86, 180, 233, 255}, {230, 159, 0, 255}, {0, 0, 0, 255}, {120, 120, 120, 255}, {136, 0, 21, 255},
}

// SVG is the figure as a document that stands inside HTML.
func (f Figure) SVG() ([]byte, error) {
	c := vgsvg.New(Width, Height)
	if err := f.draw(draw.New(c)); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("draw %q: %w", f.Title, err)
	}
	// Readers without the font take one as wide.
	fallback := bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return withoutProlog(fallback), nil
}

// withoutProlog begins at the element: a prolog has no place inside HTML.
func withoutProlog(svg []byte) []byte {
	if at := bytes.Index(svg, []byte("<svg")); at >= 0 {
		return svg[at:]
	}
	return svg
}

// PNG is the figure as an image, 192 dots to the inch.
func (f Figure) PNG() ([]byte, error) {
	c := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(Width, Height), vgimg.UseDPI(192), vgimg.UseBackgroundColor(color.White))}
	if err := f.draw(draw.New(c)); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("draw %q: %w", f.Title, err)
	}
	return b.Bytes(), nil
}

// draw puts the legend beside the axes, where it hides nothing.
func (f Figure) draw(c draw.Canvas) error {
	legend := plot.NewLegend()
	legend.Top, legend.Left, legend.Padding = true, true, 3
	legend.TextStyle.Font = face(9)
	p, err := f.plot(&legend)
	if err != nil {
		return err
	}
	room := vg.Length(0)
	if len(f.Curves)+len(f.Levels) > 1 {
		room = legend.Rectangle(c).Size().X + 12
		legend.Draw(draw.Crop(c, Width-room, 0, 0, -28))
	}
	axes := draw.Crop(c, 4+axisLabel, -room-10, 4, -4)
	p.Draw(axes)
	// gonum makes room for the label of a logarithmic axis where it is not.
	style := p.Y.Label.TextStyle
	style.Rotation, style.XAlign, style.YAlign = math.Pi/2, draw.XCenter, draw.YTop
	style.Handler = p.TextHandler
	c.FillText(style, vg.Point{X: 4, Y: axes.Center().Y}, f.Y)
	return nil
}

// axisLabel is the room for the vertical axis's label.
const axisLabel = 16

func face(size vg.Length) font.Font {
	return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
}

func (f Figure) plot(legend *plot.Legend) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = f.Title, f.X
	for _, style := range []*draw.TextStyle{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label} {
		style.Font = face(style.Font.Size)
	}
	p.Title.TextStyle.Font.Size, p.Title.Padding = 12, 6
	p.Add(grid())
	scale(&p.X, f.LogX)
	scale(&p.Y, f.LogY)
	for i, c := range f.Curves {
		if c.Colour > 0 {
			i = c.Colour - 1
		}
		if err := f.add(p, legend, c, palette[i%len(palette)]); err != nil {
			return nil, fmt.Errorf("draw %q, curve %q: %w", f.Title, c.Name, err)
		}
	}
	if f.YMin != f.YMax {
		p.Y.Min, p.Y.Max = f.YMin, f.YMax
	}
	if f.XMin != 0 {
		p.X.Min = f.XMin
	}
	for _, l := range f.Levels {
		line, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: l.Y}, {X: p.X.Max, Y: l.Y}})
		if err != nil {
			return nil, fmt.Errorf("draw %q, level %q: %w", f.Title, l.Name, err)
		}
		line.Color, line.Dashes = color.Gray{90}, []vg.Length{2, 3}
		p.Add(line)
		legend.Add(l.Name, line)
	}
	return p, nil
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Horizontal.Color, g.Vertical.Color = color.Gray{225}, color.Gray{225}
	return g
}

func scale(a *plot.Axis, log bool) {
	if log {
		a.Scale, a.Tick.Marker = plot.LogScale{}, plot.TickerFunc(decades)
		return
	}
	a.Tick.Marker = plot.TickerFunc(roundTicks)
}

// decades are the multiples of powers of ten within the axis; the powers have
// labels, and on an axis of few so do twice and five times a power, or all.
func decades(low, high float64) []plot.Tick {
	few, one := high/low < 500, high/low < 5
	var ticks []plot.Tick
	for exponent := math.Floor(math.Log10(low)); exponent <= math.Log10(high); exponent++ {
		for factor := 1.0; factor < 10; factor++ {
			t := plot.Tick{Value: factor * math.Pow(10, exponent)}
			if factor == 1 || one || few && (factor == 2 || factor == 5) {
				t.Label = decadeLabel(factor, int(exponent))
			}
			if low <= t.Value*(1+1e-9) && t.Value <= high*(1+1e-9) {
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}

// decadeLabel writes factor·10^exponent: large and small powers as such.
func decadeLabel(factor float64, exponent int) string {
	if -3 <= exponent && exponent <= 3 {
		return strconv.FormatFloat(factor*math.Pow(10, float64(exponent)), 'g', 6, 64)
	}
	raised := []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")
	power := "10"
	if exponent < 0 {
		power += "⁻"
	}
	for _, digit := range strconv.Itoa(max(exponent, -exponent)) {
		power += string(raised[digit-'0'])
	}
	if factor == 1 {
		return power
	}
	return strconv.FormatFloat(factor, 'f', -1, 64) + "·" + power
}

// roundTicks are four to ten multiples of 1, 2 or 5 times a power of ten.
func roundTicks(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, factor := range []float64{5, 2} {
		if step*factor <= (high-low)/4 {
			step *= factor
			break
		}
	}
	var ticks []plot.Tick
	for i := math.Ceil(low/step - 1e-9); i*step <= high*(1+1e-9)+1e-9*step; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step, 'g', 6, 64)})
	}
	return ticks
}

func (f Figure) add(p *plot.Plot, legend *plot.Legend, c Curve, colour color.Color) error {
	var last plotter.XYs
	for _, points := range f.visible(c) {
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = colour, vg.Points(1.4)
		line.Dashes = dashes[c.Style]
		if p.Add(line); last == nil {
			legend.Add(c.Name, line)
		}
		last = points
	}
	if !c.Ended || last == nil {
		return nil
	}
	end, err := plotter.NewScatter(last[len(last)-1:])
	if err != nil {
		return err
	}
	end.GlyphStyle = draw.GlyphStyle{Color: colour, Radius: 4, Shape: draw.CrossGlyph{}}
	p.Add(end)
	return nil
}

// visible are the stretches of a curve that lie within the figure.
func (f Figure) visible(c Curve) []plotter.XYs {
	var stretches []plotter.XYs
	broken := true
	for i := range c.X {
		x, y := c.X[i], c.Y[i]
		outside := f.XMin != 0 && x < f.XMin || f.YMin != f.YMax && (y < f.YMin || y > f.YMax)
		if math.IsNaN(x+y) || math.IsInf(x+y, 0) || f.LogX && x <= 0 || f.LogY && y <= 0 || outside {
			broken = true
			continue
		}
		if broken {
			stretches, broken = append(stretches, nil), false
		}
		at := &stretches[len(stretches)-1]
		*at = append(*at, plotter.XY{X: x, Y: y})
	}
	return stretches
}
