package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"consilium/internal/figure"
	"consilium/testnet"
)

// How long the trainings of the figures are.
const (
	figureIterations      = 20_000
	quickFigureIterations = 320 // Taylor's degree 5 explodes before
)

// figureReport is the result of reproduce figure2 and figure3.
type figureReport struct {
	Experiment string                 `json:"experiment"`
	Title      string                 `json:"title"`
	Rows       int                    `json:"rows"`
	TestRows   int                    `json:"test_rows"`
	Seed       uint64                 `json:"seed"`
	Parties    int                    `json:"parties"`  // of the trainings on shares
	Security   string                 `json:"security"` // of those
	Runs       []testnet.ExplosionRun `json:"runs"`
	Difference float64                `json:"accuracy_difference"` // of the guarded run on shares and the exact sigmoid in floating point
	Learnt     []string               `json:"learnt"`
	Files      []string               `json:"files"`
	Seconds    float64                `json:"seconds"`
	drawing    figure.Figure
	shared     []testnet.ExplosionRun
}

// reproduceFigure computes a figure; shared are the runs on shares of another, or
// nil.
func reproduceFigure(ctx context.Context, a *app, f *reproduceFlags, shared []testnet.ExplosionRun) (*figureReport, error) {
	opt := testnet.ExplosionsOptions{
		Data: f.data, Figure: f.name, Iterations: figureIterations, Seed: f.seed, Logger: a.logger(),
		Tell: func(what string) { a.progressf("%s", what) },
	}
	if f.quick {
		opt.Iterations = quickFigureIterations
	}
	if f.iterations > 0 {
		opt.Iterations = f.iterations
	}
	began := time.Now()
	result, err := testnet.Explosions(ctx, opt, shared)
	if result == nil {
		return nil, err
	}
	r := &figureReport{
		Experiment: f.name, Title: figureTitles[f.name], Rows: result.Rows, TestRows: result.TestRows, Seed: f.seed,
		Parties: 3, Security: "passive: the hospitals follow the protocol", Runs: result.Runs, Difference: result.Difference,
		Learnt: figureLessons, Files: []string{}, Seconds: time.Since(began).Seconds(),
	}
	r.drawing, r.shared = drawExplosions(r), result.Shared
	return r, err
}

var figureTitles = map[string]string{
	"figure2": "Figure 2.0: the approximation varied",
	"figure3": "Figure 3.0: the degree and the depth varied",
}

var figureLessons = []string{
	"the poster's explosion after some 10,000 iterations is no matter of iterations: it comes when the first weighted sum leaves the interval, where the polynomial grows without bound",
	"the slope a·(1−a), right for a sigmoid, is no derivative of a polynomial: beyond the interval it points outwards and drives the explosion",
	"another approximation, a higher degree or a wider interval put it off; what ends it is that nothing can leave the interval: clipping by a secure comparison",
	"weight decay keeps the weighted sums small enough that a narrow interval does, on which a low degree is exact enough",
}

// drawExplosions shows how far the weighted sums went, by iteration: a colour for
// each polynomial, and a style of line for where or how deep it ran.
func drawExplosions(r *figureReport) figure.Figure {
	f := figure.Figure{
		Title: r.Title, X: "iteration", Y: "largest |weighted sum|", LogX: true, LogY: true, YMin: 1, YMax: 2e5, XMin: 10,
		Levels: []figure.Level{{Name: "exploded: beyond 2^15", Y: 1 << 15}},
	}
	colours := map[string]int{}
	for _, run := range r.Runs {
		c := figure.Curve{Name: run.Name, Ended: run.ExplodedAt != nil, Style: map[int]figure.Style{3: figure.Dotted, 4: figure.DashDotted}[run.Layers]}
		if run.On == "shares" {
			c.Name, c.Style = run.Name+", on shares", map[string]figure.Style{"check": figure.Dotted}[run.Guard]
			if c.Style == figure.Solid {
				c.Style = figure.Dashed
			}
		}
		polynomial, _, _ := strings.Cut(run.Name, ",")
		if colours[polynomial] == 0 {
			colours[polynomial] = len(colours) + 1
		}
		c.Colour = colours[polynomial]
		for _, p := range run.Trajectory {
			c.X, c.Y = append(c.X, float64(p.Iteration)), append(c.Y, min(p.MaxZ, 1e5))
		}
		f.Curves = append(f.Curves, c)
	}
	return f
}

// text is the figure for people.
func (r *figureReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: Pima, %d rows to train on and %d to test on, full batch, rate 2.\n", r.Title, r.Rows, r.TestRows)
	fmt.Fprintf(&b, "On shares: %d hospitals, %s; weights are opened on the way to draw their course.\n\n", r.Parties, r.Security)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "activation\ton\titerations\tleft the interval\texploded\tin floats\tlargest |z|\taccuracy")
	for _, run := range r.Runs {
		fmt.Fprintln(w, strings.Join(columns(run), "\t"))
	}
	w.Flush()
	fmt.Fprintf(&b, "\nThe guarded run on shares and the exact sigmoid in floating point are %.2f points of accuracy apart.\n\nWhat was learnt:\n", 100*r.Difference)
	for _, lesson := range r.Learnt {
		fmt.Fprintf(&b, "- %s\n", lesson)
	}
	return b.String()
}

// columns are a run's line in a table.
func columns(run testnet.ExplosionRun) []string {
	floats := "–"
	if run.Degree != nil && run.On != "shares" {
		floats = never(run.FloatAt)
	}
	return []string{run.Name, strings.TrimSuffix(run.On, ", in the clear"), fmt.Sprint(run.Iterations), never(run.LeftAt),
		never(run.ExplodedAt), floats, fmt.Sprintf("%.3g", run.MaxAbsZ), fmt.Sprintf("%.4f", run.Accuracy)}
}

func never(at *int) string {
	if at == nil {
		return "never"
	}
	return fmt.Sprint(*at)
}

// write keeps the report, the text and the drawing.
func (r *figureReport) write(dir, text string) error {
	if dir == "" {
		return nil
	}
	var err error
	r.Files, err = writeExperiment(dir, r.Experiment, r, text, r.drawing)
	return err
}
