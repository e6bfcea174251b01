package testnet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"consilium/model"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz"
)

// weightLimit bounds a |weight| on shares.
const weightLimit = 16

// explodedBeyond is the |z| of an explosion, as package model has it.
const explodedBeyond = 1 << 15

// onShares trains on shares of three hospitals, each of which puts in a third of
// the rows; the engine trusts that all follow the protocol.
func (x *explosions) onShares(ctx context.Context, p *parties, r *ExplosionRun) error {
	r.On = "shares"
	began, n := time.Now(), len(p.meshes)-1
	run := &sharedTraining{explosions: x, run: r, began: began}
	reports, err := p.compute(ctx, "training "+r.Name, run.program)
	if err != nil && !errors.Is(err, errExploded) {
		return err
	}
	r.Seconds = time.Since(began).Seconds()
	for _, c := range reports[1:] {
		r.Rounds = max(r.Rounds, c.Rounds)
		r.BytesSent += c.BytesSent / int64(n)
	}
	r.Accuracy = r.explosion.Accuracy(run.weights, x.test) // of the clipped network, where it is clipped
	r.Cause = r.cause()
	return nil
}

// errExploded ends a training that has exploded.
var errExploded = errors.New("the training has exploded")

type sharedTraining struct {
	*explosions
	run *ExplosionRun

	began   time.Time
	mu      sync.Mutex
	told    time.Time
	looked  int       // the last iteration at which some party has looked
	weights []float64 // there, and in the end
}

// program is what a party does.
func (s *sharedTraining) program(int) interactive.Program {
	return func(c *interactive.Channel) error {
		cfg := spdz.Config{Threshold: 1, Passive: true, Fraction: explosionFraction}
		if s.run.Activation == "taylor" {
			cfg.Hiding = 40 // its coefficients in powers of x/5 are large
		}
		if _, err := rand.Read(cfg.Seed[:]); err != nil {
			return err
		}
		e, err := spdz.New(c, cfg)
		if err != nil {
			return err
		}
		features, labels, err := s.input(e)
		if err != nil {
			return err
		}
		t := s.training(e)
		start, err := t.Constant(e, model.MLP{Features: t.Inputs, Hidden: t.Hidden, Seed: s.opt.Seed}.Start())
		if err != nil {
			return err
		}
		out, err := t.Train(e, features, labels, start)
		if err != nil {
			return err
		}
		weights, err := out.Weights.Open(e)
		if err != nil {
			return err
		}
		s.halved(out.Halvings)
		return s.see(s.run.Iterations, weights)
	}
}

// training is the settings on shares. To draw its course the weights are opened
// wherever they are checked, and after every step without a guard: an
// experiment's right, and no study's.
func (s *sharedTraining) training(e *spdz.Engine) spdz.Training {
	r := s.run
	a := spdz.Activation{Polynomial: r.explosion.Activation.(model.Polynomial), Logistic: true, Clip: r.Guard == clipGuard}
	t := spdz.Training{
		Network: spdz.Network{Inputs: s.train.X.Cols - 1, Hidden: r.Hidden, Activation: a, Output: a, Squared: true},
		Rate:    r.explosion.Rate, L2: r.Decay, Epochs: r.Iterations, Limit: weightLimit, Guard: spdz.Halve, Every: checkEvery,
	}
	if r.Guard == noGuard {
		t.Guard, t.Every = spdz.Unsafe, 1
	}
	t.Each = func(iteration int, w spdz.Weights) error {
		weights, err := w.Open(e)
		if err != nil {
			return err
		}
		return s.see(iteration, weights)
	}
	return t
}

func (s *sharedTraining) halved(times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run.Halvings = times
}

// see looks at opened weights, once for all parties, which must hold the same.
func (s *sharedTraining) see(iteration int, weights []float64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.run
	if iteration == s.looked && !slices.Equal(weights, s.weights) {
		return fmt.Errorf("hospitals hold different weights after iteration %d", iteration)
	}
	if iteration > s.looked {
		s.looked, s.weights = iteration, weights
		z, loss := r.explosion.Look(weights, s.train)
		r.MaxAbsSum = max(r.MaxAbsSum, min(z, math.MaxFloat64))
		if r.MaxAbsZ = r.MaxAbsSum; r.Guard == clipGuard {
			r.MaxAbsZ = min(r.MaxAbsSum, *r.Interval)
		} else if z > *r.Interval && r.LeftAt == nil {
			r.LeftAt = &iteration
		}
		if !(z <= explodedBeyond) {
			r.ExplodedAt = &iteration
		}
		r.Trajectory = append(r.Trajectory, model.ExplosionPoint{Iteration: iteration, MaxZ: z, Loss: loss})
		if time.Since(s.told) >= time.Second {
			s.told = time.Now()
			left := time.Since(s.began) / time.Duration(iteration) * time.Duration(r.Iterations-iteration)
			s.opt.Tell(fmt.Sprintf("%s, on shares: iteration %d of %d, largest |weighted sum| %.3g, %.0f s left", r.Name, iteration, r.Iterations, z, left.Seconds()))
		}
	}
	if r.ExplodedAt != nil {
		return errExploded
	}
	return nil
}

// input shares each party's rows: features, and labels.
func (s *sharedTraining) input(e *spdz.Engine) (features, labels *spdz.Secret, err error) {
	n, rows, d := e.Parties(), s.train.Rows(), s.train.X.Cols-1
	first := func(party int) int { return (party - 1) * rows / n }
	xs, ys := make([]spdz.Shape, n+1), make([]spdz.Shape, n+1)
	for party := 1; party <= n; party++ {
		own := first(party+1) - first(party)
		xs[party], ys[party] = spdz.Shape{Rows: own, Cols: d}, spdz.Shape{Rows: own, Cols: 1}
	}
	var own []float64
	for i := first(e.Self()); i < first(e.Self()+1); i++ {
		own = append(own, s.train.X.Data[i*s.train.X.Stride+1:(i+1)*s.train.X.Stride]...)
	}
	x, err := e.Input(xs, own, 1)
	if err != nil {
		return nil, nil, err
	}
	y, err := e.Input(ys, s.train.Y[first(e.Self()):first(e.Self()+1)], 1)
	if err != nil {
		return nil, nil, err
	}
	return e.Stack(x[1:]...), e.Stack(y[1:]...), nil
}
