package testnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"consilium/model"
	"consilium/node/roster"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
	"consilium/protocol/spdz"
	"consilium/protocol/spdz/learning"
	"consilium/sharing/wide"
)

// A study on shares waits for everybody. A hospital that is back goes on with
// the others from a checkpoint; without one that is gone for good the others
// share their shares again, in a cohort of their own with a roster of its own, if
// they are enough.

// cohort is the hospitals that compute together.
type cohort struct {
	members []*hospital // by party of now; 0 is nil
	plan    *learning.Plan
	roster  *roster.Roster
	file    string        // of the roster
	over    chan struct{} // closed when another takes its place
	running int           // lives
	before  *cohort       // whose place it took
}

// partyOf is a hospital's number in the cohort, 0 for none.
func (c *cohort) partyOf(h *hospital) int {
	for party, m := range c.members {
		if m == h {
			return party
		}
	}
	return 0
}

func (c *cohort) names() []string {
	var names []string
	for _, h := range c.members[1:] {
		names = append(names, h.name)
	}
	return names
}

// attempt is one computation of a cohort: from the beginning or from a
// checkpoint. Seeds are known where the hospitals are in this process.
type attempt struct {
	name   [32]byte
	cohort *cohort
	seeds  [][wide.SeedSize]byte // by party
	first  int                   // rounds behind when its training began; −1: it has not

	// What it had cost party 1 when the training began, before the model opened,
	// and in the end.
	before, after, end spdz.Cost
}

// sharesRun is what is seen of a study on shares. The network's lock guards it.
type sharesRun struct {
	network  *network
	folder   *folder
	cohort   *cohort
	attempts []*attempt
	drawn    map[*hospital][wide.SeedSize]byte // the last seed
	told     map[string]bool                   // what was shown
	outcome  sharesOutcome
}

// sharesOutcome is what a hospital says in the end, beside the model.
type sharesOutcome struct {
	Halvings int          `json:"halvings"`
	Ranges   []spdz.Range `json:"ranges"`
}

// newSharesRun begins with all hospitals.
func (n *network) newSharesRun(f *folder) {
	s := n.scenario
	n.shares = &sharesRun{network: n, folder: f, drawn: map[*hospital][wide.SeedSize]byte{}, told: map[string]bool{}}
	n.shares.cohort = &cohort{members: n.hospitals, plan: s.shares, roster: f.roster, file: f.rosterFile(), over: make(chan struct{})}
}

func (r *sharesRun) current() *cohort {
	r.network.mu.Lock()
	defer r.network.mu.Unlock()
	return r.cohort
}

// live runs a hospital in one cohort after the other, as long as it belongs to
// one.
func (r *sharesRun) live(ctx context.Context, h *hospital, life func(context.Context, *cohort) ([]byte, error)) ([]byte, error) {
	for {
		c := r.current()
		if c.partyOf(h) == 0 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		if err := r.enter(ctx, c); err != nil {
			return nil, err
		}
		inside, cancel := context.WithCancel(ctx)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			select {
			case <-c.over:
				cancel()
			case <-inside.Done():
			}
		}()
		state, err := life(inside, c)
		cancel()
		<-watched
		r.leave(c)
		select {
		case <-c.over:
			if ctx.Err() == nil && !errors.Is(err, errStruck) {
				continue
			}
		default:
		}
		return state, err
	}
}

// enter waits until nobody lives in the cohort before any more.
func (r *sharesRun) enter(ctx context.Context, c *cohort) error {
	n := r.network
	return n.wait(ctx, 1<<62, func() bool {
		if c.before != nil && c.before.running > 0 {
			return false
		}
		c.running++
		return true
	})
}

func (r *sharesRun) leave(c *cohort) {
	r.network.mu.Lock()
	defer r.network.mu.Unlock()
	c.running--
	r.network.signal()
}

// moment takes note of where a hospital is, and strikes it there when that is
// due.
func (n *network) moment(ctx context.Context, h *hospital, m learning.Moment) error {
	phase, err := protocol.ParsePhase(m.Phase)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.shares.note(h, m)
	n.signal()
	n.mu.Unlock()
	return h.beforePhase(ctx, uint64(m.Round), phase)
}

func (r *sharesRun) note(h *hospital, m learning.Moment) {
	n, round := r.network, uint64(m.Round)
	h.round = round
	n.furthest = max(n.furthest, round)
	h.status = protocol.Status{Phase: protocol.Open, Needed: len(r.cohort.members) - 2}
	for _, other := range r.cohort.members[1:] {
		if other != h {
			h.status.Waiting = append(h.status.Waiting, other.party)
		}
	}
	h.recovered(round)
	a := r.attempt(m)
	party := a.cohort.partyOf(h)
	a.seeds[party] = r.drawn[h]
	if party == 1 {
		a.note(m, n.scenario.lastRound())
	}
	if m.Phase != learning.PhaseCombine {
		r.begin(round)
	}
	r.show(m)
}

// note takes note of where party 1 is.
func (a *attempt) note(m learning.Moment, last uint64) {
	if a.first < 0 && m.Round > 0 {
		a.first, a.before = m.Round-1, m.Cost
	}
	if uint64(m.Round) == last && m.Phase == learning.PhaseOpen {
		a.after = m.Cost
	}
	a.end = m.Cost
}

// attempt is that of a moment. One after the first goes on from a checkpoint.
func (r *sharesRun) attempt(m learning.Moment) *attempt {
	for _, a := range r.attempts {
		if a.name == m.Run {
			return a
		}
	}
	a := &attempt{name: m.Run, cohort: r.cohort, seeds: make([][wide.SeedSize]byte, len(r.cohort.members)), first: -1}
	if len(r.attempts) > 0 {
		r.network.emit(Event{Round: uint64(m.Round), What: Resumed, Detail: strings.Join(r.cohort.names(), ", ")})
	}
	r.attempts = append(r.attempts, a)
	return a
}

// begin closes the books of the round before.
func (r *sharesRun) begin(round uint64) {
	n := r.network
	n.round(round).step = r.stepOf(round)
	if round > 0 {
		r.end(round - 1)
	}
}

func (r *sharesRun) stepOf(round uint64) string {
	switch round {
	case 0:
		return model.StepStandardise
	case r.network.scenario.lastRound():
		return model.StepEvaluate
	}
	return model.StepTrain
}

// end notes who was in a round when it was over, the first time.
func (r *sharesRun) end(round uint64) {
	n := r.network
	view := n.rounds[round]
	if view == nil || !view.ended.IsZero() {
		return
	}
	view.ended, view.traffic = n.now(), n.traffic()
	view.seconds = view.ended.Sub(view.begun).Seconds()
	for _, h := range n.hospitals[1:] {
		if r.cohort.partyOf(h) > 0 {
			view.included = append(view.included, h.party)
		} else if _, struck := view.dropped[h.party]; !struck {
			view.dropped[h.party] = protocol.Open // it was away from the start
		}
	}
}

// showEvery is how many steps pass from line to line.
const showEvery = 5

func (r *sharesRun) show(m learning.Moment) {
	e := Event{What: Shared, Round: uint64(m.Round)}
	last := int(r.network.scenario.lastRound())
	switch {
	case m.Round == 0:
		e.Step = "standardise"
	case m.Round == last && m.Phase == learning.PhaseOpen:
		e.Step = "open"
	case m.Round == last:
		e.Step = "evaluate"
	case m.Phase == learning.PhaseCombine && (m.Round%showEvery == 0 || m.Round == last-1):
		e.Step = "train"
	case m.Round == 1 && m.Phase == learning.PhaseOpen:
		e.Step = "share"
	}
	if key := fmt.Sprint(e.Step, e.Round); e.Step != "" && !r.told[key] {
		r.told[key] = true
		e.Bytes = m.Cost.Bytes
		r.network.emit(e)
	}
}

// finished takes note that a hospital holds the model. The lock is held.
func (r *sharesRun) finished(h *hospital) {
	h.finished = true
	last := r.network.scenario.lastRound()
	r.end(last)
	r.network.emit(Event{Hospital: h.name, Round: last, What: Complete})
}

// say takes note of what a hospital says in the end.
func (r *sharesRun) say(o sharesOutcome) {
	r.network.mu.Lock()
	defer r.network.mu.Unlock()
	r.outcome = o
}

// checkSharesFault refuses what a study on shares cannot suffer here.
func (s *scenario) checkSharesFault(f protocoltest.Fault) error {
	phases, where := []protocol.Phase{protocol.Open, protocol.Combine}, fmt.Sprintf("rounds 1 to %d have", s.lastRound())
	if f.Round == 0 {
		phases, where = []protocol.Phase{protocol.Deal}, "round 0, in which rows are shared, has"
	}
	switch {
	case !slices.Contains(phases, f.Phase):
		return fmt.Errorf("fault %s: scheme %s has no phase %s there; %s %s", f, s.study.Scheme, f.Phase, where, phaseList(phases))
	case f.Kind != protocoltest.Kill && f.Kind != protocoltest.Pause && f.Kind != protocoltest.Disconnect:
		return fmt.Errorf("fault %s: a hospital of scheme %s suffers kill, pause and disconnect; what a liar does is in the tests of protocol/spdz", f, s.study.Scheme)
	case f.Round == 0 && f.For == 0:
		return fmt.Errorf("fault %s: before its rows are shared nobody goes on without a hospital; give it a return, as in %s+1", f, f)
	}
	return nil
}

func phaseList(phases []protocol.Phase) string {
	var names []string
	for _, p := range phases {
		names = append(names, p.String())
	}
	return strings.Join(names, " and ")
}
