package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"path/filepath"
	"strings"
	"time"

	"consilium/internal/durable"
	"consilium/internal/figure"
)

//go:embed reproduce.html.tmpl
var posterText string

var posterPage = template.Must(template.New("poster").Parse(posterText))

// allReport is the result of reproduce all.
type allReport struct {
	Experiment  string   `json:"experiment"`
	Quick       bool     `json:"quick"`
	Experiments []any    `json:"experiments"` // what each of them reports by itself
	Report      string   `json:"report"`      // the page
	Files       []string `json:"files"`
	Seconds     float64  `json:"seconds"`
	sections    []section
}

// section is an experiment on the page.
type section struct {
	Name, Title   string
	Command       string // that makes it again
	Poster        string // what the poster says
	Facts         []string
	Head          []string
	Rows          [][]string
	SVG           template.HTML
	Slips, Learnt []string
}

// reproduceAll runs every experiment and writes one page.
func reproduceAll(ctx context.Context, a *app, f *reproduceFlags) (*allReport, error) {
	if f.out == "" {
		return nil, &usageError{errors.New("name a folder for the report with --out DIR")}
	}
	if f.iterations != 0 || f.eta != 0 {
		return nil, &usageError{errors.New("--eta and --iterations are for one experiment; all takes each as it is")}
	}
	began := time.Now()
	r := &allReport{Experiment: "all", Quick: f.quick, Files: []string{}, Report: filepath.Join(f.out, "report.html")}
	for _, step := range []func(context.Context, *app, *reproduceFlags) error{r.tables, r.xor, r.figures} {
		if err := step(ctx, a, f); err != nil {
			return r, err
		}
	}
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// one is the flags of one experiment.
func (f *reproduceFlags) one(name string) *reproduceFlags {
	own := *f
	own.name, own.asPublished = name, published[name] != nil
	return &own
}

func (r *allReport) tables(ctx context.Context, a *app, f *reproduceFlags) error {
	for _, name := range []string{"table1", "table2"} {
		own := f.one(name)
		t, err := reproduceTable(ctx, a, own)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.Experiments = append(r.Experiments, t)
		r.sections = append(r.sections, t.section(own))
	}
	return nil
}

func (r *allReport) xor(ctx context.Context, a *app, f *reproduceFlags) error {
	own := f.one("xor")
	x, err := reproduceXOR(ctx, a, own)
	if err != nil {
		return fmt.Errorf("xor: %w", err)
	}
	if err := x.write(f.out, x.text()); err != nil {
		return err
	}
	r.Experiments, r.Files = append(r.Experiments, x), append(r.Files, x.Files...)
	return r.add(x.section(own), x.drawing())
}

func (r *allReport) figures(ctx context.Context, a *app, f *reproduceFlags) error {
	first, err := reproduceFigure(ctx, a, f.one("figure2"), nil)
	if err != nil {
		return fmt.Errorf("figure2: %w", err)
	}
	second, err := reproduceFigure(ctx, a, f.one("figure3"), first.shared)
	if err != nil {
		return fmt.Errorf("figure3: %w", err)
	}
	for _, fig := range []*figureReport{first, second} {
		if err := fig.write(f.out, fig.text()); err != nil {
			return err
		}
		r.Experiments, r.Files = append(r.Experiments, fig), append(r.Files, fig.Files...)
		if err := r.add(fig.section(f.one(fig.Experiment)), fig.drawing); err != nil {
			return err
		}
	}
	return nil
}

func (r *allReport) add(s section, drawing figure.Figure) error {
	svg, err := drawing.SVG()
	if err != nil {
		return err
	}
	s.SVG = template.HTML(svg)
	r.sections = append(r.sections, s)
	return nil
}

// again is the command that makes an experiment again.
func (f *reproduceFlags) again() string {
	command := "hospital-node reproduce " + f.name
	if f.name != "xor" {
		command += " --data DIR"
	}
	if f.asPublished {
		command += " --as-published"
	}
	if f.quick {
		command += " --quick"
	}
	return command
}

func (r *reproduceReport) section(f *reproduceFlags) section {
	s := section{
		Name: f.name, Title: map[string]string{"table1": "Table 1.0: two step lengths", "table2": "Table 2.0: three numbers of steps"}[f.name], Command: f.again(),
		Poster: "Three hospitals train linear regression on 442 diabetes patients, alone and then with Paillier-encrypted gradients; the table prints by how much the error falls.",
		Facts:  []string{r.Key + ".", fmt.Sprintf("The largest difference between an opened sum and the plain fixed-point sum is %d.", r.AggregateError)},
		Head:   []string{"η", "N", "hospital", "error alone", "error together", "difference", "poster"},
		Slips:  r.Slips,
		Learnt: []string{"the figures hold: encrypted sums are exact, so the result is that of plain arithmetic to the last printed digit"},
	}
	for _, c := range r.Cells {
		printed := "–"
		if c.Published != nil {
			printed = fmt.Sprintf("%.2f", *c.Published)
		}
		s.Rows = append(s.Rows, []string{fmt.Sprint(c.Eta), fmt.Sprint(c.Iterations), fmt.Sprint(c.Hospital),
			fmt.Sprintf("%.2f", c.LocalError), fmt.Sprintf("%.2f", c.JointError), fmt.Sprintf("%.2f", c.Difference), printed})
	}
	return s
}

func (r *xorReport) section(f *reproduceFlags) section {
	s := section{
		Name: f.name, Title: "XOR with an encrypted network", Command: f.again(),
		Poster: "“We approximated the activation function using Taylor expansion and we only encrypted the weights of the neural network. The prediction was accurate but the training was so slow and tuning was tricky because of the combination of noise in the decryption mechanism and low precision.” It gives no numbers.",
		Facts: []string{
			r.Key + ".",
			fmt.Sprintf("%d hospitals; %s.", r.Hospitals, r.Security),
			fmt.Sprintf("%d of %d predictions are right after %d iterations of %.0f ms: %d rounds, %s sent by a hospital, %d joint decryptions.",
				r.Right, len(r.Inputs), r.Iterations, 1000*r.SecondsPerIteration, r.Rounds, bytesText(r.BytesSent), r.Decryptions),
			fmt.Sprintf("Weights are at most %.2g from the same fixed-point run in the clear; truncation allows %.2g.", r.WeightsMaxDiff, r.Bound),
		},
		Head:   []string{"input", "encrypted", "in the clear", "right answer"},
		Slips:  []string{"Paillier decryption has no noise; what the poster's authors met was the rounding of their own fixed point"},
		Learnt: r.Learnt,
	}
	for i, x := range r.Inputs {
		s.Rows = append(s.Rows, []string{fmt.Sprintf("%d %d", x[0], x[1]), fmt.Sprintf("%.6f", r.Predictions[i]), fmt.Sprintf("%.6f", r.PredictionsInClear[i]), fmt.Sprint(x[0] ^ x[1])})
	}
	return s
}

func (r *figureReport) section(f *reproduceFlags) section {
	s := section{
		Name: f.name, Title: r.Title, Command: f.again(),
		Poster: "“After 10000 Iteration, the resulted weights and predictions explodes. This phenomenon is due to our approximation which did not allow the model to get more confidant. Increasing the degree of the polynomial was not enough. A better alternative was to use instead of the standard approximation, the interpolation over an interval.” Its figures are curves without numbers, and it leaves the explosion open.",
		Facts: []string{
			fmt.Sprintf("Pima diabetes, %d rows to train on and %d to test on (seed %d), full batch, rate 2, weight decay %g, four units in each hidden layer: alike for all.", r.Rows, r.TestRows, r.Seed, r.Runs[0].Decay),
			fmt.Sprintf("On shares: %d hospitals over real connections, %s. Weights are opened on the way only to draw their course.", r.Parties, r.Security),
			r.comparison(),
			"The number behind a method is the polynomial's degree, ± is its interval; z is what it was given.",
		},
		Head:   []string{"activation", "on", "iterations", "left the interval", "exploded", "exploded in floats", "largest |z|", "accuracy", "what happened"},
		Slips:  []string{"the date of an explosion depends on rate, split and first weights as much as on the polynomial: “10,000 iterations” is one draw"},
		Learnt: r.Learnt,
	}
	if f.name == "figure2" {
		s.Slips = append(s.Slips, "two figures of the poster are numbered 2.0; this is the one at its end")
	}
	for _, run := range r.Runs {
		s.Rows = append(s.Rows, append(columns(run), run.Cause))
	}
	return s
}

// write keeps the page and the report.
func (r *allReport) write(dir, _ string) error {
	var page bytes.Buffer
	err := posterPage.Execute(&page, map[string]any{"Sections": r.sections, "Quick": r.Quick})
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		durable.WriteFile(r.Report, page.Bytes(), 0o644),
		durable.WriteFile(filepath.Join(dir, "report.json"), append(data, '\n'), 0o644))
}

func (r *allReport) text() string {
	var titles []string
	for _, s := range r.sections {
		titles = append(titles, "- "+s.Title)
	}
	return fmt.Sprintf("%s\n\nWritten in %.0f s: %s\n", strings.Join(titles, "\n"), r.Seconds, r.Report)
}
