package protocol

import (
	"slices"
	"testing"
)

// maskedLiarWorld stands one liar of four with scheme masked.
func maskedLiarWorld(t *testing.T) *world {
	t.Helper()
	d := maskedDescription(4, 1, 2, 64)
	return newWorldOf(t, d)
}

// crookedMasks deals hospital 2 a share that is not what was committed to.
type crookedMasks struct{ *Masked }

func (b crookedMasks) Deal(update Vector, seed Seed) (Body, error) {
	body, err := b.Masked.Deal(update, seed)
	if err != nil {
		return body, err
	}
	part, err := inMemory(body.Parts[2])
	if err != nil {
		return body, err
	}
	part = Chunks{slices.Clone(part[0])}
	part[0][0] ^= 1
	body.Parts[2] = part
	return body, nil
}

// A complaint stays open while what the dealer publishes is not what it dealt, or not
// what it had committed to in the shares: nobody masks over such a deal.
func TestInvalidAnswersLeaveTheDealerOutOfWhoMasks(t *testing.T) {
	for what, falsify := range map[string]func(*answerPayload){
		"not valid":    nil,
		"another part": func(p *answerPayload) { p.Salt[0] ^= 1 },
	} {
		t.Run(what, func(t *testing.T) {
			w := maskedLiarWorld(t)
			if falsify == nil {
				w.rounds[3].scheme = crookedMasks{w.rounds[3].scheme.(*Masked)}
			}
			w.train()
			published := 0
			w.until(150, func(to Party, m *Message) bool {
				if isDeal(m, 3) && falsify != nil {
					*m = w.resealed(*m, func(boxes []sealedBox) []sealedBox { return append(boxes[:1:1], boxes[2:]...) })
				}
				if m.From == 3 && m.Slot.Phase == Check {
					if published++; falsify != nil {
						p, err := decodeAnswer(m.Payload)
						if err != nil {
							t.Fatal(err)
						}
						falsify(&p)
						*m = w.message(3, m.Slot, p.encode())
					}
				}
				return true
			})
			if published == 0 {
				t.Fatal("nothing is published: the test shows nothing")
			}
			for _, p := range []Party{1, 2, 4} {
				w.finishedFor(t, p, NewSet(1, 2, 4))
				w.convicted(t, what, p, 3, InvalidAnswer)
				for _, a := range w.rounds[p].attests.latest {
					if a != nil && a.message.From == 2 && a.set.Has(3) {
						t.Errorf("hospital 2 attests the deal")
					}
				}
			}
		})
	}
}

// An answer that is here and is not valid answers nothing, before evidence against
// the dealer has an effect of its own.
func TestInvalidAnswerSettlesNoComplaint(t *testing.T) {
	w := maskedLiarWorld(t)
	w.run(Attest)
	r := w.rounds[1]
	w.deliver(1, w.message(2, Slot{Phase: Attest}, attestPayload{Held: []named{{1, r.deals[1].root()}, {2, r.deals[2].root()}, {4, r.deals[4].root()}}}.encode()))
	for status, open := range map[dealStatus]bool{dealPending: true, dealInvalid: true, dealHeld: false} {
		r.answers[3][2] = &answerState{status: status}
		if r.lacks(2, 3) != open {
			t.Errorf("with an answer of status %d the complaint is open: %v", status, !open)
		}
	}
}

// whoMasks is hospital 1 with the attestations of all, and the vote it would cast on a
// fresh choice of who masks in a view.
func whoMasks(t *testing.T, d Description) (*Round, func(included []named, view uint32) bool) {
	t.Helper()
	w := newWorldOf(t, d)
	w.run(Mask)
	r := w.rounds[1]
	return r, func(included []named, view uint32) bool {
		b := r.masks.join
		b.view = view
		return b.excludes(choice{Holders: r.attests.holdersOf(included), Included: included})
	}
}

// A leader does not choose who masks: nobody votes for a part of what it would propose
// itself, until every hospital has led once.
func TestALeaderDoesNotChooseWhoMasks(t *testing.T) {
	r, excludes := whoMasks(t, maskedDescription(5, 0, 2, 64))
	c, ok := r.attests.candidate()
	if !ok || len(c.Included) != 5 {
		t.Fatalf("the test shows nothing: %+v", c)
	}
	for view, want := range map[uint32]bool{0: true, 4: true, 5: false} {
		if got := excludes(c.Included[:4], view); got != want {
			t.Errorf("in view %d it votes against a part: %v", view, got)
		}
		if excludes(c.Included, view) {
			t.Errorf("in view %d it votes against all", view)
		}
	}
}

// Nor while somebody may lie for one that another deal would fit into, by the
// attestations held, whoever has led.
func TestNobodyIsLeftOutOfWhoMasks(t *testing.T) {
	r, excludes := whoMasks(t, maskedDescription(4, 1, 2, 64))
	c, ok := r.attests.candidate()
	if !ok || len(c.Included) != 4 {
		t.Fatalf("the test shows nothing: %+v", c)
	}
	for _, view := range []uint32{0, 4, 40} {
		if !excludes(c.Included[1:], view) {
			t.Errorf("in view %d it votes for a choice without hospital 1", view)
		}
		if excludes(c.Included, view) {
			t.Errorf("in view %d it votes against all", view)
		}
	}
	r.liars.Add(4)
	if excludes(c.Included[:3], 4) {
		t.Error("it wants a proved liar in")
	}
}
