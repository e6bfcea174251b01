package testnet

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"consilium/internal/processor"
	"consilium/model"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz"
	"consilium/protocol/spdz/learning"
	"consilium/sharing/wide"
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
	Seconds        float64      `json:"seconds"`          // wall, from the first message to the last
	CPUSeconds     float64      `json:"cpu_seconds"`      // of all parties together
	Rounds         int          `json:"rounds"`           // messages that had to follow each other
	Bytes          int64        `json:"bytes_sent"`       // by a party, mean, before encryption
	Messages       int          `json:"messages_sent"`    // by a party, mean
	SecondsAt20ms  float64      `json:"seconds_at_20_ms"` // with 20 ms of round trip: a round is half of one
	WeightsMaxDiff float64      `json:"weights_max_diff"` // against the same computation in the clear, rounded to the nearest
	WeightsBound   *float64     `json:"weights_bound"`    // what truncation can make of that
	ReplayMaxDiff  float64      `json:"replay_max_diff"`  // against the clear, rounded as it was on shares: 0
	Ranges         []spdz.Range `json:"ranges"`           // of intermediate results
	Yardstick      *Yardstick   `json:"mp_spdz"`          // the same job there; null for other sizes
	Measured       *Measured    `json:"measured,omitempty"`
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
	training           spdz.Training
	passive, dishonest bool
}

func sharesJobs(opt SharesBenchOptions) []sharesJob {
	sigmoid := spdz.Activation{Polynomial: model.SigmoidPolynomial()}
	logistic := spdz.Network{Inputs: opt.Features, Output: sigmoid}
	smooth := spdz.Network{Inputs: opt.Features, Hidden: []int{16}, Activation: sigmoid, Output: sigmoid}
	rectifier := smooth
	rectifier.Activation = spdz.Activation{Rectifier: true}
	const degree7 = "sigmoid of degree 7 on [-8, 8]"
	name := fmt.Sprintf("network %d-16-1", opt.Features)
	list := []sharesJob{
		{SharesBenched: SharesBenched{Name: "logistic", Activation: degree7, Yardstick: &Yardstick{0.13, 0.73, 595}}, training: spdz.Training{Network: logistic}, passive: true},
		{SharesBenched: SharesBenched{Name: "logistic", Activation: degree7, Yardstick: &Yardstick{1.22, 44.7, 0}}, training: spdz.Training{Network: logistic}},
		{SharesBenched: SharesBenched{Name: name, Activation: "relu, exact; output " + degree7, Yardstick: &Yardstick{2.13, 16.3, 1539}}, training: spdz.Training{Network: rectifier}, passive: true},
		{SharesBenched: SharesBenched{Name: name, Activation: degree7, Yardstick: &Yardstick{2.13, 16.3, 1539}}, training: spdz.Training{Network: smooth}, passive: true},
		{SharesBenched: SharesBenched{Name: name, Activation: degree7, Yardstick: &Yardstick{17.7, 668, 0}}, training: spdz.Training{Network: smooth}},
	}
	dear := sharesJob{SharesBenched: SharesBenched{Name: "logistic", Activation: degree7}, training: spdz.Training{Network: logistic}, dishonest: true}
	dear.training.Output.How = spdz.Horner
	switch opt.Majority {
	case learning.HonestMajority:
	case learning.DishonestMajority:
		list = []sharesJob{dear}
	default:
		list = append(list, dear)
	}
	same := opt.Parties == 3 && opt.Rows == 768 && opt.Features == 8 && opt.Batch == 32
	for i := range list {
		if !same { // there is nothing to compare with
			list[i].Yardstick = nil
		}
		t := &list[i].training
		t.Rate, t.Batch, t.Epochs, t.Limit = 0.25, opt.Batch, 1, 8
		list[i].Security = SecurityOf(list[i].config())
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
	return spdz.Config{Passive: j.passive, Dishonest: j.dishonest}
}

func (b *sharesBench) config(job sharesJob) (spdz.Config, error) {
	cfg := job.config()
	cfg.Threshold = b.opt.Threshold
	_, err := rand.Read(cfg.Seed[:])
	return cfg, err
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
	weights, seeds := make([][]float64, n+1), make([][wide.SeedSize]byte, n+1)
	var ranges []spdz.Range
	cpu := processor.Time()
	reports, err := b.parties.compute(ctx, "bench", func(party int) interactive.Program {
		return func(c *interactive.Channel) (err error) {
			cfg, err := b.config(job)
			if err != nil {
				return err
			}
			seeds[party] = cfg.Seed
			e, err := b.begin(c, job, cfg)
			if err != nil {
				return err
			}
			if party == 1 {
				b.began, b.beganCPU = time.Now(), processor.Time()
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
	done.CPUSeconds, done.Ranges = (processor.Time() - cpu).Seconds(), ranges
	for _, r := range reports[1:] {
		done.Seconds = max(done.Seconds, r.Elapsed.Seconds())
		done.Rounds = max(done.Rounds, r.Rounds)
		done.Bytes += r.BytesSent / int64(n)
		done.Messages += r.Messages / n
	}
	done.SecondsAt20ms = done.Seconds + float64(done.Rounds)*(20*time.Millisecond/2).Seconds()
	return &done, b.compare(job, weights[1:], seeds, &done)
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
	weights, _, err := b.fit(e, job, e.Stack(x[1:]...), e.Stack(y[1:]...))
	return weights, err
}

func (b *sharesBench) fit(e *spdz.Engine, job sharesJob, x, y *spdz.Secret) ([]float64, spdz.Weights, error) {
	start, err := job.training.Constant(e, b.start(job.training.Network))
	if err != nil {
		return nil, nil, err
	}
	out, err := job.training.Train(e, x, y, start)
	if err != nil {
		return nil, nil, err
	}
	opened, err := out.Weights.Open(e)
	return opened, out.Weights, err
}

// compare trains in the clear, and compares: rounded to the nearest, and as it
// was on shares, which whoever knows all seeds can do.
func (b *sharesBench) compare(job sharesJob, weights [][]float64, seeds [][wide.SeedSize]byte, done *SharesBenched) error {
	cfg := job.config()
	cfg.Threshold = b.opt.Threshold
	e, err := spdz.Clear(b.opt.Parties, cfg)
	if err != nil {
		return err
	}
	var bounds []float64
	if done.WeightsMaxDiff, bounds, err = b.trainClear(e, job, weights); err != nil {
		return err
	}
	done.WeightsBound = finite(slices.Max(bounds))
	if job.dishonest {
		return nil // its masks are each party's own
	}
	if e, err = spdz.Replay(seeds, cfg); err != nil {
		return err
	}
	if done.ReplayMaxDiff, _, err = b.trainClear(e, job, weights); err == nil && done.ReplayMaxDiff != 0 {
		err = fmt.Errorf("the weights differ by %v from those of the same roundings in the clear", done.ReplayMaxDiff)
	}
	return err
}

// trainClear returns how far weights are from those in the clear, and how far
// each may be.
func (b *sharesBench) trainClear(e *spdz.Engine, job sharesJob, weights [][]float64) (largest float64, bounds []float64, err error) {
	x := e.Constant(b.opt.Rows, b.opt.Features, e.Fraction, b.x).Within(1)
	want, out, err := b.fit(e, job, x, e.Constant(b.opt.Rows, 1, e.Fraction, b.y).Within(1))
	if err != nil {
		return 0, nil, err
	}
	for _, list := range weights {
		for i, w := range list {
			largest = max(largest, math.Abs(w-want[i]))
		}
	}
	return largest, out.Errors(e), nil
}

// finite is nil for what is no number to print.
func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &v
}
