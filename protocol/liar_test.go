package protocol

import (
	"slices"
	"testing"
)

// A restart forgets which value was valid (L42), but not its lock. When
// everybody restarts after a quorum has locked, the next leader must still
// propose the locked value, or nobody would vote for anything ever again.
func TestLockedValueIsProposedAfterARestart(t *testing.T) {
	b, values := modelBallot(t, Thresholds{Parties: 4, Liars: 1}, 0, 1)
	p := values[0]
	b.at(0).proposals = []*proposalState{p}
	cast(b, 0, stepPrevote, p.id, 4)
	for view := uint32(1); ; view++ {
		b.enter(view)
		if b.leader(view) != b.r.cfg.Self {
			continue
		}
		if err := b.advance(); err != nil {
			t.Fatal(err)
		}
		proposed := b.at(view).proposals
		if len(proposed) != 1 || proposed[0].id != p.id || proposed[0].payload.ValidView != 1 {
			t.Fatalf("in view %d it proposes %+v", view, proposed)
		}
		return
	}
}

// A vote of one liar must not make everybody begin the agreement before there
// is anything to agree on: the set would be what is here by then.
func TestOneLiarDoesNotStartTheBallot(t *testing.T) {
	b, _ := modelBallot(t, Thresholds{Parties: 4, Liars: 1}, 0, 0)
	b.started = false
	b.highest[2] = 7
	if b.mayStart() {
		t.Fatal("one hospital in view 7 made it begin")
	}
	if b.catchUp(); b.view != 0 {
		t.Fatalf("one hospital in view 7 moved it to view %d", b.view)
	}
	b.highest[3] = 2
	if !b.mayStart() {
		t.Fatal("two hospitals, one of them honest, have begun")
	}
	if b.catchUp(); b.view != 2 {
		t.Fatalf("it catches up to view %d, no honest hospital need be beyond 2", b.view)
	}
}

// A liar's second vote counts for the value that others saw it vote for, and
// only for one that is proposed: else it could make up as many as it likes.
func TestSecondVotesCountWhereOthersFollow(t *testing.T) {
	b, values := modelBallot(t, Thresholds{Parties: 4, Liars: 1}, 0, 0)
	slot := Slot{Phase: Agree, Step: stepPrevote}
	send := func(value Hash) {
		m := Message{Round: 5, Description: b.r.hash, From: 3, Slot: slot, Payload: value[:], Signature: make([]byte, SignatureSize)}
		_ = b.r.receive(m) // a refusal: that is tested elsewhere
	}
	send(Hash{1})
	send(values[0].id)
	if same, any := b.at(0).count(stepPrevote, values[0].id); same != 0 || any != 1 {
		t.Fatalf("a vote for what nobody proposed counts: %d of %d", same, any)
	}
	proposal := Message{
		Round: 5, Description: b.r.hash, From: b.leader(0), Slot: Slot{Phase: Agree}, Payload: values[0].payload.encode(), Signature: make([]byte, SignatureSize),
	}
	if _, err := b.r.Step(Received{proposal}); err != nil {
		t.Fatal(err)
	}
	if same, any := b.at(0).count(stepPrevote, values[0].id); same != 1 || any != 2 { // one is this hospital's own
		t.Fatalf("%d of %d votes", same, any)
	}
	for i := range 100 {
		send(Hash{2, byte(i)})
	}
	if len(b.r.seconds[3]) > 2 {
		t.Fatalf("%d second votes are kept", len(b.r.seconds[3]))
	}
	if b.r.liars != NewSet(2, 3) || len(b.r.evidence) != 2 { // 2 led with a set that it did not justify
		t.Fatalf("liars %v, %d pieces of evidence", b.r.liars, len(b.r.evidence))
	}
}

// A proposal that an honest hospital votes for counts beside the one that its
// leader sent here: L49 would never find it otherwise.
func TestSecondProposalCountsWhenVotedFor(t *testing.T) {
	b, values := modelBallot(t, Thresholds{Parties: 4, Liars: 1}, 0, 0)
	p := values[1].payload
	if cast(b, 0, stepPrecommit, values[1].id, 1); b.admitsProposal(0, p) {
		t.Fatal("one hospital, which may be its leader, votes for it")
	}
	cast(b, 0, stepPrecommit, values[1].id, 2)
	if b.admitsProposal(0, p) {
		t.Fatal("it has no attestations")
	}
	b.at(0).proposals = []*proposalState{{payload: p, id: values[1].id, checked: true}}
	if b.decide() {
		t.Fatal("decided an unjustified proposal")
	}
}

// "The liar is out of what is not yet certified": a fresh proposal with its deal
// gets no vote where the round can do without it. "Evidence never undoes a
// certificate": one that leans on a quorum of prevotes does.
func TestLiarsAreOutOfWhatIsNotCertified(t *testing.T) {
	vote := func(lean uint32, held int) Hash {
		b, values := modelBallot(t, Thresholds{Parties: 5, Liars: 1}, 1, 0)
		p := values[0]
		p.payload.Choice.Included = []named{{Party: 2}}
		p.payload.ValidView = lean
		cast(b, 0, stepPrevote, p.id, 4)
		b.at(1).proposals = []*proposalState{p}
		b.r.liars = NewSet(2)
		for q := 1; q <= held; q++ {
			b.r.deals[q] = &dealState{status: dealHeld}
		}
		if err := b.prevote(b.at(1)); err != nil {
			t.Fatal(err)
		}
		return b.at(1).votes[stepPrevote][1][0]
	}
	if vote(0, 5) != (Hash{}) {
		t.Error("a fresh set with a liar in it gets a vote")
	}
	if vote(1, 5) == (Hash{}) {
		t.Error("evidence undoes what a quorum prevoted")
	}
	if vote(0, 4) == (Hash{}) {
		t.Error("a round that cannot do without the liar is stalled")
	}
}

// A liar cannot make others fetch what no deal of the round needs.
func TestOversizedPartsAreNotFetched(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Attest)
	huge := header{Parts: []partRef{{0, Ref{Chunks: 1 << 14, Size: 1 << 30}}}}
	m := w.message(3, Slot{Phase: Open}, openPayload{Hash{1}, huge}.encode())
	refused(t, w.step(1, Received{m}), 3, false, "a part of 1073741824 bytes")
}

// Whatever a hospital signs: what the others keep of it is bounded.
func TestWhatALiarPostsIsBounded(t *testing.T) {
	b, _ := modelBallot(t, Thresholds{Parties: 4, Liars: 1}, 0, 0)
	for view := range uint32(2 * b.r.t.mostPosts()) {
		b.enter(view) // what is further ahead is not kept
		m := Message{Round: 5, Description: b.r.hash, From: 3, Slot: Slot{Phase: Agree, View: view, Step: stepPrevote}, Payload: make([]byte, 32), Signature: make([]byte, SignatureSize)}
		_ = b.r.receive(m)
	}
	if held := len(b.r.posts[3]); held != b.r.t.mostPosts() {
		t.Fatalf("%d messages of one hospital are kept", held)
	}
}

// Two result slots cannot both be certified: a result and an abort share one.
func TestResultOrAbortNeverBoth(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Done)
	abort := w.message(3, Slot{Phase: Combine}, resultPayload{Reason: "no"}.encode())
	refused(t, w.step(1, Received{abort}), 3, true, "a second message for slot combine")
}

// Attestations of f+1 hospitals stand for the lists that a dealer kept from this
// one; those of f do not: all of them may lie.
func TestAttestedDealsCount(t *testing.T) {
	b, _ := modelBallot(t, Thresholds{Parties: 4, Liars: 1}, 0, 0)
	deal := dealPayload{Nonce: Hash{1}}
	attest := func(p Party) {
		held := attestPayload{Held: []named{{4, deal.Body.root()}}}
		b.r.attests.keep(Message{From: p, Slot: Slot{Phase: Attest}}, held)
	}
	attest(3)
	if got := b.r.counts(4, &dealState{payload: deal}); got != dealPending {
		t.Fatalf("with one attestation: %v", got)
	}
	attest(2)
	if got := b.r.counts(4, &dealState{payload: deal}); got != dealHeld {
		t.Fatalf("with two attestations: %v", got)
	}
	for p := range Party(3) {
		b.r.keepList(p+1, listPayload{[]named{{4, Hash{9}}, {200, Hash{9}}}})
	}
	if got := b.r.counts(4, &dealState{payload: deal}); got != dealInvalid {
		t.Fatalf("with another commitment on a quorum of lists: %v", got)
	}
}

func FuzzEvidence(f *testing.F) {
	d := testDescription(4)
	m := Message{Round: 5, Description: d.Hash(), From: 2, Signature: make([]byte, SignatureSize)}
	e := Evidence{Kind: Equivocation, Liar: 2, Description: d, Messages: []Message{m, m}}
	part := Chunks{{1, 2, 3}}
	ref, err := RefOf(part)
	if err != nil {
		f.Fatal(err)
	}
	e.Parts = []Part{{ref, part}}
	encoded, err := e.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEvidence(data)
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil || !slices.Equal(again, data) {
			t.Fatalf("%x decodes and encodes to %x, %v", data, again, err)
		}
		_ = e.Verify(func(Party, []byte, []byte) bool { return true }, testSealer{}, modelScheme{})
	})
}

// "Whether a proposal is acceptable depends on the proposal alone": signed
// attestations that every holder holds every included deal, and enough of both.
func TestUnjustifiedProposalsGetNoVote(t *testing.T) {
	w := newWorld(t, 5)
	w.run(Agree)
	r := w.rounds[1]
	c, ok := r.attests.candidate()
	if !ok {
		t.Fatal("nothing to propose")
	}
	good := r.attests.justify(c)
	if !r.ballot.justified(good) {
		t.Fatal("an honest proposal is refused")
	}
	fresh := func() proposalPayload {
		p, err := decodeProposal(good.encode())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for what, falsify := range map[string]func(*proposalPayload){
		"a false signature":                 func(p *proposalPayload) { p.Attests[0].Signature = make([]byte, SignatureSize) },
		"the attestation of another":        func(p *proposalPayload) { p.Attests[0].From = 2 },
		"a holder who did not attest":       func(p *proposalPayload) { p.Attests = p.Attests[1:] },
		"a deal that a holder lacks":        func(p *proposalPayload) { p.Choice.Included[0].Hash[0] ^= 1 },
		"too few holders":                   func(p *proposalPayload) { p.Choice.Holders = NewSet(1, 2) },
		"a set that is too small":           func(p *proposalPayload) { p.Choice.Included = p.Choice.Included[:2] },
		"a holder outside the roster":       func(p *proposalPayload) { p.Choice.Holders.Add(6) },
		"an attestation by nobody":          func(p *proposalPayload) { p.Attests[0].From = 0 },
		"an attestation with one deal less": func(p *proposalPayload) { p.Attests[0].Held[0] &^= 1 },
	} {
		p := fresh()
		falsify(&p)
		if r.ballot.justified(p) {
			t.Errorf("%s: accepted", what)
		}
	}
	// The last of these, truly signed by a holder that lacks a deal, is no
	// attestation of the set.
	lacking := attestPayload{Held: slices.Clone(r.attests.latest[2].payload.Held[1:])}
	m := w.message(2, Slot{Phase: Attest, View: 7}, lacking.encode())
	p := fresh()
	for i := range p.Attests {
		if row := &p.Attests[i]; row.From == 2 {
			row.View, row.Signature = 7, m.Signature
			row.Held[0] &^= 1
		}
	}
	if r.ballot.justified(p) {
		t.Error("a holder that says that it lacks a deal: accepted")
	}
	for i := range p.Attests {
		p.Attests[i].Held[0] |= 1
	}
	if r.ballot.justified(p) {
		t.Error("an attestation of more than was signed: accepted")
	}
}

// L28: a proposal may lean on an earlier view only when a quorum of prevotes of
// that view is here; a leader's word for it unlocks nobody.
func TestLeaningNeedsAQuorumOfPrevotes(t *testing.T) {
	th := Thresholds{Parties: 4, Liars: 1}
	for votes := range th.Parties + 1 {
		b, values := modelBallot(t, th, 1, 1) // locked on the one set
		p := values[1]
		p.payload.ValidView = 1
		b.at(1).proposals = []*proposalState{p}
		cast(b, 0, stepPrevote, p.id, votes)
		if err := b.prevote(b.at(1)); err != nil {
			t.Fatal(err)
		}
		if cast := len(b.at(1).votes[stepPrevote][1]) > 0; cast != (votes >= th.Quorum()) {
			t.Errorf("with %d prevotes: voted %v", votes, cast)
		}
	}
}

// Evidence is passed on: a hospital that was told one story learns of the other
// from whoever was told that, and both then hold the same.
func TestEvidenceIsPassedOn(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Agree)
	other := w.message(3, Slot{Phase: Commit}, commitPayload{Hash{1}}.encode())
	refused(t, w.step(1, Received{other}), 3, true, "a second message")
	missing, err := w.rounds[1].Missing(w.rounds[2].Digest())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range missing {
		_ = w.step(2, Received{m}) // one of them is refused
	}
	if evidence := w.rounds[2].Evidence(); len(evidence) != 1 || evidence[0].Liar != 3 {
		t.Fatalf("hospital 2 holds %+v", evidence)
	}
	if missing, err = w.rounds[1].Missing(w.rounds[2].Digest()); err != nil || len(missing) > 0 {
		t.Fatalf("it is told again and again: %d messages, %v", len(missing), err)
	}
	again, err := Restore(testConfig(2, testDescription(4)), w.rounds[2].scheme, w.saved[2])
	if err != nil {
		t.Fatal(err)
	}
	if evidence := again.Evidence(); len(evidence) != 1 || evidence[0].Liar != 3 {
		t.Fatalf("after a restart it holds %+v", evidence)
	}
}

// Garbage that is signed is evidence too, and survives a restart.
func TestGarbageIsPassedOn(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Agree)
	m := w.message(3, Slot{Phase: Open}, []byte("garbage"))
	refused(t, w.step(1, Received{m}), 3, true, "slot open")
	missing, err := w.rounds[1].Missing(w.rounds[2].Digest())
	if err != nil || len(missing) != 1 {
		t.Fatalf("%d messages are passed on, %v", len(missing), err)
	}
	again, err := Restore(testConfig(1, testDescription(4)), w.rounds[1].scheme, w.saved[1])
	if err != nil || len(again.Evidence()) != 1 {
		t.Fatalf("after a restart it holds %+v, %v", again, err)
	}
}

// "The liar is out of what is not yet certified", as long as enough remain: a
// round must not be stopped by lying in it.
func TestLeaderLeavesLiarsOut(t *testing.T) {
	w := newWorld(t, 5)
	w.run(Agree)
	r := w.rounds[1]
	for _, c := range []struct{ liars, included Set }{
		{Set{}, AllOf(5)}, {NewSet(2), NewSet(1, 3, 4, 5)}, {NewSet(2, 3), NewSet(1, 4, 5)}, {NewSet(2, 3, 4), AllOf(5)},
	} {
		r.liars = c.liars
		if got, ok := r.attests.candidate(); !ok || got.set() != c.included {
			t.Errorf("with liars %v it proposes %v, %v", c.liars, got.set(), ok)
		}
	}
}
