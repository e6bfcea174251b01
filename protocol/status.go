package protocol

// Status is where a round stands, for people and for faults that are bound to
// a phase.
type Status struct {
	Phase   Phase
	View    uint32  // of the agreement
	Waiting []Party // whose messages the phase needs or hopes for
	Needed  int     // how many of those must come before the round can go on
}

// Phase is the phase that this hospital is in.
func (r *Round) Phase() Phase {
	switch {
	case r.outcome != nil:
		return Done
	case r.said(Slot{Phase: Combine}):
		return Combine
	case r.ballot.decided != nil:
		return Open
	case r.ballot.started:
		return Agree
	case r.masks != nil && r.masks.join.started:
		return Mask
	case r.said(Slot{Phase: Attest}):
		return Attest
	case r.said(Slot{Phase: Commit, Step: stepList}):
		return Deal
	case r.said(Slot{Phase: Commit}):
		return Commit
	}
	return Describe
}

// Status tells where the round stands.
func (r *Round) Status() Status {
	s := Status{Phase: r.Phase(), View: r.ballot.view}
	n, q := r.t.Parties, r.t.Quorum()
	waiting := func(of, have Set, need int) {
		missing := of.Minus(have)
		s.Waiting, s.Needed = missing.Parties(), max(0, need-of.And(have).Len())
	}
	switch s.Phase {
	case Describe:
		waiting(r.all, r.described, q)
	case Commit:
		waiting(r.all, r.committed, max(n-r.t.Missing(), r.t.SmallestSet()+r.abstained.Len()))
	case Deal:
		if r.listed.Len() < q {
			waiting(r.described, r.listed, q)
		} else {
			expected := r.expectedDeals()
			waiting(expected, r.dealers(dealHeld), max(r.t.SmallestSet(), expected.Len()-r.t.Missing()))
		}
	case Attest:
		waiting(r.described, r.attests.said, n-r.t.Missing())
	case Mask:
		if c := r.masks.join.decided; c == nil {
			waiting(r.all, r.masks.join.voters(), q)
		} else {
			_, held := r.masks.held()
			waiting(c.set(), held, max(r.t.SmallestSet(), c.set().Len()-r.t.Missing()))
		}
	case Agree:
		waiting(r.all, r.ballot.voters(), q)
	case Open:
		openers, needed := r.scheme.Openers()
		waiting(openers, r.openers(), needed)
	case Combine:
		waiting(r.all, r.resulted(), q)
	}
	return s
}

// voters are those who have cast the latest kind of vote in this view.
func (b *ballot) voters() Set {
	var s Set
	v := b.at(b.view)
	step := stepPrevote
	if v.votes[stepPrecommit][b.r.cfg.Self] != nil {
		step = stepPrecommit
	}
	for p, votes := range v.votes[step] {
		if len(votes) > 0 {
			s.Add(Party(p))
		}
	}
	return s
}

// openers are those whose opening of the certified set is here.
func (r *Round) openers() Set {
	var s Set
	for p, o := range r.openings {
		if o != nil && o.held != nil && o.bad == "" && o.payload.Set == r.ballot.decidedID {
			s.Add(Party(p))
		}
	}
	return s
}

func (r *Round) resulted() Set {
	var s Set
	for p, v := range r.results {
		if len(v) > 0 {
			s.Add(Party(p))
		}
	}
	return s
}

// Evidence lists what hospitals are proved to have done, each the first of it
// in the round.
func (r *Round) Evidence() []Evidence { return r.evidence }

// Described is the description of the round.
func (r *Round) Described() Description { return r.cfg.Description }

// Outcome is how the round ended, nil before.
func (r *Round) Outcome() *Outcome { return r.outcome }
