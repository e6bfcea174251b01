package testnet

import (
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Taylor's polynomial explodes where the plan says, on shares too; with the guard
// it does not, and is as right as the exact sigmoid. Needs the real table.
func TestExplosions(t *testing.T) {
	data := filepath.Join("..", "..", "shared", "data")
	if dir := os.Getenv("HOSPITAL_NODE_DATA"); dir != "" {
		data = dir
	}
	if !exists(filepath.Join(data, "pima", "pima.csv")) {
		t.Skip("no real data")
	}
	report, err := Explosions(t.Context(), ExplosionsOptions{Data: data, Figure: "figure3", Iterations: 320, Seed: 1,
		Logger: slog.New(slog.DiscardHandler), Tell: func(what string) { t.Log(what) }}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Runs {
		explodes := r.Activation == "taylor" && *r.Degree == 5 && r.Guard == noGuard
		if (r.ExplodedAt != nil) != explodes {
			t.Errorf("%s, %s: exploded at %v: %s", r.Name, r.On, r.ExplodedAt, r.Cause)
		}
		if explodes && (*r.ExplodedAt < 250 || *r.ExplodedAt > 320) {
			t.Errorf("%s, %s: exploded at %d", r.Name, r.On, *r.ExplodedAt)
		}
	}
	if held := report.Shared[1]; held.Guard != checkGuard || held.Halvings == 0 || held.MaxAbsZ > 5 {
		t.Errorf("the guard held Taylor's polynomial with %d halvings at %v", held.Halvings, held.MaxAbsZ)
	}
	if cured := report.Shared[2]; cured.Guard != clipGuard || cured.MaxAbsZ > guardedInterval || cured.Halvings != 0 {
		t.Errorf("clipping kept z within %v, with %d halvings", cured.MaxAbsZ, cured.Halvings)
	}
	if math.Abs(report.Difference) > 0.005 {
		t.Errorf("clipped, the accuracy is %v away from the exact sigmoid's", report.Difference)
	}
}
