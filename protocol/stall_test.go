package protocol

import "testing"

// A round in which too few deal ends by name when its deadline passes: a quorum
// agrees that there is no set, and nobody can open one any more.
func TestStalledRoundEndsByName(t *testing.T) {
	d := testDescription(4)
	d.Deadlines.Stall = 30
	w := newWorldOf(t, d)
	for p := Party(1); p <= 4; p++ {
		update := Vector{1, 2}
		if p > 2 {
			update = nil
		}
		if err := w.step(p, Trained{update}); err != nil {
			t.Fatal(err)
		}
	}
	w.until(20, nil)
	if w.rounds[1].ballot.started {
		t.Fatal("it ends before its deadline")
	}
	w.until(60, nil)
	for p := 1; p <= 4; p++ {
		if o := w.rounds[p].Outcome(); o == nil || o.Unopened == "" || o.Sum != nil || len(w.rounds[p].openings) != 5 || w.rounds[p].said(Slot{Phase: Open}) {
			t.Fatalf("hospital %d: %+v", p, o)
		}
	}
}

// Where there is a set to agree on, nobody votes to end the round, whatever a
// leader proposes and however late it is.
func TestNobodyEndsARoundThatGoesOn(t *testing.T) {
	d := testDescription(4)
	d.Deadlines.Stall = 1
	w := newWorldOf(t, d)
	w.run(Agree)
	r := w.rounds[1]
	r.tick = 1000
	end := w.message(r.ballot.leader(0), Slot{Phase: Agree}, proposalPayload{}.encode())
	w.sent = nil
	if err := w.step(1, Received{end}); err != nil {
		t.Fatal(err)
	}
	if v := own(r, 0, stepPrevote); v == nil || *v != (Hash{}) {
		t.Fatalf("it votes %v for the end", v)
	}
	if named := r.Evidence(); len(named) > 0 {
		t.Fatalf("an honest leader that holds less is named: %+v", named)
	}
	padded := proposalPayload{Roots: []named{{Party: 1}}}
	if r.ballot.justified(padded) || !r.ballot.justified(proposalPayload{}) {
		t.Fatal("the end of a round has two encodings")
	}
}

// Openings that are here, from as many as can be waited for, and do not give the
// sum: a result and an abort share one slot, and who is away is waited for.
func TestGivingUpIsForOpeningsThatDisagree(t *testing.T) {
	w := liarWorld(t)
	w.d.Deadlines.Stall = 0
	for _, c := range []struct {
		stall    uint32
		openings int
		tick     uint64
		gives    bool
	}{{0, 6, 100, false}, {30, 5, 29, false}, {30, 4, 100, false}, {30, 5, 31, true}} {
		w := liarWorld(t)
		w.run(Agree)
		r := w.rounds[1]
		r.cfg.Description.Deadlines.Stall = c.stall
		if err := r.giveUp(c.openings); err != nil {
			t.Fatal(err)
		}
		r.tick += c.tick
		if err := r.giveUp(c.openings); err != nil {
			t.Fatal(err)
		}
		if r.said(Slot{Phase: Combine}) != c.gives {
			t.Errorf("%+v", c)
		}
	}
}
