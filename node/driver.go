package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"consilium/protocol"
)

// The driver is the one goroutine in which events, disk and network meet in the
// pure machine. Everything that touches the session or the store is handed to
// it as a call.

const (
	patience     = 50               // ticks to finish a round by oneself when a quorum has left it
	idleExchange = 10               // ticks without anything new before asking somebody
	farewell     = 10               // ticks to stay when everybody is known to have finished
	calmExchange = 10 * time.Second // between comparisons when all is well
)

// errFinished ends the driver when the study is over and nobody needs it.
var errFinished = errors.New("finished")

// drive runs until the study is finished, the context ends, or this hospital
// cannot go on.
func (n *Node) drive(ctx context.Context) error {
	if err := n.beginRound(ctx); err != nil {
		return end(ctx, err)
	}
	tick := time.NewTicker(n.cfg.Study.TickLength())
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case call := <-n.calls:
			err = call(ctx)
		case <-tick.C:
			err = n.onTick(ctx)
		}
		if err != nil {
			return end(ctx, err)
		}
	}
}

func end(ctx context.Context, err error) error {
	if errors.Is(err, errFinished) {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// handle lets an event happen. What others did wrong is counted; an error is
// this hospital's own.
func (n *Node) handle(ctx context.Context, e protocol.Event) error {
	effects, err := n.session.Step(e)
	if err := n.noteRefusals(err); err != nil {
		return err
	}
	return n.handled(ctx, e, effects, err)
}

// handlePassedOn is handle for a message that another hospital than its sender has
// brought. What its sender did not sign is that one's.
func (n *Node) handlePassedOn(ctx context.Context, by protocol.Party, m protocol.Message, unsigned *atomic.Int32) error {
	e := protocol.Received{Message: m}
	effects, err := n.session.Step(e)
	if refusal := (*protocol.Refusal)(nil); errors.As(err, &refusal) && refusal.Unsigned {
		unsigned.Add(1)
		n.refused(by, fmt.Sprintf("it passes on what hospital %d did not sign", refusal.From))
		return nil
	}
	if err := n.noteRefusals(err); err != nil {
		return err
	}
	return n.handled(ctx, e, effects, err)
}

// handled carries out what an event led to.
func (n *Node) handled(ctx context.Context, e protocol.Event, effects protocol.Effects, err error) error {
	if err := n.keepEvidence(); err != nil {
		return err
	}
	if received, ok := e.(protocol.Received); ok && err == nil {
		n.heard[received.Message.From] = max(n.heard[received.Message.From], received.Message.Round)
	}
	if len(effects.Save) > 0 {
		n.quiet = 0
	}
	return n.carryOut(ctx, effects)
}

// noteRefusals counts and attributes what was refused, and returns the first
// error that is this hospital's own.
func (n *Node) noteRefusals(errs ...error) error {
	for _, err := range errs {
		refusal := (*protocol.Refusal)(nil)
		switch {
		case err == nil:
		case !errors.As(err, &refusal):
			return err
		case refusal.Described != nil:
			if err := n.noteDifference(refusal); err != nil {
				return err
			}
		default:
			n.refused(refusal.From, refusal.Why)
		}
	}
	return nil
}

// noteDifference counts the hospitals that describe a round otherwise. When a
// quorum agrees on another study, it is this hospital that is wrong.
func (n *Node) noteDifference(r *protocol.Refusal) error {
	n.refused(r.From, r.Why)
	theirs := *r.Described
	n.differing[r.From] = theirs.Hash()
	same := 0
	for _, hash := range n.differing {
		if hash == theirs.Hash() {
			same++
		}
	}
	if same < n.cfg.Roster.Thresholds().Quorum() {
		return nil
	}
	return &DiffersError{Hospitals: same, What: r.Why}
}

// DiffersError says that a quorum describes the round otherwise than this
// hospital.
type DiffersError struct {
	Hospitals int
	What      string
}

func (e *DiffersError) Error() string {
	return fmt.Sprintf("%d hospitals agree with each other and not with this one: %s; compare study.toml and roster.toml with theirs", e.Hospitals, e.What)
}

// carryOut does what the machine asks for, phase by phase where a testnet
// wants to know.
func (n *Node) carryOut(ctx context.Context, e protocol.Effects) error {
	if hook := n.cfg.Hooks.BeforePhase; hook != nil {
		for _, m := range e.Send {
			phase := m.Slot.Phase
			if n.hooked[phase] || n.finished {
				continue
			}
			n.hooked[phase] = true
			before, after, _ := e.Split(phase)
			if err := n.perform(ctx, before); err != nil {
				return err
			}
			if err := hook(ctx, m.Round, phase); err != nil {
				return err
			}
			e = after
		}
	}
	return n.perform(ctx, e)
}

// perform saves, then sends, then the rest: the order is what a crash must not
// find violated.
func (n *Node) perform(ctx context.Context, e protocol.Effects) error {
	if len(e.Save) > 0 && n.log != nil {
		if err := n.log.Append(e.Save, len(e.Send) > 0 || e.Outcome != nil); err != nil {
			return err
		}
	}
	for _, part := range e.Serve {
		if err := n.parts.Put(part.Ref, part.Source); err != nil {
			return err
		}
		n.kept[part.Ref.Root] = n.number()
	}
	for _, m := range e.Send {
		n.gossip.publish(ctx, m)
	}
	for _, want := range e.Want {
		n.fetchWanted(want)
	}
	n.showProgress()
	if e.Outcome != nil {
		return n.conclude(ctx, *e.Outcome)
	}
	if e.Behind != nil {
		return n.follow(ctx, *e.Behind)
	}
	return nil
}

// fetchWanted gets a part in the background and delivers it when it is durable.
func (n *Node) fetchWanted(want protocol.Want) {
	if want.Count > 0 {
		n.fetchSome(want)
		return
	}
	round, roundCtx := n.number(), n.roundCtx
	n.goes(func() {
		part, err := n.fetcher.fetch(roundCtx, want.From, want.Ref)
		if roundCtx.Err() != nil {
			if part != nil {
				part.Close()
			}
			return
		}
		n.post(roundCtx, func(ctx context.Context) error {
			if err != nil {
				return fmt.Errorf("fetch a part: %w", err)
			}
			if n.number() != round {
				return part.Close()
			}
			n.fetched = append(n.fetched, part)
			n.kept[want.Ref.Root] = round
			if small := part.InMemory(); small != nil && n.log != nil {
				if err := n.log.Keep(small); err != nil {
					return err
				}
			}
			return n.handle(ctx, protocol.Fetched{Ref: want.Ref, Source: part})
		})
	})
}

// fetchSome does the same with some chunks of a part.
func (n *Node) fetchSome(want protocol.Want) {
	round, roundCtx := n.number(), n.roundCtx
	n.kept[want.Ref.Root] = round
	n.goes(func() {
		chunks, err := n.fetcher.fetchChunks(roundCtx, want)
		if roundCtx.Err() != nil {
			return
		}
		n.post(roundCtx, func(ctx context.Context) error {
			if err != nil {
				return fmt.Errorf("fetch chunks of a part: %w", err)
			}
			if n.number() != round {
				return nil
			}
			return n.handle(ctx, protocol.Fetched{Ref: want.Ref, First: want.First, Count: want.Count, Source: chunks})
		})
	})
}

// onTick passes time, and asks somebody when nothing new has come for a while.
func (n *Node) onTick(ctx context.Context) error {
	n.quiet++
	if n.quiet%idleExchange == 0 || time.Since(n.compared) >= calmExchange {
		n.compared = time.Now()
		if party := n.peers.random(); party != 0 {
			n.compare(ctx, party)
		}
	}
	for _, party := range n.gossip.deaf() {
		n.compare(ctx, party)
	}
	if n.finished {
		return n.lingering(ctx)
	}
	return n.handle(ctx, protocol.Ticked{Absent: n.absent()})
}

// compare exchanges with a hospital beside the driver, once at a time.
func (n *Node) compare(ctx context.Context, party protocol.Party) {
	if n.comparing[party].CompareAndSwap(false, true) {
		n.goes(func() {
			defer n.comparing[party].Store(false)
			n.exchangeWith(ctx, party)
		})
	}
}

// absent are the hospitals that need not be waited for: their connection is
// lost, or they have said nothing for two rounds.
func (n *Node) absent() protocol.Set {
	set := n.peers.away()
	for party := 1; party < len(n.heard); party++ {
		if p := protocol.Party(party); p != n.self && n.begun >= 2 && n.heard[p]+1 < n.number() {
			set.Add(p)
		}
	}
	return set
}

// refused counts what a hospital sent that was of no use. The first of a kind
// is told to the operator, the others only counted: a liar must not fill the
// log.
func (n *Node) refused(from protocol.Party, why string) {
	n.refusals.Lock()
	defer n.refusals.Unlock()
	n.refusals.count[from]++
	if n.refusals.count[from] > 3 {
		return
	}
	name := "a stranger"
	if from != 0 {
		name = n.cfg.Roster.Name(from)
	}
	n.cfg.Logger.Warn("refused a message", "from", name, "why", why)
}

// Refusals are how many messages of each hospital were refused.
func (n *Node) Refusals() map[string]int {
	n.refusals.Lock()
	defer n.refusals.Unlock()
	counts := map[string]int{}
	for party, count := range n.refusals.count {
		if count > 0 && party > 0 {
			counts[n.cfg.Roster.Name(protocol.Party(party))] = count
		}
	}
	return counts
}
