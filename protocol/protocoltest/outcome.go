package protocoltest

import (
	"crypto/sha256"
	"maps"

	"consilium/protocol"
)

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
