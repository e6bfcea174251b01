package testnet

import (
	"cmp"
	"context"
	"crypto/rand"
	"time"

	"consilium/internal/processor"
	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz"
	"consilium/protocol/spdz/dishonest"
)

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

// begin sets up an engine.
func (b *sharesBench) begin(c *interactive.Channel, job sharesJob, cfg spdz.Config) (*spdz.Engine, error) {
	if job.dishonest {
		return dishonest.New(c, dishonest.Config{Bits: b.keyBits(), LeastBits: min(b.keyBits(), paillier.MinBits), Random: rand.Reader})
	}
	return spdz.New(c, cfg)
}

func (b *sharesBench) keyBits() int { return cmp.Or(b.opt.KeyBits, dishonest.DefaultBits) }

// runStep runs one step, and extrapolates to the epoch.
func (b *sharesBench) runStep(ctx context.Context, job sharesJob) (*SharesBenched, error) {
	small := *b
	small.opt.Rows = max(b.opt.Parties, min(b.opt.Batch, b.opt.Rows))
	small.x, small.y = b.x[:small.opt.Rows*b.opt.Features], b.y[:small.opt.Rows]
	started, cpu := time.Now(), processor.Time()
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
