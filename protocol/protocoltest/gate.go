package protocoltest

// arrive lets a hospital wait at the gate of a round. Its machine stays in the
// round before and answers others meanwhile.
func (s *sim) arrive(h *hospital) error {
	h.waits = true
	h.note(Note{What: Arrived})
	s.reached(h.disk.round)
	s.after(0, "gate", h.party, [32]byte{}, s.openGate)
	return nil
}

// openGate lets those begin whose round everybody has come to who is there.
func (s *sim) openGate() error {
	for _, h := range s.hospitals[1:] {
		if !h.waits || h.paused || !h.alive || !s.complete(h.disk.round) {
			continue
		}
		h.waits = false
		if err := h.enter(); err != nil {
			return err
		}
	}
	return nil
}

func (s *sim) complete(round uint64) bool {
	for _, h := range s.hospitals[1:] {
		if !h.away() && !h.finished && h.disk.round < round {
			return false
		}
	}
	return true
}
