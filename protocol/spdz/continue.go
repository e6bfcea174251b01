package spdz

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	Kept    int // which of those that were kept
	Epoch   int
	Rate    float64
	X, Y    *Secret
	Weights Weights
}

// meet is what comes before a checkpoint: all that was computed is checked, since
// a run that goes on from there does not do it, and all parties have come that
// far, so that nobody is ahead by more than one. Where some send no sums and
// nothing is checked, that takes a message of all.
func (e *Engine) meet() error {
	if e.active() || e.plain || len(e.senders) == e.n {
		return e.Check()
	}
	return e.Meet()
}

// Meet waits until all parties have come that far.
func (e *Engine) Meet() error {
	e.tell(nil)
	for party := 1; party <= e.n; party++ {
		if party == e.self {
			continue
		}
		if _, err := e.channel.Receive(party); err != nil {
			return err
		}
	}
	return nil
}

// Apply sets where the training goes on.
func (c *Continued) Apply(t Training) Training {
	t.First, t.Rate = c.Epoch, c.Rate
	return t
}

// maxKept bounds how many checkpoints a party tells of.
const maxKept = 8

// moment is what a party tells of a checkpoint.
type moment struct {
	epoch, party, parties, threshold int
	run                              [32]byte
}

const momentSize = 4*4 + 32

func (c *Checkpoint) moment() moment {
	return moment{c.Epoch, c.Party, c.Parties, c.Threshold, c.Run}
}

func (m moment) append(b []byte) []byte {
	for _, v := range []int{m.epoch, m.party, m.parties, m.threshold} {
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return append(b, m.run[:]...)
}

func decodeMoments(body []byte) (list []moment, ok bool) {
	if len(body) == 0 || len(body)%momentSize != 0 || len(body) > maxKept*momentSize {
		return nil, false
	}
	for d := (decoder{rest: body}); len(d.rest) > 0; {
		list = append(list, moment{d.number(), d.number(), d.number(), d.number(), [32]byte(d.take(32))})
	}
	return list, true
}

// Continue goes back to the latest epoch of which every party holds a
// checkpoint of the same computation: kept are this party's, in any order.
// Parties who have not stopped in the same moment differ by one checkpoint, so
// two are to be kept. Shares of two computations do not belong together even if
// they are of the same epoch: a home that was restored from an old copy is
// refused. If the parties are others than the checkpoint's, or there are fewer,
// they share their shares again. Masks are those of this computation, whose
// seeds are fresh, so none comes twice, however often one goes back.
func (e *Engine) Continue(kept ...*Checkpoint) (*Continued, error) {
	var body []byte
	for _, c := range kept {
		body = c.moment().append(body)
	}
	if len(kept) == 0 || len(kept) > maxKept {
		return nil, errors.New("go on: no checkpoint; a party that lost its own comes back with the others' shares only by sharing again")
	}
	bodies, err := e.broadcast(body)
	if err != nil {
		return nil, fmt.Errorf("go on: %w", err)
	}
	all := make([][]moment, e.n+1)
	for party := 1; party <= e.n; party++ {
		var ok bool
		if all[party], ok = decodeMoments(bodies[party]); !ok {
			return nil, &CheatError{Party: party, What: "told of what are no checkpoints"}
		}
	}
	chosen, before := common(all)
	if chosen != nil {
		at, err := e.restore(kept[chosen[e.self]], before)
		if err != nil {
			return nil, err
		}
		at.Kept = chosen[e.self]
		return at, nil
	}
	return nil, fmt.Errorf("go on: no checkpoint is common to all: %s; a home was restored from an old copy, or is another study's", epochsOf(all))
}

// common finds the latest checkpoint that all have: its index in each list, and
// what the parties were called then.
func common(all [][]moment) (chosen, before []int) {
	latest := moment{epoch: -1}
	for _, m := range all[1] {
		indexes, parties := []int{0}, []int{0}
		for _, list := range all[1:] {
			i := slices.IndexFunc(list, func(o moment) bool {
				return o.epoch == m.epoch && o.run == m.run && o.parties == m.parties && o.threshold == m.threshold
			})
			if i < 0 {
				break
			}
			indexes, parties = append(indexes, i), append(parties, list[i].party)
		}
		newer := m.epoch > latest.epoch || m.epoch == latest.epoch && string(m.run[:]) > string(latest.run[:])
		if len(indexes) == len(all) && newer {
			latest, chosen, before = m, indexes, parties
		}
	}
	return chosen, before
}

func epochsOf(all [][]moment) string {
	var parts []string
	for party, list := range all {
		var epochs []string
		for _, m := range list {
			epochs = append(epochs, strconv.Itoa(m.epoch))
		}
		if party > 0 {
			parts = append(parts, fmt.Sprintf("party %d holds epoch %s", party, strings.Join(epochs, " and ")))
		}
	}
	return strings.Join(parts, ", ")
}

// restore takes the shares over.
func (e *Engine) restore(c *Checkpoint, before []int) (*Continued, error) {
	if len(c.Shares) < 3 {
		return nil, errors.New("go on: a checkpoint without rows, labels and weights")
	}
	same := c.Parties == e.n && c.Threshold == e.Threshold
	for party := 1; party <= e.n; party++ {
		same = same && before[party] == party
	}
	list := e.Resume(c.Shares...)
	if !same {
		var err error
		if list, err = e.Reshare(before, c.Threshold, c.Shares...); err != nil {
			return nil, err
		}
	}
	return &Continued{Epoch: c.Epoch, Rate: c.Rate, X: list[0], Y: list[1], Weights: Weights(list[2:])}, nil
}
