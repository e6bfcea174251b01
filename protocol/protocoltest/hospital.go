package protocoltest

import (
	"errors"
	"fmt"
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
	d.Sliced = h.sim.opt.Sliced != nil && h.sim.opt.Sliced(values, limit)
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
