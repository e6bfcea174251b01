package testnet

import (
	"log/slog"
	"math"
	"testing"
	"time"
)

// Three steps are too few for right answers, but their weights and losses are
// those of the clear.
func TestXOR(t *testing.T) {
	r, err := XOR(t.Context(), XOROptions{Bits: 512, Iterations: 3, Seed: 5, Logger: slog.New(slog.DiscardHandler), Tell: func(int, float64, time.Duration) {}})
	if err != nil {
		t.Fatal(err)
	}
	if r.WeightsMaxDiff > r.Bound || r.Bound > 1e-6 || r.WeightsMaxDiff == 0 {
		t.Errorf("weights are %v from those in the clear, the bound is %v", r.WeightsMaxDiff, r.Bound)
	}
	if len(r.Loss) != 3 || !(r.Loss[2] < r.Loss[0]) {
		t.Errorf("losses %v", r.Loss)
	}
	for i, p := range r.Predictions {
		if math.Abs(p-r.Clear[i]) > 1e-8 {
			t.Errorf("input %v gives %v, in the clear %v", r.Inputs[i], p, r.Clear[i])
		}
	}
}
