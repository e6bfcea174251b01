package protocol

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestRoundSumsExactly(t *testing.T) {
	for n := 3; n <= 10; n++ {
		w := newWorld(t, n)
		w.run(Done)
		for p := 1; p <= n; p++ {
			o := w.rounds[p].Outcome()
			if o == nil {
				t.Fatalf("n %d: hospital %d did not finish: %+v", n, p, w.rounds[p].Status())
			}
			want := int64(n * (n + 1) / 2)
			if len(o.Included) != n || o.Sum[0] != want || o.Sum[1] != -10*want {
				t.Fatalf("n %d: hospital %d holds %v over %v, want %d", n, p, o.Sum, o.Included, want)
			}
		}
	}
}

// "Two different signed messages for one slot are evidence of equivocation."
func TestEquivocationIsEvidence(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Agree)
	lie := w.message(3, Slot{Phase: Commit}, commitPayload{Hash{1}}.encode())
	refused(t, w.step(1, Received{lie}), 3, true, "a second message for slot commit")
	evidence := w.rounds[1].Evidence()
	if len(evidence) != 1 || evidence[0].Liar != 3 || len(evidence[0].Messages) != 2 {
		t.Fatalf("evidence %+v", evidence)
	}
	if known := w.rounds[1].commits[3].Commitment; known == (Hash{1}) {
		t.Fatal("the second message replaced the first")
	}
}

func TestBadMessagesAreRefused(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Attest)
	good := w.message(2, Slot{Phase: Attest}, attestPayload{}.encode())
	r := w.rounds[1]
	before := len(r.posts[2])
	change := func(change func(*Message)) Message {
		m := good
		change(&m)
		return m
	}
	cases := []struct {
		name string
		m    Message
		from Party
		lie  bool
		why  string
	}{
		{"sender 0", change(func(m *Message) { m.From = 0 }), 0, false, "not in a roster"},
		{"sender above n", change(func(m *Message) { m.From = 5 }), 0, false, "not in a roster"},
		{"another sender's name", change(func(m *Message) { m.From = 3 }), 3, false, "signature"},
		{"another round", change(func(m *Message) { m.Round = 6 }), 2, false, "round 6 in round 5"},
		{"another slot", change(func(m *Message) { m.Slot.View = 1 }), 2, false, "signature"},
		{"another payload", Message{Round: 5, Description: good.Description, From: 2, Slot: good.Slot, Payload: []byte{1}, Signature: good.Signature}, 2, false, "signature"},
		{"no signature", change(func(m *Message) { m.Signature = nil }), 2, false, "signature"},
		{"garbage, signed", w.message(2, Slot{Phase: Attest}, []byte{1, 2, 3}), 2, true, "slot attest"},
		{"a slot that nobody fills", w.message(2, Slot{Phase: Check}, nil), 2, true, "no message fills slot check"},
		{"a subject where none belongs", w.message(2, Slot{Phase: Commit, Subject: 1}, make([]byte, 32)), 2, true, "no message fills"},
		{"a view where none belongs", w.message(2, Slot{Phase: Open, View: 1}, nil), 2, true, "no message fills"},
		{"a proposal out of turn", w.message(1, Slot{Phase: Agree}, r.attests.justify(choice{}).encode()), 1, false, ""},
		{"a proposal by no leader", w.message(3, Slot{Phase: Agree}, proposalPayload{}.encode()), 3, true, "which hospital 2 leads"},
		{"neither result nor abort", w.message(2, Slot{Phase: Combine}, resultPayload{}.encode()), 2, true, "neither a result nor an abort"},
		{"a reason for a terminal", w.message(2, Slot{Phase: Combine}, resultPayload{Reason: "\x1b[2J"}.encode()), 2, true, "cannot be printed"},
		{"both result and abort", w.message(2, Slot{Phase: Combine}, resultPayload{Sum: Hash{1}, Reason: "why"}.encode()), 2, true, "neither a result nor an abort"},
	}
	for _, c := range cases {
		if c.name == "a proposal out of turn" {
			continue // a message in this hospital's own name is tested below
		}
		t.Run(c.name, func(t *testing.T) { refused(t, w.step(1, Received{c.m}), c.from, c.lie, c.why) })
	}
	if len(r.posts[2]) != before || len(r.seconds[2]) != 1 { // one of them is evidence
		t.Fatal("a refused message was kept")
	}
}

// A message signed for another description, epoch or federation is no message
// of this round: "hospitals with different views cannot combine".
func TestSignatureBindsPlace(t *testing.T) {
	w := newWorld(t, 4)
	for _, change := range []func(*Description){
		func(d *Description) { d.Federation = "other" },
		func(d *Description) { d.Epoch = 2 },
	} {
		d := testDescription(4)
		change(&d)
		m := Message{Round: 5, Description: testDescription(4).Hash(), From: 2, Slot: Slot{Phase: Commit}, Payload: make([]byte, 32)}
		m.Signature = testSigner{self: 2}.Sign(m.signedBytes(d.Federation, d.Epoch))
		refused(t, w.step(1, Received{m}), 2, false, "signature")
	}
	d := w.d
	signed := Message{Round: 5, Description: d.Hash(), From: 2, Slot: Slot{Phase: Attest, View: 3}, Payload: attestPayload{}.encode()}
	signed.Signature = testSigner{self: 2}.Sign(signed.signedBytes(d.Federation, d.Epoch))
	if !(testSigner{}).Verify(2, signed.signedBytes(d.Federation, d.Epoch), signed.Signature) {
		t.Fatal("the test shows nothing")
	}
	for what, change := range map[string]func(*Message){
		"phase": func(m *Message) { m.Slot.Phase = Agree }, "view": func(m *Message) { m.Slot.View++ }, "step": func(m *Message) { m.Slot.Step++ },
		"subject": func(m *Message) { m.Slot.Subject = 1 }, "round": func(m *Message) { m.Round++ }, "description": func(m *Message) { m.Description[0] ^= 1 },
		"payload": func(m *Message) { m.Payload, m.hash = []byte{1}, nil }, "sender": func(m *Message) { m.From = 3 },
	} {
		m := signed
		if change(&m); (testSigner{}).Verify(2, m.signedBytes(d.Federation, d.Epoch), m.Signature) {
			t.Errorf("the signature does not bind the %s", what)
		}
	}
}

func TestDifferentDescriptionIsExplained(t *testing.T) {
	w := newWorld(t, 4)
	d := testDescription(4)
	d.Study = Hash{9}
	m := Message{Round: 5, Description: d.Hash(), From: 2, Slot: Slot{Phase: Describe}, Payload: describePayload{d.Encode(), nil}.encode()}
	err := w.step(1, Received{w.sign(m)})
	refused(t, err, 2, false, "the study is 0900")
	var r *Refusal
	if errors.As(err, &r); r.Described == nil || r.Described.Study != d.Study {
		t.Fatalf("the refusal does not carry the other description: %+v", r)
	}
}

// A hospital whose store was put back from a backup learns from the others that
// it has signed already, and says nothing more in the round.
func TestForgetfulHospitalSitsOut(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Agree)
	old := w.rounds[1].posts[1][Slot{Phase: Deal}.key()].message
	fresh := newWorld(t, 4)
	refused(t, fresh.step(1, Received{old}), 1, false, "does not remember")
	for range 100 {
		if err := fresh.step(1, Ticked{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := fresh.step(1, Trained{Vector{1, 2}}); err != nil {
		t.Fatal(err)
	}
	if len(fresh.sent) > 0 {
		t.Fatalf("it signed %v", fresh.sent[0].Slot)
	}
}

// "Nobody can commit after seeing another's payload": the attacker sees every
// deal before it commits. Its commitment reaches everybody, but no list is open
// any more, so its deal does not count.
func TestLateCommitmentDoesNotCount(t *testing.T) {
	const attacker = 4
	w := newWorld(t, 4)
	silent := w.rounds[attacker]
	w.rounds = w.rounds[:attacker] // it listens elsewhere
	w.run(Attest)
	for range 11 { // the commit deadline passes without it
		for p := Party(1); p < attacker; p++ {
			if err := w.step(p, Ticked{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var deals, later []Message
	for len(w.sent) > 0 {
		if m := w.sent[0]; m.Slot.Phase > Deal {
			later, w.sent = append(later, m), w.sent[1:]
			continue
		} else if m.Slot.Phase == Deal {
			deals = append(deals, m)
		}
		w.carryOne()
	}
	if len(deals) != 3 {
		t.Fatalf("%d deals were seen: the attack did not happen", len(deals))
	}
	copied, err := decodeDeal(deals[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	w.rounds = append(w.rounds, silent) // so that messages are signed for four
	c := commitment(silent.hash, attacker, copied.Nonce, copied.Body.root())
	attack := []Message{
		w.message(attacker, Slot{Phase: Commit}, commitPayload{c}.encode()),
		w.message(attacker, Slot{Phase: Commit, Step: stepList}, listPayload{[]named{{attacker, c}}}.encode()), // a list that was still open
		w.message(attacker, Slot{Phase: Deal}, copied.encode()),
	}
	w.rounds = w.rounds[:attacker]
	for p := Party(1); p < attacker; p++ {
		for _, m := range attack {
			if err := w.step(p, Received{m}); err != nil {
				t.Fatal(err)
			}
		}
		if _, counts := w.rounds[p].counted(attacker); counts || w.rounds[p].deals[attacker].status != dealPending {
			t.Fatalf("hospital %d counts a deal that was committed to after the others were seen", p)
		}
	}
	w.sent = append(later, w.sent...)
	w.carry()
	for p := Party(1); p < attacker; p++ {
		if o := w.rounds[p].Outcome(); o == nil || NewSet(o.Included...) != NewSet(1, 2, 3) {
			t.Fatalf("hospital %d ends with %+v", p, o)
		}
	}
}

// A copied deal does not fit the copier's own commitment: the sender is in the
// hash.
func TestCommitmentBindsSender(t *testing.T) {
	root, nonce, d := Hash{1}, Hash{2}, Hash{3}
	if commitment(d, 1, nonce, root) == commitment(d, 2, nonce, root) {
		t.Fatal("two hospitals have one commitment")
	}
}

// "An honest hospital opens at most one set per round, ever": restored at the
// point where its opening was saved, with a certificate for another set in
// front of it, it must not open that.
// "Secrets of the round erased": nothing that opens a box or a share is left in
// a round that is over.
func TestRoundForgetsItsSecrets(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Agree)
	private, dealing := w.rounds[1].private, w.rounds[1].dealing
	seed := &dealing.seed
	if private[0] == 0 || *seed == (Seed{}) || dealing.update[0] == 0 {
		t.Fatal("there is nothing to forget yet: the test shows nothing")
	}
	update := dealing.update
	w.carry()
	r := w.rounds[1]
	if r.Outcome() == nil {
		t.Fatal("the round did not end")
	}
	if private[0] != 0 || *seed != (Seed{}) || update[0] != 0 || r.dealing != nil || r.private != nil {
		t.Fatal("a secret is left")
	}
	for p := range r.deals {
		if r.deals[p] != nil || r.openings[p] != nil {
			t.Fatal("a share is left")
		}
	}
	if missing, err := r.Missing(nil); err != nil || len(missing) < 4*8 {
		t.Fatalf("it cannot answer slower hospitals any more: %d messages, %v", len(missing), err)
	}
}

func TestRestoredHospitalOpensNoOtherSet(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Combine)
	r := w.rounds[1]
	if r.openings[1] == nil {
		t.Fatal("hospital 1 did not open")
	}
	d := testDescription(4)
	scheme, err := NewShamir(1, d.Thresholds, 2)
	if err != nil {
		t.Fatal(err)
	}
	var mine []Record // what it said itself; the others now tell another story
	for _, rec := range w.saved[1] {
		if rec.Message == nil || rec.Message.From == 1 || rec.Message.Slot.Phase < Agree {
			mine = append(mine, rec)
		}
	}
	again, err := Restore(testConfig(1, d), scheme, mine)
	if err != nil {
		t.Fatal(err)
	}
	forged := choice{Holders: NewSet(1, 2, 3), Included: r.ballot.decided.Included[:3]}
	again.ballot.decided, again.ballot.decidedID = &forged, forged.id(r.hash)
	effects, err := again.Step(Ticked{})
	for _, m := range effects.Send {
		if p, e := decodeOpen(m.Payload); m.Slot.Phase == Open && e == nil && p.Set == again.ballot.decidedID {
			t.Fatal("it opened a second set")
		}
	}
	if err == nil {
		t.Fatal("a certificate for another set than the one it is locked on went unnoticed")
	}
}

func TestThresholds(t *testing.T) {
	// The table of docs/protocol.md.
	for _, c := range []struct{ n, f, c, k int }{
		{3, 0, 1, 2}, {4, 1, 0, 3}, {4, 0, 1, 3}, {5, 0, 2, 3}, {5, 1, 0, 4}, {6, 1, 1, 4},
		{7, 2, 0, 5}, {10, 2, 1, 7}, {10, 3, 0, 7}, {20, 6, 0, 14}, {100, 33, 0, 67},
	} {
		th := Thresholds{c.n, c.f, c.c}
		if err := th.Validate(); err != nil || th.Openings() != c.k {
			t.Errorf("n %d, f %d, c %d: k = %d, %v; want %d", c.n, c.f, c.c, th.Openings(), err, c.k)
		}
		if 2*th.Openings() <= c.n+c.f {
			t.Errorf("n %d, f %d: two sets could both reach %d openings", c.n, c.f, th.Openings())
		}
	}
	for _, c := range []struct {
		n, f, c int
		why     string
	}{
		{1, 0, 0, "nobody to train with"}, {2, 0, 0, "three is the least"}, {0, 0, 0, "3 to 256"}, {257, 0, 0, "3 to 256"},
		{4, 0, -1, "negative"}, {5, 0, math.MaxInt, "no federation stands"}, {5, math.MaxInt, 0, "no federation stands"}, {5, math.MaxInt / 2, 1, "no federation stands"},
		{10, 85, 1, "no federation stands"}, {10, 85, 0, "256 hospitals would do"}, {3, 1, 0, "4 hospitals would do"}, {4, 1, 1, "6 hospitals would do"}, {4, 0, 2, "5 hospitals would do"}, {4, -1, 0, "negative"},
	} {
		err := Thresholds{c.n, c.f, c.c}.Validate()
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("n %d, f %d, c %d: %v, want %q", c.n, c.f, c.c, err, c.why)
		}
	}
	for n := 3; n <= 100; n++ {
		for f := 0; f <= n; f++ {
			c := MostDropouts(n, f)
			fits := c >= 0 && Thresholds{n, f, c}.Validate() == nil
			if fits != (n > 3*f) || fits && (Thresholds{n, f, c + 1}).Validate() == nil {
				t.Fatalf("n %d, f %d: most dropouts %d", n, f, c)
			}
		}
	}
}

func TestStepRefusesUpdatesOfAnotherLength(t *testing.T) {
	w := newWorld(t, 4)
	if err := w.step(1, Trained{Vector{1, 2, 3}}); err == nil {
		t.Fatal("three values in a round of two")
	}
	if err := w.step(1, Trained{Vector{1, 2}}); err != nil {
		t.Fatal(fmt.Errorf("after a refused update: %w", err))
	}
}
