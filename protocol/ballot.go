package protocol

import "slices"

// ballot is the one-shot agreement on the choice of a round: Algorithm 1 of
// "The latest gossip on BFT consensus" (arXiv 1807.04938), for one height. L22
// and so on are the lines of that algorithm; a round of the paper is a view
// here, because a round is something else in this package.
//
// 2f+1 of the paper is the quorum q = ⌊(n+f)/2⌋+1. It is safe for n > 3f
// without any clock, and with f = 0 it stands every crash that leaves q
// hospitals.
//
// Where the paper keeps step_p and lockedValue_p in variables, a ballot reads
// them off this hospital's own votes, which are durable before they are sent:
// so a restart cannot forget a lock.
type ballot struct {
	r       *Round
	phase   Phase         // of its messages
	attests *attestations // what it is about
	started bool
	view    uint32
	since   uint64 // tick at which the view began
	views   map[uint32]*ballotView
	order   []*ballotView // views in the order in which they were first heard of
	highest []int64       // highest view of a message, by party; −1 for none

	lockedView int64 // −1 for none
	locked     Hash
	validView  int64 // −1 for none
	valid      *proposalState

	decidedID Hash
	decided   *choice
}

// ballotView is what is held of one view.
//
// A liar may propose, or vote for, one value here and another one there. Its
// first message counts, and a second one beside it where hospitals follow it
// (Round.admits): the paper takes for granted that what one correct process
// received is received by all. Nothing is decided by that, because two quorums
// share more than f hospitals.
type ballotView struct {
	proposals   []*proposalState            // the first to come counts first
	votes       [stepPrecommit + 1][][]Hash // by step, by party
	prevotesAt  *uint64                     // when a quorum of prevotes, for whatever value, was first held
	precommitAt *uint64
}

type proposalState struct {
	message Message
	payload proposalPayload
	id      Hash
	checked bool
	ok      bool
}

func newBallot(r *Round, phase Phase, attests *attestations) *ballot {
	b := &ballot{r: r, phase: phase, attests: attests, views: map[uint32]*ballotView{}, lockedView: -1, validView: -1}
	b.highest = make([]int64, r.t.Parties+1)
	for p := range b.highest {
		b.highest[p] = -1
	}
	return b
}

// leader of a view rotates with it, and from round to round.
func (d Description) leader(view uint32) Party {
	return Party((d.Round+uint64(view))%uint64(d.Thresholds.Parties)) + 1
}

func (b *ballot) leader(view uint32) Party { return b.r.cfg.Description.leader(view) }

func (b *ballot) at(view uint32) *ballotView {
	v := b.views[view]
	if v == nil {
		v = &ballotView{}
		for step := range v.votes {
			v.votes[step] = make([][]Hash, b.r.t.Parties+1)
		}
		b.views[view] = v
		b.order = append(b.order, v)
	}
	return v
}

// keep files a message of the ballot. This hospital's own messages, also those
// of before a restart, set its view and its lock.
func (b *ballot) keep(m Message, content any) {
	view := m.Slot.View
	v := b.at(view)
	b.highest[m.From] = max(b.highest[m.From], int64(view))
	switch p := content.(type) {
	case proposalPayload:
		v.proposals = append(v.proposals, &proposalState{message: m, payload: p, id: p.Choice.id(b.r.hash)})
	case votePayload:
		v.votes[m.Slot.Step][m.From] = append(v.votes[m.Slot.Step][m.From], p.Value)
	}
	if m.From != b.r.cfg.Self {
		return
	}
	b.started = true
	if view > b.view {
		b.enter(view)
	}
	if vote, ok := content.(votePayload); ok && m.Slot.Step == stepPrecommit && vote.Value != (Hash{}) && int64(view) > b.lockedView {
		b.lockedView, b.locked = int64(view), vote.Value // L38, L39
	}
}

func (b *ballot) enter(view uint32) {
	b.view, b.since = view, b.r.tick
	b.r.changed = true
}

// count is how many hospitals cast this vote in a view; any counts all who cast
// a vote.
func (v *ballotView) count(step uint8, id Hash) (same, any int) {
	for _, votes := range v.votes[step] {
		if len(votes) > 0 {
			any++
		}
		if slices.Contains(votes, id) {
			same++
		}
	}
	return same, any
}

// advance applies the rules of the algorithm that have come true.
func (b *ballot) advance() error {
	if b.decided != nil || b.decide() {
		return nil
	}
	if !b.started {
		if !b.mayStart() {
			return nil
		}
		b.started, b.since = true, b.r.tick
	}
	b.catchUp()
	b.remember()
	for _, rule := range []func(*ballotView) error{b.propose, b.prevote, b.precommit, b.timeouts} {
		if err := rule(b.at(b.view)); err != nil {
			return err
		}
	}
	return nil
}

// mayStart tells whether to take part: there is something to propose and no
// one left to wait for, or an honest hospital has begun.
func (b *ballot) mayStart() bool {
	begun := 0
	for _, view := range b.highest {
		if view >= 0 {
			begun++
		}
	}
	if begun > b.r.t.Liars {
		return true
	}
	if b.stalled() {
		return true
	}
	deadline := uint64(b.r.cfg.Description.Deadlines.Attest)
	if b.attests == b.r.attests && b.r.scheme.MostAnswers() > 0 { // whose box is lost attests when its deadline for deals has passed
		deadline += uint64(b.r.cfg.Description.Deadlines.Deal)
	}
	if !b.attests.complete(deadline) {
		return false
	}
	if b.awaitsAnswer() && b.r.tick-b.attests.began < deadline {
		return false
	}
	_, ok := b.attests.candidate()
	return ok
}

// decide is L49: a proposal with a quorum of precommits, in whatever view.
func (b *ballot) decide() bool {
	for _, v := range b.order {
		for _, p := range v.proposals {
			if n, _ := v.count(stepPrecommit, p.id); n >= b.r.t.Quorum() && b.acceptable(p) {
				b.decided, b.decidedID = &p.payload.Choice, p.id
				b.r.changed = true
				return true
			}
		}
	}
	return false
}

// proposalOf finds a proposal of the value with this name.
func (b *ballot) proposalOf(id Hash) (Message, bool) {
	for view := range b.views {
		m, ok := b.r.messageOf(b.leader(view), Slot{Phase: b.phase, View: view, Step: stepPropose}, func(content any) bool {
			return content.(proposalPayload).Choice.id(b.r.hash) == id
		})
		if ok {
			return m, true
		}
	}
	return Message{}, false
}

// catchUp is L55: when f+1 hospitals are in later views, so is an honest one.
func (b *ballot) catchUp() {
	for {
		ahead, nearest := 0, int64(-1)
		for _, view := range b.highest {
			if view > int64(b.view) {
				ahead++
				if nearest < 0 || view < nearest {
					nearest = view
				}
			}
		}
		if ahead <= b.r.t.Liars {
			return
		}
		b.enter(uint32(nearest))
	}
}

// propose is L14 to L19. A leader that has nothing valid to propose waits; the
// others' timeouts pass the lead on.
func (b *ballot) propose(v *ballotView) error {
	if b.leader(b.view) != b.r.cfg.Self || len(v.proposals) > 0 {
		return nil
	}
	slot := Slot{Phase: b.phase, View: b.view, Step: stepPropose}
	if b.validView >= 0 {
		p := b.valid.payload
		p.ValidView = uint32(b.validView) + 1
		return b.r.say(slot, p.encode())
	}
	if b.awaitsAnswer() && b.r.tick-b.since < uint64(b.r.cfg.Description.Deadlines.View)/2 {
		return nil
	}
	c, ok := b.attests.candidate()
	if !ok && !b.stalled() {
		return nil
	}
	return b.r.say(slot, b.attests.justify(c).encode())
}

// prevote is L22 and L28: for a proposal that is valid and does not contradict
// a lock.
func (b *ballot) prevote(v *ballotView) error {
	for _, p := range v.proposals {
		if v.votes[stepPrevote][b.r.cfg.Self] != nil || v.votes[stepPrecommit][b.r.cfg.Self] != nil {
			return nil
		}
		if err := b.prevoteFor(p); err != nil {
			return err
		}
	}
	return nil
}

func (b *ballot) prevoteFor(p *proposalState) error {
	free := b.lockedView < 0 || b.locked == p.id
	if leans := int64(p.payload.ValidView) - 1; leans >= 0 {
		if n, _ := b.at(uint32(leans)).count(stepPrevote, p.id); leans >= int64(b.view) || n < b.r.t.Quorum() {
			return nil // L28 waits for the prevotes that the proposal leans on
		}
		free = free || b.lockedView <= leans
	} else if b.locked != p.id && b.excludes(p.payload.Choice) {
		free = false // nothing is certified of it yet, and everybody will hold what speaks against it
	}
	if free && b.acceptable(p) {
		return b.vote(stepPrevote, p.id)
	}
	return b.vote(stepPrevote, Hash{})
}

// remember is L42 and L43, for every view up to this one: valid values are not
// among the votes, so after a restart they are found again.
func (b *ballot) remember() {
	for view, v := range b.views {
		if int64(view) <= b.validView || view > b.view || view == b.view && v.votes[stepPrevote][b.r.cfg.Self] == nil {
			continue
		}
		for _, p := range v.proposals {
			if n, _ := v.count(stepPrevote, p.id); n >= b.r.t.Quorum() && b.acceptable(p) {
				b.valid, b.validView = p, int64(view)
				break
			}
		}
	}
}

// precommit is L36 and L44.
func (b *ballot) precommit(v *ballotView) error {
	self := b.r.cfg.Self
	if v.votes[stepPrevote][self] == nil {
		return nil
	}
	for _, p := range v.proposals {
		if n, _ := v.count(stepPrevote, p.id); n >= b.r.t.Quorum() && v.votes[stepPrecommit][self] == nil && b.acceptable(p) {
			return b.vote(stepPrecommit, p.id)
		}
	}
	if n, _ := v.count(stepPrevote, Hash{}); n >= b.r.t.Quorum() && v.votes[stepPrecommit][self] == nil {
		return b.vote(stepPrecommit, Hash{})
	}
	return nil
}

// timeouts are L34, L47 and L57 to L67.
func (b *ballot) timeouts(v *ballotView) error {
	r, self := b.r, b.r.cfg.Self
	patience := uint64(r.cfg.Description.Deadlines.View) * (1 + uint64(min(b.view, 15)))
	mark := func(at **uint64, any int) bool { // the first time a quorum of votes is held
		if *at == nil && any >= r.t.Quorum() {
			now := r.tick
			*at = &now
		}
		return *at != nil && r.tick-**at >= patience
	}
	_, prevotes := v.count(stepPrevote, Hash{})
	nils, precommits := v.count(stepPrecommit, Hash{})
	prevotesOver := mark(&v.prevotesAt, prevotes)
	precommitsOver := mark(&v.precommitAt, precommits)
	switch {
	case precommitsOver || nils >= r.t.Quorum(): // a quorum of nils: nothing can be decided in this view
		b.enter(b.view + 1)
	case v.votes[stepPrevote][self] == nil:
		if r.absent.Has(b.leader(b.view)) || r.tick-b.since >= patience {
			return b.vote(stepPrevote, Hash{})
		}
	case v.votes[stepPrecommit][self] == nil:
		if prevotesOver {
			return b.vote(stepPrecommit, Hash{})
		}
	}
	return nil
}

func (b *ballot) vote(step uint8, id Hash) error {
	return b.r.say(Slot{Phase: b.phase, View: b.view, Step: step}, votePayload{id}.encode())
}

// acceptable is valid(v) of the paper: enough holders, enough deals, and signed
// attestations that every holder holds every included deal. Whether a proposal
// is acceptable depends on the proposal alone, so all honest hospitals agree.
func (b *ballot) acceptable(p *proposalState) bool {
	if !p.checked {
		p.checked, p.ok = true, b.justified(p.payload)
		if !p.ok {
			b.r.accuse(UnjustifiedProposal, p.message.From, p.message)
		}
	}
	return p.ok
}

func (b *ballot) justified(p proposalPayload) bool {
	return p.justified(b.r.cfg.Description, b.r.hash, b.phase, b.r.signed)
}

// justified judges a proposal in one of the agreements of a round, by its phase.
func (p proposalPayload) justified(d Description, hash Hash, phase Phase, signed func(Message) bool) bool {
	c, t := p.Choice, d.Thresholds
	if c.aborts() {
		return len(p.Attests) == 0 && len(p.Roots) == 0
	}
	all := AllOf(t.Parties)
	if c.Holders.Len() < t.Parties-t.Missing() || !c.Holders.Within(all) ||
		len(c.Included) < t.SmallestSet() || !c.set().Within(all) {
		return false
	}
	slicing, claims := d.slicingAt(d.attestSlot(phase)), make([]claim, t.Parties+1)
	var attesting Set
	for _, row := range p.Attests {
		if row.From < 1 || !all.Has(row.From) {
			return false
		}
		m := p.attestation(d.attestSlot(phase), row, hash, d.Round)
		content, err := decodeAttest(m.Payload)
		if err != nil || !slicing.fits(content.Claim) || !attestsAll(content, c.Included) || !signed(m) {
			return false
		}
		attesting.Add(row.From)
		claims[row.From] = content.Claim
	}
	return c.Holders.Within(attesting) && len(slicing.uncovered(c.Holders, func(p Party) claim { return claims[p] })) == 0
}

// signed verifies a message, unless it is held already.
func (r *Round) signed(m Message) bool {
	if r.holds(&m) {
		return true
	}
	return r.cfg.Signer.Verify(m.From, m.signedBytes(r.cfg.Description.Federation, r.cfg.Description.Epoch), m.Signature)
}
