package protocol

import "slices"

// second is a further message of a hospital for a slot that it had filled. It
// is kept as evidence, and passed on. Where hospitals that hold the one message
// must follow others that hold the other, it counts beside the first (used).
type second struct {
	post
	content any // nil when the message is malformed: it is evidence and nothing else
	used    bool
}

// acceptSecond keeps a second message for a slot: once as evidence, and
// whenever it is needed.
func (r *Round) acceptSecond(first, m Message, content any) {
	r.accuse(Equivocation, m.From, first, m)
	if m.From != r.cfg.Self && !r.holds(&m) && r.admits(m, content) {
		r.keepSecond(m)
	}
	_ = r.reconsider() // it has no errors
}

func (r *Round) keepSecond(m Message) {
	r.out.Save = append(r.out.Save, Record{Message: &m})
	r.weight[m.From] += len(m.Payload)
	content, err := decodePayload(m.Slot, m.Payload)
	if err != nil || acceptable(r.cfg.Description, r.hash, m, content, r.cfg.Sealer) != nil {
		content = nil
	}
	r.seconds[m.From] = append(r.seconds[m.From], second{post: post{m, m.id()}, content: content})
}

// holds tells whether this very message is kept.
func (r *Round) holds(m *Message) bool {
	id := m.id()
	if known, ok := r.posts[m.From][m.Slot.key()]; ok && known.id == id {
		return true
	}
	for _, s := range r.seconds[m.From] {
		if s.id == id {
			return true
		}
	}
	return false
}

// reconsider lets second messages count that have come to be needed.
func (r *Round) reconsider() error {
	for p := range r.seconds {
		for i := range r.seconds[p] {
			s := &r.seconds[p][i]
			if !s.used && s.content != nil && Party(p) != r.cfg.Self && r.admits(s.message, s.content) {
				s.used = true
				r.file(s.message, s.content)
			}
		}
	}
	return nil
}

// admits tells whether a second message for a slot is needed to follow others:
// a deal that is the one that counts, an answer that is of it, a proposal that hospitals vote for, a vote
// for a proposal that is known, an opening where the first is wrong, the result that
// is found here or that others signed, an abort. How many there can be is bounded by what honest
// hospitals do.
func (r *Round) admits(m Message, content any) bool {
	switch p := content.(type) {
	case dealPayload:
		known := r.deals[m.From]
		if r.counts(m.From, &dealState{payload: p}) != dealHeld || known == nil || known.status == dealHeld {
			return false
		}
		_, boxed := known.payload.box(r.cfg.Self)
		_, boxes := p.box(r.cfg.Self)
		return known.status == dealInvalid || r.counts(m.From, known) != dealHeld || boxes && !boxed ||
			known.payload.Body.Inline == nil && p.Body.Inline != nil
	case answerPayload:
		return r.admitsAnswer(m, p)
	case maskedPayload:
		return r.masks.admits(m.From, p)
	case openPayload:
		known := r.openings[m.From]
		return known != nil && p.Set == r.ballot.decidedID && (known.payload.Set != p.Set || known.bad != "")
	case resultPayload: // a quorum may have signed what it signed for others
		return !slices.ContainsFunc(r.results[m.From], p.agrees) && (p.Reason != "" || p.Sum == r.sumHash || r.signers(p.Sum).Len() > 0)
	case proposalPayload:
		return r.ballotOf(m.Slot.Phase).admitsProposal(m.Slot.View, p)
	case sumPayload:
		return r.sums != nil && r.sums.admits(m, p)
	case votePayload:
		return r.ballotOf(m.Slot.Phase).admitsVote(m, p.Value)
	}
	return false
}

// admitsAnswer tells whether a second answer must count: it is what was dealt, and
// what is here is not, or was not served.
func (r *Round) admitsAnswer(m Message, p answerPayload) bool {
	d, known := r.deals[m.From], r.answers[m.From][m.Slot.Subject]
	if d == nil || known == nil || known.status == dealHeld || r.counts(m.From, d) != dealHeld {
		return false
	}
	ref, _ := p.Body.part(0)
	committed, ok := d.payload.Body.part(m.Slot.Subject)
	return ok && ref.salted(p.Salt) == committed && (known.status == dealInvalid || known.payload.Body.Inline == nil && p.Body.Inline != nil)
}

// admitsProposal tells whether a second proposal of a leader must count: an
// honest hospital votes for it, and what is here of the same value is not
// acceptable.
func (b *ballot) admitsProposal(view uint32, p proposalPayload) bool {
	v, id := b.at(view), p.Choice.id(b.r.hash)
	prevotes, _ := v.count(stepPrevote, id)
	precommits, _ := v.count(stepPrecommit, id)
	if max(prevotes, precommits) <= b.r.t.Liars {
		return false
	}
	for _, known := range v.proposals {
		if known.id == id && b.acceptable(known) {
			return false
		}
	}
	return b.justified(p)
}

// admitsVote tells whether a second vote of a hospital must count: for a value
// that is proposed here, or for none.
func (b *ballot) admitsVote(m Message, value Hash) bool {
	if slices.Contains(b.at(m.Slot.View).votes[m.Slot.Step][m.From], value) {
		return false
	}
	if value == (Hash{}) {
		return true
	}
	for _, v := range b.order {
		if slices.ContainsFunc(v.proposals, func(p *proposalState) bool { return p.id == value }) {
			return true
		}
	}
	return false
}
