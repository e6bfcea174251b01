package protocol

import "testing"

// until carries messages that are not withheld, with ticks in between, until
// hospital 1 has finished or nothing happens any more.
func (w *world) until(ticks int, carries func(to Party, m *Message) bool) {
	w.t.Helper()
	for range ticks {
		for len(w.sent) > 0 {
			m := w.sent[0]
			w.sent = w.sent[1:]
			for p := 1; p < len(w.rounds); p++ {
				copied := m
				if Party(p) == m.From || carries != nil && !carries(Party(p), &copied) {
					continue
				}
				_ = w.step(Party(p), Received{copied}) // what is refused is looked at in the end
			}
		}
		for p := 1; p < len(w.rounds); p++ {
			if err := w.step(Party(p), Ticked{}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (w *world) train() {
	w.t.Helper()
	for p := 1; p < len(w.rounds); p++ {
		if err := w.step(Party(p), Trained{Vector{int64(p), -10 * int64(p)}}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// finished checks that all hold the sum of the included, and says what each
// holds against others.
func (w *world) finished(included Set) {
	w.t.Helper()
	want := int64(0)
	for _, p := range included.Parties() {
		want += int64(p)
	}
	for p := 1; p < len(w.rounds); p++ {
		o := w.rounds[p].Outcome()
		if o == nil || o.Aborted != "" || NewSet(o.Included...) != included || o.Sum[0] != want {
			w.t.Fatalf("hospital %d: %+v, %+v", p, o, w.rounds[p].Status())
		}
	}
}

func (w *world) named() Set {
	var s Set
	for _, r := range w.rounds[1:] {
		for _, e := range r.Evidence() {
			s.Add(e.Liar)
		}
	}
	return s
}

// answers are the parts that were published.
func (w *world) answers() (list []Slot, from []Party) {
	for p := 1; p < len(w.rounds); p++ {
		for _, posted := range w.rounds[p].sorted(Party(p)) {
			if posted.message.Slot.Phase == Check {
				list, from = append(list, posted.message.Slot), append(from, Party(p))
			}
		}
	}
	return list, from
}

// resealed is the deal of a message with its boxes changed; what is committed to
// stays. The dealer signs it, instead of the honest one.
func (w *world) resealed(m Message, change func([]sealedBox) []sealedBox) Message {
	deal, err := decodeDeal(append([]byte{}, m.Payload...))
	if err != nil {
		w.t.Fatal(err)
	}
	deal.Boxes = change(deal.Boxes)
	return w.message(m.From, m.Slot, deal.encode())
}

func isDeal(m *Message, from Party) bool {
	return m.From == from && m.Slot == Slot{Phase: Deal, Step: stepDeal}
}

// "A dealer with bad boxes", and "boxes that never came": the hospital attests
// without the deal, the dealer publishes that one share, it counts as held, and
// the dealer is in the sum. Nobody can tell who lied about the box, so nobody is
// named.
func TestBadAndLostBoxesAreAnswered(t *testing.T) {
	for what, change := range map[string]func([]sealedBox) []sealedBox{
		"bad": func(boxes []sealedBox) []sealedBox {
			boxes[1].Inline[2][0] ^= 1 // for hospital 2 of 1, 2, 4, 5, 6
			return boxes
		},
		"lost": func(boxes []sealedBox) []sealedBox { return append(boxes[:1:1], boxes[2:]...) },
	} {
		w := liarWorld(t)
		w.train()
		w.until(60, func(_ Party, m *Message) bool {
			if isDeal(m, 3) {
				*m = w.resealed(*m, change)
			}
			return true
		})
		w.finished(AllOf(6))
		slots, from := w.answers()
		if len(slots) != 1 || slots[0].Subject != 2 || from[0] != 3 || w.named() != (Set{}) {
			t.Errorf("%s: published %v by %v, named %v", what, slots, from, w.named())
		}
		if !w.rounds[2].attests.latest[2].set.Has(3) {
			t.Errorf("%s: hospital 2 does not attest what was published for it", what)
		}
	}
}

// A deal with a box counts beside the same deal without one: a liar sends a
// hospital the one, others pass the other on.
func TestSecondDealWithABox(t *testing.T) {
	w := liarWorld(t)
	w.train()
	var whole []Message
	w.until(5, func(to Party, m *Message) bool {
		if isDeal(m, 3) && to == 2 {
			whole = append(whole, *m)
			*m = w.resealed(*m, func(boxes []sealedBox) []sealedBox { return append(boxes[:1:1], boxes[2:]...) })
		}
		return true
	})
	if len(whole) != 1 || w.rounds[2].deals[3].status != dealPending {
		t.Fatal("hospital 2 holds the deal: the test shows nothing")
	}
	refused(t, w.step(2, Received{whole[0]}), 3, true, "a second message")
	if w.rounds[2].deals[3].status != dealHeld {
		t.Fatal("the box in the second message does not count")
	}
	w.until(20, nil)
	if slots, _ := w.answers(); len(slots) > 0 {
		t.Errorf("published %v", slots)
	}
	if o := w.rounds[2].Outcome(); o == nil || o.Sum == nil {
		t.Errorf("hospital 2: %+v", w.rounds[2].Status())
	}
}

// A dealer that does not answer is in no set; the round goes on without it.
func TestSilentDealerIsLeftOut(t *testing.T) {
	w := liarWorld(t)
	w.train()
	w.until(120, func(_ Party, m *Message) bool {
		if isDeal(m, 3) {
			*m = w.resealed(*m, func(boxes []sealedBox) []sealedBox { return boxes[2:] })
		}
		return m.From != 3 || m.Slot.Phase != Check
	})
	w.finished(NewSet(1, 2, 4, 5, 6))
}

// A false complaint costs an honest dealer one share, which the liar had been
// dealt, and not its place in the sum. All it can get so is f shares of its own.
func TestFalseComplaint(t *testing.T) {
	w := liarWorld(t)
	w.train()
	w.until(60, func(_ Party, m *Message) bool {
		if m.From == 6 && m.Slot.Phase == Attest {
			var p attestPayload
			for _, e := range w.rounds[6].attests.latest[6].payload.Held {
				if e.Party == 6 {
					p.Held = append(p.Held, e) // only its own
				}
			}
			*m = w.message(6, m.Slot, p.encode())
		}
		return true
	})
	w.finished(AllOf(6))
	slots, _ := w.answers()
	if len(slots) != 5 || w.named() != (Set{}) {
		t.Fatalf("%d parts are published, and %v named", len(slots), w.named())
	}
	for _, slot := range slots {
		if slot.Subject != 6 {
			t.Errorf("a part for hospital %d is published", slot.Subject)
		}
	}
}

// Two published parts and the shares of one liar are fewer than the threshold of
// 4; a dealer of whom a third is asked withdraws instead.
func TestDealerWithdraws(t *testing.T) {
	w := liarWorld(t)
	if w.rounds[1].scheme.MostAnswers() != 2 {
		t.Fatal("the test is for k = 4 and f = 1")
	}
	w.train()
	w.until(120, func(_ Party, m *Message) bool {
		if isDeal(m, 3) {
			*m = w.resealed(*m, func(boxes []sealedBox) []sealedBox { return boxes[3:] })
		}
		return true
	})
	w.finished(NewSet(1, 2, 4, 5, 6))
	if slots, _ := w.answers(); len(slots) != 2 {
		t.Fatalf("published %v", slots)
	}
}

// An answer that is not what was dealt is evidence, and so is one that is, but
// is not valid; a third party sees it from the file.
func TestInvalidAnswers(t *testing.T) {
	for what, falsify := range map[string]func(*answerPayload){
		"another part": func(p *answerPayload) { p.Salt[0] ^= 1 },
		"another salt": func(p *answerPayload) { p.Body.Parts[0].Ref.Root[0] ^= 1; p.Body.Inline = nil },
	} {
		w := liarWorld(t)
		w.train()
		w.until(120, func(_ Party, m *Message) bool {
			if isDeal(m, 3) {
				*m = w.resealed(*m, func(boxes []sealedBox) []sealedBox { return boxes[1:] })
			}
			if m.From == 3 && m.Slot.Phase == Check {
				p, err := decodeAnswer(m.Payload)
				if err != nil {
					t.Fatal(err)
				}
				falsify(&p)
				*m = w.message(3, m.Slot, p.encode())
			}
			return true
		})
		w.finishedFor(t, 2, NewSet(1, 2, 4, 5, 6))
		w.convicted(t, what, 2, 3, InvalidAnswer)
	}
}

func (w *world) finishedFor(t *testing.T, p Party, included Set) {
	t.Helper()
	if o := w.rounds[p].Outcome(); o == nil || NewSet(o.Included...) != included {
		t.Fatalf("hospital %d: %+v", p, o)
	}
}

// convicted checks that p holds evidence of that kind which convinces whoever
// knows the roster, and nobody when it is about somebody else.
func (w *world) convicted(t *testing.T, what string, p, liar Party, kind EvidenceKind) {
	t.Helper()
	for _, e := range w.rounds[p].Evidence() {
		if e.Kind != kind || e.Liar != liar {
			continue
		}
		encoded, err := e.Encode()
		if err == nil {
			e, err = DecodeEvidence(encoded)
		}
		if err == nil {
			err = e.Verify(testSigner{self: p}.Verify, testSealer{}, w.rounds[1].scheme)
		}
		if err != nil {
			t.Errorf("%s: the evidence does not convince: %v", what, err)
		}
		return
	}
	t.Errorf("%s: hospital %d holds %+v", what, p, w.rounds[p].Evidence())
}

// Shares that are not on the published polynomials: whoever sees the answer sees
// it, and the file shows it.
func TestWrongSharesConvict(t *testing.T) {
	w := liarWorld(t)
	scheme := w.rounds[3].scheme.(*Shamir)
	w.rounds[3].scheme = crookedDealer{scheme}
	w.train()
	w.until(120, nil)
	w.finishedFor(t, 1, NewSet(1, 2, 4, 5, 6))
	w.convicted(t, "wrong share", 1, 3, InvalidAnswer)
	e := w.rounds[1].Evidence()[0]
	for other := Equivocation; other <= WrongResult; other++ {
		forged := e
		if forged.Kind = other; other != InvalidAnswer && forged.Verify(testSigner{}.Verify, testSealer{}, scheme) == nil {
			t.Errorf("it convinces as %v", other)
		}
	}
}

// crookedDealer deals hospital 5 one share that is not on the polynomials.
type crookedDealer struct{ *Shamir }

func (b crookedDealer) Deal(update Vector, seed Seed) (Body, error) {
	body, err := b.Shamir.Deal(update, seed)
	if err != nil {
		return body, err
	}
	part, err := inMemory(body.Parts[5])
	if err != nil {
		return body, err
	}
	part[0] = append([]byte{}, part[0]...)
	part[0][0] ^= 1
	body.Parts[5] = part
	return body, nil
}

// "Prevote only if no complaint that you hold against U is open" — but not for a
// complaint that comes when the vote is under way.
func TestOpenComplaintsGetNoVote(t *testing.T) {
	for _, c := range []struct {
		early, answered, leans bool
		votes                  bool
	}{{votes: true}, {early: true}, {early: true, answered: true, votes: true}, {early: true, leans: true, votes: true}} {
		w := liarWorld(t)
		w.run(Agree)
		r := w.rounds[1]
		r.ballot.started = !c.early
		lacking := attestPayload{}
		for _, e := range r.attests.latest[5].payload.Held {
			if e.Party != 3 {
				lacking.Held = append(lacking.Held, e)
			}
		}
		r.attests.keep(Message{From: 5, Slot: Slot{Phase: Attest, View: 9}}, lacking)
		r.ballot.started = true
		if c.answered {
			r.answers[3][5] = &answerState{status: dealHeld}
		}
		choice := choice{Holders: AllOf(6)}
		for p := Party(1); p <= 6; p++ {
			choice.Included = append(choice.Included, named{p, r.deals[p].payload.Body.root()})
		}
		r.ballot.views = map[uint32]*ballotView{}
		p := &proposalState{payload: proposalPayload{Choice: choice}, id: choice.id(r.hash), checked: true, ok: true}
		if c.leans {
			p.payload.ValidView = 1
			cast(r.ballot, 0, stepPrevote, p.id, 4)
			r.ballot.enter(1)
		}
		delete(r.posts[1], Slot{Phase: Agree, View: r.ballot.view, Step: stepPrevote}.key())
		v := r.ballot.at(r.ballot.view)
		v.proposals = []*proposalState{p}
		if err := r.ballot.prevote(v); err != nil {
			t.Fatal(err)
		}
		if votes := v.votes[stepPrevote][1]; len(votes) != 1 || (votes[0] == p.id) != c.votes {
			t.Errorf("%+v: votes %v", c, votes)
		}
	}
}

// A hospital that signs another result than f+1 others is named, also when it
// comes late.
func TestWrongResultIsEvidence(t *testing.T) {
	for _, late := range []bool{false, true} {
		w := liarWorld(t)
		w.train()
		var held []Message
		w.until(20, func(to Party, m *Message) bool {
			if m.From == 6 && m.Slot.Phase == Combine {
				*m = w.message(6, m.Slot, resultPayload{Sum: Hash{1}}.encode())
				if late && to == 1 {
					held = append(held, *m)
					return false
				}
			}
			return true
		})
		if late {
			_ = w.step(1, Received{held[0]})
		}
		w.finishedFor(t, 1, AllOf(6))
		w.convicted(t, "wrong result", 1, 6, WrongResult)
		for _, e := range w.rounds[1].Evidence() {
			e.Messages = e.Messages[:len(e.Messages)-1]
			if e.Verify(testSigner{}.Verify, testSealer{}, w.rounds[1].scheme) == nil {
				t.Error("the word of f others convicts")
			}
			e.Messages = append(e.Messages, e.Messages[1])
			if e.Verify(testSigner{}.Verify, testSealer{}, w.rounds[1].scheme) == nil {
				t.Error("one other hospital counts twice")
			}
		}
	}
}

// A leader whose proposal lacks attestations is named by the proposal alone.
func TestUnjustifiedProposalIsEvidence(t *testing.T) {
	w := liarWorld(t)
	w.run(Agree)
	r := w.rounds[1]
	c, ok := r.attests.candidate()
	if !ok {
		t.Fatal("nothing to propose")
	}
	p := r.attests.justify(c)
	p.Attests = p.Attests[1:]
	leader := r.ballot.leader(0)
	w.deliver(1, w.message(leader, Slot{Phase: Agree}, p.encode()))
	w.convicted(t, "unjustified", 1, leader, UnjustifiedProposal)
	good := Evidence{Kind: UnjustifiedProposal, Liar: leader, Description: w.d, Messages: []Message{w.message(leader, Slot{Phase: Agree}, r.attests.justify(c).encode())}}
	if good.Verify(testSigner{}.Verify, testSealer{}, r.scheme) == nil {
		t.Error("a justified proposal convicts")
	}
}
