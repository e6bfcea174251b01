package main

import (
	"context"
	"fmt"
	"math"
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
	Difference float64                `json:"accuracy_difference"` // of the clipped run on shares, less that of the exact sigmoid in floating point
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
	"the poster's explosion after some 10,000 iterations is no matter of iterations: it comes some time after the first weighted sum has left the interval, where the polynomial grows without bound",
	"the slope a·(1−a), right for a sigmoid, is no derivative of a polynomial: beyond the interval it points outwards and drives the explosion",
	"another approximation, a higher degree or a wider interval puts it off; what ends it is that nothing can leave the interval: every weighted sum is clipped by a secure comparison",
	"a clip makes a narrow interval good enough, and on that a modest degree is close: minimax 13 on ±6 is within 0.0004 of the sigmoid there, and beyond it, where the sigmoid is almost level, within 0.003; with each of 12 seeds it has as many right answers as the exact sigmoid",
}

// drawExplosions shows how far the weighted sums went, by iteration: a colour for
// each polynomial, and a style of line for where or how deep it ran.
func drawExplosions(r *figureReport) figure.Figure {
	f := figure.Figure{
		Title: r.Title, X: "iteration", Y: "largest |weighted sum|", LogX: true, LogY: true, YMin: 1, YMax: 2e5, XMin: 10,
		Levels: []figure.Level{{Name: "exploded: beyond 2¹⁵", Y: 1 << 15}},
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
	fmt.Fprintf(&b, "%s: Pima, %d rows to train on and %d to test on, full batch, rate 2, weight decay %g.\n", r.Title, r.Rows, r.TestRows, r.Runs[0].Decay)
	fmt.Fprintf(&b, "On shares: %d hospitals, %s; weights are opened on the way to draw their course.\n", r.Parties, r.Security)
	b.WriteString("The number behind a method is the polynomial's degree, ± is its interval; z is what it was given.\n\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "activation\ton\titerations\tleft the interval\texploded\texploded in floats\tlargest |z|\taccuracy")
	for _, run := range r.Runs {
		fmt.Fprintln(w, strings.Join(columns(run), "\t"))
	}
	w.Flush()
	fmt.Fprintf(&b, "\n%s\n\nWhat was learnt:\n", r.comparison())
	for _, lesson := range r.Learnt {
		fmt.Fprintf(&b, "- %s\n", lesson)
	}
	return b.String()
}

// comparison is of the cure with what it stands for.
func (r *figureReport) comparison() string {
	cure, exact := r.Runs[len(r.Runs)-1], r.Runs[0]
	return fmt.Sprintf("Clipped, on shares, after %d iterations: accuracy %.4f. The exact sigmoid in floating point, all else alike: %.4f. They are %.2f points apart.",
		cure.Iterations, cure.Accuracy, exact.Accuracy, 100*math.Abs(r.Difference))
}

// columns are a run's line in a table.
func columns(run testnet.ExplosionRun) []string {
	floats := "–"
	if run.Degree != nil && run.On != "shares" {
		floats = never(run.FloatAt)
	}
	largest := fmt.Sprintf("%.3g", run.MaxAbsZ)
	if run.MaxAbsSum > run.MaxAbsZ {
		largest += fmt.Sprintf(" (%.3g before the clip)", run.MaxAbsSum)
	}
	return []string{run.Name, strings.TrimSuffix(run.On, ", in the clear"), fmt.Sprint(run.Iterations), never(run.LeftAt),
		never(run.ExplodedAt), floats, largest, fmt.Sprintf("%.4f", run.Accuracy)}
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
