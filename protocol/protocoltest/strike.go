package protocoltest

import "consilium/protocol"

// suffer begins a fault, which strikes when its hospital is about to send its
// first message of the phase, or of a later one: the effects. True when the
// hospital does not get to do it now.
func (h *hospital) suffer(f Fault, e protocol.Effects) bool {
	if f.For > 0 {
		h.sim.whenReached(f.End(), func() error { return h.recover(f) })
	}
	h.forGood = f.For == 0 && !f.Lie()
	if h.sim.opt.Gate {
		h.sim.after(0, "gate", 0, [32]byte{}, h.sim.openGate)
	}
	switch f.Kind {
	case Kill, DiskFull:
		h.crash()
		return true
	case Pause:
		h.paused, h.frozen, h.away0 = true, &e, h.sim.now
		return true
	case Disconnect:
		h.isolated, h.away0 = true, h.sim.now
	case ClockSkew:
		h.skewed = true
		h.jump()
	case Equivocate, WrongShare, WrongOpen, BadProof, FalseUpdate: // see liar.go
	default:
		h.set(f.Kind, true)
	}
	return false
}

// jump lets ten minutes of ticks pass at once, as after a suspended machine wakes.
func (h *hospital) jump() {
	life := h.life
	h.sim.after(0, "jump", h.party, [32]byte{}, func() error {
		for tick := 0; tick < 600*1000/tickEvery && h.life == life; tick++ {
			if err := h.deliver(protocol.Ticked{}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *hospital) set(kind string, on bool) {
	switch kind {
	case Slow:
		h.slow = on
	case Lossy:
		h.lossy = on
	case Corrupt:
		h.corrupt = on
	case Duplicate:
		h.duplicate = on
	case ClockSkew:
		h.skewed = on
	}
}

// recover ends a fault.
func (h *hospital) recover(f Fault) error {
	h.sim.log(h.party, "recovers from %s", f.Kind)
	h.note(Note{What: Recovered, Fault: &f})
	h.sim.progress = h.sim.now
	switch f.Kind {
	case Kill, DiskFull:
		if h.alive {
			return nil
		}
		return h.start()
	case Pause:
		return h.resume()
	case Disconnect:
		h.isolated = false
	default:
		h.set(f.Kind, false)
	}
	return nil
}

func (h *hospital) resume() error {
	if !h.paused {
		return nil
	}
	h.paused = false
	held, frozen := h.held, h.frozen
	h.held, h.frozen = nil, nil
	if frozen != nil {
		if err := h.carryOut(*frozen); err != nil {
			return err
		}
	}
	for _, e := range held {
		if err := h.deliver(e); err != nil {
			return err
		}
	}
	return nil
}

// crash loses everything that is not on the disk.
func (h *hospital) crash() {
	h.seen = h.evidence()
	h.alive = false
	h.life++
	h.away0 = h.sim.now
	h.sim.log(h.party, "crashes after %d records", len(h.disk.records))
}

func (h *hospital) restartAfter(delay int64) {
	h.sim.after(delay, "restart", h.party, [32]byte{}, func() error {
		if h.alive {
			return nil
		}
		h.sim.progress = h.sim.now
		h.sim.log(h.party, "restarts")
		return h.start()
	})
}

// away tells whether a hospital is not there now.
func (h *hospital) away() bool { return !h.alive || h.paused || h.isolated }

func (h *hospital) goneForGood() bool { return h.away() && h.forGood }

// knownAway are the hospitals whose absence h has noticed. A paused one looks
// like a slow one.
func (s *sim) knownAway(h *hospital) protocol.Set {
	var set protocol.Set
	for _, other := range s.hospitals[1:] {
		if other != h && (!other.alive || other.isolated || h.isolated) && s.now-other.away0 >= noticeAfter {
			set.Add(other.party)
		}
	}
	return set
}

// reached notes that somebody has begun a round, which ends faults.
func (s *sim) reached(round uint64) {
	if round <= s.furthest {
		return
	}
	s.furthest = round
	for _, w := range s.waiting {
		if w.round == round {
			s.after(0, "recovery", 0, [32]byte{}, w.do)
		}
	}
}

type waiting struct {
	round uint64
	do    func() error
}

func (s *sim) whenReached(round uint64, do func() error) {
	if round <= s.furthest {
		s.after(0, "recovery", 0, [32]byte{}, do)
		return
	}
	s.waiting = append(s.waiting, waiting{round, do})
}

// drawFaults hits hospitals at random.
func (s *sim) drawFaults() {
	for _, h := range s.hospitals[1:] {
		if !s.random.chance(s.opt.RandomFaults) {
			continue
		}
		at := s.random.between(0, 600*int64(s.opt.Rounds))
		span := s.random.between(10, 4000)
		switch kind := []string{Kill, Kill, Kill, Pause, Disconnect, Slow, Lossy, Corrupt, Duplicate, ClockSkew}[s.random.IntN(10)]; kind {
		case Kill:
			h.crashAt = int(s.random.between(1, 30*int64(s.opt.Rounds)))
			s.opt.RestartAfter = max(s.opt.RestartAfter, span)
		default:
			f := Fault{Kind: kind, Party: h.party, For: 1}
			s.after(at, "fault", h.party, [32]byte{}, func() error {
				if h.alive && !h.away() {
					s.strikeAtRandom(h, f, span)
				}
				return nil
			})
		}
	}
}

func (s *sim) strikeAtRandom(h *hospital, f Fault, span int64) {
	s.log(h.party, "random fault %s for %d ms", f.Kind, span)
	switch f.Kind {
	case Pause:
		h.paused = true
	case Disconnect:
		h.isolated, h.away0 = true, s.now
	default:
		h.set(f.Kind, true)
	}
	s.after(span, "recovery", h.party, [32]byte{}, func() error { return h.recover(f) })
}
