package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"crypto/rand"

	"consilium/node/identity"
	"consilium/node/store"
	"consilium/protocol"
)

// rounds is what the driver knows of the study. Only the driver's goroutine
// touches it.
type rounds struct {
	session  *protocol.Session
	state    []byte
	step     Step // the round that the state calls for
	more     bool // there is such a round
	log      *store.Log
	roundCtx context.Context // ends with the round
	endRound context.CancelFunc
	fetched  []*store.Part            // of this round: fetched, or made for it
	kept     map[protocol.Hash]uint64 // parts on disk, by the round that they belong to
	started  time.Time
	begun    int // rounds begun since the start
	finished bool
	aborted  *AbortedError // why it ended before its end
	done     time.Time     // when it finished
	farewell int           // ticks since all others were known to have finished
	follows  uint64        // the round that is being fetched to follow to

	heard     []uint64 // by party: the latest round of a message
	reached   []uint64 // by party: the round that it says it is in
	differing []protocol.Hash
	hooked    [protocol.Done + 1]bool
	quiet     int // ticks since something new came
	compared  time.Time
	comparing []atomic.Bool // by party: an exchange is under way
	shown     protocol.Status

	refusals struct {
		sync.Mutex
		count []int
	}
}

// number is the current round.
func (n *Node) number() uint64 { return n.step.Round }

// beginRound begins the round that the state calls for. With no round left the
// study is finished. A testnet may hold the beginning up; the driver goes on
// answering the others meanwhile.
func (n *Node) beginRound(ctx context.Context) error {
	if n.aborted != nil { // before a restart
		return n.endStudy()
	}
	if !n.more {
		n.finished, n.done = true, time.Now()
		n.tell(Progress{Round: n.number(), Phase: protocol.Done, Complete: true, State: n.state})
		return nil
	}
	hook, number := n.cfg.Hooks.BeforeRound, n.number()
	if hook == nil {
		return n.enterRound(ctx)
	}
	n.goes(func() {
		err := hook(ctx, number)
		n.post(ctx, func(ctx context.Context) error {
			if err != nil || n.number() != number {
				return err
			}
			return n.enterRound(ctx)
		})
	})
	return nil
}

// enterRound begins a round, or goes on with it after a restart. What the others
// sent in the meantime may end the round as it begins.
func (n *Node) enterRound(ctx context.Context) error {
	number := n.number()
	n.started, n.quiet, n.hooked = time.Now(), 0, [protocol.Done + 1]bool{}
	n.begun++
	clear(n.differing)
	description, err := n.describe()
	if err != nil {
		return err
	}
	round, err := n.restore(description)
	if err != nil {
		return err
	}
	n.roundCtx, n.endRound = context.WithCancel(ctx)
	effects, errs := n.session.Begin(round)
	if err := n.noteRefusals(errs...); err != nil {
		return err
	}
	if err := n.carryOut(ctx, effects); err != nil || n.number() != number {
		return err
	}
	n.train(ctx)
	return n.handle(ctx, protocol.Ticked{Absent: n.absent()})
}

// describe is the round as this hospital sees it. The state is served from now
// on: a hospital that was away fetches it under the name that the description
// gives it.
func (n *Node) describe() (protocol.Description, error) {
	ref, err := n.serveState()
	if err != nil {
		return protocol.Description{}, err
	}
	r, s := n.cfg.Roster, n.cfg.Study
	d := protocol.Description{
		Federation: r.Federation, Epoch: r.Epoch, Roster: r.Hash(), Study: s.Hash(),
		Round: n.step.Round, Step: n.step.Name, State: ref, Scheme: s.Scheme, Thresholds: r.Thresholds(),
		Length: uint64(n.step.Length), Limit: uint64(n.step.Limit), FractionBits: uint32(n.step.FractionBits), Deadlines: s.RoundDeadlines().Again(n.step.Tries, r.Thresholds()),
	}
	d.Packing = s.Packing
	d.Modulus = protocol.Modulus(d.Scheme, d.Thresholds, d.Limit)
	if key := n.cfg.Paillier; key != nil && s.Scheme == protocol.SchemePaillier {
		d.Key = key.Digest()
	}
	return d, nil
}

func (n *Node) serveState() (protocol.Ref, error) {
	var chunks protocol.Chunks
	for at := 0; at < len(n.state); at += protocol.ChunkSize {
		chunks = append(chunks, n.state[at:min(at+protocol.ChunkSize, len(n.state))])
	}
	ref, err := protocol.RefOf(chunks)
	if err != nil {
		return protocol.Ref{}, err
	}
	n.kept[ref.Root] = n.number()
	return ref, n.parts.Put(ref, chunks)
}

// restore makes the round from what the log holds of it.
func (n *Node) restore(d protocol.Description) (*protocol.Round, error) {
	scheme, err := protocol.NewScheme(n.self, d, n.cfg.Paillier)
	if err != nil {
		return nil, err
	}
	cfg, scheme := n.roundConfig(d, scheme)
	if err := store.EndRounds(n.dir, d.Round); err != nil {
		return nil, fmt.Errorf("erase the secrets of earlier rounds: %w", err)
	}
	log, kept, err := store.OpenLog(n.dir, d.Round, d.Hash())
	damaged := (*store.DamagedError)(nil)
	if errors.As(err, &damaged) && n.cfg.SitOut {
		n.cfg.Logger.Warn("sitting out a round", "round", d.Round, "why", damaged.Why)
		return protocol.Follow(cfg, scheme)
	}
	if err != nil {
		return nil, err
	}
	n.log = log
	for _, part := range kept.Parts {
		ref, err := protocol.RefOf(part)
		if err != nil {
			return nil, err
		}
		if err := n.parts.Put(ref, part); err != nil {
			return nil, err
		}
	}
	if len(kept.Records) > 0 {
		n.cfg.Logger.Info("going on with a round", "round", d.Round, "records", len(kept.Records))
	}
	return protocol.Restore(cfg, scheme, kept.Records)
}

func (n *Node) roundConfig(d protocol.Description, scheme protocol.Scheme) (protocol.Config, protocol.Scheme) {
	cfg := protocol.Config{Self: n.self, Description: d, Signer: n.signer, Sealer: identity.Sealer{}, Random: rand.Reader, Spool: n.spool}
	if hook := n.cfg.Hooks.Round; hook != nil {
		scheme = hook(&cfg, scheme)
	}
	return cfg, scheme
}

// spool keeps the large parts of this hospital's posts on the disk. They are
// open until the round is over.
func (n *Node) spool(sources []protocol.Source) ([]protocol.Part, error) {
	parts, err := n.parts.Spool(sources)
	for _, part := range parts {
		n.fetched = append(n.fetched, part.Source.(*store.Part))
		n.kept[part.Ref.Root] = n.number()
	}
	return parts, err
}

// train computes this hospital's update beside the driver. An update that does
// not fit the fixed point is never clipped: the hospital takes part without
// dealing, and its operator is told.
func (n *Node) train(ctx context.Context) {
	state, round := n.state, n.number()
	n.goes(func() {
		update, err := n.cfg.Work.Update(state)
		if err != nil {
			update = nil
		}
		n.post(ctx, func(ctx context.Context) error {
			if n.number() != round || n.finished {
				return nil
			}
			if err != nil {
				n.cfg.Logger.Error("no update in this round: taking part without one", "round", round, "error", err)
				status := n.session.Round().Status()
				n.tell(Progress{Round: round, Step: n.step.Name, Phase: status.Phase, Status: status, NoUpdate: err.Error()})
			}
			return n.handle(ctx, protocol.Trained{Update: update})
		})
	})
}

// conclude turns the sum into the next state, makes that durable, erases what
// was secret, and begins the next round.
func (n *Node) conclude(ctx context.Context, o protocol.Outcome) error {
	if o.Aborted != "" {
		return n.abort(o.Aborted)
	}
	next, skipped, err := n.apply(o)
	if err != nil {
		return err
	}
	if next == nil {
		return n.abort(skipped)
	}
	report := RoundReport{
		Round: n.number(), Step: n.step.Name, Included: o.Included, Sum: o.Sum, Set: o.Set,
		Started: n.started.UTC(), Seconds: time.Since(n.started).Seconds(), Skipped: skipped,
	}
	if err := n.appendHistory(report); err != nil {
		return err
	}
	n.tell(Progress{Round: report.Round, Step: report.Step, Phase: protocol.Done, Finished: &report})
	if err := n.keepPosts(); err != nil {
		return err
	}
	if err := n.turnTo(next); err != nil {
		return err
	}
	return n.beginRound(ctx)
}

// apply is the state after a round, or the same again and why: no sum, or one
// that the work cannot use. Where hospitals may lie, that is a false update; where
// none does, it is the study's own failure. There is no state when the round
// cannot be skipped either.
func (n *Node) apply(o protocol.Outcome) (next []byte, skipped string, err error) {
	if o.Unopened != "" {
		n.cfg.Logger.Warn("the round came to nothing, and its step is taken again", "round", n.number(), "why", o.Unopened)
		next, err = n.cfg.Work.Again(n.state)
		return next, o.Unopened, err
	}
	if skipped = o.Spoiled; skipped == "" {
		if next, err = n.cfg.Work.Apply(n.state, o.Sum); err == nil || n.cfg.Roster.Liars == 0 {
			return next, "", err
		}
		skipped = err.Error()
	}
	n.cfg.Logger.Warn("skipping a round: somebody contributed a false update", "round", n.number(), "why", skipped)
	if next, err = n.cfg.Work.Skip(n.state); err != nil {
		return nil, fmt.Sprintf("%s; %v", skipped, err), nil
	}
	return next, skipped, nil
}

// turnTo makes a state the one to go on from: first it is durable, then the
// secrets of the round before go.
func (n *Node) turnTo(state []byte) error {
	step, more, err := n.cfg.Work.Next(state)
	if err != nil {
		return err
	}
	if err := store.WriteState(n.dir, step.Round, state); err != nil {
		return err
	}
	if n.endRound != nil {
		n.endRound()
	}
	var errs []error
	for _, part := range n.fetched {
		errs = append(errs, part.Close())
	}
	n.fetched = nil
	if n.log != nil {
		errs = append(errs, n.log.Close())
		n.log = nil
	}
	errs = append(errs, store.EndRounds(n.dir, step.Round))
	// Parts of the round that just ended stay for slower hospitals.
	keep := map[protocol.Hash]bool{}
	for root, round := range n.kept {
		if keep[root] = round+1 >= step.Round; !keep[root] {
			delete(n.kept, root)
		}
	}
	errs = append(errs, n.parts.Clear(keep))
	n.state, n.step, n.more = state, step, more
	return errors.Join(errs...)
}

// follow fetches the state of a round that a quorum has begun, and begins that.
func (n *Node) follow(ctx context.Context, d protocol.Description) error {
	if n.follows >= d.Round {
		return nil
	}
	r := n.cfg.Roster
	if d.Federation != r.Federation || d.Epoch != r.Epoch || d.Roster != r.Hash() || d.Study != n.cfg.Study.Hash() {
		mine := protocol.Description{Federation: r.Federation, Epoch: r.Epoch, Roster: r.Hash(), Study: n.cfg.Study.Hash(), Round: d.Round}
		mine.Step, mine.State, mine.Scheme, mine.Key, mine.Thresholds, mine.Length = d.Step, d.State, d.Scheme, d.Key, d.Thresholds, d.Length
		mine.Limit, mine.FractionBits, mine.Modulus, mine.Packing, mine.Deadlines = d.Limit, d.FractionBits, d.Modulus, d.Packing, d.Deadlines
		return &DiffersError{r.Thresholds().Quorum(), mine.Differences(d)}
	}
	n.follows = d.Round
	n.cfg.Logger.Info("behind: fetching the model of a later round", "round", n.number(), "later", d.Round)
	n.goes(func() {
		part, err := n.fetcher.fetch(ctx, 0, d.State)
		if err != nil {
			n.post(ctx, func(ctx context.Context) error { return fmt.Errorf("fetch the model of round %d: %w", d.Round, err) })
			return
		}
		defer part.Close()
		state, err := n.readState(part, d)
		n.post(ctx, func(ctx context.Context) error {
			if err != nil {
				return err
			}
			if n.finished || n.number() >= d.Round {
				return nil // caught up by itself in the meantime
			}
			if err := n.turnTo(state); err != nil {
				return err
			}
			return n.beginRound(ctx)
		})
	})
	return nil
}

// readState reads a state and checks that it is of the round described.
func (n *Node) readState(part *store.Part, d protocol.Description) ([]byte, error) {
	var state []byte
	for i := range part.Chunks() {
		chunk, err := part.Chunk(i)
		if err != nil {
			return nil, err
		}
		state = append(state, chunk...)
	}
	step, _, err := n.cfg.Work.Next(state)
	if err == nil && step.Round != d.Round {
		err = fmt.Errorf("it is of round %d", step.Round)
	}
	if err != nil {
		return nil, fmt.Errorf("read the model of round %d: %w", d.Round, err)
	}
	return state, nil
}

// lingering ends the driver when every other hospital has finished, or after a
// while: one that is away now may come back for the last model. Whoever knows
// that all have finished stays a moment, so that the others learn it too and
// need not wait for the one that left.
func (n *Node) lingering(ctx context.Context) error {
	end, serve, reached := errFinished, n.cfg.Serve, n.number()
	if n.aborted != nil {
		end, serve, reached = n.aborted, false, n.number()+1
	}
	if !serve && time.Since(n.done) >= n.cfg.Linger {
		return end
	}
	slower := 0
	for party := range n.members.ids {
		if p := protocol.Party(party); p != 0 && p != n.self && n.reached[p] < reached {
			slower++
			if n.peers.isConnected(p) {
				n.compare(ctx, p)
			}
		}
	}
	if slower > 0 || serve {
		n.farewell = 0
		return nil
	}
	if n.farewell++; n.farewell > farewell {
		return end
	}
	return nil
}

// showProgress tells of a change of phase, or of who is waited for.
func (n *Node) showProgress() {
	r := n.session.Round()
	if r == nil || n.finished {
		return
	}
	status := r.Status()
	if status.Phase == n.shown.Phase && len(status.Waiting) == len(n.shown.Waiting) {
		return
	}
	n.shown = status
	n.tell(Progress{Round: n.number(), Step: n.step.Name, Phase: status.Phase, Status: status})
}
