package protocol

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Session is one hospital's way through the rounds of a study: it routes
// messages to the round that they belong to, keeps those of the next round
// until it begins, answers hospitals that are behind, and finds out when this
// hospital is behind itself. Like a Round it is a pure machine.
type Session struct {
	cfg      SessionConfig
	next     uint64  // the round to begin next
	current  *Round  // nil before the first
	previous archive // what was posted in the round before, for slower hospitals
	ahead    []ahead
	behind   uint64 // ticks for which a quorum has been in a later round
}

// SessionConfig is what stays the same in all rounds of a study.
type SessionConfig struct {
	Self       Party
	Federation string
	Epoch      uint64
	Thresholds Thresholds
	Signer     Signer
	// Patience is how many ticks to go on with a round by oneself after a
	// quorum has left it, before giving it up and following.
	Patience uint64
}

// archive is what was posted in a round that is over.
type archive struct {
	round uint64
	posts []post
}

// ahead is what one hospital has said of rounds that this one has not begun.
type ahead struct {
	described *Message // the latest description
	payload   describePayload
	early     []Message // of the round that this hospital begins next
}

// maxEarly bounds what is kept of one hospital for the next round: it can post
// a few messages per phase before the slowest has begun.
const maxEarly = 32

// NewSession is a session whose first round will be next.
func NewSession(cfg SessionConfig, next uint64) *Session {
	return &Session{cfg: cfg, next: next, ahead: make([]ahead, cfg.Thresholds.Parties+1)}
}

// Begin makes r the current round and hands it the messages that came early.
// Errors are those of Step for these messages.
func (s *Session) Begin(r *Round) (Effects, []error) {
	if s.current != nil && s.current.outcome != nil {
		s.previous = archive{s.current.cfg.Description.Round, s.current.held()}
	}
	s.current, s.next, s.behind = r, r.cfg.Description.Round+1, 0
	early := []Message{}
	for p := range s.ahead {
		early = append(early, s.ahead[p].early...)
		s.ahead[p].early = nil
	}
	var out Effects
	var errs []error
	for _, m := range early {
		if m.Round != r.cfg.Description.Round {
			continue
		}
		effects, err := r.Step(Received{m})
		out.add(effects)
		if err != nil {
			errs = append(errs, err)
		}
	}
	return out, errs
}

// Recall tells what was posted in a round that is over. A hospital that
// finished it answers slower ones with that, and may be the only one that can:
// the posts must outlive a crash, so the caller keeps them, with the parts that
// they name, until the round after that is over, too.
func (s *Session) Recall(round uint64, posts []Message) {
	s.previous = archive{round: round}
	for _, m := range posts {
		s.previous.posts = append(s.previous.posts, post{m, m.id()})
	}
}

// Round is the current round, nil before the first.
func (s *Session) Round() *Round { return s.current }

// Step lets an event happen in the round that it belongs to. Errors are those
// of Round.Step.
func (s *Session) Step(e Event) (Effects, error) {
	if m, ok := e.(Received); ok && (s.current == nil || m.Message.Round != s.current.cfg.Description.Round) {
		return Effects{}, s.receiveOther(m.Message)
	}
	var out Effects
	var err error
	if s.current != nil {
		out, err = s.current.Step(e)
	}
	if _, ok := e.(Ticked); ok && err == nil {
		out.Behind = s.lagging()
	}
	return out, err
}

// receiveOther files a message of another round than the current one.
func (s *Session) receiveOther(m Message) error {
	if m.From < 1 || int(m.From) >= len(s.ahead) {
		return &Refusal{Why: fmt.Sprintf("sender %d is not in a roster of %d", m.From, s.cfg.Thresholds.Parties)}
	}
	if m.Round < s.next || m.From == s.cfg.Self {
		return nil // of a round that is over, or an echo
	}
	if !s.cfg.Signer.Verify(m.From, m.signedBytes(s.cfg.Federation, s.cfg.Epoch), m.Signature) {
		return unsigned(m)
	}
	a := &s.ahead[m.From]
	if m.Slot == (Slot{Phase: Describe}) && (a.described == nil || m.Round > a.described.Round) {
		p, err := decodeDescribe(m.Payload)
		if err != nil || digest("consilium/description/1", p.Description) != m.Description {
			return &Refusal{From: m.From, Lie: true, Why: "the description is not the one that the message is signed for"}
		}
		a.described, a.payload = &m, p
	}
	if m.Round == s.next && len(a.early) < maxEarly && !slices.ContainsFunc(a.early, func(e Message) bool { return e.id() == m.id() }) {
		a.early = append(a.early, m)
	}
	return nil
}

// lagging returns the description of a round that a quorum has begun and this
// hospital cannot reach by itself any more.
func (s *Session) lagging() *Description {
	votes := map[Hash]int{}
	for p := range s.ahead {
		a := &s.ahead[p]
		if a.described == nil || a.described.Round < s.next {
			continue
		}
		if votes[a.described.Description]++; votes[a.described.Description] < s.cfg.Thresholds.Quorum() {
			continue
		}
		if a.described.Round == s.next && (s.current == nil || s.current.outcome != nil) {
			return nil // just about to begin it
		}
		if s.behind++; s.behind <= s.cfg.Patience && a.described.Round == s.next {
			return nil // its messages may still come
		}
		d, err := DecodeDescription(a.payload.Description)
		if err != nil {
			return nil
		}
		return &d
	}
	return nil
}

// Query asks another hospital for what this one has missed.
type Query struct {
	Round  uint64
	Digest []byte
}

// MaxQuery bounds an encoded query among so many hospitals: whatever liars post,
// what is kept of a round fits.
func MaxQuery(parties int) int {
	return 8 + len(MessageID{})*parties*Thresholds{Parties: parties}.mostPosts()
}

// Encode is the canonical encoding of q.
func (q Query) Encode() []byte {
	return append(binary.BigEndian.AppendUint64(nil, q.Round), q.Digest...)
}

// DecodeQuery is the inverse of Encode; it accepts nothing else.
func DecodeQuery(data []byte) (Query, error) {
	if len(data) > MaxQuery(MaxParties) || len(data) < 8 || (len(data)-8)%len(MessageID{}) != 0 {
		return Query{}, fmt.Errorf("decode query: %d bytes", len(data))
	}
	return Query{binary.BigEndian.Uint64(data), data[8:]}, nil
}

// Query says where this hospital is and what it holds. A hospital that has
// finished a round is at the next, and holds nothing of that.
func (s *Session) Query() Query {
	if s.current == nil || s.current.outcome != nil {
		return Query{Round: s.next}
	}
	return Query{s.current.cfg.Description.Round, s.current.Digest()}
}

// Answer lists the messages that help the sender of a query: what it lacks of
// its round, and if this hospital is further, the descriptions of the round
// that it is in.
func (s *Session) Answer(q Query) ([]Message, error) {
	if s.current != nil && q.Round == s.current.cfg.Description.Round {
		return s.current.Missing(q.Digest)
	}
	var answer []Message
	if q.Round == s.previous.round {
		missing, err := missingOf(s.previous.posts, q.Digest)
		if err != nil {
			return nil, err
		}
		answer = missing
	}
	if s.current == nil || q.Round > s.current.cfg.Description.Round {
		return answer, nil
	}
	for p := range s.current.posts {
		if m, ok := s.current.posts[p][Slot{Phase: Describe}.key()]; ok {
			answer = append(answer, m.message)
		}
	}
	return answer, nil
}
