package protocoltest

import "consilium/protocol"

// Work is what the rounds sum, instead of random values: rounds 0 to Last.
type Work interface {
	Last() uint64
	// Over tells whether the rounds end before this one, which a hospital has come
	// to: they may end before Last.
	Over(round uint64) bool
	// Shape of the updates of a round: how many values, and the largest |value|.
	Shape(round uint64) (values int, limit int64)
	// Update of one hospital in a round that somebody has begun.
	Update(p protocol.Party, round uint64) (protocol.Vector, error)
}

func (s *sim) over(round uint64, state protocol.Hash) bool {
	return round > uint64(s.opt.Rounds)+s.unopened[state] || s.opt.Work != nil && s.opt.Work.Over(round)
}

func (s *sim) shape(round uint64) (values int, limit int64) {
	if s.opt.Work != nil {
		return s.opt.Work.Shape(round)
	}
	return s.opt.Values, s.opt.Limit()
}

// Links are the connections between any two hospitals.
type Links struct {
	Latency int64   // milliseconds, one way
	Bits    int64   // a second, out of each hospital; above 0
	Loss    float64 // share of messages
}

// Note is something that happened in a run.
type Note struct {
	At       int64 // milliseconds of virtual time
	Hospital protocol.Party
	Round    uint64
	What     string
	Status   protocol.Status   // with Stepped
	Outcome  *protocol.Outcome // with Summed
	Fault    *Fault            // with Struck and Recovered
}

// What a note is about.
const (
	Arrived   = "arrived" // a hospital has come to the gate of a round
	Began     = "began"   // a hospital begins a round, or goes on with it
	Stepped   = "stepped" // something happened to it in the round
	Summed    = "summed"  // it holds the sum
	Struck    = "struck"
	Recovered = "recovered"
	Completed = "completed" // it has finished the last round
)

// note tells whoever watches.
func (h *hospital) note(n Note) {
	if h.sim.opt.Watch == nil {
		return
	}
	n.At, n.Hospital, n.Round = h.sim.now, h.party, h.disk.round
	if n.What == Stepped {
		n.Status = h.session.Round().Status()
	}
	h.sim.opt.Watch(n)
}
