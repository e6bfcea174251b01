package protocoltest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"consilium/protocol"
)

// hospital is one simulated node: the pure machine, a disk that survives
// crashes, and whatever fault it suffers from.
type hospital struct {
	sim     *sim
	party   protocol.Party
	session *protocol.Session
	random  *random // for keys and seeds
	disk    disk
	serving map[protocol.Hash]protocol.Source
	phase   protocol.Phase
	view    uint32
	life    int // counts restarts: events of an earlier life are void
	away0   int64

	alive, finished                         bool
	waits                                   bool // at the gate of the disk's round
	paused, isolated                        bool
	slow, lossy, corrupt, duplicate, skewed bool
	forGood                                 bool // killed, paused or cut off and never back
	held                                    []protocol.Event
	frozen                                  *protocol.Effects // what a paused hospital was about to do
	faults                                  []*Fault
	saved                                   int   // records saved in all lives
	crashAt                                 int   // −1 for never
	uplink                                  int64 // microseconds: when it has sent all that it was to send
	seen                                    []protocol.Evidence
}

// disk is what survives a crash.
type disk struct {
	round   uint64 // the round to run
	state   protocol.Hash
	records []protocol.Record // of that round
	parts   map[protocol.Hash]protocol.Source
	before  map[protocol.Hash]protocol.Source // parts of the round before, for slower hospitals
	posts   []protocol.Message                // and what was posted in it
}

func newHospital(s *sim, p protocol.Party) (*hospital, error) {
	h := &hospital{sim: s, party: p, random: newRandom(s.opt.Seed, 1000+uint64(p)), crashAt: -1}
	h.disk = disk{round: s.first, parts: map[protocol.Hash]protocol.Source{}}
	if at, ok := s.opt.CrashAt[p]; ok {
		h.crashAt = at
	}
	for i := range s.opt.Faults {
		if s.opt.Faults[i].Party == p {
			h.faults = append(h.faults, &s.opt.Faults[i])
		}
	}
	return h, nil
}

func (h *hospital) signer() protocol.Signer {
	if h.sim.opt.Signer != nil {
		return h.sim.opt.Signer(h.party)
	}
	return standInSigner{h.party}
}

func (h *hospital) sealer() protocol.Sealer {
	if h.sim.opt.Sealer != nil {
		return h.sim.opt.Sealer(h.party)
	}
	return standInSealer{h.random}
}

// start brings a hospital up, with what its disk holds.
func (h *hospital) start() error {
	h.life++
	h.alive, h.paused, h.waits, h.frozen, h.held = true, false, false, nil, nil
	h.serving = map[protocol.Hash]protocol.Source{}
	h.session = protocol.NewSession(protocol.SessionConfig{
		Self: h.party, Federation: "simulation", Epoch: 1, Thresholds: h.sim.opt.Thresholds,
		Signer: h.signer(), Patience: patience,
	}, h.disk.round)
	h.session.Recall(h.disk.round-1, h.disk.posts)
	life := h.life
	h.sim.after(h.sim.random.between(1, tickEvery), "start", h.party, [32]byte{}, func() error {
		if h.life != life {
			return nil
		}
		if err := h.begin(); err != nil {
			return err
		}
		h.ticking(life)
		h.syncing(life)
		return nil
	})
	return nil
}

// begin comes to the round that the disk says.
func (h *hospital) begin() error {
	if h.sim.over(h.disk.round, h.disk.state) {
		h.finished = true
		h.sim.log(h.party, "finished")
		h.note(Note{What: Completed})
		h.sim.reached(h.disk.round)
		return nil
	}
	if h.sim.opt.Gate {
		return h.sim.arrive(h)
	}
	return h.enter()
}

// enter begins the round that the disk says, or goes on with it.
func (h *hospital) enter() error {
	round, err := h.round()
	if err != nil {
		return err
	}
	effects, refused := h.session.Begin(round)
	if err := h.own(refused...); err != nil {
		return err
	}
	h.phase = protocol.Describe
	h.note(Note{What: Began})
	h.sim.reached(h.disk.round)
	life, number := h.life, h.disk.round
	if err := h.apply(effects); err != nil || h.disk.round != number {
		return err // what others had sent ended the round as it began
	}
	h.sim.after(h.sim.random.between(minDelay, maxDelay), "train", h.party, [32]byte{}, func() error {
		if h.life != life || h.disk.round != number {
			return nil
		}
		update, err := h.sim.update(h.party, number)
		if err != nil {
			return err
		}
		return h.deliver(protocol.Trained{Update: update})
	})
	return h.deliver(protocol.Ticked{})
}

func (h *hospital) round() (*protocol.Round, error) {
	values, limit := h.sim.shape(h.disk.round)
	d := protocol.Description{
		Federation: "simulation", Epoch: 1, Round: h.disk.round, Step: "sum", Scheme: h.sim.opt.Scheme,
		State: protocol.Ref{Root: h.disk.state}, Thresholds: h.sim.opt.Thresholds,
		Length: uint64(values), Limit: uint64(limit), Modulus: h.sim.opt.modulus(limit), Deadlines: h.sim.deadlines(h.disk.state),
		Packing: uint32(h.sim.opt.Packing),
	}
	var key *protocol.PaillierKey
	if h.sim.opt.Key != nil {
		key = h.sim.opt.Key(h.party)
		d.Key = key.Digest()
	}
	scheme, err := honestScheme(h.party, d, key)
	if err != nil {
		return nil, err
	}
	cfg := protocol.Config{Self: h.party, Description: d, Signer: h.signer(), Sealer: h.sealer(), Random: h.random}
	scheme = Lying(&cfg, scheme, h.lies(d.Round), h.sim.opt.Seed)
	return protocol.Restore(cfg, scheme, h.disk.records)
}

// honestScheme is that of the round. Without a key the stand-in takes the place of
// scheme paillier.
func honestScheme(self protocol.Party, d protocol.Description, key *protocol.PaillierKey) (protocol.Scheme, error) {
	if d.Scheme == protocol.SchemePaillier && key == nil {
		return newStandIn(self, d)
	}
	return protocol.NewScheme(self, d, key)
}

// limit is the largest value in a simulated update, where the ring has room for
// it.
const limit = 1 << 50

// Limit is the largest value in the updates of a run. With false updates there is
// room in the ring to tell them.
func (o Options) Limit() int64 {
	if o.Modulus == 32 && o.Scheme == protocol.SchemeMasked {
		room := int64(1<<31 - 1)
		if slices.ContainsFunc(o.Faults, func(f Fault) bool { return f.Kind == FalseUpdate }) {
			room /= 4
		}
		return room / int64(o.Thresholds.Parties)
	}
	return limit
}

// modulus is what a description says with values up to a limit.
func (o Options) modulus(limit int64) uint32 {
	if o.Scheme == protocol.SchemeMasked && o.Modulus > 0 {
		return uint32(o.Modulus)
	}
	return protocol.Modulus(o.Scheme, o.Thresholds, uint64(limit))
}

// update is the vector of one hospital in one round.
func (s *sim) update(p protocol.Party, round uint64) (protocol.Vector, error) {
	if s.opt.Work != nil {
		return s.opt.Work.Update(p, round)
	}
	r := newRandom(s.opt.Seed, round<<16|uint64(p))
	v := make(protocol.Vector, s.opt.Values)
	for i := range v {
		v[i] = r.between(-s.opt.Limit(), s.opt.Limit())
	}
	return v, nil
}

// deliver lets an event happen to a hospital that is there to see it.
func (h *hospital) deliver(e protocol.Event) error {
	if !h.alive {
		return nil
	}
	if h.paused {
		if _, tick := e.(protocol.Ticked); !tick {
			h.held = append(h.held, e)
		}
		return nil
	}
	effects, err := h.session.Step(e)
	if err := h.own(err); err != nil || !h.alive {
		return err
	}
	return h.apply(effects)
}

// own returns those of the errors that are not about somebody's message.
func (h *hospital) own(errs ...error) error {
	for _, err := range errs {
		refusal := (*protocol.Refusal)(nil)
		if err != nil && !errors.As(err, &refusal) {
			if h.sim.liars().Has(h.party) {
				h.crash() // a liar may fall over its own lies
				return nil
			}
			return fmt.Errorf("hospital %d: %w", h.party, err)
		}
	}
	return nil
}

// apply does what a step asks for, up to the point where a fault strikes.
func (h *hospital) apply(e protocol.Effects) error {
	for i, f := range h.faults {
		if f == nil || h.waits || h.session.Round() == nil || h.disk.round < f.Round {
			continue
		}
		before, after, due := e.Split(f.Phase)
		if h.disk.round == f.Round && !due {
			continue
		}
		h.faults[i] = nil
		if err := h.carryOut(before); err != nil || !h.alive {
			return err
		}
		h.sim.log(h.party, "fault %s", f)
		h.note(Note{What: Struck, Fault: f})
		if h.suffer(*f, after) {
			return nil
		}
		return h.carryOut(after)
	}
	return h.carryOut(e)
}

// carryOut saves, then sends. A crash at a save point may come in between.
func (h *hospital) carryOut(e protocol.Effects) error {
	if h.waits {
		e.Save = nil // of the round before
	}
	for _, rec := range e.Save {
		h.disk.records = append(h.disk.records, rec)
		if h.saved++; h.saved == h.crashAt {
			h.crash()
			h.restartAfter(h.sim.opt.RestartAfter)
			return nil
		}
	}
	for _, part := range e.Serve {
		if _, ok := h.serving[part.Ref.Root]; !ok {
			content, err := copyOf(part.Source)
			if err != nil {
				return err
			}
			h.serving[part.Ref.Root] = content
			h.sim.res.Bytes += int64(part.Ref.Size)
		}
	}
	for _, m := range e.Send {
		h.sim.posted(m)
		h.sim.broadcast(h, m)
	}
	for _, want := range e.Want {
		h.sim.fetch(h, want)
	}
	h.watch()
	if e.Outcome != nil {
		return h.conclude(*e.Outcome)
	}
	if e.Behind != nil {
		h.sim.log(h.party, "follows to round %d", e.Behind.Round)
		h.turn(e.Behind.Round, e.Behind.State.Root)
		return h.begin()
	}
	return nil
}

func (h *hospital) watch() {
	if h.session.Round() == nil || h.waits {
		return
	}
	if !h.finished {
		h.note(Note{What: Stepped})
	}
	if view := h.session.Round().Status().View; view != h.view {
		h.view = view
		h.sim.progress = h.sim.now
	}
	if phase := h.session.Round().Phase(); phase != h.phase {
		h.phase = phase
		h.sim.progress = h.sim.now
		h.sim.log(h.party, "%s", phase)
	}
}

// conclude ends the round at this hospital and begins the next.
func (h *hospital) conclude(o protocol.Outcome) error {
	h.seen = append(h.seen, h.session.Round().Evidence()...)
	if o.Aborted != "" { // by a quorum: the study ends here
		h.sim.log(h.party, "round %d is aborted: %s", h.disk.round, o.Aborted)
		h.finished = true
		h.sim.aborted[h.disk.round] = o.Aborted
		return nil
	}
	if o.Unopened != "" {
		h.sim.log(h.party, "round %d came to nothing: %s", h.disk.round, o.Unopened)
		h.note(Note{What: Summed, Outcome: &o})
		h.sim.results[h.disk.round] = add(h.sim.results[h.disk.round], o.Set, protocol.Set{})
		return h.after(o.Set, h.sim.tries[h.disk.state]+1)
	}
	if h.sim.liars().Has(h.party) {
		h.note(Note{What: Summed, Outcome: &o})
		return h.after(o.Hash, 0)
	}
	if err := h.sim.judge(h.disk.round, o); err != nil {
		return err
	}
	if o.Spoiled == "" {
		h.sim.log(h.party, "sum of %v", protocol.NewSet(o.Included...))
	} else {
		h.sim.log(h.party, "skips round %d: %s", h.disk.round, o.Spoiled)
	}
	h.note(Note{What: Summed, Outcome: &o})
	return h.after(o.Hash, 0)
}

// after begins the round after this one, and keeps what was posted in it. tries are
// the rounds just before it that came to nothing.
func (h *hospital) after(outcome protocol.Hash, tries int) error {
	state := protocol.Hash(sha256.Sum256(append(h.disk.state[:], outcome[:]...)))
	h.sim.tries[state], h.sim.unopened[state] = tries, h.sim.unopened[h.disk.state]
	if tries > 0 {
		h.sim.unopened[state]++
	}
	posts := h.session.Round().Posts()
	maps.Copy(h.disk.parts, h.serving)
	h.turn(h.disk.round+1, state)
	h.disk.posts = posts
	return h.begin()
}

// add notes something in a map that may not be there yet.
func add[V any](to map[protocol.Hash]V, key protocol.Hash, value V) map[protocol.Hash]V {
	if to == nil {
		to = map[protocol.Hash]V{}
	}
	to[key] = value
	return to
}

// turn moves the disk on to another round: what was secret in the old one goes.
func (h *hospital) turn(round uint64, state protocol.Hash) {
	h.disk.round, h.disk.state, h.disk.records = round, state, nil
	h.disk.before, h.disk.posts, h.disk.parts = h.disk.parts, nil, map[protocol.Hash]protocol.Source{}
}

func (h *hospital) evidence() []protocol.Evidence {
	if h.session.Round() == nil || h.session.Round().Outcome() != nil {
		return h.seen
	}
	return append(h.seen, h.session.Round().Evidence()...)
}

func (h *hospital) ticking(life int) {
	every := int64(tickEvery)
	if h.skewed {
		every = []int64{1, 20 * tickEvery}[h.party%2]
	}
	h.sim.after(every, "tick", h.party, [32]byte{}, func() error {
		if h.life != life {
			return nil
		}
		h.ticking(life)
		return h.deliver(protocol.Ticked{Absent: h.sim.knownAway(h)})
	})
}

func (h *hospital) syncing(life int) {
	h.sim.after(syncEvery+h.sim.random.between(0, syncEvery), "sync", h.party, [32]byte{}, func() error {
		if h.life != life {
			return nil
		}
		if !h.paused {
			h.sim.exchange(h)
		}
		h.syncing(life)
		return nil
	})
}

// posted accounts for a post. Sent again after a restart it counts again.
func (s *sim) posted(m protocol.Message) {
	s.res.Messages++
	s.res.Bytes += int64(m.Size())
	s.overhear(m)
	if m.Slot.Phase == protocol.Open && !s.liars().Has(m.From) {
		s.opened[m.Round] = add(s.opened[m.Round], protocol.Hash(m.Payload[:32]), true)
	}
}

// judge compares a result with the plain sum of its set.
func (s *sim) judge(round uint64, o protocol.Outcome) error {
	s.results[round] = add(s.results[round], o.Hash, protocol.NewSet(o.Included...))
	if o.Spoiled != "" { // somebody in the set contributed a false update
		s.skipped[round] = o.Spoiled
		s.res.Wrong = s.res.Wrong || protocol.NewSet(o.Included...).And(s.falsifiers(round)) == (protocol.Set{})
		return nil
	}
	plain := make(protocol.Vector, len(o.Sum))
	for _, p := range o.Included {
		update, err := s.update(p, round)
		if err != nil {
			return err
		}
		for i, v := range update {
			plain[i] += v
		}
	}
	for i := range plain {
		if plain[i] != o.Sum[i] {
			s.res.Wrong = true
		}
	}
	if len(o.Included) < s.opt.Thresholds.SmallestSet() {
		s.res.Wrong = true
	}
	return nil
}
