package protocol

import (
	"slices"
	"testing"
)

// slicedRound is the round of one hospital, in which nothing has happened.
func slicedRound(t *testing.T, d Description, self Party) *Round {
	t.Helper()
	scheme, err := NewScheme(self, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRound(testConfig(self, d), scheme)
	if err != nil {
		t.Fatal(err)
	}
	r.ballot.decided = &choice{Holders: AllOf(d.Thresholds.Parties)}
	return r
}

func signedMessage(d Description, from Party, slot Slot, payload []byte) Message {
	m := Message{Round: d.Round, Description: d.Hash(), Slot: slot, From: from, Payload: payload}
	m.Signature = testSigner{from, d.Thresholds.Parties}.Sign(m.signedBytes(d.Federation, d.Epoch))
	return m
}

// says lets a hospital post one root for all slices of a message, which is for
// slice i.
func (r *Round) says(from Party, i int, root Hash) error {
	d, s := r.cfg.Description, r.sums.slicing
	subject := Party(0)
	if s.place(i, from) >= s.adders() {
		subject = Party(i + 1)
	}
	of, _ := s.summed(from, subject)
	p := sumPayload{}
	for range of {
		p.Roots = append(p.Roots, root)
	}
	_, err := r.Step(Received{signedMessage(d, from, sumSlot(subject), p.encode())})
	return err
}

// f hospitals that post the same wrong root do not make it right, f+1 hospitals
// make a root right, and then who posted another is named.
func TestRootsOfSumsTakeOneHonest(t *testing.T) {
	d := slicedDescription(8, 2, 0, 16*8, 32)
	r := slicedRound(t, d, d.Slicing().at(0, 7))
	s := r.sums.slicing
	post := func(place int, root Hash) {
		t.Helper()
		if err := r.says(s.at(0, place), 0, root); err != nil {
			t.Fatal(err)
		}
	}
	wrong, right := Hash{66}, Hash{1}
	post(0, wrong)
	post(1, wrong)
	post(2, right)
	if r.sums.slices[0].settled {
		t.Fatal("two of two liars have settled a sum")
	}
	if len(r.evidence) > 0 {
		t.Fatal("somebody is named before it is known what is right")
	}
	post(3, right)
	if r.sums.slices[0].settled {
		t.Fatal("two against two have settled a sum")
	}
	post(4, right)
	if sum := r.sums.slices[0]; !sum.settled || sum.root != right {
		t.Fatalf("three have not: %+v", sum)
	}
	var named Set
	for _, e := range r.evidence {
		named.Add(e.Liar)
		verifySums(t, d, e)
	}
	if named != NewSet(s.at(0, 0), s.at(0, 1)) {
		t.Fatalf("named: %v", named)
	}
}

// verifySums shows evidence, and what is made of it, to a third party.
func verifySums(t *testing.T, d Description, e Evidence) {
	t.Helper()
	verify := func(e Evidence) error {
		encoded, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if e, err = DecodeEvidence(encoded); err != nil {
			return err
		}
		scheme, err := NewScheme(1, d, nil)
		if err != nil {
			return err
		}
		return e.Verify(testSigner{1, d.Thresholds.Parties}.Verify, testSealer{}, scheme)
	}
	if err := verify(e); err != nil || e.Kind != WrongSum {
		t.Errorf("%v against hospital %d: %v", e.Kind, e.Liar, err)
	}
	for what, tamper := range map[string]func(*Evidence){
		"one of the others less":    func(e *Evidence) { e.Messages = e.Messages[:len(e.Messages)-1] },
		"one of the others twice":   func(e *Evidence) { e.Messages[1] = e.Messages[2] },
		"the liar's own among them": func(e *Evidence) { e.Messages[1] = e.Messages[0] },
		"the liar's other root among them": func(e *Evidence) {
			wrong := e.Messages[0]
			p, _ := decodeSum(wrong.Payload)
			other, _ := decodeSum(e.Messages[1].Payload)
			p.Roots = slices.Repeat(other.Roots[:1], len(p.Roots))
			e.Messages[1] = signedMessage(d, wrong.From, wrong.Slot, p.encode())
		},
		"against one of the others":      func(e *Evidence) { e.Liar = e.Messages[1].From; slices.Reverse(e.Messages) },
		"in a round that was not sliced": func(e *Evidence) { e.Description.Sliced = false },
		"of another kind":                func(e *Evidence) { e.Kind = WrongResult },
	} {
		forged := e
		forged.Messages = slices.Clone(e.Messages)
		tamper(&forged)
		if verify(forged) == nil {
			t.Errorf("%s: it convinces", what)
		}
	}
}

// posts is a root of slice 0 that has come.
func posts(r *Round, p Party, root byte) { r.sums.count(0, p, Hash{root}) }

// Whose turn it is to add up a slice: the first f+1; then, for each of them who is
// away, a liar, silent for long, or contradicted, the next.
func TestWhoseTurnItIsToAddUp(t *testing.T) {
	d := slicedDescription(10, 1, 2, 16*10, 32)
	patience := uint64(d.Deadlines.Attest)
	for what, c := range map[string]struct {
		befalls func(r *Round, at func(place int) Party)
		places  int // whose turn it is
	}{
		"nothing":              {func(*Round, func(int) Party) {}, 2},
		"the first is away":    {func(r *Round, at func(int) Party) { r.absent.Add(at(0)) }, 3},
		"both are away":        {func(r *Round, at func(int) Party) { r.absent = NewSet(at(0), at(1)) }, 4},
		"the second has lied":  {func(r *Round, at func(int) Party) { r.liars.Add(at(1)) }, 3},
		"the first has posted": {func(r *Round, at func(int) Party) { posts(r, at(0), 1) }, 2},
		"both are silent":      {func(r *Round, _ func(int) Party) { r.tick += patience }, 4},
		"one is silent":        {func(r *Round, at func(int) Party) { posts(r, at(0), 1); r.tick += patience }, 3},
		"they contradict":      {func(r *Round, at func(int) Party) { posts(r, at(0), 1); posts(r, at(1), 2) }, 3},
		"they agree":           {func(r *Round, at func(int) Party) { posts(r, at(0), 1); posts(r, at(1), 1) }, 2},
		"they agree, and time passes": {func(r *Round, at func(int) Party) {
			posts(r, at(0), 1)
			posts(r, at(1), 1)
			r.tick += 10 * patience
		}, 2},
		"four are silent, one after the other": {func(r *Round, _ func(int) Party) {
			r.tick += patience
			r.sums.turn(0)
			r.tick += patience
		}, 6},
	} {
		for place := range 10 {
			self := d.Slicing().at(0, place)
			r := slicedRound(t, d, self)
			r.sums.turn(0)
			c.befalls(r, func(place int) Party { return d.Slicing().at(0, place) })
			if turn := r.sums.turn(0); turn != (place < c.places) {
				t.Errorf("%s: at place %d it is its turn: %v", what, place, turn)
			}
			if r.amnesiac = true; r.sums.turn(0) && place < 2 {
				t.Errorf("%s: a hospital that has forgotten what it signed adds up", what)
			}
		}
	}
}

// A liar posts one root here and another there. Who settled on the one, with it,
// adds up nothing more: so who was told the other must come to count the first,
// when others post it, too.
func TestSecondRootsCountWhereOthersAgree(t *testing.T) {
	d := slicedDescription(8, 1, 0, 16*8, 32)
	r := slicedRound(t, d, d.Slicing().at(0, 7))
	liar, honest := r.sums.slicing.at(0, 0), r.sums.slicing.at(0, 1)
	_ = r.says(liar, 0, Hash{2})
	_ = r.says(liar, 0, Hash{9}) // nobody else does
	if r.sums.slices[0].settled || len(r.sums.slices[0].posted[liar]) != 1 {
		t.Fatal("a second root counts that nobody else posts")
	}
	_ = r.says(liar, 0, Hash{1})
	if err := r.says(honest, 0, Hash{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Step(Ticked{}); err != nil {
		t.Fatal(err)
	}
	_ = r.says(liar, 0, Hash{1}) // as who counts it passes it on
	if sum := r.sums.slices[0]; !sum.settled || sum.root != (Hash{1}) {
		t.Fatalf("the honest root is not settled: %+v", sum)
	}
}

// After a restart a hospital holds less for a while. It takes no claim back, holds
// on to what it had claimed, and posts no other sum than it had.
func TestSlicesAfterARestart(t *testing.T) {
	d := slicedDescription(8, 1, 1, 16*8, 32)
	s, self := d.Slicing(), Party(3)
	r := slicedRound(t, d, self)
	m := r.masks
	extra := slices.IndexFunc(s.within(self, 8), func(i int) bool { return !m.duty.has(i) })
	claimed := s.newClaim(append(s.within(self, s.holders()), extra)...)
	held := []named{{1, Hash{1}}, {2, Hash{2}}, {4, Hash{4}}, {5, Hash{5}}, {6, Hash{6}}}
	slot := Slot{Phase: Mask, Step: stepAttestMasked}
	if err := r.say(slot, attestPayload{held, claimed}.encode()); err != nil {
		t.Fatal(err)
	}
	r.tick = 1000
	if err := m.attestSlices(choice{Included: held}); err != nil {
		t.Fatal(err)
	}
	if !m.duty.has(extra) {
		t.Error("it does not want the slice that it had stepped in for")
	}
	less := s.newClaim(s.within(self, s.holders())...)
	if err := m.attests.attest(attestPayload{append(held, named{7, Hash{7}}), less}, Set{}, 0); err != nil {
		t.Fatal(err)
	}
	slot.View = 1
	if r.said(slot) {
		t.Error("it takes a claim back")
	}

	var content Chunks
	for range s.chunks() {
		content = append(content, make([]byte, s.chunk))
	}
	state := &maskedState{held: content, name: Hash{9}}
	m.posts[1] = []*maskedState{state}
	for _, same := range []bool{true, false} {
		r.sums.unmasked = true
		r.sums.slices[0].mine, r.sums.slices[0].posted = nil, map[Party][]Hash{}
		ref, err := RefOf(r.sums.slicer.SumSlice(0, []Source{state.held}, nil))
		if err != nil {
			t.Fatal(err)
		}
		if !same {
			ref.Root[0] ^= 1
		}
		r.sums.slices[0].posted[self] = []Hash{ref.Root}
		if err := r.sums.add(0, choice{Included: []named{{1, Hash{9}}}}); (err == nil) != same {
			t.Errorf("the sum that was posted is the same: %v, %v", same, err)
		}
	}
}
