package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Verify proves to a third party that the hospital lied: verify checks a
// signature of the roster's hospitals, sealer knows their keys for boxes, and
// scheme is that of the described round, at any hospital, with the roster's key.
// An error says what is not proved. It asks nothing of anybody else.
func (e Evidence) Verify(verify func(from Party, message, signature []byte) bool, sealer Sealer, scheme Scheme) error {
	d, hash := e.Description, e.Description.Hash()
	if err := d.Thresholds.Validate(); err != nil {
		return err
	}
	for i := range e.Messages {
		m := &e.Messages[i]
		if m.Round != d.Round || m.Description != hash || m.From < 1 || int(m.From) > d.Thresholds.Parties {
			return fmt.Errorf("message %d is not of the described round", i+1)
		}
		if !verify(m.From, m.signedBytes(d.Federation, d.Epoch), m.Signature) {
			return fmt.Errorf("message %d is not signed by hospital %d", i+1, m.From)
		}
	}
	own := map[EvidenceKind]int{
		Equivocation: 2, Malformed: 1, BrokenCommitment: 2, InvalidDeal: 1, WrongOpening: 1,
		InvalidAnswer: 2, UnjustifiedProposal: 1, WrongResult: 1,
	}[e.Kind]
	more := e.Kind == WrongOpening || e.Kind == WrongResult
	if own == 0 || len(e.Messages) < own || !more && len(e.Messages) > own {
		return fmt.Errorf("%v with %d messages", e.Kind, len(e.Messages))
	}
	for _, m := range e.Messages[:own] {
		if m.From != e.Liar {
			return fmt.Errorf("a message of hospital %d in evidence against hospital %d", m.From, e.Liar)
		}
	}
	if e.Kind == UnjustifiedProposal {
		return e.verifyProposal(hash, func(m Message) bool {
			return m.From >= 1 && int(m.From) <= d.Thresholds.Parties && verify(m.From, m.signedBytes(d.Federation, d.Epoch), m.Signature)
		})
	}
	return e.verifyKind(hash, sealer, scheme)
}

func (e Evidence) verifyKind(hash Hash, sealer Sealer, scheme Scheme) error {
	first := &e.Messages[0]
	switch e.Kind {
	case Equivocation:
		if second := &e.Messages[1]; first.Slot != second.Slot || bytes.Equal(first.Payload, second.Payload) {
			return errors.New("the messages are not two for one slot")
		}
		return nil
	case Malformed:
		content, err := decodePayload(first.Slot, first.Payload)
		if err == nil {
			err = acceptable(e.Description, hash, *first, content, sealer)
		}
		if err == nil {
			return errors.New("the message is well-formed")
		}
		return nil
	case BrokenCommitment:
		return e.verifyBroken(hash)
	case InvalidDeal:
		deal, err := e.deal(*first)
		if err != nil {
			return err
		}
		return mustBeInvalid(scheme.Check(e.Liar, deal.Body), "deal")
	case InvalidAnswer:
		return e.verifyAnswer(hash, scheme)
	case WrongResult:
		return e.verifyResult()
	}
	if convicting, ok := scheme.(openingsChecker); ok {
		return e.verifyAgainstOthers(convicting)
	}
	return e.verifyOpening(hash, scheme)
}

func (e Evidence) verifyProposal(hash Hash, signed func(Message) bool) error {
	p, err := contentOf[proposalPayload](e.Messages[0])
	if err == nil && p.justified(e.Description, hash, e.Messages[0].Slot.Phase, signed) {
		err = errors.New("the proposal is justified")
	}
	return err
}

// verifyAnswer takes a deal, and the part of it that its dealer published.
func (e Evidence) verifyAnswer(hash Hash, scheme Scheme) error {
	deal, err := contentOf[dealPayload](e.Messages[0])
	if err != nil {
		return err
	}
	answer, err := contentOf[answerPayload](e.Messages[1])
	if err != nil {
		return err
	}
	subject := e.Messages[1].Slot.Subject
	ref, _ := answer.Body.part(0)
	if committed, ok := deal.Body.part(subject); !ok || ref.salted(answer.Salt) != committed {
		return nil
	}
	published, err := e.body(answer.Body)
	if err != nil {
		return err
	}
	part := Body{Public: deal.Body.Public, Parts: map[Party]Source{subject: published.Parts[0]}, Name: deal.Body.dealName(hash, e.Liar)}
	if ref, ok := deal.Body.part(0); ok {
		verified, err := e.body(header{Parts: []partRef{{0, ref}}, Inline: deal.Body.Inline})
		if err != nil {
			return err
		}
		part.Parts[0] = verified.Parts[0]
	}
	return mustBeInvalid(scheme.Check(e.Liar, part), "answer")
}

// verifyResult takes the results of f+1 others, of whom one is honest.
func (e Evidence) verifyResult() error {
	wrong, err := contentOf[resultPayload](e.Messages[0])
	if err != nil {
		return err
	}
	others, signers := e.Messages[1:], NewSet(e.Liar)
	var right Hash
	for _, m := range others {
		result, err := contentOf[resultPayload](m)
		if err != nil {
			return err
		}
		if signers.Has(m.From) || right != (Hash{}) && result.Sum != right {
			return errors.New("the results are not those of others who agree")
		}
		right = result.Sum
		signers.Add(m.From)
	}
	if len(others) <= e.Description.Thresholds.Liars || wrong.Reason != "" || right == (Hash{}) || wrong.Sum == right {
		return errors.New("too few others have another result")
	}
	return nil
}

// verifyAgainstOthers takes the openings of others of the same set.
func (e Evidence) verifyAgainstOthers(scheme openingsChecker) error {
	var posts []Post
	var set Hash
	for i, m := range e.Messages {
		opened, err := contentOf[openPayload](m)
		if err != nil {
			return err
		}
		if i > 0 && opened.Set != set {
			return errors.New("the openings are of different sets")
		}
		set = opened.Set
		body, err := e.body(opened.Body)
		if err != nil {
			return err
		}
		posts = append(posts, Post{m.From, body})
	}
	return mustBeInvalid(scheme.Convicts(set, posts[0], posts[1:]), "opening")
}

func (e Evidence) verifyBroken(hash Hash) error {
	committed, err := contentOf[commitPayload](e.Messages[0])
	if err != nil {
		return err
	}
	deal, err := contentOf[dealPayload](e.Messages[1])
	if err != nil {
		return err
	}
	if commitment(hash, e.Liar, deal.Nonce, deal.Body.root()) == committed.Commitment {
		return errors.New("the deal is the one that was committed to")
	}
	return nil
}

// verifyOpening takes the opening, a proposal of the set that it is for, in scheme
// masked a masked update of it and a proposal of those who joined too, and the
// deals.
func (e Evidence) verifyOpening(hash Hash, scheme Scheme) error {
	checker, ok := scheme.(openingChecker)
	if !ok {
		return fmt.Errorf("scheme %s cannot verify one opening", scheme.Name())
	}
	opened, err := contentOf[openPayload](e.Messages[0])
	if err != nil {
		return err
	}
	rest := e.Messages[1:]
	proposed := func(phase Phase, id Hash) (choice, error) {
		if len(rest) == 0 || rest[0].Slot.Phase != phase {
			return choice{}, errors.New("the set is missing")
		}
		p, err := contentOf[proposalPayload](rest[0])
		if err == nil && p.Choice.id(hash) != id {
			err = errors.New("the opening is of another set")
		}
		rest = rest[1:]
		return p.Choice, err
	}
	c, err := proposed(Agree, opened.Set)
	if err != nil {
		return err
	}
	set := Certified{ID: opened.Set}
	if e.Description.Scheme == SchemeMasked {
		for _, in := range c.Included {
			set.Included = append(set.Included, Post{From: in.Party})
		}
		if set.JoinedID, err = joinedBy(rest, c); err != nil {
			return err
		}
		rest = rest[1:]
		if c, err = proposed(Mask, set.JoinedID); err != nil {
			return err
		}
	}
	if set.Joined, err = e.deals(c, rest, scheme); err != nil {
		return err
	}
	if set.Included == nil {
		set.Included = set.Joined
	}
	body, err := e.body(opened.Body)
	if err != nil {
		return err
	}
	return mustBeInvalid(checker.CheckOpening(set, Post{e.Liar, body}), "opening")
}

// joinedBy is who joined, by the masked update of the first of a set: the set names
// it, and it says so.
func joinedBy(messages []Message, c choice) (joined Hash, err error) {
	if len(messages) == 0 || len(c.Included) == 0 {
		return joined, errors.New("a masked update is missing")
	}
	masked, err := contentOf[maskedPayload](messages[0])
	if err == nil && (messages[0].From != c.Included[0].Party || masked.name() != c.Included[0].Hash) {
		err = errors.New("the masked update is of another set")
	}
	return masked.Joined, err
}

// deals are those that a choice names.
func (e Evidence) deals(c choice, messages []Message, scheme Scheme) (list []Post, err error) {
	if len(c.Included) != len(messages) {
		return nil, errors.New("the opening is of another set")
	}
	for i, in := range c.Included {
		m := messages[i]
		deal, err := e.deal(m)
		if err != nil {
			return nil, err
		}
		if header, _ := contentOf[dealPayload](m); m.From != in.Party || header.Body.root() != in.Hash {
			return nil, fmt.Errorf("the deal of hospital %d is another one", in.Party)
		}
		if err := scheme.Check(m.From, deal.Body); err != nil {
			return nil, fmt.Errorf("the deal of hospital %d: %w", in.Party, err)
		}
		list = append(list, deal)
	}
	return list, nil
}

func mustBeInvalid(err error, what string) error {
	if invalid := (*Invalid)(nil); errors.As(err, &invalid) {
		return nil
	}
	if err == nil {
		return fmt.Errorf("the %s is valid", what)
	}
	return err
}

func contentOf[T any](m Message) (T, error) {
	content, err := decodePayload(m.Slot, m.Payload)
	typed, ok := content.(T)
	if err == nil && !ok {
		err = fmt.Errorf("a message for slot %v where another belongs", m.Slot)
	}
	return typed, err
}

func (e Evidence) deal(m Message) (Post, error) {
	deal, err := contentOf[dealPayload](m)
	if err != nil {
		return Post{}, err
	}
	body, err := e.body(deal.Body)
	body.Name = deal.Body.dealName(e.Description.Hash(), m.From)
	return Post{m.From, body}, err
}

// body is what a header announces for everybody.
func (e Evidence) body(h header) (Body, error) {
	body := Body{Public: h.Public, Parts: map[Party]Source{}}
	for _, part := range h.Parts {
		if part.For != 0 && e.Description.Scheme == SchemeMasked {
			continue // verified apart from the rest
		}
		if part.For != 0 {
			return Body{}, fmt.Errorf("a part for hospital %d alone", part.For)
		}
		if h.Inline != nil {
			body.Parts[0] = h.Inline
			continue
		}
		for _, p := range e.Parts {
			if ref, err := RefOf(p.Source); err == nil && ref == part.Ref {
				body.Parts[0] = p.Source
			}
		}
		if body.Parts[0] == nil {
			return Body{}, errors.New("the content of a message is missing")
		}
	}
	return body, nil
}

const evidenceMagic = "consilium/evidence/1"

// Encode is the canonical encoding of e, to be kept in a file.
func (e Evidence) Encode() ([]byte, error) {
	b := appendBytes(nil, []byte(evidenceMagic))
	b = appendBytes(b, e.Description.Encode())
	b = appendParty(append(b, uint8(e.Kind)), e.Liar)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Messages)))
	for _, m := range e.Messages {
		b = appendBytes(b, m.Encode())
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Parts)))
	for _, part := range e.Parts {
		chunks, err := inMemory(part.Source)
		if err != nil {
			return nil, fmt.Errorf("encode evidence: %w", err)
		}
		b = part.Ref.append(b)
		b = appendInline(b, chunks)
	}
	return b, nil
}

// maxEvidence bounds the messages and the parts of one evidence: an opening, a
// set, and the deals of all.
const maxEvidence = MaxParties + 4

// DecodeEvidence is the inverse of Encode; it accepts nothing else. Nothing is
// verified here.
func DecodeEvidence(data []byte) (Evidence, error) {
	r := reader{data: data}
	if magic := r.bytes(len(evidenceMagic)); r.err != nil || string(magic) != evidenceMagic {
		return Evidence{}, errors.New("decode evidence: this is no evidence file")
	}
	encoded := r.bytes(maxDescription)
	e := Evidence{Kind: EvidenceKind(r.uint8()), Liar: r.party()}
	for range r.count(maxEvidence) {
		m, err := DecodeMessage(r.bytes(MaxMessage))
		if r.err == nil {
			r.err = err
		}
		if r.err != nil {
			break
		}
		e.Messages = append(e.Messages, m)
	}
	for range r.count(maxEvidence) {
		ref := r.ref()
		chunks := r.inline(ref)
		if r.err != nil {
			break
		}
		e.Parts = append(e.Parts, Part{ref, chunks})
	}
	if err := r.end(); err != nil {
		return Evidence{}, fmt.Errorf("decode evidence: %w", err)
	}
	var err error
	if e.Description, err = DecodeDescription(encoded); err != nil {
		return Evidence{}, fmt.Errorf("decode evidence: %w", err)
	}
	return e, nil
}
