package testnet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"consilium/internal/durable"
	"consilium/model"
	"consilium/node/identity"
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

// waitedFor says whether all that are there have finished, and some are away.
func (r *sharesRun) waitedFor() bool {
	return !slices.ContainsFunc(r.cohort.members[1:], func(h *hospital) bool { return !h.away() && !h.finished }) &&
		slices.ContainsFunc(r.cohort.members[1:], func(h *hospital) bool { return h.away() })
}

// settle is called when all others wait for hospitals that are away: those that
// come back do so, and without those that are gone for good the others go on, if
// they are enough. The lock is held.
func (r *sharesRun) settle() error {
	n := r.network
	temporary := false
	for _, h := range n.hospitals[1:] {
		if f := h.current; h.away() && f != nil && f.For > 0 {
			temporary = true
			h.comeBack(f)
		}
	}
	if temporary {
		n.signal()
		return nil
	}
	return r.regroup()
}

// regroup makes a cohort of those who are left.
func (r *sharesRun) regroup() error {
	n, s := r.network, r.network.scenario
	left := []*hospital{nil}
	for _, h := range r.cohort.members[1:] {
		if !h.goneForGood() {
			left = append(left, h)
		}
	}
	if len(left) == len(r.cohort.members) {
		return nil
	}
	threshold, err := spdz.ThresholdAfter(len(left)-1, r.cohort.plan.Threshold, r.cohort.plan.Least, r.cohort.plan.Passive)
	if paused := (*spdz.PausedError)(nil); errors.As(err, &paused) {
		return nil // until enough are back, or patience ends
	}
	c := &cohort{members: left, before: r.cohort, over: make(chan struct{}), file: filepath.Join(r.folder.dir, fmt.Sprintf("roster-%d.toml", len(left)-1))}
	if c.plan, err = s.study.SharesPlan(s.program, len(left)-1); err != nil {
		return err
	}
	if c.roster, err = r.folder.rosterOf(left[1:], c.file); err != nil {
		return fmt.Errorf("make a roster of those who are left: %w", err)
	}
	close(r.cohort.over)
	r.cohort, n.lacking = c, time.Time{}
	for _, h := range n.hospitals[1:] {
		h.status = protocol.Status{} // whom it waits for is to be seen
	}
	n.emit(Event{Round: n.furthest, What: Regrouped, Detail: fmt.Sprintf("%s: any %d learn nothing", strings.Join(c.names(), ", "), threshold)})
	n.signal()
	return nil
}

// rosterOf is a roster of some of the hospitals, signed, and in a file.
func (f *folder) rosterOf(some []*hospital, file string) (*roster.Roster, error) {
	var ids []*identity.Identity
	var cards []roster.Card
	for _, h := range some {
		id, err := identity.Load(f.homes[h.party-1])
		if err != nil {
			return nil, err
		}
		card, err := roster.NewCard(id, h.name, f.roster.Members[h.party-1].Addresses)
		if err != nil {
			return nil, err
		}
		ids, cards = append(ids, id), append(cards, card)
	}
	made, err := roster.New("testnet", cards, 0, protocol.MostDropouts(len(some), 0))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := made.Sign(id); err != nil {
			return nil, err
		}
	}
	text, err := made.Encode()
	if err != nil {
		return nil, err
	}
	return made, durable.WriteFile(file, text, 0o600)
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
