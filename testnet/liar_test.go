package testnet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"consilium/protocol"
)

// A hospital that lies, as a real node and in the pure machine: the study goes on
// to its end, every sum is right, and whoever the evidence in the homes names, by
// files that are verified as by a third party, is that hospital.
func TestLiars(t *testing.T) {
	for _, c := range []struct {
		scheme string
		n      int
		faults []string
		named  bool // it surely is
	}{
		{"masked", 4, []string{"equivocate:2@1:agree"}, true},
		{"masked", 4, []string{"wrong-opening:2@1:open"}, false}, // whoever has k others' openings does not look at it
		{"masked", 4, []string{"wrong-share:2@1:deal+1"}, false},
		{"masked", 4, []string{"bad-proof:2@1:deal+1"}, false},
		{"paillier", 4, []string{"wrong-share:2@1:deal+1"}, true},
		{"paillier", 4, []string{"bad-proof:2@1:deal", "equivocate:2@2:describe"}, true},
		{"shamir", 6, []string{"wrong-share:6@1:check", "wrong-opening:6@1:open"}, false},
		{"shamir", 8, []string{"equivocate:8@1:commit", "kill:2@1:deal"}, true},
	} {
		for _, mode := range []string{Virtual, Sim} {
			t.Run(fmt.Sprintf("%s/%s/%s", c.scheme, strings.Join(c.faults, "+"), mode), func(t *testing.T) {
				dropouts := 0
				if slices.ContainsFunc(c.faults, func(f string) bool { return strings.HasPrefix(f, "kill") }) {
					dropouts = 1
				}
				manifest := fmt.Sprintf("hospitals = %d\ntolerate_liars = 1\ntolerate_dropouts = %d\nfaults = [\"%s\"]\n[study]\ntask = \"synthetic\"\nrounds = 3\nscheme = %q\n",
					c.n, dropouts, strings.Join(c.faults, `", "`), c.scheme)
				r, err := Run(t.Context(), write(t, manifest, nil), mode, silent())
				if err != nil {
					t.Fatal(err)
				}
				if r.AggregateError != 0 || len(r.Rounds) != 3 || r.Liars != 1 {
					t.Errorf("%+v", r.DemoReport)
				}
				if c.named && mode != Sim && len(r.Named) == 0 { // there a half sees one story only
					t.Errorf("nobody is named")
				}
			})
		}
	}
}

// A false update in a training round: the round is skipped, and the reports say so.
func TestSkippedRounds(t *testing.T) {
	for _, mode := range []string{Virtual, Sim} {
		for _, scheme := range []string{"masked", "paillier"} {
			manifest := "hospitals = 4\ntolerate_liars = 1\nfaults = [\"false-update:2@2:deal\"]\n[study]\ntask = \"synthetic\"\nrounds = 3\nscheme = \"" + scheme + "\"\n"
			r, err := Run(t.Context(), write(t, manifest, nil), mode, silent())
			if err != nil {
				t.Fatal(mode, scheme, err)
			}
			var skipped []uint64
			for _, round := range append(slices.Clone(r.Rounds), *r.Evaluate) {
				if round.Skipped != "" {
					skipped = append(skipped, round.Round)
				}
			}
			if !slices.Equal(skipped, []uint64{2, 3, 4}) || r.SecureMetrics != nil || len(r.Named) > 0 {
				t.Errorf("%s, %s: skipped rounds %v, %+v", mode, scheme, skipped, r.DemoReport)
			}
		}
		manifest := "hospitals = 4\ntolerate_liars = 1\nfaults = [\"false-update:2@0:deal\"]\n[study]\ntask = \"synthetic\"\nrounds = 3\nscheme = \"masked\"\n"
		if _, err := Run(t.Context(), write(t, manifest, nil), mode, silent()); err == nil || !strings.Contains(err.Error(), "standardise is not repeated") {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// A demonstration stands as many liars as it is told of, or says what it would take.
func TestDemoWithLiars(t *testing.T) {
	r, err := Demo(t.Context(), DemoOptions{Hospitals: 4, Rounds: 2, Faults: []string{"equivocate:2@1:commit"}}, silent())
	if err != nil {
		t.Fatal(err)
	}
	if r.Scheme != protocol.SchemeMasked || r.Liars != 1 || r.Named["south"] == 0 {
		t.Errorf("%+v", r)
	}
	for faults, want := range map[string]string{
		"equivocate:2@1:commit equivocate:3@1:commit": "4 hospitals do not stand 2 liars",
		"wrong-opening:2@1:deal":                      "means something in [open combine] only",
	} {
		_, err := Demo(t.Context(), DemoOptions{Hospitals: 4, Rounds: 2, Faults: strings.Split(faults, " ")}, silent())
		if input := (*InputError)(nil); !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", faults, err)
		}
	}
}

// Of three hospitals one is gone before it deals: the round comes to nothing, and its
// step is taken again when it is back.
func TestRoundsThatComeToNothing(t *testing.T) {
	for _, mode := range []string{Virtual, Sim} {
		manifest := "hospitals = 3\nfaults = [\"kill:2@1:commit+1\"]\n[study]\ntask = \"synthetic\"\nrounds = 3\n[study.deadlines]\nstall = 50\n"
		r, err := Run(t.Context(), write(t, manifest, nil), mode, silent())
		if err != nil {
			t.Fatal(mode, err)
		}
		if len(r.Rounds) != 4 || r.Rounds[0].Skipped == "" || len(r.Rounds[0].Included) != 0 || r.Rounds[1].Skipped != "" || r.Rounds[1].Round != 2 || r.Evaluate == nil || r.Evaluate.Round != 5 {
			t.Errorf("%s: %+v, %+v", mode, r.Rounds, r.Evaluate)
		}
	}
}
