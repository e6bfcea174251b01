package testnet

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"consilium/model"
	"consilium/protocol"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("consilium/testnet.standStill"))
}

func quiet(Event) {}

func run(t *testing.T, opt DemoOptions) (*DemoReport, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	opt.patience = time.Second
	return Demo(ctx, opt, Options{Logger: slog.New(slog.DiscardHandler), Tell: quiet})
}

// exact checks what every finished demonstration must show.
func exact(t *testing.T, r *DemoReport, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if r.AggregateError != 0 || r.WeightsMaxDiff > 1e-4 || len(r.Weights) != len(r.Features) {
		t.Fatalf("aggregate error %d, weights %v apart, %d weights of %d", r.AggregateError, r.WeightsMaxDiff, len(r.Weights), len(r.Features))
	}
	if r.WeightsBound != nil && r.WeightsMaxDiff > *r.WeightsBound {
		t.Fatalf("weights %v apart, fixed point allows %v", r.WeightsMaxDiff, *r.WeightsBound)
	}
}

func round(t *testing.T, r *DemoReport, number uint64) RoundResult {
	t.Helper()
	for _, round := range r.Rounds {
		if round.Round == number {
			return round
		}
	}
	t.Fatalf("no round %d in %+v", number, r.Rounds)
	return RoundResult{}
}

// "The synthetic task, four hospitals, Shamir, and one hospital killed in the
// opening phase of round 2 that is back in round 3."
func TestDefaultDemo(t *testing.T) {
	r, err := run(t, DemoOptions{Seed: 1, Rounds: 4, Faults: DefaultFaults()})
	exact(t, r, err)
	if r.Task != "synthetic" || r.Scheme != "shamir" || len(r.Hospitals) != 4 || r.Threshold != 3 || len(r.Rounds) != 4 {
		t.Fatalf("%+v", r)
	}
	killed := r.Hospitals[2]
	second, third := round(t, r, 2), round(t, r, 3)
	if !slices.Equal(second.Dropped, []Dropped{{killed, "open"}}) || !slices.Contains(second.Included, killed) {
		t.Errorf("round 2: %+v", second)
	}
	if len(third.Dropped) != 0 || len(third.Included) != 4 {
		t.Errorf("round 3: %+v", third)
	}
	if second.BytesGossip <= 0 || second.Seconds <= 0 {
		t.Errorf("round 2 cost nothing: %+v", second)
	}
	joint, pooled := *r.Accuracy.Joint, *r.Accuracy.Pooled
	if math.Abs(joint-pooled) > 0.001 {
		t.Errorf("accuracy %v jointly and %v pooled", joint, pooled)
	}
	if r.SecureMetrics == nil || *r.SecureMetrics.Accuracy != joint {
		t.Errorf("the securely counted accuracy is %v, the exact one %v", r.SecureMetrics, joint)
	}
}

// "--scheme paillier in demo": the same sums, and the same dropouts.
func TestPaillier(t *testing.T) {
	r, err := run(t, DemoOptions{Scheme: "paillier", Bits: 512, Rounds: 3, Faults: []string{"kill:west@1:deal+1", "kill:east@2:open+1"}})
	exact(t, r, err)
	if r.Threshold != 3 || len(round(t, r, 1).Included) != 3 || len(round(t, r, 2).Included) != 4 {
		t.Fatalf("%+v", r)
	}
	if r, err = run(t, DemoOptions{Scheme: "paillier", Bits: 640, FreshKey: true, Rounds: 1}); err != nil {
		t.Fatal(err)
	}
	exact(t, r, err)
}

// A hospital dropped in any phase, for good: "everyone who did not finish the
// round, included or not". In virtual time; cmd/hospital-node kills processes.
func TestDropInEveryPhase(t *testing.T) {
	for _, phase := range shamirPhases(t) {
		t.Run(phase.String(), func(t *testing.T) {
			r, err := run(t, DemoOptions{Mode: Virtual, Seed: 2, Rounds: 2, Faults: []string{"kill:west@1:" + phase.String()}})
			exact(t, r, err)
			first, second := round(t, r, 1), round(t, r, 2)
			if !slices.Equal(first.Dropped, []Dropped{{"west", phase.String()}}) {
				t.Errorf("round 1: dropped %v", first.Dropped)
			}
			if dealt := phase > protocol.Deal; slices.Contains(first.Included, "west") != dealt {
				t.Errorf("round 1: included %v, though it dealt: %v", first.Included, dealt)
			}
			if !slices.Equal(second.Dropped, []Dropped{{"west", "describe"}}) || slices.Contains(second.Included, "west") {
				t.Errorf("round 2: %+v", second)
			}
		})
	}
}

func TestOtherFaults(t *testing.T) {
	for _, fault := range []string{
		"pause:east@1:deal+1", "disconnect:east@1:attest+1", "slow:east@1:commit+1", "lossy:east@1:commit+2",
		"corrupt:east@1:commit+1", "duplicate:east@1:describe+1", "disk-full:east@1:agree+1", "disconnect:east@1:describe+2",
	} {
		t.Run(fault, func(t *testing.T) {
			r, err := run(t, DemoOptions{Mode: Virtual, Seed: 3, Rounds: 3, Faults: []string{fault}})
			exact(t, r, err)
			if last := round(t, r, 3); len(last.Included) != 4 {
				t.Errorf("round 3, after the fault: %+v", last)
			}
		})
	}
}

// "One more: exit 6, names who is missing."
func TestQuorumLost(t *testing.T) {
	_, err := run(t, DemoOptions{Seed: 1, Rounds: 3, Faults: []string{"kill:north@2:open", "kill:south@2:deal"}})
	var quorum *QuorumError
	if !errors.As(err, &quorum) || quorum.Round != 2 || !slices.Equal(quorum.Missing, []string{"north", "south"}) {
		t.Fatalf("%v", err)
	}
	// Of three, one may drop out only after it has dealt.
	_, err = run(t, DemoOptions{Seed: 1, Hospitals: 3, Rounds: 2, Faults: []string{"kill:north@1:deal"}})
	if !errors.As(err, &quorum) || !slices.Equal(quorum.Missing, []string{"north"}) {
		t.Fatalf("%v", err)
	}
	r, err := run(t, DemoOptions{Seed: 1, Hospitals: 3, Rounds: 2, Faults: []string{"kill:north@1:check+1"}})
	exact(t, r, err)
}

// A fault in the last round is over when the study is: the hospital comes back
// for the model.
func TestFaultInTheLastRound(t *testing.T) {
	r, err := run(t, DemoOptions{Seed: 1, Rounds: 1, Faults: []string{"kill:east@2:open+1"}})
	exact(t, r, err)
	if !slices.Equal(r.Evaluate.Dropped, []Dropped{{"east", "open"}}) {
		t.Fatalf("%+v", r.Evaluate)
	}
}

func TestMoreHospitalsAndOtherTrainers(t *testing.T) {
	r, err := run(t, DemoOptions{Seed: 5, Hospitals: 7, Rounds: 2, Trainer: "fedavg", Faults: []string{"kill:1@1:open", "kill:2@1:open", "kill:3@1:open"}})
	exact(t, r, err)
	if len(round(t, r, 1).Included) != 7 || len(round(t, r, 2).Included) != 4 {
		t.Fatalf("%+v", r.Rounds)
	}
	if r.WeightsBound != nil {
		t.Error("no bound is known for fedavg")
	}
}

// "demo --task heart --trainer newton: aggregate_error 0, weights_max_diff ≤ 1e-4,
// ≤ 10 rounds; --test-fraction 0 gives the pooled fit's coefficients". A hospital
// that would be back long after the fit is back for the model.
func TestNewton(t *testing.T) {
	none := 0.0
	r, err := run(t, DemoOptions{Seed: 1, Trainer: "newton", TestFraction: &none, Faults: []string{"kill:east@3:open+15"}})
	exact(t, r, err)
	if len(r.Rounds) > 10 || len(r.Coefficients) != len(r.Features) || r.Coefficients[0].Name != "(Intercept)" {
		t.Errorf("%d rounds, coefficients %+v", len(r.Rounds), r.Coefficients)
	}
	if len(round(t, r, 3).Included) != 4 || len(round(t, r, 4).Included) != 3 || r.Accuracy.Joint != nil {
		t.Errorf("%+v", r)
	}
	r, err = run(t, DemoOptions{Seed: 1, Trainer: "newton"})
	exact(t, r, err)
	if r.Evaluate == nil || *r.Accuracy.Joint != *r.Accuracy.Pooled || *r.SecureMetrics.Accuracy != *r.Accuracy.Joint {
		t.Errorf("%+v", r)
	}
	if r.Evaluate.Round != uint64(len(r.Rounds))+1 {
		t.Errorf("evaluated in round %d after %d", r.Evaluate.Round, len(r.Rounds))
	}
}

// A study that finds no fit has run all the same, and says why.
func TestNewtonOutOfRounds(t *testing.T) {
	r, err := run(t, DemoOptions{Seed: 1, Trainer: "newton", Rounds: 2})
	var noFit *model.NoFitError
	if !errors.As(err, &noFit) || noFit.Outcome != model.Unfinished {
		t.Fatal(err)
	}
	if len(r.Rounds) != 2 || r.Evaluate != nil || r.Coefficients != nil || r.AggregateError != 0 || r.Accuracy.Joint != nil {
		t.Errorf("%+v", r)
	}
}

func TestWithoutTestRows(t *testing.T) {
	none := 0.0
	r, err := run(t, DemoOptions{Seed: 1, Rounds: 1, TestFraction: &none})
	exact(t, r, err)
	if r.Accuracy.Joint != nil || r.Evaluate != nil || r.SecureMetrics != nil {
		t.Fatalf("metrics without rows: %+v", r)
	}
}

// The four real hospitals: "aggregate_error 0 in every round, weights_max_diff
// ≤ 1e-4, accuracy within 0.1 points of pooled".
func TestRealHospitals(t *testing.T) {
	dir := realData(t)
	r, err := run(t, DemoOptions{Task: "heart", Data: filepath.Join(dir, "heart"), Seed: 1, Faults: []string{"kill:va@5:open+1"}})
	exact(t, r, err)
	if got := *r.Accuracy.Joint - *r.Accuracy.Pooled; math.Abs(got) > 0.001 {
		t.Errorf("accuracy is %v points from pooled", 100*got)
	}
	want := []Rows{{"cleveland", 200, 103, 0}, {"hungarian", 173, 88, 33}, {"switzerland", 31, 15, 77}, {"va", 86, 44, 70}}
	if !slices.Equal(r.Rows, want) {
		t.Errorf("rows %+v", r.Rows)
	}
	if len(r.Features) != 14 {
		t.Errorf("features %v", r.Features)
	}
	fit, err := run(t, DemoOptions{Task: "heart", Data: filepath.Join(dir, "heart"), Seed: 1, Trainer: "newton"})
	exact(t, fit, err)
	if len(fit.Rounds) > 10 || *fit.Accuracy.Joint != *fit.Accuracy.Pooled {
		t.Errorf("%d rounds, accuracy %v", len(fit.Rounds), fit.Accuracy)
	}
	linear, err := run(t, DemoOptions{Task: "diabetes442", Data: filepath.Join(dir, "diabetes442"), Seed: 1, Rounds: 3})
	exact(t, linear, err)
	if linear.MSE == nil || linear.Accuracy != nil {
		t.Errorf("metrics of a linear model: %+v", linear)
	}
}

func realData(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{os.Getenv("HOSPITAL_NODE_DATA"), filepath.Join("..", "..", "shared", "data")} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "heart")); err == nil {
			return dir
		}
	}
	t.Skip("no real data: set HOSPITAL_NODE_DATA to the folder that holds heart, pima and diabetes442")
	return ""
}

func TestInterruptLeavesNothing(t *testing.T) {
	before := temporaries(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Demo(ctx, DemoOptions{Seed: 1}, Options{Logger: slog.New(slog.DiscardHandler), Tell: func(e Event) {
		if e.What == RoundDone && e.Round == 1 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if after := temporaries(t); len(after) > len(before) {
		t.Fatalf("left behind: %v", after)
	}
}

func temporaries(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.TempDir(), "consilium-testnet-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestBadOptions(t *testing.T) {
	half := 0.5
	for name, c := range map[string]struct {
		opt  DemoOptions
		want string
	}{
		"one hospital":          {DemoOptions{Hospitals: 1}, "nobody to train with"},
		"two hospitals":         {DemoOptions{Hospitals: 2}, "three is the least"},
		"unknown task":          {DemoOptions{Task: "haert"}, "did you mean heart?"},
		"no data":               {DemoOptions{Task: "heart"}, "--data DIR"},
		"missing files":         {DemoOptions{Task: "heart", Data: "nowhere"}, "nowhere/processed.cleveland.data"},
		"later scheme":          {DemoOptions{Scheme: "molten"}, "this version knows auto, shamir"},
		"unknown trainer":       {DemoOptions{Trainer: "newtom"}, "did you mean newton?"},
		"no such test key":      {DemoOptions{Scheme: "paillier", Bits: 1000}, "--fresh-key"},
		"key without a use":     {DemoOptions{Bits: 1024}, "the scheme is shamir"},
		"no such mode":          {DemoOptions{Mode: "sim"}, "inprocess, process, virtual"},
		"phase not there":       {DemoOptions{Faults: []string{"kill:1@1:mask"}}, "has no phase mask"},
		"round not there":       {DemoOptions{Rounds: 3, Faults: []string{"kill:1@9:open"}}, "rounds 0 (standardisation) to 4"},
		"hospital not there":    {DemoOptions{Faults: []string{"kill:up@1:open"}}, `no hospital "up", the hospitals are north`},
		"kind not there":        {DemoOptions{Faults: []string{"burn:1@1:open"}}, "unknown kind"},
		"phase unknown":         {DemoOptions{Faults: []string{"kill:1@1:lunch"}}, "unknown phase"},
		"no round":              {DemoOptions{Faults: []string{"kill:1"}}, "no @ROUND"},
		"no phase":              {DemoOptions{Faults: []string{"kill:1@2"}}, "no :PHASE"},
		"for no rounds":         {DemoOptions{Faults: []string{"kill:1@2:open+0"}}, "not a number of rounds"},
		"a clock of its own":    {DemoOptions{Faults: []string{"clock-skew:1@1:deal"}}, "share a clock"},
		"too many of one table": {DemoOptions{Task: "heart", Hospitals: 5, Data: "nowhere", TestFraction: &half}, "files of 4"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, c.opt)
			var input *InputError
			if !errors.As(err, &input) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

func shamirPhases(t *testing.T) []protocol.Phase {
	t.Helper()
	phases, err := protocol.SchemePhases(protocol.SchemeShamir)
	if err != nil {
		t.Fatal(err)
	}
	return phases
}
