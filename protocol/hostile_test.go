package protocol

import (
	"errors"
	"slices"
	"testing"
)

// pickySealer is a testSealer that knows a key when it sees one.
type pickySealer struct{ testSealer }

func (pickySealer) CheckKey(public []byte) error {
	if len(public) != 1 {
		return errors.New("no key")
	}
	return nil
}

func (s pickySealer) Seal(public, info []byte) (encapsulation, key []byte, err error) {
	if err := s.CheckKey(public); err != nil {
		return nil, nil, err
	}
	return s.testSealer.Seal(public, info)
}

// A hospital describes the round with something that is no key. Whoever sealed a
// box to it would fall, and so all would: it is refused and named, and they go on
// without it.
func TestGarbageKeyStopsNobody(t *testing.T) {
	w := newWorld(t, 4)
	for p := 1; p <= 4; p++ {
		w.rounds[p].cfg.Sealer = pickySealer{}
		if err := w.step(Party(p), Trained{Vector{int64(p), 1}}); err != nil {
			t.Fatal(err)
		}
	}
	garbage := w.message(3, Slot{Phase: Describe}, describePayload{w.d.Encode(), []byte("garbage")}.encode())
	w.sent = slices.DeleteFunc(w.sent, func(m Message) bool { return m.From == 3 })
	for _, p := range []Party{1, 2, 4} {
		refused(t, w.step(p, Received{garbage}), 3, true, "the key to seal boxes to is none")
	}
	w.rounds[3] = nil
	for tick := 0; tick < 200; tick++ {
		for len(w.sent) > 0 {
			w.carryOne()
		}
		for _, p := range []Party{1, 2, 4} {
			if err := w.step(p, Ticked{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range []Party{1, 2, 4} {
		r := w.rounds[p]
		if o := r.Outcome(); o == nil || len(o.Included) != 3 {
			t.Fatalf("hospital %d: %+v", p, r.Status())
		}
		if e := r.Evidence(); len(e) != 1 || e[0].Kind != Malformed || e[0].Liar != 3 || e[0].Verify(testSigner{}.Verify, pickySealer{}, r.scheme) != nil {
			t.Fatalf("hospital %d has evidence %+v", p, e)
		}
	}
}

// Liars attest deals that there are not, each by roots of its own. The proposal
// that carries all attestations would not fit a message, and the next leader
// would fall.
func TestJunkAttestationsStopNoLeader(t *testing.T) {
	for _, parties := range []struct{ n, f, absent int }{{10, 3, 0}, {100, 33, 0}, {100, 20, 19}, {256, 85, 0}} {
		d := testDescription(parties.n)
		d.Scheme = "model"
		d.Thresholds = Thresholds{Parties: parties.n, Liars: parties.f, Dropouts: MostDropouts(parties.n, parties.f)}
		r, err := NewRound(testConfig(1, d), modelScheme{})
		if err != nil {
			t.Fatal(err)
		}
		honest := parties.n - parties.f
		var real []named
		for p := range honest - parties.absent {
			real = append(real, named{Party(p + 1), Hash{byte(p), byte(p >> 8), 1}})
		}
		for p := 1; p <= parties.n; p++ {
			held := slices.Clone(real)
			for q := len(real) + 1; q <= MaxParties && p > honest; q++ { // whoever is not in the set
				held = append(held, named{Party(q), Hash{byte(q), byte(p), 2}})
			}
			m := Message{Round: d.Round, Description: r.hash, From: Party(p), Slot: Slot{Phase: Attest}, Payload: attestPayload{Held: held}.encode()}
			m.Signature = testSigner{self: m.From}.Sign(m.signedBytes(d.Federation, d.Epoch))
			if m.From == 1 {
				r.keep(m, attestPayload{Held: held})
			} else if _, err := r.Step(Received{m}); err != nil && !errors.As(err, new(*Refusal)) {
				t.Fatal(err)
			}
		}
		c, ok := r.attests.candidate()
		if !ok || len(c.Included) < len(real) {
			t.Fatalf("n %d: candidate %v, %v", parties.n, c, ok)
		}
		p := r.attests.justify(c)
		if err := r.say(Slot{Phase: Agree, View: 0, Step: stepPropose}, p.encode()); err != nil {
			t.Fatalf("n %d, f %d: %v", parties.n, parties.f, err)
		}
		if !r.ballot.justified(p) {
			t.Fatalf("n %d, f %d: what it proposes is not justified", parties.n, parties.f)
		}
	}
}

// A list of more hospitals than there are is one that nobody can have a reason to
// sign.
func TestListsNameTheRosterOnly(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Attest)
	for slot, payload := range map[Slot][]byte{
		{Phase: Commit, Step: stepList}: listPayload{[]named{{5, Hash{1}}}}.encode(),
		{Phase: Attest, View: 1}:        attestPayload{Held: []named{{1, Hash{1}}, {200, Hash{1}}}}.encode(),
	} {
		refused(t, w.step(1, Received{w.message(3, slot, payload)}), 3, true, "is not in a roster of 4")
	}
}

// Whatever liars post, hospitals can tell each other what they hold: a digest of
// it fits a query.
func TestDigestsOfWhatLiarsPostFitAQuery(t *testing.T) {
	d := testDescription(13)
	d.Scheme, d.Thresholds = "model", Thresholds{Parties: 13, Liars: 4}
	r, err := NewRound(testConfig(1, d), modelScheme{})
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.Signer = nullSigner{}
	for liar := Party(10); liar <= 13; liar++ {
		for view := range uint32(3000) {
			for _, slot := range []Slot{{Phase: Attest, View: view}, {Phase: Agree, View: view, Step: stepPrevote}, {Phase: Agree, View: view, Step: stepPrecommit}} {
				payload := attestPayload{Held: []named{{1, Hash{byte(view), byte(view >> 8)}}}}.encode()
				if slot.Phase == Agree {
					payload = votePayload{}.encode()
				}
				m := Message{Round: d.Round, Description: r.hash, From: liar, Slot: slot, Payload: payload, Signature: make([]byte, SignatureSize)}
				if _, err := r.Step(Received{m}); err != nil && !errors.As(err, new(*Refusal)) {
					t.Fatal(err)
				}
			}
		}
	}
	query := Query{d.Round, r.Digest()}.Encode()
	if _, err := DecodeQuery(query); err != nil || len(query) > MaxQuery(13) || len(query) > 64<<10 {
		t.Fatalf("%d bytes, %v", len(query), err)
	}
	if views := len(r.ballot.views); views > 2*maxAhead {
		t.Errorf("%d views are kept", views)
	}
}

// A hospital that is further behind than messages are kept moves to where an
// honest one is (L55), and is told again what was said there.
func TestFarBehindCatchesUp(t *testing.T) {
	b, _ := modelBallot(t, Thresholds{Parties: 4, Liars: 1}, 0, 0)
	vote := func(from Party, view uint32) Message {
		return Message{Round: 5, Description: b.r.hash, From: from, Slot: Slot{Phase: Agree, View: view, Step: stepPrevote}, Payload: votePayload{}.encode(), Signature: make([]byte, SignatureSize)}
	}
	for _, c := range []struct {
		from Party
		view uint32
		want uint32
	}{{3, 5000, 0}, {2, 300, 300}, {2, 300, 300}} {
		if _, err := b.r.Step(Received{vote(c.from, c.view)}); err != nil {
			t.Fatal(err)
		}
		if b.view != c.want {
			t.Fatalf("in view %d after a vote in view %d", b.view, c.view)
		}
	}
	if _, any := b.at(300).count(stepPrevote, Hash{}); any != 1 {
		t.Fatalf("%d votes in view 300", any)
	}
	if _, any := b.at(5000).count(stepPrevote, Hash{}); any != 0 {
		t.Fatal("a vote far ahead is kept")
	}
}

// A liar signs a result for some and an abort for others, while honest hospitals
// that were too slow have signed an abort. Where the results of a quorum are, the
// round is over for some; so it must come to be for those who signed the abort, or
// the others wait for them in the next round for ever.
func TestResultReachesThoseWhoWouldAbort(t *testing.T) {
	w := liarWorld(t)
	w.run(Open)
	w.carryUntil(Combine, func(m Message, to Party) bool { return to != 1 && to != 2 }) // 1 and 2 have no openings
	slot := Slot{Phase: Combine}
	var openings, results []Message
	for _, p := range []Party{3, 4, 5, 6} {
		openings = append(openings, w.rounds[p].posts[p][Slot{Phase: Open}.key()].message)
		results = append(results, w.rounds[p].posts[p][slot.key()].message)
	}
	for _, p := range []Party{1, 2} {
		abort := w.message(p, slot, resultPayload{Reason: "too few of the openings agree"}.encode())
		w.rounds[p].keep(abort, resultPayload{Reason: "too few of the openings agree"}) // as giveUp would
	}
	lie := w.message(6, slot, resultPayload{Reason: "the others are to blame"}.encode())
	r := w.rounds[1]
	for _, m := range slices.Concat([]Message{lie}, openings, results) {
		if err := w.step(1, Received{m}); err != nil && !errors.As(err, new(*Refusal)) {
			t.Fatal(err)
		}
	}
	if o := r.Outcome(); o == nil || o.Aborted != "" || o.Sum == nil {
		t.Fatalf("outcome %+v, %+v", o, r.Status())
	}
	if mine := r.posts[1][slot.key()].message; string(mine.Payload[:32]) != string(make([]byte, 32)) {
		t.Fatal("it signed a result, and had signed an abort")
	}
}

// A hospital without enough openings takes over the result that f+1 others signed,
// from wherever it is served. The word of f is not enough, nor is other content.
func TestResultOfOthersIsTakenOver(t *testing.T) {
	w := liarWorld(t)
	w.run(Open)
	w.carryUntil(Combine, func(_ Message, to Party) bool { return to != 1 })
	r := w.rounds[1]
	result := func(p Party) Message { return w.rounds[p].posts[p][Slot{Phase: Combine}.key()].message }
	wait := func() (out Effects) {
		for range 30 {
			effects, err := r.Step(Ticked{})
			if err != nil {
				t.Fatal(err)
			}
			out.add(effects)
		}
		return out
	}
	w.deliver(1, result(2))
	if out := wait(); len(out.Want) > 0 || r.sumHash != (Hash{}) {
		t.Fatal("it believes one hospital")
	}
	out, err := r.Step(Received{result(3)})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Want) != 1 || r.Outcome() != nil {
		t.Fatalf("it wants %v", out.Want)
	}
	sum := Vector{21, -210}
	for _, content := range []Vector{{21, 210}, {21}, {21, -210, 0}, {}} {
		r.fetched[out.Want[0].Ref] = vectorSource(content)
		if wait(); r.sumHash != (Hash{}) {
			t.Fatalf("it takes %v for the sum", content)
		}
	}
	r.fetched[out.Want[0].Ref] = vectorSource(sum)
	wait()
	if !r.said(Slot{Phase: Combine}) || !slices.Equal(r.sum, sum) {
		t.Fatalf("it has %v", r.sum)
	}
	w.deliver(1, result(4))
	if o := r.Outcome(); o == nil || !slices.Equal(o.Sum, sum) {
		t.Fatalf("outcome %+v", o)
	}
}

// A second opening counts where the first is for another set, or proved wrong.
func TestSecondOpeningCountsWhereTheFirstIsWrong(t *testing.T) {
	w := liarWorld(t)
	w.run(Open)
	w.carryUntil(Open, func(Message, Party) bool { return true })
	r := w.rounds[1]
	right := w.rounds[6].posts[6][Slot{Phase: Open}.key()].message
	content, err := decodePayload(right.Slot, right.Payload)
	if err != nil {
		t.Fatal(err)
	}
	p := content.(openPayload)
	p.Set[0] ^= 1
	w.deliver(1, w.message(6, right.Slot, p.encode()))
	refused(t, w.step(1, Received{right}), 6, true, "a second message")
	if got := r.openings[6]; got.payload.Set != r.ballot.decidedID {
		t.Fatal("the opening of another set stands")
	}
	p.Set[0] ^= 1
	p.Body.Public = []byte{1}
	refused(t, w.step(1, Received{w.message(6, right.Slot, p.encode())}), 6, true, "a second message")
	if got := r.openings[6]; len(got.payload.Body.Public) > 0 {
		t.Fatal("a further opening took the place of one that is not proved wrong")
	}
}

// A second message that counts is here after a restart, too, whatever else its sender
// was found to have done before: the liar does not send it again, and others who did
// not need it do not have it.
func TestSecondMessagesSurviveARestart(t *testing.T) {
	w := liarWorld(t)
	w.run(Open)
	w.carryUntil(Open, func(Message, Party) bool { return true })
	r := w.rounds[1]
	refused(t, w.step(1, Received{w.message(6, Slot{Phase: Commit}, commitPayload{Hash{1}}.encode())}), 6, true, "a second message")
	right := w.rounds[6].posts[6][Slot{Phase: Open}.key()].message
	p, err := decodeOpen(right.Payload)
	if err != nil {
		t.Fatal(err)
	}
	p.Set[0] ^= 1
	w.deliver(1, w.message(6, right.Slot, p.encode()))
	refused(t, w.step(1, Received{right}), 6, true, "a second message")
	if r.openings[6].payload.Set != r.ballot.decidedID {
		t.Fatal("the second opening does not count: the test shows nothing")
	}
	again, err := Restore(testConfig(1, w.d), r.scheme, w.saved[1])
	if err == nil {
		_, err = again.Step(Ticked{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Digest(), r.Digest()) || again.openings[6].payload.Set != again.ballot.decidedID {
		t.Fatal("after a restart it has forgotten the second opening")
	}
}

// "Nobody reveals before there are q lists" with its commitment: else a hospital
// whose list is still open could take in a commitment that was made after the deal
// was seen.
func TestNothingIsRevealedEarly(t *testing.T) {
	w := newWorld(t, 4)
	w.train()
	w.carryUntil(Commit, func(Message, Party) bool { return true })
	lists := 0
	for i := 0; i < len(w.sent); i++ {
		m := w.sent[i]
		if m.Slot.Phase == Commit && m.Slot.Step == stepList && m.From != 1 {
			if lists++; lists >= w.d.Thresholds.Quorum()-1 { // its own is one, too
				break
			}
		}
		if m.Slot.Phase == Commit && m.From != 1 {
			w.deliver(1, m)
		}
		for p := Party(2); p <= 4; p++ {
			if m.Slot.Phase == Commit && m.Slot.Step == stepCommitment && m.From != p {
				w.deliver(p, m)
			}
		}
		if w.rounds[1].said(Slot{Phase: Deal}) {
			t.Fatalf("hospital 1 reveals its deal with %d lists", lists)
		}
	}
	if lists < 2 || !w.rounds[1].said(Slot{Phase: Commit, Step: stepList}) {
		t.Fatal("the test shows nothing")
	}
}

// Nothing may follow the last field of what a hospital signs: there is one encoding
// of everything.
func TestNothingFollowsTheLastField(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Done)
	kinds := 0
	for p := 1; p <= 4; p++ {
		for _, held := range w.rounds[1].sorted(Party(p)) {
			m := held.message
			content, err := decodePayload(m.Slot, append(slices.Clone(m.Payload), 0))
			if err == nil && acceptable(w.d, w.d.Hash(), m, content, testSealer{}) == nil {
				t.Errorf("slot %v: a byte behind the last field", m.Slot)
			}
			if _, err := DecodeMessage(append(m.Encode(), 0)); err == nil {
				t.Errorf("slot %v: a byte behind the message", m.Slot)
			}
			kinds++
		}
	}
	if _, err := DecodeDescription(append(w.d.Encode(), 0)); err == nil || kinds < 30 {
		t.Errorf("a byte behind the description; %d messages", kinds)
	}
}

// What nobody can have a reason to sign is kept as evidence and counts for nothing,
// also where it can be decoded: it may be of a phase that the round does not have, or
// of fewer slices than there are. A restart finds it again.
func TestUnacceptableMessagesCountForNothing(t *testing.T) {
	whole := newWorld(t, 4)
	whole.run(Agree)
	sliced := slicedDescription(8, 1, 0, 16*8, 32)
	adder := sliced.Slicing().at(0, 0)
	for what, c := range map[string]struct {
		d    Description
		r    *Round
		from Party
		slot Slot
		load []byte
	}{
		"a vote on who masks": {whole.d, whole.rounds[1], 2, Slot{Phase: Mask, Step: stepPrevote}, votePayload{}.encode()},
		"who masks":           {whole.d, whole.rounds[2], 3, Slot{Phase: Mask, View: 1}, proposalPayload{}.encode()},
		"a masked update":     {whole.d, whole.rounds[3], 1, Slot{Phase: Mask, Step: stepMasked}, maskedPayload{}.encode()},
		"an opening for one":  {whole.d, whole.rounds[4], 2, Slot{Phase: Open}, openPayload{Body: header{Parts: []partRef{{0, Ref{}}, {3, Ref{}}}}}.encode()},
		"too few sums":        {sliced, slicedRound(t, sliced, sliced.Slicing().at(0, 7)), adder, sumSlot(0), sumPayload{[]Hash{{2}}}.encode()},
	} {
		t.Run(what, func(t *testing.T) {
			if c.r.sums != nil {
				if err := c.r.says(sliced.Slicing().at(0, 1), 0, Hash{1}); err != nil {
					t.Fatal(err)
				}
			}
			m := signedMessage(c.d, c.from, c.slot, c.load)
			effects, err := c.r.Step(Received{m})
			if refusal := (*Refusal)(nil); !errors.As(err, &refusal) || !refusal.Lie {
				t.Fatalf("got %v, want a refusal of a lie", err)
			}
			e := c.r.Evidence()
			if len(e) != 1 || e[0].Kind != Malformed || e[0].Liar != c.from {
				t.Fatalf("it holds %+v", e)
			}
			if err := e[0].Verify(testSigner{}.Verify, testSealer{}, c.r.scheme); err != nil {
				t.Fatalf("the evidence does not convince: %v", err)
			}
			again, err := Restore(testConfig(c.r.cfg.Self, c.d), c.r.scheme, effects.Save)
			if err == nil {
				_, err = again.Step(Ticked{})
			}
			if err != nil || len(again.Evidence()) != 1 {
				t.Fatalf("after a restart it holds %+v, %v", again.Evidence(), err)
			}
		})
	}
}
