package protocol

import (
	"slices"
	"strings"
	"testing"
)

// lockedOn brings hospital 1 to precommit the good proposal in view 0, and gives
// another acceptable one.
func lockedOn(t *testing.T) (w *world, r *Round, other proposalPayload) {
	t.Helper()
	w, r, good := atAgreement(t)
	id := good.Choice.id(r.hash)
	w.deliver(1, w.message(2, Slot{Phase: Agree}, good.encode()), w.vote(2, 0, stepPrevote, id), w.vote(3, 0, stepPrevote, id))
	if v := own(r, 0, stepPrecommit); v == nil || *v != id {
		t.Fatal("hospital 1 did not precommit: the test shows nothing")
	}
	other = good
	other.Choice.Included = good.Choice.Included[:3]
	if !r.ballot.justified(other) {
		t.Fatal("the other proposal is not acceptable: the test shows nothing")
	}
	return w, r, other
}

// L22: a locked hospital does not prevote another value in a later view; not
// after a restart either, when all that it has of its lock is its own vote.
func TestLockHolds(t *testing.T) {
	w, r, other := lockedOn(t)
	scheme, err := NewShamir(1, r.t, 2)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Restore(testConfig(1, testDescription(4)), scheme, w.saved[1])
	if err != nil {
		t.Fatal(err)
	}
	for name, locked := range map[string]*Round{"running": r, "restored": again} {
		w.rounds[1] = locked
		w.deliver(1, w.message(3, Slot{Phase: Agree, View: 1}, other.encode()))
		if v := own(locked, 1, stepPrevote); v == nil || *v != (Hash{}) {
			t.Errorf("%s: prevote %v for another value than the locked one", name, v)
		}
	}
}

// L28: a proposal that leans on an earlier view needs the quorum of prevotes
// there; with it, it frees a lock of that view or an earlier one.
func TestLeaningProposalNeedsItsPrevotes(t *testing.T) {
	w, r, other := lockedOn(t)
	id := other.Choice.id(r.hash)
	other.ValidView = 2
	w.deliver(1, w.message(4, Slot{Phase: Agree, View: 2}, other.encode()))
	if v := own(r, 2, stepPrevote); v != nil {
		t.Fatalf("prevote %v before the prevotes that the proposal leans on", *v)
	}
	w.deliver(1, w.vote(2, 1, stepPrevote, id), w.vote(3, 1, stepPrevote, id))
	if v := own(r, 2, stepPrevote); v != nil {
		t.Fatalf("prevote %v with fewer than a quorum of them", *v)
	}
	w.deliver(1, w.vote(4, 1, stepPrevote, id))
	if v := own(r, 2, stepPrevote); v == nil || *v != id {
		t.Fatalf("prevote %v with all of them", v)
	}
}

func TestProposalLeansBackwards(t *testing.T) {
	w, _, good := atAgreement(t)
	good.ValidView = 1
	refused(t, w.step(1, Received{w.message(2, Slot{Phase: Agree}, good.encode())}), 2, true, "leans on view 0")
}

// One opening per hospital and round: in front of a certificate for another set
// than the one that it has opened, a hospital stops.
func TestLockedOnAnotherSet(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Combine)
	r := w.rounds[1]
	if r.openings[1] == nil {
		t.Fatal("hospital 1 has opened nothing: the test shows nothing")
	}
	r.opened = false // as after a restart
	r.ballot.decidedID = Hash{9}
	if err := r.open(); err == nil || !strings.Contains(err.Error(), "locked on another set") {
		t.Fatalf("it opens a second set: %v", err)
	}
}

// An opening of another set is no opening of this one.
func TestOpeningsOfAnotherSetDoNotCount(t *testing.T) {
	w := newWorld(t, 4)
	w.run(Combine)
	r := w.rounds[1]
	counts := func() bool {
		return slices.ContainsFunc(r.openingsHere(), func(p Post) bool { return p.From == 2 })
	}
	if !counts() {
		t.Fatal("the opening of hospital 2 is not here: the test shows nothing")
	}
	r.openings[2].payload.Set = Hash{9}
	if counts() || r.openers().Has(2) {
		t.Fatal("it counts")
	}
}
