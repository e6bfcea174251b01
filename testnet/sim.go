package testnet

import (
	"context"
	"fmt"
	"time"

	"consilium/model"
	"consilium/node"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
)

// simulate runs the hospitals as pure machines of package protocoltest: equal
// seeds give equal runs, bit for bit. The updates are those of the study's
// trainer on the hospitals' rows, as in every mode.
func (n *network) simulate(ctx context.Context) error {
	s := n.scenario
	work := &simWork{scenario: s, states: []model.State{s.program.Start()}}
	opt := protocoltest.Options{Thresholds: s.t, Scheme: s.study.Scheme, Packing: int(s.study.Packing), Faults: s.faults, Seed: s.study.Seed, Work: work, Gate: true, Stall: s.study.Deadlines.Stall}
	if s.key != nil {
		opt.Key = s.key.of
	}
	if s.links.set() {
		opt.Links = &protocoltest.Links{Latency: s.links.latency.Milliseconds(), Bits: s.links.bits, Loss: s.links.Loss}
	}
	start, at := n.timeline[0].Time, int64(0) // setting up took real time: equal seeds have equal timelines
	n.now = func() time.Time { return start.Add(time.Duration(at) * time.Millisecond) }
	var failed error
	opt.Evidence = func(e protocol.Evidence) { n.convict(e.Liar, nil) }
	opt.Watch = func(note protocoltest.Note) {
		at = note.At
		if failed == nil {
			failed = n.watch(work, note)
		}
	}
	opt.Stop = func() error {
		if failed != nil {
			return failed
		}
		return ctx.Err()
	}
	res, err := protocoltest.Run(opt)
	switch {
	case err != nil:
		return err
	case failed != nil: // with the last event
		return failed
	case res.Wrong || res.Split || res.Hung || res.Slandered || res.Unproved:
		return fmt.Errorf("the simulator found a broken invariant: wrong %v, split %v, hung %v, named %v", res.Wrong, res.Split, res.Hung, res.Named)
	case !res.Completed:
		phase, _ := n.quorumLacking()
		return n.quorumError(phase)
	}
	return n.enough()
}

// watch takes note of what the simulator tells.
func (n *network) watch(work *simWork, note protocoltest.Note) error {
	h := n.hospitals[note.Hospital]
	switch note.What {
	case protocoltest.Arrived:
		n.mu.Lock()
		defer n.mu.Unlock()
		h.round, n.furthest = note.Round, max(n.furthest, note.Round)
		h.recovered(note.Round)
	case protocoltest.Began:
		n.simBegan(h, note.Round)
	case protocoltest.Stepped:
		h.progress(node.Progress{Round: note.Round, Step: work.name(note.Round), Phase: note.Status.Phase, Status: note.Status})
	case protocoltest.Summed:
		o := note.Outcome
		skipped, err := work.apply(h, note.Round, *o)
		if err != nil {
			return err
		}
		h.progress(node.Progress{Round: note.Round, Step: work.name(note.Round), Phase: protocol.Done, Finished: &node.RoundReport{
			Round: note.Round, Step: work.name(note.Round), Included: o.Included, Sum: o.Sum, Set: o.Set, Skipped: skipped,
		}})
	case protocoltest.Completed:
		h.progress(node.Progress{Round: note.Round, Phase: protocol.Done, Complete: true})
	case protocoltest.Struck:
		n.mu.Lock()
		defer n.mu.Unlock()
		h.strike(note.Fault, note.Round)
		n.emit(Event{Hospital: h.name, Round: note.Round, Phase: note.Fault.Phase, What: Strike, Detail: note.Fault.Kind})
	case protocoltest.Recovered:
		n.mu.Lock()
		defer n.mu.Unlock()
		h.comeBack(note.Fault)
	}
	return nil
}

// simBegan takes note that a hospital begins a round, or goes on with it.
func (n *network) simBegan(h *hospital, round uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h.at = nowhere
	if r := n.round(round); !r.opened {
		r.opened = true
		n.emit(Event{Round: round, What: Begin})
	}
}

// simWork is the study's work for the simulator. A state is known once any
// hospital has reached it.
type simWork struct {
	scenario *scenario
	states   []model.State // before each round
}

var _ protocoltest.Work = (*simWork)(nil)

// Last is the study's last round.
func (w *simWork) Last() uint64 { return w.scenario.lastRound() }

// Over tells whether the program wants no further round, or has failed before it.
func (w *simWork) Over(round uint64) bool {
	if round >= uint64(len(w.states)) {
		return true
	}
	_, more := w.scenario.program.Next(w.states[round])
	return !more
}

func (w *simWork) step(round uint64) model.Step {
	step, _ := w.scenario.program.Next(w.states[round])
	return step
}

func (w *simWork) name(round uint64) string { return w.step(round).Name }

// Shape is the study's.
func (w *simWork) Shape(round uint64) (values int, limit int64) {
	step := w.step(round)
	return step.Length, step.Codec.Limit()
}

// Update is the trainer's.
func (w *simWork) Update(p protocol.Party, round uint64) (protocol.Vector, error) {
	return w.scenario.update(p, w.states[round])
}

// apply takes the step that a hospital's sum calls for, or says why it cannot.
func (w *simWork) apply(h *hospital, round uint64, o protocol.Outcome) (skipped string, err error) {
	next := model.State{}
	if o.Unopened != "" {
		if next, err = w.scenario.program.Again(w.states[round]); err != nil {
			return "", err
		}
		return o.Unopened, w.keep(h, round, next)
	}
	if skipped = o.Spoiled; skipped == "" {
		values := make([]float64, len(o.Sum))
		if err = w.step(round).Codec.Decode(values, o.Sum); err == nil {
			next, err = w.scenario.program.Apply(w.states[round], values)
		}
		if err != nil && w.scenario.t.Liars == 0 {
			return "", err
		}
		if err != nil {
			skipped = err.Error()
		}
	}
	if skipped != "" {
		if next, err = w.scenario.program.Skip(w.states[round]); err != nil {
			return "", &node.AbortedError{Round: round, Why: fmt.Sprintf("%s; %v", skipped, err)}
		}
	}
	return skipped, w.keep(h, round, next)
}

// keep is the state that a hospital comes to behind a round.
func (w *simWork) keep(h *hospital, round uint64, next model.State) (err error) {
	if uint64(len(w.states)) == round+1 {
		w.states = append(w.states, next)
	}
	h.state, err = next.MarshalBinary()
	return err
}
