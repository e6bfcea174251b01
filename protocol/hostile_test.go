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
