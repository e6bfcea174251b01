package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"consilium/internal/durable"
	"consilium/internal/figure"
	"consilium/paillier"
	"consilium/testnet"
)

// xorIterations are enough for all but 1 of 1,000 seeds.
const xorIterations = 50

// xorReport is the result of reproduce xor.
type xorReport struct {
	Experiment          string    `json:"experiment"`
	Bits                int       `json:"bits"`
	Key                 string    `json:"key"`
	Hospitals           int       `json:"hospitals"`
	Security            string    `json:"security"`
	Seed                uint64    `json:"seed"`   // of the first weights
	Hidden              int       `json:"hidden"` // units
	Inputs              [][]int64 `json:"inputs"`
	Predictions         []float64 `json:"predictions"`          // 00, 01, 10, 11
	PredictionsInClear  []float64 `json:"predictions_in_clear"` // of the same run without encryption
	Right               int       `json:"right"`                // of four
	Iterations          int       `json:"iterations"`
	Loss                []float64 `json:"loss"` // mean squared error before each iteration
	Seconds             float64   `json:"seconds"`
	SecondsPerIteration float64   `json:"seconds_per_iteration"`
	Weights             []float64 `json:"weights"`
	WeightsMaxDiff      float64   `json:"weights_max_diff"`
	Bound               float64   `json:"bound"`
	Rounds              int       `json:"rounds"`
	BytesSent           int64     `json:"bytes_sent"` // by a hospital, mean
	Decryptions         int       `json:"joint_decryptions"`
	Learnt              []string  `json:"learnt"`
	Files               []string  `json:"files"`
}

var xorLessons = []string{
	"Paillier adds, and cannot multiply two ciphertexts; each product takes a joint decryption of a blinded value, and two of the three hospitals must answer",
	"nobody holds a weight: the first ones are sums of what each hospital draws (here from one seed, so that the run can be repeated: a real one draws its own), and what opens is blinded by 64 bits more than it has, but for the losses, the predictions and, to compare them, the last weights",
	"50 exact losses are 50 equations for 25 weights: a training that must hide its weights even from those who train opens no losses",
	"the poster blamed noise in the decryption and low precision: decryption has no noise, and precision is cheap under a long key: the weights are those of the run in the clear to more than 40 digits",
	"that tuning is tricky is the network's doing: with two hidden units and inputs of 0 and 1, 729 of 1,000 starts are right after 50 steps; with six, and −1 for 0, 999 are",
	"it is slow because each iteration decrypts 126 numbers jointly for four rows of two bits; on secret shares (figures 2 and 3) an iteration on 614 patients takes less time than that",
}

func reproduceXOR(ctx context.Context, a *app, f *reproduceFlags) (*xorReport, error) {
	opt := testnet.XOROptions{Bits: f.bits, Iterations: xorIterations, Seed: f.seed, Logger: a.logger()}
	switch {
	case f.bitsGiven:
	case f.quick:
		opt.Bits = 0
	default:
		opt.Bits = paillier.DefaultBits
	}
	if f.iterations > 0 {
		opt.Iterations = f.iterations
	}
	shown := time.Now()
	opt.Tell = func(iteration int, loss float64, took time.Duration) {
		if iteration == 1 || iteration == opt.Iterations || time.Since(shown) >= time.Second {
			shown = time.Now()
			a.progressf("iteration %d of %d: loss %.4f, %d ms", iteration, opt.Iterations, loss, took.Milliseconds())
		}
	}
	out, err := testnet.XOR(ctx, opt)
	if err != nil {
		return nil, err
	}
	r := &xorReport{
		Experiment: "xor", Bits: out.Bits, Key: out.Key, Seed: f.seed, Hidden: out.Hidden, Hospitals: 3, Security: "semi-honest: the hospitals follow the protocol; one alone learns nothing, two decrypt",
		Inputs: out.Inputs, Predictions: out.Predictions, PredictionsInClear: out.Clear, Iterations: opt.Iterations, Loss: out.Loss,
		Seconds: out.Seconds, SecondsPerIteration: out.SecondsPerIteration, Weights: out.Weights, WeightsMaxDiff: out.WeightsMaxDiff, Bound: out.Bound,
		Rounds: out.Rounds, BytesSent: out.BytesSent, Decryptions: out.Decryptions, Learnt: xorLessons, Files: []string{},
	}
	for i, x := range r.Inputs {
		if (r.Predictions[i] >= 0.5) == (x[0] != x[1]) {
			r.Right++
		}
	}
	if r.WeightsMaxDiff > r.Bound {
		return r, fmt.Errorf("weights differ from the run in the clear by %v, more than the bound %v", r.WeightsMaxDiff, r.Bound)
	}
	if r.Right < len(r.Inputs) {
		return r, fmt.Errorf("%d of %d predictions are right after %d iterations; the default is %d", r.Right, len(r.Inputs), r.Iterations, xorIterations)
	}
	return r, nil
}

// drawing is the loss curve.
func (r *xorReport) drawing() figure.Figure {
	c := figure.Curve{Name: "encrypted"}
	for i, loss := range r.Loss {
		c.X, c.Y = append(c.X, float64(i+1)), append(c.Y, loss)
	}
	return figure.Figure{Title: "XOR: loss of the encrypted network", X: "iteration", Y: "mean squared error", LogY: true, Curves: []figure.Curve{c}}
}

// text is the report for people.
func (r *xorReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n%d hospitals, %s.\n\n", r.Key, r.Hospitals, r.Security)
	b.WriteString("inputs   encrypted   in the clear   right\n")
	for i, x := range r.Inputs {
		fmt.Fprintf(&b, "%d %d      %9.6f   %12.6f   %d\n", x[0], x[1], r.Predictions[i], r.PredictionsInClear[i], x[0]^x[1])
	}
	fmt.Fprintf(&b, "\n%d of %d right after %d iterations; loss %.4f at first, %.2g at last.\n", r.Right, len(r.Inputs), r.Iterations, r.Loss[0], r.Loss[len(r.Loss)-1])
	fmt.Fprintf(&b, "Weights are at most %.2g from the same fixed-point run in the clear; truncation allows %.2g.\n", r.WeightsMaxDiff, r.Bound)
	fmt.Fprintf(&b, "%.1f s, %.0f ms an iteration; %d rounds, %s sent by a hospital, %d joint decryptions.\n\nWhat was learnt:\n",
		r.Seconds, 1000*r.SecondsPerIteration, r.Rounds, bytesText(r.BytesSent), r.Decryptions)
	for _, lesson := range r.Learnt {
		fmt.Fprintf(&b, "- %s\n", lesson)
	}
	return b.String()
}

func (r *xorReport) write(dir, text string) error {
	if dir == "" {
		return nil
	}
	var err error
	r.Files, err = writeExperiment(dir, r.Experiment, r, text, r.drawing())
	return err
}

// writeExperiment keeps NAME.json, .txt, .svg and .png, and returns the latter
// two.
func writeExperiment(dir, name string, report any, text string, drawing figure.Figure) ([]string, error) {
	files, err := writeFigure(dir, name, drawing)
	if err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return nil, err
	}
	return files, errors.Join(
		durable.WriteFile(filepath.Join(dir, name+".json"), append(data, '\n'), 0o644),
		durable.WriteFile(filepath.Join(dir, name+".txt"), []byte(text), 0o644))
}
