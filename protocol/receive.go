package protocol

import "fmt"

// receive accepts a message or says why not.
func (r *Round) receive(m Message) error {
	if m.From < 1 || int(m.From) >= len(r.posts) {
		return &Refusal{Why: fmt.Sprintf("sender %d is not in a roster of %d", m.From, r.t.Parties)}
	}
	if m.Round != r.cfg.Description.Round {
		return &Refusal{From: m.From, Why: fmt.Sprintf("round %d in round %d", m.Round, r.cfg.Description.Round)}
	}
	if r.holds(&m) {
		return nil
	}
	if !r.cfg.Signer.Verify(m.From, m.signedBytes(r.cfg.Description.Federation, r.cfg.Description.Epoch), m.Signature) {
		return unsigned(m)
	}
	if m.Description != r.hash {
		return r.refuseOther(m)
	}
	return r.acceptSigned(m)
}

func unsigned(m Message) *Refusal {
	return &Refusal{From: m.From, Unsigned: true, Why: "the signature does not verify in this federation and epoch"}
}

// refuseOther explains a message that was signed for another description of
// this round.
func (r *Round) refuseOther(m Message) error {
	refusal := &Refusal{From: m.From, Why: "it describes the round differently"}
	if m.Slot.Phase != Describe {
		return refusal
	}
	p, err := decodeDescribe(m.Payload)
	if err != nil {
		return refusal
	}
	other, err := DecodeDescription(p.Description)
	if err != nil || other.Hash() != m.Description {
		return refusal
	}
	refusal.Why += ": " + r.cfg.Description.Differences(other)
	refusal.Described = &other
	return refusal
}

// acceptSigned keeps a message whose signature was verified.
func (r *Round) acceptSigned(m Message) error {
	known, filled := r.posts[m.From][m.Slot.key()]
	if filled && known.message.payloadHash() == m.payloadHash() {
		return nil // the same, signed again
	}
	if m.From == r.cfg.Self && !filled {
		// Signed by this hospital, which has no record of it: its store was lost
		// or put back from a backup. It must not sign in this round again.
		r.amnesiac = true
		return &Refusal{From: m.From, Why: fmt.Sprintf("this hospital signed slot %v and does not remember: it sits out round %d", m.Slot, m.Round)}
	}
	content, err := decodePayload(m.Slot, m.Payload)
	if err == nil {
		err = acceptable(r.cfg.Description, r.hash, m, content, r.cfg.Sealer)
	}
	if err != nil {
		r.accuse(Malformed, m.From, m)
		return &Refusal{From: m.From, Lie: true, Why: err.Error()}
	}
	if err := r.fits(content); err != nil {
		return &Refusal{From: m.From, Why: err.Error()}
	}
	if len(r.posts[m.From])+len(r.seconds[m.From]) >= r.t.mostPosts() || r.weight[m.From]+len(m.Payload) > maxWeight {
		return &Refusal{From: m.From, Why: "more messages in one round than an honest hospital sends"}
	}
	if b := r.ballotFor(m.Slot); b != nil && m.Slot.View > b.view+maxAhead {
		b.highest[m.From] = max(b.highest[m.From], int64(m.Slot.View)) // L55 needs no more
		r.changed = true
		return nil
	}
	r.accept(m, content)
	if filled {
		return &Refusal{From: m.From, Lie: true, Why: fmt.Sprintf("a second message for slot %v", m.Slot)}
	}
	return nil
}

// accept saves and keeps a message, or what there is to keep of a second one
// for its slot.
func (r *Round) accept(m Message, content any) {
	if known, filled := r.posts[m.From][m.Slot.key()]; filled {
		r.acceptSecond(known.message, m, content)
		return
	}
	r.out.Save = append(r.out.Save, Record{Message: &m})
	r.weight[m.From] += len(m.Payload)
	r.keep(m, content)
}

// fits bounds the parts that a message announces by what the scheme has in a
// part, before anybody fetches them.
func (r *Round) fits(content any) error {
	limit := r.scheme.PartSize()
	body := header{}
	switch p := content.(type) {
	case dealPayload:
		body = p.Body
		for _, b := range p.Boxes {
			if b.Ref.Size > boxed(limit) {
				return fmt.Errorf("a box of %d bytes", b.Ref.Size)
			}
		}
	case boxPayload:
		if p.Box.Ref.Size > boxed(limit) {
			return fmt.Errorf("a box of %d bytes", p.Box.Ref.Size)
		}
	case maskedPayload:
		return p.fits(r.cfg.Description)
	case openPayload:
		body = p.Body
	case resultPayload:
		if size := 8 * r.cfg.Description.Length; p.At != (Ref{}) && p.At.Size != size {
			return fmt.Errorf("a sum of %d bytes instead of %d", p.At.Size, size)
		}
	case answerPayload:
		body = p.Body
	}
	for _, part := range body.Parts {
		if part.Ref.Size > limit {
			return fmt.Errorf("a part of %d bytes, at most %d", part.Ref.Size, limit)
		}
	}
	return nil
}

// boxed is what a part of so many bytes weighs at most when it is sealed.
func boxed(size uint64) uint64 { return 2*size + maxKey + 1024 }

// maxView bounds the views of an agreement. An honest hospital would need months
// of timeouts to get there.
const maxView = 1 << 20

// maxAhead is how many views ahead of a hospital's own a message is kept. Who is
// further behind moves up first, and is told again what was said there.
const maxAhead = 64

// ballotFor is the agreement that a message of this slot is of, nil for others.
func (r *Round) ballotFor(s Slot) *ballot {
	if s.Phase == Agree || s.Phase == Mask && s.Step <= stepPrecommit {
		return r.ballotOf(s.Phase)
	}
	return nil
}

// decodePayload decodes the payload of a slot; it refuses slots that no
// message fills.
func decodePayload(s Slot, payload []byte) (content any, err error) {
	subject := s.Phase == Combine && s.Step == stepSum // or none
	viewed := s.Phase == Attest || s.Phase == Agree || s.Phase == Mask && s.Step != stepMasked
	about := s.Phase == Deal && s.Step == stepBox || s.Phase == Check
	if (s.Subject != 0) != about && !subject || s.View != 0 && !viewed || s.View > maxView {
		return nil, fmt.Errorf("no message fills slot %v", s)
	}
	switch {
	case s.Phase == Describe && s.Step == 0:
		content, err = decodeDescribe(payload)
	case s.Phase == Commit && s.Step == stepCommitment:
		content, err = decodeCommit(payload)
	case s.Phase == Commit && s.Step == stepList:
		content, err = decodeList(payload)
	case s.Phase == Deal && s.Step == stepDeal:
		content, err = decodeDeal(payload)
	case s.Phase == Deal && s.Step == stepBox:
		content, err = decodeBox(payload)
	case s.Phase == Check && s.Step == 0:
		content, err = decodeAnswer(payload)
	case s.Phase == Attest && s.Step == 0, s.Phase == Mask && s.Step == stepAttestMasked:
		content, err = decodeAttest(payload)
	case (s.Phase == Agree || s.Phase == Mask) && s.Step == stepPropose:
		content, err = decodeProposal(payload)
	case (s.Phase == Agree || s.Phase == Mask) && (s.Step == stepPrevote || s.Step == stepPrecommit):
		content, err = decodeVote(payload)
	case s.Phase == Mask && s.Step == stepMasked:
		content, err = decodeMasked(payload)
	case s.Phase == Open && s.Step == 0:
		content, err = decodeOpen(payload)
	case s.Phase == Combine && s.Step == stepSum:
		content, err = decodeSum(payload)
	case s.Phase == Combine && s.Step == 0:
		content, err = decodeResult(payload)
	default:
		return nil, fmt.Errorf("no message fills slot %v", s)
	}
	if err != nil {
		return nil, fmt.Errorf("slot %v: %w", s, err)
	}
	return content, nil
}

// acceptable checks what needs more than the payload, and no more than the
// description of the round and to know a key when one sees it.
func acceptable(d Description, hash Hash, m Message, content any, sealer Sealer) error {
	if m.Slot.Phase == Mask && d.Scheme != SchemeMasked {
		return fmt.Errorf("scheme %s has no phase mask", d.Scheme)
	}
	switch p := content.(type) {
	case describePayload:
		if digest("consilium/description/1", p.Description) != hash {
			return fmt.Errorf("the description is not the one that the message is signed for")
		}
		if err := sealer.CheckKey(p.Key); err != nil {
			return fmt.Errorf("the key to seal boxes to is none: %w", err)
		}
	case listPayload:
		return inRoster(p.Commitments, d.Thresholds.Parties)
	case attestPayload:
		slicing := d.slicingAt(m.Slot)
		if most := uint32(d.Thresholds.Parties + 64 + 8*slicing.claimSize()); m.Slot.View > most { // an honest one when it holds another deal, or slice
			return fmt.Errorf("attestation %d, at most %d", m.Slot.View, most)
		}
		if !slicing.fits(p.Claim) {
			return fmt.Errorf("a claim of %d bytes on slices; %d belong there", len(p.Claim), slicing.claimSize())
		}
		return inRoster(p.Held, d.Thresholds.Parties)
	case boxPayload:
		if p.Box.To != m.Slot.Subject {
			return fmt.Errorf("a box for hospital %d in the slot of hospital %d", p.Box.To, m.Slot.Subject)
		}
	case sumPayload:
		return p.fits(d.Slicing(), m)
	case openPayload:
		if len(p.Body.Parts) != 1 || p.Body.Parts[0].For != 0 { // and else it could not be shown to a third party
			return fmt.Errorf("an opening has one part, for everybody")
		}
	case proposalPayload:
		if leader := d.leader(m.Slot.View); m.From != leader {
			return fmt.Errorf("a proposal in view %d, which hospital %d leads", m.Slot.View, leader)
		}
		if p.ValidView > m.Slot.View {
			return fmt.Errorf("a proposal in view %d that leans on view %d", m.Slot.View, p.ValidView-1)
		}
	}
	return nil
}

// inRoster refuses a list with somebody in it who is not.
func inRoster(list []named, parties int) error {
	if last := len(list) - 1; last >= 0 && int(list[last].Party) > parties {
		return fmt.Errorf("hospital %d is not in a roster of %d", list[last].Party, parties)
	}
	return nil
}

// keep files a message under its sender and slot, and its content.
func (r *Round) keep(m Message, content any) {
	from := m.From
	r.posts[from][m.Slot.key()] = post{m, m.id()}
	r.file(m, content)
}

// file puts the content of a message where the rules look for it.
func (r *Round) file(m Message, content any) {
	from := m.From
	if r.outcome != nil { // only to be passed on
		if p, ok := content.(resultPayload); ok {
			r.results[from] = append(r.results[from], p)
			r.blameResult(from)
		}
		return
	}
	r.changed = true
	switch p := content.(type) {
	case describePayload:
		r.described.Add(from)
		r.keys[from] = p.Key
	case commitPayload:
		r.commits[from] = &p
		r.committed.Add(from)
		if (p.Commitment == Hash{}) {
			r.abstained.Add(from)
		}
	case listPayload:
		r.keepList(from, p)
	case dealPayload:
		r.deals[from] = &dealState{payload: p}
		if from == r.cfg.Self {
			r.boxed.Add(from)
			for _, b := range p.Boxes {
				r.boxed.Add(b.To)
			}
		}
	case boxPayload:
		if from == r.cfg.Self {
			r.boxed.Add(p.Box.To)
		}
		if p.Box.To == r.cfg.Self {
			r.boxes[from] = &p.Box
		}
	case answerPayload:
		r.answers[from][m.Slot.Subject] = &answerState{message: m, payload: p}
	case attestPayload:
		r.attestsOf(m.Slot.Phase).keep(m, p)
	case proposalPayload, votePayload:
		r.ballotOf(m.Slot.Phase).keep(m, content)
	case maskedPayload:
		r.masks.keep(from, p)
	case openPayload:
		r.openings[from] = &openingState{payload: p}
	case sumPayload:
		r.sums.keep(m, p)
	case resultPayload:
		r.results[from] = append(r.results[from], p)
	}
}
