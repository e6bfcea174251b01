package protocol

import (
	"bytes"
	"slices"
	"testing"
)

// A decoder accepts exactly what an encoder makes.
func FuzzMessage(f *testing.F) {
	m := Message{Round: 1, From: 2, Slot: Slot{Phase: Agree, View: 3, Step: 1}, Payload: []byte("payload"), Signature: make([]byte, SignatureSize)}
	f.Add(m.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeMessage(data)
		if err == nil && !bytes.Equal(m.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, m.Encode())
		}
	})
}

func FuzzDescription(f *testing.F) {
	f.Add(testDescription(4).Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := DecodeDescription(data)
		if err == nil && !bytes.Equal(d.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, d.Encode())
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add(Query{7, make([]byte, 32)}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := DecodeQuery(data)
		if err == nil && !bytes.Equal(q.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, q.Encode())
		}
	})
}

// payloads are one of each kind, from a real round.
func payloads(f *testing.F, round uint64) map[Slot][]byte {
	d := testDescription(4)
	d.Round = round
	w := newWorldOf(&testing.T{}, d)
	w.run(Done)
	found := map[Slot][]byte{}
	for _, held := range w.rounds[1].posts {
		for _, p := range held {
			found[p.message.Slot] = p.message.Payload
		}
	}
	box := sealedBox{To: 3, Ref: Ref{Chunks: 1, Size: 3}, Inline: Chunks{{1, 2, 3}}}
	found[Slot{Phase: Deal, Step: stepBox, Subject: 3}] = boxPayload{box}.encode()
	published := header{Parts: []partRef{{Ref: Ref{Chunks: 1, Size: 3}}}}
	found[Slot{Phase: Check, Subject: 3}] = answerPayload{Hash{1}, published}.encode()
	found[Slot{Phase: Agree, View: 9}] = proposalPayload{}.encode()
	if len(found) < 10 {
		f.Fatalf("only %d kinds of payload", len(found))
	}
	return found
}

func FuzzPayload(f *testing.F) {
	for slot, payload := range payloads(f, 5) {
		f.Add(uint8(slot.Phase), slot.Step, slot.View, uint16(slot.Subject), payload)
	}
	f.Fuzz(func(t *testing.T, phase, step uint8, view uint32, subject uint16, payload []byte) {
		content, err := decodePayload(Slot{Phase(phase), view, step, Party(subject)}, payload)
		if err != nil {
			return
		}
		if again := content.(interface{ encode() []byte }).encode(); !bytes.Equal(again, payload) {
			t.Fatalf("%x decodes and encodes to %x", payload, again)
		}
	})
}

// "A peer's bad message never crashes, blocks or confuses a node": whatever a
// hospital signs, the others still finish with the sum over an agreed set.
func FuzzSignedGarbage(f *testing.F) {
	// Seeds are of another round: in this one the honest hospitals have attested
	// nothing of hospital 4, and a liar cannot have their signatures that they did.
	for slot, payload := range payloads(f, 6) {
		f.Add(uint8(slot.Phase), slot.Step, slot.View, uint16(slot.Subject), payload)
	}
	f.Fuzz(func(t *testing.T, phase, step uint8, view uint32, subject uint16, payload []byte) {
		standsGarbage(t, testDescription(4), Slot{Phase(phase), view, step, Party(subject)}, payload)
	})
}

// The same in a sliced round.
func FuzzSlicedGarbage(f *testing.F) {
	for slot, payload := range payloads(f, 6) {
		f.Add(uint8(slot.Phase), slot.Step, slot.View, uint16(slot.Subject), payload)
	}
	d := slicedDescription(4, 0, 1, 2, 64)
	s := d.Slicing()
	f.Add(uint8(Mask), stepAttestMasked, uint32(0), uint16(0), attestPayload{Claim: s.newClaim(0)}.encode())
	f.Add(uint8(Combine), stepSum, uint32(0), uint16(0), sumPayload{make([]Hash, len(s.within(4, s.adders())))}.encode())
	f.Add(uint8(Combine), stepSum, uint32(0), uint16(1), sumPayload{make([]Hash, 1)}.encode())
	f.Fuzz(func(t *testing.T, phase, step uint8, view uint32, subject uint16, payload []byte) {
		standsGarbage(t, d, Slot{Phase(phase), view, step, Party(subject)}, payload)
	})
}

// standsGarbage runs a round of four hospitals, of which the last says this and
// nothing else.
func standsGarbage(t *testing.T, d Description, slot Slot, payload []byte) {
	t.Helper()
	w := newWorldOf(t, d)
	m := w.message(4, slot, payload)
	w.rounds = w.rounds[:4] // hospital 4 says nothing else
	for p := Party(1); p < 4; p++ {
		_ = w.step(p, Received{m}) // refused or not
	}
	w.run(Done)
	open := func(r *Round) bool { return r != nil && r.Outcome() == nil }
	for tick := 0; tick < 200 && slices.ContainsFunc(w.rounds, open); tick++ {
		for p := Party(1); p < 4; p++ {
			if err := w.step(p, Ticked{}); err != nil {
				t.Fatal(err)
			}
		}
		w.carry()
	}
	for p := Party(1); p < 4; p++ {
		o := w.rounds[p].Outcome()
		if o == nil {
			t.Fatalf("hospital %d hangs: %+v", p, w.rounds[p].Status())
		}
		if NewSet(o.Included...) != NewSet(1, 2, 3) || o.Sum[0] != 6 {
			t.Fatalf("hospital %d holds %v over %v", p, o.Sum, o.Included)
		}
	}
}
