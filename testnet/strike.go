package testnet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"consilium/protocol"
	"consilium/protocol/protocoltest"
)

// errStruck stops a node as a crash would.
var errStruck = errors.New("struck by a fault")

const (
	slowness = 300 * time.Millisecond
	settle   = 100 * time.Millisecond // gossip writes in the background and tells nobody when it has
)

// beforeRound is the gate of a round. Hospitals that are due back by then come
// back first: so a fault that is over after N rounds is over for the whole of
// the next one, on a fast machine and on a slow one.
func (h *hospital) beforeRound(ctx context.Context, round uint64) error {
	n := h.network
	n.mu.Lock()
	h.round = round
	n.furthest = max(n.furthest, round)
	n.round(round)
	n.bringBack(round, false)
	n.signal()
	n.mu.Unlock()
	err := n.wait(ctx, returnWait, func() bool { return n.complete(round) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if errors.Is(err, ErrTimeout) {
		n.logger.Warn("going on without a hospital that was due back", "round", round)
	}
	if r := n.round(round); !r.opened {
		n.open(round, r)
	}
	h.recovered(round)
	return nil
}

// open opens the gate: whoever came back is now where the others are.
func (n *network) open(round uint64, r *roundView) {
	for _, h := range n.hospitals[1:] {
		if !h.away() && h.round == round {
			h.recovered(round)
		}
	}
	r.opened, r.begun = true, n.now()
	n.emit(Event{Round: round, What: Begin})
}

// complete tells whether everybody who is not away is at the gate of a round, or
// further, and reaches all the others: a hospital that is not reached is one
// that need not be waited for. Nor need one that has lied: where its lies lead it
// is its own affair.
func (n *network) complete(round uint64) bool {
	var here protocol.Set
	for _, h := range n.hospitals[1:] {
		if !h.away() && !h.finished && !h.hasLied(round) {
			here.Add(h.party)
		}
	}
	return !slices.ContainsFunc(here.Parties(), func(p protocol.Party) bool {
		h := n.hospitals[p]
		return h.node == nil || h.round < round || here.Minus(h.reaches) != protocol.NewSet(p)
	})
}

// bringBack ends the faults that are over when a round begins; with the study,
// all end that are not for good.
func (n *network) bringBack(round uint64, complete bool) {
	for _, h := range n.hospitals[1:] {
		for kind := range h.mangle {
			h.mangle[kind] = h.mangle[kind] && !h.over(kind, round)
		}
		if f := h.current; f != nil && f.For > 0 && (complete || round >= f.End()) {
			h.comeBack(f)
		}
	}
}

// comeBack ends the fault for which a hospital is away.
func (h *hospital) comeBack(f *protocoltest.Fault) {
	if h.current == nil || *h.current != *f {
		return
	}
	h.down, h.paused = false, false
	if h.cut && h.node != nil {
		h.node.Isolate(false)
	}
	h.cut = false
	h.current, h.returned, h.since = nil, f, h.network.now()
	h.network.emit(Event{Hospital: h.name, Round: f.End(), What: Back, Detail: f.Kind})
}

// over tells whether a fault of this kind has ended before a round.
func (h *hospital) over(kind string, round uint64) bool {
	return slices.ContainsFunc(h.network.scenario.faults, func(f protocoltest.Fault) bool {
		return f.Party == h.party && f.Kind == kind && f.For > 0 && round >= f.End()
	})
}

// beforePhase strikes with what is due in this round and phase.
func (h *hospital) beforePhase(ctx context.Context, round uint64, phase protocol.Phase) error {
	n := h.network
	n.mu.Lock()
	i := slices.IndexFunc(h.faults, func(f *protocoltest.Fault) bool {
		return round > f.Round || round == f.Round && phase >= f.Phase
	})
	if i < 0 {
		n.mu.Unlock()
		return nil
	}
	f := h.faults[i]
	h.faults = slices.Delete(h.faults, i, i+1)
	n.emit(Event{Hospital: h.name, Round: round, Phase: f.Phase, What: Strike, Detail: f.Kind})
	h.strike(f, round)
	n.signal()
	n.mu.Unlock()
	return h.carryThrough(ctx, f)
}

// strike notes that a fault begins; the network's lock is held.
func (h *hospital) strike(f *protocoltest.Fault, round uint64) {
	switch f.Kind {
	case protocoltest.Kill, protocoltest.DiskFull:
		h.down = true
	case protocoltest.Pause:
		h.paused = true
	case protocoltest.Disconnect:
		h.cut = true
	default:
		h.mangle[f.Kind] = true
		return
	}
	h.current = f
	h.network.round(round).dropped[h.party] = f.Phase
}

// carryThrough makes the fault real. What the hospital said before this phase
// leaves the machine first.
func (h *hospital) carryThrough(ctx context.Context, f *protocoltest.Fault) error {
	if h.mangles(f.Kind) {
		return nil
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return ctx.Err()
	}
	switch f.Kind {
	case protocoltest.Kill:
		return errStruck
	case protocoltest.DiskFull:
		return fmt.Errorf("append to the log: no space left on device: %w", errStruck)
	case protocoltest.Pause:
		return h.pause(ctx)
	}
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	if h.cut {
		h.node.Isolate(true)
	}
	return nil
}

// mangles tells whether a kind of fault leaves the hospital where it is.
func (h *hospital) mangles(kind string) bool {
	return !slices.Contains([]string{protocoltest.Kill, protocoltest.DiskFull, protocoltest.Pause, protocoltest.Disconnect}, kind)
}

// pause holds the hospital until its fault is over.
func (h *hospital) pause(ctx context.Context) error {
	h.network.mu.Lock()
	running := h.node
	h.network.mu.Unlock()
	running.freeze(true)
	defer running.freeze(false)
	return h.network.wait(ctx, 1<<62, func() bool { return !h.paused })
}

// outgoing mangles what a hospital publishes while it suffers from a fault that
// does so. What is lost or damaged on the way is found by comparing.
func (h *hospital) outgoing(data []byte) [][]byte {
	n := h.network
	n.mu.Lock()
	slow, lossy := h.mangle[protocoltest.Slow], h.mangle[protocoltest.Lossy]
	corrupt, duplicate := h.mangle[protocoltest.Corrupt], h.mangle[protocoltest.Duplicate]
	n.mu.Unlock()
	if slow {
		<-time.After(slowness)
	}
	if lossy && rand.IntN(2) == 0 {
		return nil
	}
	if corrupt {
		data = slices.Clone(data)
		data[rand.IntN(len(data))] ^= 1
	}
	if duplicate {
		return [][]byte{data, data, data}
	}
	return append([][]byte{data}, h.otherStory(data)...)
}
