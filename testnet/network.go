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
	returnWait  = 10 * time.Second // for a hospital that is due back, before the others go on without it
	overallWait = 2 * time.Minute  // without anything new
	linger      = 3 * time.Second
)

// network is the hospitals of a demonstration while it runs.
type network struct {
	demo   *demo
	roster *roster.Roster
	homes  []string
	tell   func(Event)
	logger *slog.Logger
	// patience is how long a missing quorum may take to come back.
	patience time.Duration

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced whenever something below changes
	hospitals []*hospital   // by party; 0 is nil
	rounds    map[uint64]*roundView
	furthest  uint64    // the latest round that anybody has begun
	news      time.Time // when something last changed
	lacking   time.Time // since when a quorum is missing, zero when not
	fatal     error
}

// roundView is what was seen of a round.
type roundView struct {
	step     string
	begun    time.Time
	ended    time.Time // when the first hospital finished it
	seconds  float64   // from its beginning to then
	included []protocol.Party
	sums     []protocol.Vector // of every hospital that finished it
	sets     []protocol.Hash
	dropped  map[protocol.Party]protocol.Phase
	traffic  node.Traffic // of all hospitals, when the first finished
}

// Event is something that happened, for people who watch.
type Event struct {
	Time     time.Time
	Hospital string
	Round    uint64
	Step     string
	Phase    protocol.Phase
	What     string // "start", "fault", "back", "waiting", "round"
	Detail   string
	Included []string
	Seconds  float64
	Bytes    int64
	Rounds   uint64 // the last round of the study
	AtMost   bool   // the study may end before that
}

// QuorumError says that too few hospitals are left to go on.
type QuorumError struct {
	Round   uint64
	Phase   protocol.Phase
	Missing []string
}

func (e *QuorumError) Error() string {
	return fmt.Sprintf("quorum not reached in phase %s of round %d: missing %s", e.Phase, e.Round, strings.Join(e.Missing, ", "))
}

// ErrTimeout says that nothing happened for too long.
var ErrTimeout = errors.New("nothing new for too long")

func (n *network) signal() {
	close(n.changed)
	n.changed = make(chan struct{})
	n.news = time.Now()
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
		r = &roundView{begun: time.Now(), dropped: map[protocol.Party]protocol.Phase{}}
		n.rounds[number] = r
	}
	return r
}

// run starts every hospital and returns when all that can have finished.
func (n *network) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.changed = make(chan struct{})
	n.rounds = map[uint64]*roundView{}
	n.news = time.Now()
	n.hospitals = []*hospital{nil}
	for i := range n.homes {
		n.hospitals = append(n.hospitals, newHospital(n, protocol.Party(i+1)))
	}
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
			done = !slices.ContainsFunc(n.hospitals[1:], func(h *hospital) bool { return !h.finished && !h.goneForGood() })
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
	case !lacking:
		n.lacking = time.Time{}
	case n.lacking.IsZero():
		n.lacking = time.Now()
		missing := n.quorumError(phase)
		n.emit(Event{Round: missing.Round, Phase: phase, What: "waiting", Detail: strings.Join(missing.Missing, ", ")})
	case time.Since(n.lacking) >= n.patience:
		return n.quorumError(phase)
	}
	if time.Since(n.news) >= overallWait {
		return fmt.Errorf("%w: round %d, %v", ErrTimeout, n.furthest, overallWait)
	}
	return nil
}

func (n *network) quorumError(phase protocol.Phase) *QuorumError {
	e := &QuorumError{Round: n.furthest, Phase: phase}
	for _, h := range n.hospitals[1:] {
		if h.away() {
			e.Missing = append(e.Missing, h.name)
		}
	}
	return e
}

// quorumLacking tells whether some hospital needs messages of more hospitals
// than are there.
func (n *network) quorumLacking() (protocol.Phase, bool) {
	for _, h := range n.hospitals[1:] {
		if h.away() || h.finished {
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

func (n *network) emit(e Event) {
	e.Time, e.Rounds, e.AtMost = time.Now(), n.demo.lastRound(), n.demo.program.EndsByItself()
	n.tell(e)
}

// traffic adds up what all hospitals have sent, in all their lives.
func (n *network) traffic() node.Traffic {
	var sum node.Traffic
	for _, h := range n.hospitals[1:] {
		t := h.before
		if h.node != nil {
			t = add(t, h.node.Traffic())
		}
		sum = add(sum, t)
	}
	return sum
}

func add(a, b node.Traffic) node.Traffic {
	return node.Traffic{
		GossipBytes: a.GossipBytes + b.GossipBytes, StreamBytes: a.StreamBytes + b.StreamBytes,
		Dropped: a.Dropped + b.Dropped, Rejected: a.Rejected + b.Rejected, Reconnects: a.Reconnects + b.Reconnects,
	}
}
