package protocoltest

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"consilium/protocol"
)

// Options describe the hospitals and what befalls them.
type Options struct {
	Thresholds protocol.Thresholds
	Values     int // in an update
	Rounds     int // at least 1; raised so that every fault begins and ends
	Scheme     string
	Modulus    int // bits of the ring of scheme masked, 32 or 64; 0 for what fits
	// Sliced, if set, tells whether a round of scheme masked is sliced whose updates
	// have so many values of magnitude up to limit.
	Sliced  func(values int, limit int64) bool
	Packing int // values in a polynomial of scheme shamir; 0 as 1
	// Key is one hospital's key, for a scheme that needs one; may be nil.
	Key    func(self protocol.Party) *protocol.PaillierKey
	Faults []Fault
	// RandomFaults is the probability that a hospital is hit by a random fault;
	// messages are lost at a fifth of it.
	RandomFaults float64
	// CrashAt crashes a hospital after so many records were saved, counted over
	// its life, and restarts it RestartAfter milliseconds later.
	CrashAt      map[protocol.Party]int
	RestartAfter int64
	Seed         uint64
	// Signer and Sealer of one hospital; nil for fast stand-ins.
	Signer func(self protocol.Party) protocol.Signer
	Sealer func(self protocol.Party) protocol.Sealer
	// Log, if set, is told what happens, for people.
	Log func(at int64, hospital protocol.Party, what string)
	// Watch, if set, is told what happens, for programs.
	Watch func(Note)
	// Stop, if set, is asked before each event. An error ends the run.
	Stop func() error
	// Work, if set, takes the place of Values and Rounds.
	Work Work
	// Gate begins a round only when everybody who is there has come to it, so that
	// a fault that is over after N rounds is over for the whole of the next.
	Gate bool
	// Links, if set, take the place of delays of 1 to 40 ms without a limit.
	Links *Links
	// Adaptive delays what hurts most, for the first minute: whatever would
	// complete what its recipient waits for.
	Adaptive bool
	Spite    int64 // by up to so many milliseconds; 0 for less than the deadlines
	// ServeNobody has liars serve nobody the bodies that they announce; else they
	// serve one half.
	ServeNobody bool
	// Stall is the deadline of that name; 0 for never.
	Stall uint32
	// FalseHolders makes liars attest slices of masked updates that they do not hold.
	FalseHolders bool
	// Withhold, if set, tells whether a liar keeps chunks of an owner's masked update
	// from a hospital; else those who are told the other story get none.
	Withhold func(liar, owner, from protocol.Party, chunk int) bool
	// Evidence, if set, is given what honest hospitals hold against liars.
	Evidence func(protocol.Evidence)
}

// Result is how a run ended. Exactly one of Completed, Aborted and Hung is set.
type Result struct {
	Completed bool   // every hospital that can has finished every round
	Aborted   string // why the rounds could not be finished, or empty
	Hung      bool   // neither, though enough hospitals are there
	Wrong     bool   // somebody holds a sum that is not that of its set
	Split     bool   // two sets were opened, or two hospitals hold different results, or one none
	Slandered bool   // an honest hospital is named
	Unproved  bool   // evidence does not convince a third party
	Named     []protocol.Party
	Bytes     int64 // posted by all hospitals together, each post once
	Fetched   int64 // bytes of chunks that hospitals fetched, where they fetch some only
	Messages  int64 // posted
	Virtual   int64 // milliseconds of virtual time
	Unopened  int   // rounds that a quorum ended without a set, and whose step was taken again
	Skipped   int   // rounds whose sum was spoiled by a false update: a quorum signed that
	Included  []protocol.Set
	Trace     [sha256.Size]byte
}

// The simulated world, in milliseconds of virtual time.
const (
	tickEvery    = 20
	syncEvery    = 300
	minDelay     = 1
	maxDelay     = 40
	noticeAfter  = 200    // a crashed or disconnected hospital is known to be away
	stallAfter   = 30_000 // nothing new for so long: the run is over
	longestRun   = 3_600_000
	retryFetch   = 100
	slowdown     = 30
	lossyShare   = 0.5
	corruptShare = 0.5
)

var deadlines = protocol.Deadlines{Commit: 50, Deal: 50, Attest: 50, View: 25}

// deadlines are those of a round that begins with a state.
func (s *sim) deadlines(state protocol.Hash) protocol.Deadlines {
	d := deadlines
	d.Stall = s.opt.Stall
	d = d.Again(s.tries[state], s.opt.Thresholds)
	s.stall = max(s.stall, tickEvery*int64(d.Stall))
	return d
}

const patience = 50

// sim is one run.
type sim struct {
	opt       Options
	random    *random
	now       int64
	sequence  uint64
	queue     queue
	first     uint64      // round
	hospitals []*hospital // by party; 0 is nil
	furthest  uint64      // the latest round that anybody has begun
	progress  int64       // when something new was last said
	stall     int64       // the longest deadline of that name so far: milliseconds
	waiting   []waiting
	plot      plot
	aborted   map[uint64]string                         // by round: why a quorum ended it
	skipped   map[uint64]string                         // by round: why a quorum signed that there is no sum
	unopened  map[protocol.Hash]uint64                  // by state: how many rounds before it came to nothing
	tries     map[protocol.Hash]int                     // by state: how many of these just before it
	opened    map[uint64]map[protocol.Hash]bool         // by round
	results   map[uint64]map[protocol.Hash]protocol.Set // by round: result hash to included
	res       Result
	trace     hash.Hash
}

// Run simulates once.
func Run(opt Options) (Result, error) {
	s, err := newSim(opt)
	if err != nil {
		return Result{}, err
	}
	if err := s.loop(); err != nil {
		return Result{}, err
	}
	return s.finish(), nil
}

// newSim starts all hospitals.
func newSim(opt Options) (*sim, error) {
	opt.Rounds = max(opt.Rounds, 1)
	first := uint64(1)
	if opt.Work != nil {
		first, opt.Rounds = 0, int(opt.Work.Last())
	}
	for _, f := range opt.Faults {
		if f.Lie() && opt.Thresholds.Liars == 0 {
			return nil, fmt.Errorf("fault %s makes a hospital lie, and this federation tolerates no liar", f)
		}
		if err := CheckLie(f, opt.Scheme); err != nil {
			return nil, err
		}
		if err := CheckSums(f, opt.Sliced != nil); err != nil {
			return nil, err
		}
		if f.Round < first {
			return nil, fmt.Errorf("fault %s: the first simulated round is 1", f)
		}
		if opt.Work == nil {
			opt.Rounds = max(opt.Rounds, int(f.Round), int(f.End()))
		}
	}
	s := &sim{opt: opt, first: first, random: newRandom(opt.Seed, 0), trace: sha256.New(), aborted: map[uint64]string{}, skipped: map[uint64]string{}}
	s.unopened, s.tries = map[protocol.Hash]uint64{}, map[protocol.Hash]int{}
	s.opened, s.results = map[uint64]map[protocol.Hash]bool{}, map[uint64]map[protocol.Hash]protocol.Set{}
	s.hospitals = make([]*hospital, opt.Thresholds.Parties+1)
	for p := 1; p < len(s.hospitals); p++ {
		h, err := newHospital(s, protocol.Party(p))
		if err != nil {
			return nil, err
		}
		s.hospitals[p] = h
	}
	s.newPlot()
	s.drawFaults()
	for _, h := range s.hospitals[1:] {
		if err := h.start(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// loop processes events until every hospital that can has finished, or nothing
// new has been said for long.
func (s *sim) loop() error {
	for len(s.queue) > 0 && !s.finished() {
		if s.opt.Stop != nil {
			if err := s.opt.Stop(); err != nil {
				return err
			}
		}
		e := heap.Pop(&s.queue).(*event)
		s.now = e.at
		if s.now-s.progress > max(stallAfter, 2*s.stall) || s.now > longestRun {
			return nil
		}
		s.note(e)
		if err := e.do(); err != nil {
			return fmt.Errorf("seed %d, at %d ms: %w", s.opt.Seed, s.now, err)
		}
	}
	return nil
}

// note adds an event to the trace.
func (s *sim) note(e *event) {
	b := binary.BigEndian.AppendUint64([]byte(e.what), uint64(e.at))
	b = binary.BigEndian.AppendUint16(b, uint16(e.to))
	s.trace.Write(b)
	s.trace.Write(e.id[:])
}

func (s *sim) finished() bool {
	liars := s.liars()
	for _, h := range s.hospitals[1:] {
		if !h.finished && !h.goneForGood() && !liars.Has(h.party) {
			return false
		}
	}
	return true
}

func (s *sim) log(p protocol.Party, format string, args ...any) {
	if s.opt.Log != nil {
		s.opt.Log(s.now, p, fmt.Sprintf(format, args...))
	}
}

// finish judges the run.
func (s *sim) finish() Result {
	s.res.Virtual, s.res.Skipped = s.now, len(s.skipped)
	for _, count := range s.unopened {
		s.res.Unopened = max(s.res.Unopened, int(count))
	}
	for round := s.first; round <= s.furthest; round++ {
		if len(s.results[round]) > 1 || len(s.opened[round]) > 1 {
			s.res.Split = true
		}
		for _, set := range s.results[round] {
			if set != (protocol.Set{}) {
				s.res.Included = append(s.res.Included, set)
			} else if len(s.opened[round]) > 0 {
				s.res.Split = true // somebody opened what never was to be
			}
		}
	}
	var named protocol.Set
	liars := s.liars()
	for _, h := range s.hospitals[1:] {
		if liars.Has(h.party) {
			continue // what it says of others proves nothing
		}
		for _, e := range h.evidence() {
			named.Add(e.Liar)
			if s.opt.Evidence != nil {
				s.opt.Evidence(e)
			}
			s.res.Unproved = s.res.Unproved || h.proves(e) != nil
		}
	}
	s.res.Named = named.Parties()
	s.res.Slandered = !named.Within(liars)
	for round, why := range s.aborted {
		s.res.Aborted = why
		if len(s.results[round]) > 0 {
			s.res.Split = true // a result and an abort
		}
	}
	s.res.Completed = s.finished() && len(s.aborted) == 0
	if !s.res.Completed && !s.finished() {
		s.res.Aborted = s.noQuorum()
		s.res.Hung = s.res.Aborted == ""
	}
	copy(s.res.Trace[:], s.trace.Sum(nil))
	return s.res
}

// noQuorum explains a stall by the hospitals that are away, or returns "" when
// it cannot be explained by them.
func (s *sim) noQuorum() string {
	var away protocol.Set
	for p, h := range s.hospitals {
		if h != nil && h.away() {
			away.Add(protocol.Party(p))
		}
	}
	for _, h := range s.hospitals[1:] {
		if h.away() || h.finished || h.session.Round() == nil || s.liars().Has(h.party) {
			continue
		}
		status := h.session.Round().Status()
		here := 0
		for _, p := range status.Waiting {
			if !away.Has(p) {
				here++
			}
		}
		if status.Needed > here {
			return "quorum not reached in " + status.Phase.String()
		}
	}
	return ""
}
