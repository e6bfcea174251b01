package testnet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"consilium/node"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
)

// hospital is one node with the faults that befall it, through all its lives.
// Its fields are guarded by the network's lock.
type hospital struct {
	network   *network
	party     protocol.Party
	name      string
	node      life         // nil while it is down
	reaches   protocol.Set // to whom it is connected
	before    node.Traffic
	status    protocol.Status
	at        place  // that it was last seen to enter
	missing   string // who it waits for and is away
	untrained uint64 // the last round in which it had no update, and why
	why       string
	round     uint64 // that it is in

	state    []byte
	finished bool
	down     bool // killed
	paused   bool
	cut      bool
	current  *protocoltest.Fault // why it is away
	mangle   map[string]bool     // slow, lossy, corrupt, duplicate, and lies
	config   *protocol.Config    // of the round that it is in
	faults   []*protocoltest.Fault
	returned *protocoltest.Fault // what it recovers from
	since    time.Time           // when that was over
}

type place struct {
	round uint64
	phase protocol.Phase
}

var nowhere = place{phase: protocol.Done}

func newHospital(n *network, p protocol.Party, name string) *hospital {
	h := &hospital{network: n, party: p, name: name, at: nowhere, mangle: map[string]bool{}}
	for i := range n.scenario.faults {
		if f := &n.scenario.faults[i]; f.Party == p {
			h.faults = append(h.faults, f)
		}
	}
	return h
}

func (h *hospital) away() bool { return h.down || h.paused || h.cut }

func (h *hospital) goneForGood() bool { return h.away() && h.current != nil && h.current.For == 0 }

// live runs the hospital's node, and again after each crash that is not for
// good.
func (h *hospital) live(ctx context.Context) {
	for ctx.Err() == nil {
		state, err := h.network.runner.run(ctx, h)
		n := h.network
		n.mu.Lock()
		if h.node != nil {
			h.before = add(h.before, h.node.Traffic())
		}
		h.node, h.state, h.reaches = nil, state, protocol.Set{}
		switch {
		case err == nil && n.shares != nil && state != nil:
			n.shares.finished(h)
		case err == nil || h.finished:
		case ctx.Err() == nil && !errors.Is(err, errStruck) && !h.lies():
			n.fatal = fmt.Errorf("hospital %s: %w", h.name, err)
		}
		n.signal()
		n.mu.Unlock()
		if !errors.Is(err, errStruck) {
			return
		}
		if err := n.wait(ctx, 1<<62, func() bool { return !h.down }); err != nil {
			return
		}
	}
}

// up takes note that a life has begun.
func (h *hospital) up(l life) {
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	h.node, h.status, h.at = l, protocol.Status{}, nowhere
	n.emit(Event{Hospital: h.name, Round: h.round, What: Up, Detail: strings.Join(l.Addresses(), " ")})
	n.signal()
}

// connected takes note of whom the node reaches.
func (h *hospital) connected(others []protocol.Party) {
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	h.reaches = protocol.NewSet(others...)
	n.signal()
}

// addresses are where a hospital listens now; those that are down have none.
func (n *network) addresses(p protocol.Party) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if other := n.hospitals[p].node; other != nil {
		return other.Addresses()
	}
	return nil
}

// progress takes note of what a node tells.
func (h *hospital) progress(p node.Progress) {
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	defer n.signal()
	if p.NoUpdate != "" {
		h.untrained, h.why = p.Round, p.NoUpdate
	}
	if p.Complete { // whoever is due back after the last round comes back for the model
		h.finished, h.status = true, p.Status
		h.recovered(p.Round)
		n.emit(Event{Hospital: h.name, Round: p.Round, What: Complete})
		n.bringBack(p.Round, true)
		return
	}
	if p.Finished == nil {
		h.note(p)
		return
	}
	h.status = p.Status
	n.emit(Event{Hospital: h.name, Round: p.Round, Step: p.Step, What: Finish, Included: n.names(p.Finished.Included)})
	if h.lies() {
		return
	}
	r := n.round(p.Round)
	r.sums, r.sets = append(r.sums, p.Finished.Sum), append(r.sets, p.Finished.Set)
	if r.ended.IsZero() {
		n.firstToFinish(p.Round, r, p.Finished)
	}
}

// note tells of a new phase, and of who is waited for and away.
func (h *hospital) note(p node.Progress) {
	n := h.network
	r := n.round(p.Round)
	if at := (place{p.Round, p.Phase}); at != h.at {
		h.at = at
		n.emit(Event{Hospital: h.name, Round: p.Round, Step: p.Step, Phase: p.Phase, What: Enter})
	}
	if p.Phase >= protocol.Open && !r.certified {
		r.certified = true
		n.emit(Event{Hospital: h.name, Round: p.Round, Phase: p.Phase, What: Certify})
	}
	h.status = p.Status
	var missing []string
	for _, party := range p.Status.Waiting {
		if other := n.hospitals[party]; other != h && other.away() {
			missing = append(missing, other.name)
		}
	}
	names := strings.Join(missing, ", ")
	if names != "" && names != h.missing {
		n.emit(Event{Hospital: h.name, Round: p.Round, Phase: p.Phase, What: Miss, Detail: names})
	}
	h.missing = names
}

// firstToFinish closes the books of a round: who did not finish it is dropped.
func (n *network) firstToFinish(number uint64, r *roundView, report *node.RoundReport) {
	r.ended = n.now()
	r.included, r.step, r.seconds = report.Included, report.Step, r.ended.Sub(r.begun).Seconds()
	r.skipped = report.Skipped
	var before node.Traffic
	if previous := n.rounds[number-1]; number > 0 && previous != nil {
		before = previous.traffic
	}
	r.traffic = n.traffic()
	for _, h := range n.hospitals[1:] {
		if _, struck := r.dropped[h.party]; h.away() && !struck {
			r.dropped[h.party] = protocol.Describe // it was away from the start
		}
	}
	n.emit(Event{
		Round: number, Step: report.Step, What: RoundDone, Included: n.names(report.Included), Detail: report.Skipped,
		Seconds: r.seconds,
		Bytes:   r.traffic.GossipBytes + r.traffic.StreamBytes - before.GossipBytes - before.StreamBytes,
	})
}

// recovered takes note that a hospital that was away is where the others are.
func (h *hospital) recovered(round uint64) {
	n := h.network
	if h.returned == nil || round < n.furthest {
		return
	}
	seconds := n.now().Sub(h.since).Seconds()
	n.recoveries = append(n.recoveries, Recovery{
		Hospital: h.name, Fault: h.returned.String(), Round: h.returned.Round, Phase: h.returned.Phase.String(), Seconds: seconds,
	})
	h.returned = nil
	n.emit(Event{Hospital: h.name, Round: round, What: Recover, Seconds: seconds})
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
