package protocol

import "testing"

// at is a world of four in which hospital 1 holds all attestations and has seen
// no proposal yet, and the proposal that it would make.
func atAgreement(t *testing.T) (*world, *Round, proposalPayload) {
	t.Helper()
	w := newWorld(t, 4)
	w.run(Agree)
	r := w.rounds[1]
	c, ok := r.attests.candidate()
	if !ok {
		t.Fatal("there is nothing to propose")
	}
	w.sent = nil
	return w, r, r.attests.justify(c)
}

// withRow replaces the attestation of hospital 3 by another one that it signed
// over these deals.
func withRow(w *world, p proposalPayload, held []named) proposalPayload {
	m := w.message(3, Slot{Phase: Attest, View: 1}, attestPayload{Held: held}.encode())
	row := attestRow{From: 3, View: 1, Held: make([]byte, (len(p.Roots)+7)/8), Signature: m.Signature}
	for i, e := range p.Roots {
		if root, ok := find(held, e.Party); ok && root == e.Hash {
			row.Held[i/8] |= 1 << (i % 8)
		}
	}
	p.Attests = append([]attestRow{}, p.Attests...)
	p.Attests[2] = row
	return p
}

// badProposals are those that no honest hospital may vote for, whoever leads.
func badProposals(w *world, good proposalPayload) map[string]proposalPayload {
	change := func(change func(*proposalPayload)) proposalPayload {
		p := good
		p.Attests = append([]attestRow{}, good.Attests...)
		p.Choice.Included = append([]named{}, good.Choice.Included...)
		change(&p)
		return p
	}
	return map[string]proposalPayload{
		"an attestation that its sender did not sign": change(func(p *proposalPayload) {
			p.Attests[2].View, p.Attests[2].Signature = 1, make([]byte, SignatureSize)
		}),
		"a holder that does not hold an included deal": withRow(w, good, good.Choice.Included[1:]),
		"a holder that does not attest":                change(func(p *proposalPayload) { p.Attests = p.Attests[:3] }),
		"fewer holders than n−f−c":                     change(func(p *proposalPayload) { p.Choice.Holders = NewSet(1, 2) }),
		"fewer deals than the smallest set":            change(func(p *proposalPayload) { p.Choice.Included = p.Choice.Included[:2] }),
		"a deal by another root":                       change(func(p *proposalPayload) { p.Choice.Included[0].Hash = Hash{1} }),
		"a holder out of the roster":                   change(func(p *proposalPayload) { p.Choice.Holders.Add(5) }),
	}
}

// "Whether a proposal is acceptable depends on the proposal alone."
func TestBadProposalsAreNotAcceptable(t *testing.T) {
	w, r, good := atAgreement(t)
	if !r.ballot.justified(good) || !r.ballot.justified(withRow(w, good, good.Choice.Included)) {
		t.Fatal("a good proposal is not acceptable: the test shows nothing")
	}
	for name, bad := range badProposals(w, good) {
		if r.ballot.justified(bad) {
			t.Errorf("%s is acceptable", name)
		}
	}
}

func (w *world) vote(from Party, view uint32, step uint8, id Hash) Message {
	return w.message(from, Slot{Phase: Agree, View: view, Step: step}, votePayload{id}.encode())
}

func (w *world) deliver(to Party, messages ...Message) {
	w.t.Helper()
	for _, m := range messages {
		if err := w.step(to, Received{m}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// own is the vote of hospital 1 in a view, nil before it has voted.
func own(r *Round, view uint32, step uint8) *Hash {
	if votes := r.ballot.at(view).votes[step][1]; len(votes) > 0 {
		return &votes[0]
	}
	return nil
}

// Even when a quorum signs a proposal that is not acceptable, an honest hospital
// neither votes for it nor decides it.
func TestBadProposalsGetNoVote(t *testing.T) {
	_, _, good := atAgreement(t)
	base, _, _ := atAgreement(t)
	for name, bad := range badProposals(base, good) {
		w, r, _ := atAgreement(t)
		id := bad.Choice.id(r.hash)
		w.deliver(1, w.message(2, Slot{Phase: Agree}, bad.encode()))
		if v := own(r, 0, stepPrevote); v == nil || *v != (Hash{}) {
			t.Errorf("%s: prevote %v, want none", name, v)
		}
		for _, from := range []Party{2, 3, 4} {
			w.deliver(1, w.vote(from, 0, stepPrevote, id))
		}
		if v := own(r, 0, stepPrecommit); v != nil && *v == id {
			t.Errorf("%s: precommitted", name)
		}
		for _, from := range []Party{2, 3, 4} {
			w.deliver(1, w.vote(from, 0, stepPrecommit, id))
		}
		if r.ballot.decided != nil {
			t.Errorf("%s: decided", name)
		}
	}
}

// "Its commitment must match": a deal that differs from what was committed to is
// not held, and neither is one whose commitment is on no list.
func TestDealMustFitItsCommitment(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Deal)
	var deals []Message
	for _, m := range w.sent {
		if m.Slot.Phase == Deal && m.From == 2 {
			deals = append(deals, m)
		}
	}
	for len(w.sent) > 0 && len(deals) == 0 { // the lists go first
		if m := w.sent[0]; m.Slot.Phase == Deal && m.From == 2 {
			deals = append(deals, m)
			break
		}
		w.carryOne()
	}
	if len(deals) == 0 {
		t.Fatal("hospital 2 has not dealt: the test shows nothing")
	}
	p, err := decodeDeal(deals[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	p.Nonce[0] ^= 1
	for len(w.sent) > 0 {
		if m := w.sent[0]; m.Slot.Phase == Deal && m.From == 2 {
			w.sent = w.sent[1:]
			continue
		}
		if w.sent[0].Slot.Phase > Deal {
			break
		}
		w.carryOne()
	}
	w.deliver(1, w.message(2, deals[0].Slot, p.encode()))
	if _, ok := w.rounds[1].counted(2); !ok {
		t.Fatal("the commitment of hospital 2 does not count: the test shows nothing")
	}
	if s := w.rounds[1].deals[2].status; s != dealInvalid {
		t.Fatalf("a deal with another nonce has status %d", s)
	}
	r := newWorld(t, 4).rounds[1]
	list := listPayload{[]named{{2, Hash{1}}}}
	for lists := Party(1); lists <= 3; lists++ {
		r.keepList(lists, list)
		if _, ok := r.counted(2); ok != (lists == 3) {
			t.Fatalf("a commitment on %d lists of four counts: %v", lists, ok)
		}
	}
}

// "Its hash is in every signature, sealed box, mask label and proof."
func TestDescriptionIsBoundEverywhere(t *testing.T) {
	a, b := Hash{1}, Hash{2}
	sum, c := Vector{1}, choice{NewSet(1, 2, 3), []named{{1, a}, {2, a}, {3, a}}}
	d := c
	d.Included = []named{{1, b}, {2, a}, {3, a}}
	m := Message{Description: a}
	signed := string(m.signedBytes("f", 1))
	same := func(change func(*Message)) bool {
		other := m
		change(&other)
		return string(other.signedBytes("f", 1)) == signed
	}
	for name, equal := range map[string]bool{
		"commitments":                commitment(a, 1, a, a) == commitment(b, 1, a, a),
		"boxes":                      string(sealInfo(a, 1, 2)) == string(sealInfo(b, 1, 2)),
		"boxes, by sender":           string(sealInfo(a, 1, 2)) == string(sealInfo(a, 3, 2)),
		"boxes, by recipient":        string(sealInfo(a, 1, 2)) == string(sealInfo(a, 1, 3)),
		"sets":                       c.id(a) == c.id(b),
		"sets, by the roots in them": c.id(a) == d.id(a),
		"sums":                       sum.hash(a, a) == sum.hash(b, a),
		"sums, by set":               sum.hash(a, a) == sum.hash(a, b),
		"signatures":                 same(func(m *Message) { m.Description = b }),
		"signatures, by round":       same(func(m *Message) { m.Round = 1 }),
		"signatures, by sender":      same(func(m *Message) { m.From = 1 }),
	} {
		if equal {
			t.Errorf("%s of two rounds or places are equal", name)
		}
	}
}

// A session believes nobody about a later round who has not signed for it, nor
// fewer than a quorum.
func TestSessionFollowsAQuorumOnly(t *testing.T) {
	d := testDescription(4)
	d.Round = 9
	describe := func(from Party) Message {
		m := Message{Round: 9, Description: d.Hash(), From: from, Slot: Slot{Phase: Describe}, Payload: describePayload{d.Encode(), []byte{1}}.encode()}
		m.Signature = testSigner{self: from}.Sign(m.signedBytes(d.Federation, d.Epoch))
		return m
	}
	s := NewSession(SessionConfig{Self: 1, Federation: d.Federation, Epoch: d.Epoch, Thresholds: d.Thresholds, Signer: testSigner{1, 4}}, 6)
	behind := func(messages ...Message) *Description {
		t.Helper()
		for _, m := range messages {
			if _, err := s.Step(Received{m}); err != nil {
				t.Fatal(err)
			}
		}
		effects, err := s.Step(Ticked{})
		if err != nil {
			t.Fatal(err)
		}
		return effects.Behind
	}
	forged, lie := describe(4), describe(4)
	forged.Signature = make([]byte, SignatureSize)
	_, err := s.Step(Received{forged})
	refused(t, err, 4, false, "signature")
	lie.Description = Hash{1}
	lie.Signature = testSigner{self: 4}.Sign(lie.signedBytes(d.Federation, d.Epoch))
	_, err = s.Step(Received{lie})
	refused(t, err, 4, true, "not the one that the message is signed for")
	if got := behind(describe(2), describe(3)); got != nil {
		t.Fatalf("it follows two of four to round %d", got.Round)
	}
	if got := behind(describe(4)); got == nil || got.Round != 9 {
		t.Fatalf("it does not follow a quorum: %v", got)
	}
}

// What a message carries belongs to the slot that it fills.
func TestContentFitsItsSlot(t *testing.T) {
	w := newWorld(t, 4)
	other := testDescription(4)
	other.Study = Hash{9}
	describe := w.message(2, Slot{Phase: Describe}, describePayload{other.Encode(), []byte{1}}.encode())
	refused(t, w.step(1, Received{describe}), 2, true, "not the one that the message is signed for")
	box := w.message(2, Slot{Phase: Deal, Step: stepBox, Subject: 1}, boxPayload{sealedBox{To: 3}}.encode())
	refused(t, w.step(1, Received{box}), 2, true, "a box for hospital 3 in the slot of hospital 1")
}

// badDealer gives hospital 1 bytes that are no shares, and commits to them.
type badDealer struct{ *Shamir }

func (b badDealer) Deal(update Vector, seed Seed) (Body, error) {
	body, err := b.Shamir.Deal(update, seed)
	part := make([]byte, 16)
	for i := range part {
		part[i] = 0xff
	}
	body.Parts[1] = Chunks{part}
	return body, err
}

// "Deals that are held and verified": shares that are not valid are not attested,
// and do not stop whoever got them.
func TestInvalidSharesAreNotHeld(t *testing.T) {
	w := newWorld(t, 4)
	honest, err := NewShamir(2, testDescription(4).Thresholds, 2)
	if err != nil {
		t.Fatal(err)
	}
	if w.rounds[2], err = NewRound(testConfig(2, testDescription(4)), badDealer{honest}); err != nil {
		t.Fatal(err)
	}
	w.run(Attest)
	r := w.rounds[1]
	if r.deals[2] == nil || r.deals[2].status != dealInvalid {
		t.Fatal("the deal of hospital 2 is not seen as invalid")
	}
	for range 11 {
		if err := w.step(1, Ticked{}); err != nil {
			t.Fatal(err)
		}
	}
	if r.attests.latest[1] == nil || r.attests.latest[1].set.Has(2) {
		t.Fatal("hospital 1 attests shares that it cannot read")
	}
	w.carry()
	if o := r.Outcome(); o == nil || o.Sum == nil {
		t.Fatalf("hospital 1 ends with %+v", o)
	}
}

// "Parts for single hospitals are named with a salt, so that nobody else can try
// candidates for what is in them."
func TestPartsAreSalted(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Commit)
	for p := Party(1); p <= 4; p++ {
		d := w.rounds[p].dealing
		if d == nil {
			t.Fatal("nobody has dealt: the test shows nothing")
		}
		for to := Party(1); to <= 4; to++ {
			plain, err := RefOf(d.body.Parts[to])
			if err != nil {
				t.Fatal(err)
			}
			if named, ok := d.header.part(to); !ok || named.Root == plain.Root || named.Root == plain.salted(Hash{}).Root {
				t.Errorf("the part of hospital %d for %d can be tried", p, to)
			}
			if to > 1 && d.salt(to) == d.salt(1) {
				t.Errorf("two parts of hospital %d have one salt", p)
			}
		}
	}
}

// "They can never say two things in one slot", and one that has forgotten what it
// said says nothing at all; it still learns the sum.
func TestSlotIsFilledOnce(t *testing.T) {
	w := newWorld(t, 4)
	r := w.rounds[1]
	for _, value := range []Hash{{1}, {2}} {
		if err := r.say(Slot{Phase: Commit}, commitPayload{value}.encode()); err != nil {
			t.Fatal(err)
		}
	}
	if out := r.effects(); len(out.Send) != 1 || len(out.Save) != 1 || r.commits[1].Commitment != (Hash{1}) {
		t.Fatalf("two messages in one slot: %d sent, %d saved", len(out.Send), len(out.Save))
	}
	w = newWorld(t, 4)
	d := testDescription(4)
	scheme, err := NewShamir(1, d.Thresholds, 2)
	if err != nil {
		t.Fatal(err)
	}
	if w.rounds[1], err = Follow(testConfig(1, d), scheme); err != nil {
		t.Fatal(err)
	}
	if err := w.rounds[1].say(Slot{Phase: Commit}, commitPayload{}.encode()); err != nil || len(w.rounds[1].effects().Send) > 0 {
		t.Fatal("it speaks")
	}
	w.run(Done)
	for range 25 {
		for p := Party(1); p <= 4; p++ {
			if err := w.step(p, Ticked{Absent: NewSet(1)}); err != nil {
				t.Fatal(err)
			}
		}
		w.carry()
	}
	if len(w.saved[1]) > 0 && len(w.rounds[2].posts[1]) > 0 {
		t.Fatal("a hospital that sits out has posted something")
	}
	if o := w.rounds[1].Outcome(); o == nil || len(o.Included) != 3 {
		t.Fatalf("hospital 1 ends with %+v", o)
	}
}

// A leader does not choose whose updates are summed either, where it may lie: who is
// in one of two sums of nearly the same step, and not in the other, is seen in the
// difference.
func TestALeaderLeavesNobodyOut(t *testing.T) {
	for _, liars := range []int{0, 1} {
		d := testDescription(6)
		d.Thresholds.Liars, d.Thresholds.Dropouts = liars, 0
		w := newWorldOf(t, d)
		w.run(Agree)
		b := w.rounds[1].ballot
		c, ok := b.attests.candidate()
		if !ok || len(c.Included) != 6 {
			t.Fatalf("the test shows nothing: %+v", c)
		}
		part := choice{Holders: c.Holders, Included: c.Included[1:]}
		for view, want := range map[uint32]bool{0: liars > 0, 5: liars > 0, 6: false} {
			if b.view = view; b.excludes(part) != want || b.excludes(c) {
				t.Errorf("%d liars, view %d: it votes against a sum without hospital 1: %v; against all: %v", liars, view, !want, b.excludes(c))
			}
		}
	}
}
