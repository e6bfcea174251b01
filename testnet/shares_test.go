package testnet

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

// Hospitals drop out of a training on shares, come back or do not, anywhere: the
// model is that of the training in the clear, and with the same roundings bit
// for bit, or the demonstration says who is missing.
func TestSharesWithDropouts(t *testing.T) {
	all := []string{"north", "south", "east", "west"}
	for _, c := range []struct {
		hospitals    int
		faults       []string
		mode         string
		computations int
		left         []string
	}{
		{4, nil, InProcess, 1, all},
		{3, []string{"kill:east@6:open+1"}, InProcess, 2, all[:3]},
		{4, []string{"kill:east@6:combine"}, InProcess, 2, []string{"north", "south", "west"}},
		{3, []string{"kill:2@0:deal+1"}, InProcess, 2, all[:3]},
		{4, []string{"kill:west@2:open"}, InProcess, 2, all[:3]},
		{3, []string{"kill:north@8:open+2"}, InProcess, 2, all[:3]},
		{3, []string{"kill:north@8:combine"}, InProcess, 1, all[:3]},
		{3, []string{"pause:south@3:open+1", "disconnect:east@4:combine+1"}, InProcess, 1, all[:3]},
		{4, []string{"disconnect:south@4:open"}, InProcess, 2, []string{"north", "east", "west"}},
		{4, []string{"kill:north@2:open+1", "pause:south@6:open"}, Virtual, 3, []string{"north", "east", "west"}},
	} {
		name := strings.Join(append([]string{c.mode}, c.faults...), ", ")
		t.Run(name, func(t *testing.T) {
			r, err := run(t, DemoOptions{Scheme: "spdz", Hospitals: c.hospitals, Rounds: 7, Faults: c.faults, Mode: c.mode, Seed: 1})
			exact(t, r, err)
			if s := r.Shares; s.Computations != c.computations || !slices.Equal(s.Hospitals, c.left) || s.Threshold != 1 {
				t.Errorf("%d computations, %v in the end, any %d learn nothing; want %d, %v, 1", s.Computations, s.Hospitals, s.Threshold, c.computations, c.left)
			}
			if len(r.Rounds) != 7 || r.Standardise == nil || r.Evaluate == nil || r.SecureMetrics == nil {
				t.Errorf("%d rounds, standardised %v, evaluated %v", len(r.Rounds), r.Standardise, r.Evaluate)
			}
		})
	}
}

// Three that become two pause, and the demonstration ends; so do four of whom
// the study wants two together to learn nothing.
func TestSharesPauseWhenTooFewAreLeft(t *testing.T) {
	r, err := run(t, DemoOptions{Scheme: "spdz", Hospitals: 3, Rounds: 7, Faults: []string{"kill:east@2:open"}})
	quorum := (*QuorumError)(nil)
	if !errors.As(err, &quorum) || !slices.Equal(quorum.Missing, []string{"east"}) || quorum.Round != 2 {
		t.Fatalf("%v", err)
	}
	if dropped := round(t, r, 2).Dropped; len(dropped) != 1 || dropped[0] != (Dropped{"east", "open"}) {
		t.Errorf("dropped in round 2: %v", dropped)
	}
}

func TestSharesFaultsThatCannotBe(t *testing.T) {
	for fault, want := range map[string]string{
		"kill:east@2:deal": "rounds 1 to 8 have open and combine", "kill:east@0:open": "has deal", "kill:east@2:mask": "have open and combine",
		"kill:east@0:deal": "kill:east@0:deal+1", "slow:east@2:open": "kill, pause and disconnect", "kill:east@9:open": "rounds 0 (standardisation) to 8",
		"wrong-share:east@2:open": "kill, pause and disconnect",
	} {
		_, err := run(t, DemoOptions{Scheme: "spdz", Rounds: 7, Faults: []string{fault}})
		input := (*InputError)(nil)
		if !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", fault, err)
		}
	}
}

// What nobody opens cannot be compared.
func TestSharesManifests(t *testing.T) {
	const text = "hospitals = 3\nfaults = [\"kill:2@3:open+1\"]\n[study]\ntask = \"synthetic\"\nscheme = \"spdz\"\nrounds = 6\n[study.spdz]\n"
	opt := Options{Logger: slog.New(slog.DiscardHandler), Tell: quiet}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Run(ctx, write(t, text+"passive = true\n", nil), Virtual, opt)
	if err != nil || r.VirtualSeconds == nil || r.Shares.Security != "passive" || len(r.Checks) < 4 {
		t.Errorf("%+v, %v", r, err)
	}
	for manifest, mode := range map[string]string{text + "reveal = \"predictions\"\n": Virtual, text: Sim} {
		if _, err := Run(ctx, write(t, manifest, nil), mode, opt); err == nil || !strings.Contains(err.Error(), "spdz") && !strings.Contains(err.Error(), "weights") {
			t.Errorf("mode %s: %v", mode, err)
		}
	}
}
