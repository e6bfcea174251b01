package testnet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"consilium/node"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
)

// hospital is one node with the faults that befall it, through all its lives.
// Its fields are guarded by the network's lock.
type hospital struct {
	network *network
	party   protocol.Party
	name    string
	node    *node.Node // nil while it is down
	before  node.Traffic
	status  protocol.Status
	round   uint64 // that it is in
	waits   bool   // at the gate of that round

	state    []byte
	finished bool
	down     bool // killed
	paused   bool
	cut      bool
	current  *protocoltest.Fault // why it is away
	mangle   map[string]bool     // slow, lossy, corrupt, duplicate
	faults   []*protocoltest.Fault
}

func newHospital(n *network, p protocol.Party) *hospital {
	h := &hospital{network: n, party: p, name: n.roster.Name(p), mangle: map[string]bool{}}
	for i := range n.demo.faults {
		if f := &n.demo.faults[i]; f.Party == p {
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
		state, err := h.run(ctx)
		n := h.network
		n.mu.Lock()
		if h.node != nil {
			h.before = add(h.before, h.node.Traffic())
		}
		h.node, h.state = nil, state
		switch {
		case err == nil || h.finished:
		case ctx.Err() == nil && !errors.Is(err, errStruck):
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

func (h *hospital) run(ctx context.Context) ([]byte, error) {
	n := h.network
	split := n.demo.splits[h.party-1]
	running, err := node.New(node.Config{
		Home: n.homes[h.party-1], Roster: n.roster, Study: n.demo.study,
		Work:   node.Training{Program: n.demo.program, Train: split.Train, Test: split.Test},
		Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Dial: n.addresses,
		Linger: linger, Logger: n.logger.With("hospital", h.name),
		Progress: h.progress,
		Hooks:    node.Hooks{BeforeRound: h.beforeRound, BeforePhase: h.beforePhase, Outgoing: h.outgoing},
	})
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	h.node = running
	n.signal()
	n.mu.Unlock()
	return running.Run(ctx)
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
	h.status = p.Status
	if p.Complete { // whoever is due back comes back for the model
		h.finished = true
		n.bringBack(p.Round, true)
	}
	if p.Finished == nil {
		return
	}
	r := n.round(p.Round)
	r.sums, r.sets = append(r.sums, p.Finished.Sum), append(r.sets, p.Finished.Set)
	if !r.ended.IsZero() {
		return
	}
	r.ended, r.included, r.step, r.seconds = time.Now(), p.Finished.Included, p.Step, time.Since(r.begun).Seconds()
	n.firstToFinish(p.Round, r, p.Finished)
}

// firstToFinish closes the books of a round: who did not finish it is dropped.
func (n *network) firstToFinish(number uint64, r *roundView, report *node.RoundReport) {
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
		Round: number, Step: report.Step, What: "round", Included: n.roster.Names(report.Included),
		Seconds: r.seconds,
		Bytes:   r.traffic.GossipBytes + r.traffic.StreamBytes - before.GossipBytes - before.StreamBytes,
	})
}
