package spdz

import (
	"errors"
	"fmt"
)

// PausedError says that too few parties are left to go on with. Nothing is
// lost: training goes on when enough are back.
type PausedError struct {
	Left, Needed int
}

func (e *PausedError) Error() string {
	return fmt.Sprintf("training pauses: %d parties are left, %d are needed to go on; it goes on when enough are back", e.Left, e.Needed)
}

// ThresholdAfter is the threshold with which so many parties that are left go on
// with shares of a threshold: the same if they can, else the most. It is never
// below least, which the study signed, nor below 1: fewer parties pause.
func ThresholdAfter(left, threshold, least int, passive bool) (int, error) {
	least = max(1, least)
	now := min(threshold, (left-1)/2)
	needed := threshold + 1
	if !passive {
		needed += max(now, least)
	}
	if needed = max(needed, 2*least+1); now < least || left < needed {
		return 0, &PausedError{Left: left, Needed: needed}
	}
	return now, nil
}

// Continued is a training as it was at a checkpoint.
type Continued struct {
	Epoch   int
	Rate    float64
	X, Y    *Secret
	Weights Weights
}

// Apply sets where the training goes on.
func (c *Continued) Apply(t Training) Training {
	t.First, t.Rate = c.Epoch, c.Rate
	return t
}

// Continue goes back to the latest epoch of which every party holds a
// checkpoint: kept are this party's, in any order. Parties who have not stopped
// in the same moment differ by one epoch, so two are to be kept. If the parties
// are others than the checkpoint's, or there are fewer, they share their shares
// again.
func (e *Engine) Continue(kept ...*Checkpoint) (*Continued, error) {
	latest := 0
	for _, c := range kept {
		latest = max(latest, c.Epoch)
	}
	if len(kept) == 0 {
		return nil, errors.New("go on: no checkpoint; a party that lost its own comes back with the others' shares only by sharing again")
	}
	epochs, err := e.Announce(latest)
	if err != nil {
		return nil, err
	}
	for _, epoch := range epochs[1:] {
		latest = min(latest, epoch)
	}
	var chosen *Checkpoint
	for _, c := range kept {
		if c.Epoch == latest {
			chosen = c
		}
	}
	if chosen == nil {
		return nil, fmt.Errorf("go on: the others have checkpoints of epoch %d, this party has none", latest)
	}
	return e.restore(chosen)
}

// restore agrees on who is who, and takes the shares over.
func (e *Engine) restore(c *Checkpoint) (*Continued, error) {
	if len(c.Shares) < 3 {
		return nil, errors.New("go on: a checkpoint without rows, labels and weights")
	}
	before, err := e.Announce(c.Party)
	if err != nil {
		return nil, err
	}
	sizes, err := e.Announce(c.Parties<<8 | c.Threshold)
	if err != nil {
		return nil, err
	}
	same := c.Parties == e.n && c.Threshold == e.Threshold
	for party := 1; party <= e.n; party++ {
		same = same && before[party] == party
		if sizes[party] != c.Parties<<8|c.Threshold {
			return nil, &CheatError{Party: party, What: "has a checkpoint of another federation"}
		}
	}
	list := e.Resume(c.Shares...)
	if !same {
		if list, err = e.Reshare(before, c.Threshold, c.Shares...); err != nil {
			return nil, err
		}
	}
	return &Continued{Epoch: c.Epoch, Rate: c.Rate, X: list[0], Y: list[1], Weights: Weights(list[2:])}, nil
}
