package testnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"consilium/node"
	"consilium/node/roster"
	"consilium/protocol"
)

const (
	demoTick    = 20 * time.Millisecond
	quorumWait  = 10 * time.Second // for a quorum to come back, unless a test is less patient
	returnWait  = 20 * time.Second // for a hospital that is due back, before the others go on without it
	overallWait = 2 * time.Minute  // without anything new
	linger      = 3 * time.Second
)

// network is the hospitals of a testnet while it runs.
type network struct {
	scenario *scenario
	roster   *roster.Roster
	homes    []string
	runner   runner
	tell     func(Event)
	logger   *slog.Logger
	now      func() time.Time

	mu         sync.Mutex
	changed    chan struct{} // closed and replaced whenever something below changes
	hospitals  []*hospital   // by party; 0 is nil
	rounds     map[uint64]*roundView
	furthest   uint64 // the latest round that anybody has begun
	timeline   []Event
	recoveries []Recovery
	news       time.Time // when something last changed
	lacking    time.Time // since when a quorum is missing, zero when not
	fatal      error
	steps      map[int]*roundView // by the program's number of a round
	named      map[string]int     // by hospital: evidence that honest hospitals keep
	slander    []string           // what is wrong with evidence
	shares     *sharesRun         // of scheme spdz
}

// newNetwork makes hospitals that do not run yet.
func newNetwork(s *scenario, opt Options) *network {
	n := &network{
		scenario: s, tell: opt.Tell, logger: opt.Logger, now: time.Now, news: time.Now(),
		changed: make(chan struct{}), rounds: map[uint64]*roundView{}, hospitals: []*hospital{nil}, named: map[string]int{}, steps: map[int]*roundView{},
	}
	for i, name := range s.names() {
		n.hospitals = append(n.hospitals, newHospital(n, protocol.Party(i+1), name))
	}
	n.emit(Event{What: Start, Detail: s.summary()})
	return n
}

func (n *network) names(parties []protocol.Party) []string {
	names := []string{}
	for _, p := range parties {
		names = append(names, n.hospitals[p].name)
	}
	return names
}

// roundView is what was seen of a round.
type roundView struct {
	step     string
	begun    time.Time
	ended    time.Time // when the first hospital finished it
	seconds  float64   // from its beginning to then
	included []protocol.Party
	skipped  string            // why the sum is not used, or empty
	sums     []protocol.Vector // of every hospital that finished it
	sets     []protocol.Hash
	dropped  map[protocol.Party]protocol.Phase
	traffic  node.Traffic // of all hospitals, when the first finished

	opened, certified bool // was told of
}

// ErrTimeout says that nothing happened for too long.
var ErrTimeout = errors.New("nothing new for too long")

func (n *network) signal() {
	close(n.changed)
	n.changed = make(chan struct{})
	n.news = n.now()
}

// wait blocks until ready holds under the lock, the limit passes, or the
// context ends.
func (n *network) wait(ctx context.Context, limit time.Duration, ready func() bool) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		n.mu.Lock()
		ok, changed := ready(), n.changed
		n.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-deadline.C:
			return ErrTimeout
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (n *network) round(number uint64) *roundView {
	r := n.rounds[number]
	if r == nil {
		r = &roundView{begun: n.now(), dropped: map[protocol.Party]protocol.Phase{}}
		n.rounds[number] = r
	}
	return r
}

// run starts every hospital and returns when all that can have finished.
func (n *network) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	for _, h := range n.hospitals[1:] {
		all.Go(func() { h.live(ctx) })
	}
	err := n.supervise(ctx)
	cancel()
	all.Wait()
	return err
}

// supervise waits for the end: all finished, a quorum gone for too long, or a
// hospital that cannot go on.
func (n *network) supervise(ctx context.Context) error {
	const look = 100 * time.Millisecond
	for {
		var over error
		done := false
		err := n.wait(ctx, look, func() bool {
			over = n.fatal
			done = !slices.ContainsFunc(n.hospitals[1:], func(h *hospital) bool { return !h.finished && !h.goneForGood() && !h.lies() })
			return done || over != nil
		})
		switch {
		case over != nil:
			return over
		case done:
			return n.enough()
		case errors.Is(err, ErrTimeout):
			if err := n.stuck(); err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
}

// enough refuses a run in which so many hospitals are gone that nobody
// finished.
func (n *network) enough() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if slices.ContainsFunc(n.hospitals[1:], func(h *hospital) bool { return h.finished }) {
		return nil
	}
	return n.quorumError(protocol.Describe)
}

// stuck looks for the reason when nothing new comes.
func (n *network) stuck() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	phase, lacking := n.quorumLacking()
	switch {
	case !lacking && n.shares != nil && n.shares.waitedFor():
		return n.shares.settle()
	case !lacking:
		n.lacking = time.Time{}
	case n.lacking.IsZero():
		n.lacking = n.now()
		missing := n.quorumError(phase)
		if err := n.noUpdates(); len(missing.Missing) == 0 && err != nil {
			return err
		}
		n.emit(Event{Round: missing.Round, Phase: phase, What: Waiting, Detail: strings.Join(missing.Missing, ", ")})
	case n.shares != nil && n.now().Sub(n.lacking) < n.scenario.patience:
		return n.shares.settle()
	case n.now().Sub(n.lacking) >= n.scenario.patience:
		return n.quorumError(phase)
	}
	wait := overallWait
	if n.scenario.dishonest() {
		wait = 24 * time.Hour // a step is as long as its rows are many
	}
	if n.now().Sub(n.news) >= wait {
		return fmt.Errorf("%w: round %d, %v", ErrTimeout, n.furthest, wait)
	}
	return nil
}

// noUpdates says who has no update in the latest round, and why; nil when all
// have one.
func (n *network) noUpdates() error {
	var names []string
	why := ""
	for _, h := range n.hospitals[1:] {
		if h.why != "" && h.untrained == n.furthest {
			names, why = append(names, h.name), h.why
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("round %d: %s came without an update: %s", n.furthest, strings.Join(names, ", "), why)
}

func (n *network) quorumError(phase protocol.Phase) *QuorumError {
	e := &QuorumError{Round: n.furthest, Phase: phase}
	for _, h := range n.hospitals[1:] {
		if h.away() && (n.shares == nil || n.shares.cohort.partyOf(h) > 0) {
			e.Missing = append(e.Missing, h.name)
		}
	}
	return e
}

// quorumLacking tells whether some hospital needs messages of more hospitals
// than are there.
func (n *network) quorumLacking() (protocol.Phase, bool) {
	for _, h := range n.hospitals[1:] {
		if h.away() || h.finished || h.lies() {
			continue
		}
		here := 0
		for _, p := range h.status.Waiting {
			if !n.hospitals[p].away() {
				here++
			}
		}
		if h.status.Needed > here {
			return h.status.Phase, true
		}
	}
	return 0, false
}
