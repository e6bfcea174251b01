package testnet

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"consilium/model"
	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz"
	"consilium/protocol/spdz/dishonest"
	"consilium/protocol/spdz/learning"
)

// SharesBenchOptions say what to measure.
type SharesBenchOptions struct {
	Parties, Threshold int
	Rows, Features     int
	Batch              int
	Repeat             int    // runs of each job; the fastest counts
	Majority           string // learning.HonestMajority or DishonestMajority: their jobs only; both unless said
	KeyBits            int    // of a dishonest majority's moduli: 2048 unless said; shorter ones protect nothing
	Logger             *slog.Logger
	Tell               func(job string)
}

// SharesBenchReport is what training on shares costs: one epoch of each job,
// preparation, the sharing of the data and the opening of the weights included.
type SharesBenchReport struct {
	Parties   int             `json:"parties"`
	Threshold int             `json:"threshold"`
	Rows      int             `json:"rows"`
	Features  int             `json:"features"`
	Batch     int             `json:"batch"`
	Jobs      []SharesBenched `json:"jobs"`
}

// SharesBenched is one job.
type SharesBenched struct {
	Name           string       `json:"name"`
	Activation     string       `json:"activation"`
	Security       string       `json:"security"`
	Seconds        float64      `json:"seconds"`           // wall, from the first message to the last
	CPUSeconds     float64      `json:"cpu_seconds"`       // of all parties together
	Rounds         int          `json:"rounds"`            // messages that had to follow each other
	Bytes          int64        `json:"bytes_sent"`        // by a party, mean, before encryption
	Messages       int          `json:"messages_sent"`     // by a party, mean
	SecondsAt20ms  float64      `json:"seconds_at_20_ms"`  // with 20 ms of round trip: a round is half of one
	WeightsMaxDiff float64      `json:"weights_max_diff"`  // against the same computation in the clear
	WeightsBound   *float64     `json:"weights_bound"`     // what truncation can make of it; null where no bound is known
	Ranges         []spdz.Range `json:"ranges"`            // of intermediate results
	Yardstick      *Yardstick   `json:"mp_spdz,omitempty"` // the same job there
	Measured       *Measured    `json:"measured,omitempty"`
}

// Measured is what was run where an epoch takes too long: one step. All costs of
// the job but these are extrapolated then: what comes before the step once, and
// the step for each of the epoch. That is more than the epoch takes, because what
// several steps need is made at once.
type Measured struct {
	KeyBits         int     `json:"key_bits"`
	Rows            int     `json:"rows"`
	SetUpSeconds    float64 `json:"set_up_seconds"` // keys and their proofs
	SetUpCPUSeconds float64 `json:"set_up_cpu_seconds"`
	Seconds         float64 `json:"seconds"` // in all, opening included
	CPUSeconds      float64 `json:"cpu_seconds"`
	Rounds          int     `json:"rounds"`
	Bytes           int64   `json:"bytes_sent"`
}

// Yardstick is MP-SPDZ on a machine of this kind: Shamir, three parties,
// loopback, 768×8, batches of 32, one epoch, preprocessing included.
type Yardstick struct {
	Seconds   float64 `json:"seconds"`
	Megabytes float64 `json:"megabytes_sent"`
	Rounds    int     `json:"rounds,omitempty"`
}

type sharesJob struct {
	SharesBenched
	training                     spdz.Training
	passive, deferred, dishonest bool
}

func sharesJobs(opt SharesBenchOptions) []sharesJob {
	sigmoid := spdz.Activation{Polynomial: model.SigmoidPolynomial()}
	logistic := spdz.Network{Inputs: opt.Features, Output: sigmoid}
	smooth := spdz.Network{Inputs: opt.Features, Hidden: []int{16}, Activation: sigmoid, Output: sigmoid}
	rectifier := smooth
	rectifier.Activation = spdz.Activation{Rectifier: true}
	const degree7 = "sigmoid of degree 7 on [-8, 8]"
	list := []sharesJob{
		{SharesBenched: SharesBenched{Name: "logistic", Activation: degree7, Yardstick: &Yardstick{0.13, 0.73, 595}}, training: spdz.Training{Network: logistic}, passive: true},
		{SharesBenched: SharesBenched{Name: "logistic", Activation: degree7, Yardstick: &Yardstick{1.22, 44.7, 0}}, training: spdz.Training{Network: logistic}},
		{SharesBenched: SharesBenched{Name: "network 8-16-1", Activation: "relu, exact; output " + degree7, Yardstick: &Yardstick{2.13, 16.3, 1539}}, training: spdz.Training{Network: rectifier}, passive: true},
		{SharesBenched: SharesBenched{Name: "network 8-16-1", Activation: degree7, Yardstick: &Yardstick{2.13, 16.3, 1539}}, training: spdz.Training{Network: smooth}, passive: true},
		{SharesBenched: SharesBenched{Name: "network 8-16-1", Activation: degree7, Yardstick: &Yardstick{17.7, 668, 0}}, training: spdz.Training{Network: smooth}},
	}
	for _, job := range list {
		if !job.passive {
			job.deferred = true
			list = append(list, job)
		}
	}
	dear := sharesJob{SharesBenched: SharesBenched{Name: "logistic", Activation: degree7}, training: spdz.Training{Network: logistic, Guard: spdz.Unsafe}, dishonest: true}
	dear.training.Output.How = spdz.Horner
	switch opt.Majority {
	case learning.HonestMajority:
	case learning.DishonestMajority:
		list = []sharesJob{dear}
	default:
		list = append(list, dear)
	}
	for i := range list {
		t := &list[i].training
		t.Rate, t.Batch, t.Epochs, t.Limit = 0.25, opt.Batch, 1, 8
		list[i].Security = securityOf(list[i].config())
	}
	return list
}

// SharesBench measures training on shares between hospitals in this process,
// over real connections on loopback.
func SharesBench(ctx context.Context, opt SharesBenchOptions) (*SharesBenchReport, error) {
	report := &SharesBenchReport{Parties: opt.Parties, Threshold: opt.Threshold, Rows: opt.Rows, Features: opt.Features, Batch: opt.Batch}
	var names []string
	for i := range opt.Parties {
		names = append(names, fmt.Sprintf("party%d", i+1))
	}
	p, err := openParties(names, opt.Logger)
	if err != nil {
		return nil, err
	}
	defer p.close()
	bench := &sharesBench{opt: opt, parties: p}
	bench.x, bench.y = inventRows(opt.Rows, opt.Features)
	for _, job := range sharesJobs(opt) {
		if opt.Tell != nil {
			opt.Tell(job.Name + ", " + job.Security)
		}
		if job.dishonest {
			done, err := bench.runStep(ctx, job)
			if err != nil {
				return report, fmt.Errorf("%s, %s: %w", job.Name, job.Security, err)
			}
			report.Jobs = append(report.Jobs, *done)
			continue
		}
		var best *SharesBenched
		for range max(1, opt.Repeat) {
			done, err := bench.run(ctx, job)
			if err != nil {
				return report, fmt.Errorf("%s, %s: %w", job.Name, job.Security, err)
			}
			if best == nil || done.Seconds < best.Seconds {
				best = done
			}
		}
		report.Jobs = append(report.Jobs, *best)
	}
	return report, nil
}

type sharesBench struct {
	opt      SharesBenchOptions
	parties  *parties
	x, y     []float64
	began    time.Time // when party 1 was set up
	beganCPU time.Duration
}

// inventRows draws features in [−1, 1] and labels by a noisy line, the same
// every time.
func inventRows(count, features int) (x, y []float64) {
	state := uint64(1)
	draw := func() float64 {
		state = state*6364136223846793005 + 1442695040888963407
		return float64(int64(state>>11))/(1<<52) - 1
	}
	for range count {
		score := draw()
		for j := range features {
			x = append(x, draw())
			score += x[len(x)-1] * float64(j%3-1)
		}
		label := 0.0
		if score > 0 {
			label = 1
		}
		y = append(y, label)
	}
	return x, y
}

func (j sharesJob) config() spdz.Config {
	return spdz.Config{Passive: j.passive, Deferred: j.deferred, Dishonest: j.dishonest}
}

func (b *sharesBench) config(job sharesJob) (spdz.Config, error) {
	cfg := job.config()
	cfg.Threshold = b.opt.Threshold
	_, err := rand.Read(cfg.Seed[:])
	return cfg, err
}

// begin sets up an engine.
func (b *sharesBench) begin(c *interactive.Channel, job sharesJob) (*spdz.Engine, error) {
	if job.dishonest {
		return dishonest.New(c, dishonest.Config{Bits: b.keyBits(), LeastBits: min(b.keyBits(), paillier.MinBits), Random: rand.Reader})
	}
	cfg, err := b.config(job)
	if err != nil {
		return nil, err
	}
	return spdz.New(c, cfg)
}

func (b *sharesBench) keyBits() int { return cmp.Or(b.opt.KeyBits, dishonest.DefaultBits) }

// runStep runs one step, and extrapolates to the epoch.
func (b *sharesBench) runStep(ctx context.Context, job sharesJob) (*SharesBenched, error) {
	small := *b
	small.opt.Rows = max(b.opt.Parties, min(b.opt.Batch, b.opt.Rows))
	small.x, small.y = b.x[:small.opt.Rows*b.opt.Features], b.y[:small.opt.Rows]
	started, cpu := time.Now(), processorTime()
	done, err := small.run(ctx, job)
	if err != nil {
		return nil, err
	}
	m := &Measured{
		KeyBits: b.keyBits(), Rows: small.opt.Rows, Seconds: done.Seconds, CPUSeconds: done.CPUSeconds, Rounds: done.Rounds, Bytes: done.Bytes,
		SetUpSeconds: small.began.Sub(started).Seconds(), SetUpCPUSeconds: (small.beganCPU - cpu).Seconds(),
	}
	steps := (b.opt.Rows + b.opt.Batch - 1) / b.opt.Batch
	done.Measured = m
	done.Seconds += float64(steps-1) * (m.Seconds - m.SetUpSeconds)
	done.CPUSeconds += float64(steps-1) * (m.CPUSeconds - m.SetUpCPUSeconds)
	done.Rounds, done.Bytes = done.Rounds*steps, done.Bytes*int64(steps)
	done.SecondsAt20ms = done.Seconds + float64(done.Rounds)*(20*time.Millisecond/2).Seconds()
	return done, nil
}

// start are the weights to begin with.
func (b *sharesBench) start(n spdz.Network) []float64 {
	if len(n.Hidden) == 0 {
		return make([]float64, n.Size())
	}
	return model.MLP{Features: n.Inputs, Hidden: n.Hidden, Seed: 1}.Start()
}

func (b *sharesBench) run(ctx context.Context, job sharesJob) (*SharesBenched, error) {
	n := b.opt.Parties
	weights := make([][]float64, n+1)
	var ranges []spdz.Range
	cpu := processorTime()
	reports, err := b.parties.compute(ctx, "bench", func(party int) interactive.Program {
		return func(c *interactive.Channel) (err error) {
			e, err := b.begin(c, job)
			if err != nil {
				return err
			}
			if party == 1 {
				b.began, b.beganCPU = time.Now(), processorTime()
			}
			weights[party], err = b.train(e, job)
			if party == 1 {
				ranges = e.Ranges()
			}
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	done := job.SharesBenched
	done.CPUSeconds, done.Ranges = (processorTime() - cpu).Seconds(), ranges
	for _, r := range reports[1:] {
		done.Seconds = max(done.Seconds, r.Elapsed.Seconds())
		done.Rounds = max(done.Rounds, r.Rounds)
		done.Bytes += r.BytesSent / int64(n)
		done.Messages += r.Messages / n
	}
	done.SecondsAt20ms = done.Seconds + float64(done.Rounds)*(20*time.Millisecond/2).Seconds()
	return &done, b.compare(job, weights[1:], &done)
}

// train is what one party does: its rows go in, the weights come out.
func (b *sharesBench) train(e *spdz.Engine, job sharesJob) ([]float64, error) {
	n, d := b.opt.Parties, b.opt.Features
	xs, ys := make([]spdz.Shape, n+1), make([]spdz.Shape, n+1)
	first := func(party int) int { return (party - 1) * b.opt.Rows / n }
	for party := 1; party <= n; party++ {
		rows := first(party+1) - first(party)
		xs[party], ys[party] = spdz.Shape{Rows: rows, Cols: d}, spdz.Shape{Rows: rows, Cols: 1}
	}
	from, to := first(e.Self()), first(e.Self()+1)
	x, err := e.Input(xs, b.x[from*d:to*d], 1)
	if err != nil {
		return nil, err
	}
	y, err := e.Input(ys, b.y[from:to], 1)
	if err != nil {
		return nil, err
	}
	return b.fit(e, job, e.Stack(x[1:]...), e.Stack(y[1:]...))
}

func (b *sharesBench) fit(e *spdz.Engine, job sharesJob, x, y *spdz.Secret) ([]float64, error) {
	start, err := job.training.Constant(e, b.start(job.training.Network))
	if err != nil {
		return nil, err
	}
	out, err := job.training.Train(e, x, y, start)
	if err != nil {
		return nil, err
	}
	return out.Weights.Open(e)
}

// compare trains in the clear, and compares.
func (b *sharesBench) compare(job sharesJob, weights [][]float64, done *SharesBenched) error {
	e, err := spdz.Clear(b.opt.Parties, spdz.Config{Threshold: b.opt.Threshold, Passive: job.passive, Dishonest: job.dishonest})
	if err != nil {
		return err
	}
	start, err := job.training.Constant(e, b.start(job.training.Network))
	if err != nil {
		return err
	}
	x := e.Constant(b.opt.Rows, b.opt.Features, e.Fraction, b.x).Within(1)
	out, err := job.training.Train(e, x, e.Constant(b.opt.Rows, 1, e.Fraction, b.y).Within(1), start)
	if err != nil {
		return err
	}
	want, err := out.Weights.Open(e)
	if err != nil {
		return err
	}
	done.WeightsBound = finite(slices.Max(out.Weights.Errors(e)))
	for _, list := range weights {
		for i, w := range list {
			done.WeightsMaxDiff = max(done.WeightsMaxDiff, math.Abs(w-want[i]))
		}
	}
	return nil
}

// finite is nil for what is no number to print.
func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &v
}
