package spdz

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
	"consilium/sharing/wide"
)

// hospital is one party of a training with dropouts: what is on its disk, and
// what it opened.
type hospital struct {
	kept    [2][]byte // the last two checkpoints
	weights []float64
}

func (h *hospital) save(c *Checkpoint) error {
	data, err := c.MarshalBinary()
	h.kept = [2][]byte{data, h.kept[0]}
	return err
}

// goOn is the program of hospitals after a dropout, of members by the numbers of
// now.
func (h *hospital) goOn(c Training, cfg Config, seed uint64) interactive.Program {
	return func(ch *interactive.Channel) error {
		cfg.Seed = [32]byte{byte(seed), byte(seed >> 8), byte(ch.Self()), 77}
		e, err := New(ch, cfg)
		if err != nil {
			return err
		}
		var kept []*Checkpoint
		for _, data := range h.kept {
			if data == nil {
				continue
			}
			var k Checkpoint
			if err := k.UnmarshalBinary(data); err != nil {
				return err
			}
			kept = append(kept, &k)
		}
		at, err := e.Continue(kept...)
		if err != nil {
			return err
		}
		c.Save = nil
		out, err := at.Apply(c).Train(e, at.X, at.Y, at.Weights)
		if err != nil {
			return err
		}
		h.weights, err = out.Weights.Open(e)
		return err
	}
}

func (h *hospital) begin(c Training, cfg Config, seed uint64, count int) interactive.Program {
	return func(ch *interactive.Channel) error {
		cfg.Seed = [32]byte{byte(seed), byte(seed >> 8), byte(ch.Self())}
		e, err := New(ch, cfg)
		if err != nil {
			return err
		}
		c.Save = h.save
		h.weights, err = trainShared(e, c, count)
		return err
	}
}

// In 1,000 schedules, a hospital drops out for good at some message. Four go on
// as three; three wait until it is back. All who end hold the weights of the
// training in the clear.
func TestDropouts(t *testing.T) {
	const count = 6
	c := Training{Network: Network{Inputs: 1}, Rate: 0.25, Epochs: 3, Limit: 8}
	went, early, late := 0, 0, 0
	for seed := range uint64(1000) {
		n := 3 + int(seed%2)
		cfg := Config{Threshold: 1, Passive: seed%50 != 0}
		want, bounds := trainClear(t, n, cfg, c, count)
		hospitals := make([]hospital, n)
		var programs []interactive.Program
		for i := range hospitals {
			programs = append(programs, hospitals[i].begin(c, cfg, seed, count))
		}
		gone := 1 + int(seed/2)%n
		crash := map[int]int{gone: 1 + int(seed*7919%120)}
		report := interactivetest.Run(interactivetest.Options{Seed: seed, Crash: crash}, programs...)
		finished, nothing := true, false
		for i := range hospitals {
			finished = finished && (i+1 == gone || report.Errors[i+1] == nil)
			nothing = nothing || i+1 != gone && hospitals[i].kept[0] == nil || n == 3 && hospitals[i].kept[0] == nil
		}
		switch {
		case finished:
			late++
		case nothing:
			early++ // before all rows were shared: they begin again without it
			continue
		default:
			went++
			if err := resumeWithout(hospitals, gone, c, cfg, seed); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		for i, h := range hospitals {
			if i+1 == gone && (finished || n == 4) {
				continue
			}
			for k := range want {
				if !(len(h.weights) == len(want) && math.Abs(h.weights[k]-want[k]) <= bounds[k]) {
					t.Fatalf("seed %d: hospital %d ends with %v, in the clear %v", seed, i+1, h.weights, want)
				}
			}
		}
	}
	t.Logf("%d went on from a checkpoint, %d dropped out before there was one, %d after the end", went, early, late)
	if went < 300 {
		t.Errorf("only %d schedules went on from a checkpoint", went)
	}
}

// resumeWithout runs the second part: of three, the lost one comes back.
func resumeWithout(hospitals []hospital, gone int, c Training, cfg Config, seed uint64) error {
	var programs []interactive.Program
	left := len(hospitals) - 1
	threshold, err := ThresholdAfter(left, cfg.Threshold, 1, cfg.Passive)
	var paused *PausedError
	if errors.As(err, &paused) != (left == 2) {
		return fmt.Errorf("%d are left: %w", left, err)
	}
	if err == nil {
		cfg.Threshold = threshold
	}
	for i := range hospitals {
		if i+1 != gone || err != nil {
			programs = append(programs, hospitals[i].goOn(c, cfg, seed))
		}
	}
	report := interactivetest.Run(interactivetest.Options{Seed: seed}, programs...)
	return errors.Join(report.Errors...)
}

// Masks are never used twice: a home that goes back to an old checkpoint, over
// and over, tells nothing that was told before, even if its own random source
// repeats itself. (If all did, it would: the check of this test.)
func TestGoingBackDrawsFreshMasks(t *testing.T) {
	const count = 6
	c := Training{Network: Network{Inputs: 1}, Rate: 0.25, Epochs: 3, Limit: 8}
	for _, passive := range []bool{true, false} {
		cfg := Config{Threshold: 1, Passive: passive}
		hospitals := make([]hospital, 3)
		var programs []interactive.Program
		for i := range hospitals {
			programs = append(programs, hospitals[i].begin(c, cfg, 1, count))
		}
		if report := interactivetest.Run(interactivetest.Options{Seed: 1, Crash: map[int]int{1: 60}}, programs...); report.Errors[2] == nil || hospitals[0].kept[0] == nil {
			t.Fatal("nothing was interrupted")
		}
		for _, repeat := range []int{0, 1, 3} { // parties whose random source repeats itself
			told, again := map[string]bool{}, 0
			for attempt := range uint64(3) {
				var programs []interactive.Program
				for i := range hospitals {
					seed := 5 + attempt
					if i < repeat {
						seed = 5
					}
					programs = append(programs, hospitals[i].goOn(c, cfg, seed))
				}
				now := map[string]bool{}
				report := interactivetest.Run(interactivetest.Options{Seed: attempt, Tamper: func(from, to, k int, body []byte) ([]byte, bool) {
					if to == from%3+1 && k > 5 { // the first ones are seeds and checkpoints
						for at := wide.Size; at <= len(body); at += wide.Size {
							now[string(body[at-wide.Size:at])] = true
						}
					}
					return body, true
				}}, programs...)
				if err := errors.Join(report.Errors...); err != nil {
					t.Fatal(err)
				}
				delete(now, string(make([]byte, wide.Size))) // no point of one's own proof
				for element := range now {
					if told[element] {
						again++
					}
					told[element] = true
				}
			}
			if (again > 0) != (repeat == 3) {
				t.Errorf("passive %v, %d random sources repeat themselves: %d elements came twice", passive, repeat, again)
			}
		}
	}
}

func TestThresholdAfter(t *testing.T) {
	for _, c := range []struct {
		left, threshold, least int
		passive                bool
		want                   int // 0: pause
	}{
		{2, 1, 1, true, 0}, {3, 1, 1, true, 1}, {3, 1, 1, false, 1}, {3, 2, 1, true, 1}, {3, 2, 1, false, 0},
		{4, 2, 1, false, 1}, {4, 2, 2, false, 0}, {5, 2, 2, false, 2}, {6, 3, 1, false, 2}, {2, 2, 0, true, 0},
	} {
		got, err := ThresholdAfter(c.left, c.threshold, c.least, c.passive)
		if got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
}

// A party that shares another share again than it held is noticed, and only by
// the engine that checks.
func TestAWrongShareSharedAgainIsNoticed(t *testing.T) {
	for _, passive := range []bool{true, false} {
		held := make([]Held, 6)
		cfg := Config{Threshold: 2, Passive: passive}
		run(t, 5, cfg, 1, func(e *Engine) error {
			s, err := shared(e, 2, 1, []float64{0.5, -0.25}, 1)
			if err == nil {
				held[e.Self()] = s.Hold()
			}
			return err
		})
		held[4].Share[1] = wide.Add(held[4].Share[1], wide.FromInt(9))
		cfg.Threshold = 1 // 2 has gone: four are left
		report := runWith(4, cfg, interactivetest.Options{Seed: 2}, func(e *Engine) error {
			before := []int{0, 1, 3, 4, 5}
			list, err := e.Reshare(before, 2, held[before[e.Self()]])
			if err != nil {
				return err
			}
			_, err = e.Open(list[0])
			return err
		})
		var cheat *CheatError
		if errors.As(report.Errors[1], &cheat) == passive {
			t.Errorf("passive %v: %v", passive, report.Errors)
		}
	}
}

func FuzzCheckpoint(f *testing.F) {
	c := Checkpoint{Party: 1, Parties: 3, Threshold: 1, Epoch: 2, Rate: 0.5, Shares: []Held{{Rows: 1, Cols: 2, Bits: 16, Reach: 1, Share: []wide.Element{wide.FromInt(1), wide.FromInt(-1)}}}}
	data, err := c.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:40])
	f.Add([]byte(checkpointMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Checkpoint
		if c.UnmarshalBinary(data) != nil {
			return
		}
		again, err := c.MarshalBinary()
		if err != nil || !bytes.Equal(again, data) {
			t.Error("two encodings of one checkpoint")
		}
	})
}
