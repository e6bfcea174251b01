package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"consilium/internal/durable"
	"consilium/internal/figure"
	"consilium/model"
	"consilium/protocol/spdz"
	"consilium/testnet"
)

func newModel(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "model", Short: "Work on a model before a study",
		Args: cobra.ArbitraryArgs,
		RunE: a.helpOrFail,
	}
	cmd.AddCommand(newActivation(a, runActivation))
	return cmd
}

type activationFlags struct {
	settings                   model.ApproximationSettings
	interval                   string
	parties, threshold, values int
	out                        string
}

// activationReport is the result of model activation.
type activationReport struct {
	Function       string                  `json:"function"`
	Method         string                  `json:"method"`
	Interval       [2]float64              `json:"interval"`
	Degree         int                     `json:"degree"`
	Scale          float64                 `json:"scale"`          // B
	CoefficientsT  []float64               `json:"coefficients"`   // of powers of t = x/B
	CoefficientsX  []float64               `json:"coefficients_x"` // of powers of x
	MaxError       float64                 `json:"max_error"`
	MaxErrorAt     float64                 `json:"max_error_at"`
	OutsideError   float64                 `json:"outside_error"`
	ErrorCurve     [][2]float64            `json:"error_curve"`   // x, and polynomial less function there
	FixedPoint     *bitsReport             `json:"fixed_point"`   // null: none of up to 60 fractional bits is enough
	FixedPointOfX  *bitsReport             `json:"fixed_point_x"` // the same in powers of x
	Parties        int                     `json:"parties"`
	Threshold      int                     `json:"threshold"`
	Values         int                     `json:"values"`
	ProductRoom    int                     `json:"product_room_bits"` // that a product may have on shares
	Horner         *testnet.EvaluationCost `json:"horner"`            // null: it does not fit
	ParallelPowers *testnet.EvaluationCost `json:"parallel_powers"`
	Files          []string                `json:"files"`
	approximation  *model.Approximation
}

type bitsReport struct {
	FractionBits int `json:"fraction_bits"`
	WholeBits    int `json:"whole_bits"`
	ProductBits  int `json:"product_bits"`
}

func newActivation(a *app, run func(*app, *activationFlags) error) *cobra.Command {
	f := &activationFlags{}
	cmd := &cobra.Command{
		Use: "activation", Short: "Find a polynomial for an activation function, and what it costs on shares",
		Long: "On shares a network computes sums and products, so its activations are polynomials. This finds one, in powers of\n" +
			"t = x/B (B is the larger end of the interval), in which the coefficients are of order one and survive fixed point;\n" +
			"a task takes them as `interval` and `coefficients` of its [model]. Methods: taylor (about 0), interpolation (at\n" +
			"Chebyshev's points), chebyshev (its series, cut off: mean square that counts the ends for more), least-squares (mean\n" +
			"square over the interval), minimax (least largest error, by Remez).",
		Example: "  hospital-node model activation --function sigmoid --interval -8,8 --degree 7\n" +
			"  hospital-node model activation --function relu --method least-squares --interval -4,4 --degree 6 --out relu",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return run(a, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.settings.Function, "function", "sigmoid", strings.Join(model.CurveNames(), ", "))
	flags.StringVar(&f.settings.Method, "method", "minimax", strings.Join(model.ApproximationMethods(), ", "))
	flags.StringVar(&f.interval, "interval", "-8,8", "lower and upper end, parted by a comma")
	flags.IntVar(&f.settings.Degree, "degree", 7, fmt.Sprintf("of the polynomial, 1 to %d", model.MaxDegree))
	flags.IntVar(&f.parties, "parties", 3, "hospitals that evaluate it on shares")
	flags.IntVar(&f.threshold, "threshold", 1, "so many hospitals together learn nothing")
	flags.IntVar(&f.values, "values", 1, "values evaluated side by side: units of a layer times rows")
	flags.StringVar(&f.out, "out", "", "folder for report.json, the curves and the error (SVG and PNG)")
	return cmd
}

func runActivation(a *app, f *activationFlags) error {
	r, err := f.report()
	if err != nil {
		return a.finish("model-activation", nil, &usageError{err})
	}
	if err := f.write(r); err != nil {
		return a.finish("model-activation", r, err)
	}
	a.printf("%s", r.text())
	return a.finish("model-activation", r, nil)
}

func (f *activationFlags) report() (*activationReport, error) {
	if err := f.readInterval(); err != nil {
		return nil, err
	}
	if f.values < 1 {
		return nil, fmt.Errorf("--values %d: at least 1", f.values)
	}
	m, err := model.Approximate(f.settings)
	if err != nil {
		return nil, err
	}
	horner, room, err := testnet.CountEvaluation(m.Polynomial, spdz.Horner, f.parties, f.threshold, f.values)
	if err != nil {
		return nil, err
	}
	powers, _, err := testnet.CountEvaluation(m.Polynomial, spdz.Powers, f.parties, f.threshold, f.values)
	if err != nil {
		return nil, err
	}
	places := m.Places(200)
	var curve [][2]float64
	for i, e := range m.Errors(places) {
		curve = append(curve, [2]float64{places[i], e})
	}
	return &activationReport{
		Function: m.Function, Method: m.Method, Interval: [2]float64{m.Low, m.High}, Degree: m.Degree, Scale: m.Polynomial.Interval,
		CoefficientsT: m.Polynomial.Coefficients, CoefficientsX: m.InPowersOfX(),
		MaxError: m.MaxError, MaxErrorAt: m.MaxErrorAt, OutsideError: m.Outside, ErrorCurve: curve,
		FixedPoint: bitsOf(m.FixedPoint()), FixedPointOfX: bitsOf(m.FixedPointOfX()),
		Parties: f.parties, Threshold: f.threshold, Values: f.values, ProductRoom: room, Horner: horner, ParallelPowers: powers,
		Files: []string{}, approximation: m,
	}, nil
}

func bitsOf(need model.FixedPointNeed, err error) *bitsReport {
	if err != nil {
		return nil
	}
	r := bitsReport(need)
	return &r
}

func (f *activationFlags) readInterval() error {
	low, high, found := strings.Cut(f.interval, ",")
	var errLow, errHigh error
	f.settings.Low, errLow = strconv.ParseFloat(strings.TrimSpace(low), 64)
	f.settings.High, errHigh = strconv.ParseFloat(strings.TrimSpace(high), 64)
	if !found || errLow != nil || errHigh != nil {
		return fmt.Errorf("--interval %q: give two numbers parted by a comma, such as -8,8", f.interval)
	}
	return nil
}

// text is the report for people.
func (r *activationReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on [%g, %g], degree %d, %s\n\n", r.Function, r.Interval[0], r.Interval[1], r.Degree, r.Method)
	fmt.Fprintf(&b, "In a task's [model]:\n  activation = \"polynomial\"\n  interval = %g\n  coefficients = [%s]\n\n", r.Scale, joinFloats(r.CoefficientsT))
	fmt.Fprintf(&b, "In powers of x: %s\n\n", joinFloats(r.CoefficientsX))
	fmt.Fprintf(&b, "largest error on the interval   %.3g, at x = %.3g\n", r.MaxError, r.MaxErrorAt)
	fmt.Fprintf(&b, "half a width beyond it          %.3g\n\n", r.OutsideError)
	fmt.Fprintf(&b, "fixed point in powers of x/B    %s\n", r.FixedPoint.text(r.ProductRoom))
	fmt.Fprintf(&b, "fixed point in powers of x      %s\n\n", r.FixedPointOfX.text(r.ProductRoom))
	fmt.Fprintf(&b, "on shares of %d hospitals (threshold %d), %s at once, when x/B is there:\n", r.Parties, r.Threshold, count(r.Values, "value"))
	fmt.Fprintf(&b, "  Horner's rule         %s\n  powers side by side   %s\n", costText(r.Horner), costText(r.ParallelPowers))
	if len(r.Files) > 0 {
		fmt.Fprintf(&b, "\nWritten: %s\n", strings.Join(r.Files, ", "))
	}
	return b.String()
}

// text says what is needed, of the room that a product has on shares.
func (r *bitsReport) text(room int) string {
	switch {
	case r == nil:
		return "more than 60 fractional bits: it does not fit"
	case r.ProductBits > room:
		return fmt.Sprintf("%d fractional bits, %d whole ones; a product has %d and does not fit into the %d that there are", r.FractionBits, r.WholeBits, r.ProductBits, room)
	}
	return fmt.Sprintf("%d fractional bits, %d whole ones; a product has %d of the %d that there are", r.FractionBits, r.WholeBits, r.ProductBits, room)
}

func costText(c *testnet.EvaluationCost) string {
	if c == nil {
		return "does not fit: numbers on the way are too large for shares; take a lower degree or a narrower interval"
	}
	return fmt.Sprintf("%s, %s a hospital", count(c.Rounds, "round"), bytesText(c.BytesPerParty))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func joinFloats(values []float64) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = strconv.FormatFloat(v, 'g', 10, 64)
	}
	return strings.Join(texts, ", ")
}

// write keeps the report and its figures.
func (f *activationFlags) write(r *activationReport) error {
	if f.out == "" {
		return nil
	}
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return &usageError{err}
	}
	curve, err := model.NewCurve(r.Function)
	if err != nil {
		return err
	}
	drawings := activationFigures(r.approximation, curve)
	for _, name := range slices.Sorted(maps.Keys(drawings)) {
		files, err := writeFigure(f.out, name, drawings[name])
		if err != nil {
			return err
		}
		r.Files = append(r.Files, files...)
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(f.out, "report.json"), append(data, '\n'), 0o644)
}

// writeFigure writes NAME.svg and NAME.png.
func writeFigure(dir, name string, drawing figure.Figure) ([]string, error) {
	svg, err := drawing.SVG()
	png, pngErr := drawing.PNG()
	if err = errors.Join(err, pngErr); err != nil {
		return nil, err
	}
	files := []string{filepath.Join(dir, name+".svg"), filepath.Join(dir, name+".png")}
	for i, data := range [][]byte{svg, png} {
		if err := durable.WriteFile(files[i], data, 0o644); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// activationFigures are the curve and its polynomial, half a width beyond the
// interval too, and the error on the interval.
func activationFigures(m *model.Approximation, curve model.Curve) map[string]figure.Figure {
	half := (m.High - m.Low) / 2
	var around, exact, fit, on, off []float64
	for i := range 601 {
		x := m.Low - half + 4*half*float64(i)/600
		y, _ := m.Polynomial.At(x)
		around, exact, fit = append(around, x), append(exact, curve.At(x)), append(fit, y)
		if x >= m.Low && x <= m.High {
			on, off = append(on, x), append(off, y-curve.At(x))
		}
	}
	lowest, highest := math.Inf(1), math.Inf(-1)
	for _, y := range exact {
		lowest, highest = min(lowest, y), max(highest, y)
	}
	room := (highest - lowest) / 2
	title := fmt.Sprintf("%s, degree %d, %s on [%g, %g]", m.Function, m.Degree, m.Method, m.Low, m.High)
	return map[string]figure.Figure{
		"activation": {
			Title: title, X: "x", Y: "value", YMin: lowest - room, YMax: highest + room,
			Curves: []figure.Curve{{Name: "polynomial", X: around, Y: fit}, {Name: m.Function, X: around, Y: exact, Style: figure.Dashed}},
		},
		"error": {Title: title, X: "x", Y: "polynomial less " + m.Function, Curves: []figure.Curve{{Name: "error", X: on, Y: off}}},
	}
}
