package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
)

// world is a handful of rounds whose messages the test carries by hand.
type world struct {
	t      *testing.T
	d      Description
	rounds []*Round // by party
	sent   []Message
	saved  [][]Record
	served map[Hash]Source // parts of posts
	wanted []wanted        // that nobody serves yet
}

type wanted struct {
	by   Party
	want Want
}

type testSigner struct {
	self Party
	n    int
}

func testKey(p Party) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte{byte(p)})
	return ed25519.NewKeyFromSeed(seed[:])
}

func (s testSigner) Sign(m []byte) []byte { return ed25519.Sign(testKey(s.self), m) }

func (s testSigner) Verify(from Party, m, sig []byte) bool {
	return ed25519.Verify(testKey(from).Public().(ed25519.PublicKey), m, sig)
}

// testSealer is insecure: the key is a hash of what everybody sees.
type testSealer struct{}

func (testSealer) NewKey() (private, public []byte, err error) { return []byte{1}, []byte{1}, nil }

func (testSealer) CheckKey([]byte) error { return nil }

func (testSealer) Seal(_, info []byte) (encapsulation, key []byte, err error) {
	h := sha256.Sum256(info)
	return []byte("encapsulation"), h[:], nil
}

func (testSealer) Open(_, _, info []byte) ([]byte, error) {
	h := sha256.Sum256(info)
	return h[:], nil
}

// counter is a source that never gives the same bytes twice.
type counter struct{ n byte }

func (c *counter) Read(b []byte) (int, error) {
	for i := range b {
		c.n++
		b[i] = c.n
	}
	return len(b), nil
}

func testDescription(n int) Description {
	return Description{
		Federation: "test", Epoch: 1, Round: 5, Step: "sum", Scheme: SchemeShamir, Length: 2, Limit: 1 << 40,
		Thresholds: Thresholds{Parties: n, Dropouts: MostDropouts(n, 0)},
		Deadlines:  Deadlines{Commit: 10, Deal: 10, Attest: 10, View: 10},
	}
}

func testConfig(self Party, d Description) Config {
	return Config{Self: self, Description: d, Signer: testSigner{self, d.Thresholds.Parties}, Sealer: testSealer{}, Random: &counter{byte(self)}}
}

func newWorld(t *testing.T, n int) *world {
	t.Helper()
	return newWorldOf(t, testDescription(n))
}

// liarWorld stands one liar with scheme shamir.
func liarWorld(t *testing.T) *world {
	t.Helper()
	d := testDescription(6)
	d.Thresholds = Thresholds{Parties: 6, Liars: 1}
	return newWorldOf(t, d)
}

func newWorldOf(t *testing.T, d Description) *world {
	t.Helper()
	n := d.Thresholds.Parties
	w := &world{t: t, d: d, rounds: make([]*Round, n+1), saved: make([][]Record, n+1), served: map[Hash]Source{}}
	for p := 1; p <= n; p++ {
		scheme, err := NewScheme(Party(p), d, nil)
		if err != nil {
			t.Fatal(err)
		}
		if w.rounds[p], err = NewRound(testConfig(Party(p), d), scheme); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) step(p Party, e Event) error {
	effects, err := w.rounds[p].Step(e)
	w.sent = append(w.sent, effects.Send...)
	w.saved[p] = append(w.saved[p], effects.Save...)
	for _, part := range effects.Serve {
		w.served[part.Ref.Root] = part.Source
	}
	for _, want := range effects.Want {
		w.wanted = append(w.wanted, wanted{p, want})
	}
	return err
}

// deliver brings what is wanted and served.
func (w *world) fetch() {
	w.t.Helper()
	list := w.wanted
	w.wanted = nil
	for _, x := range list {
		source, ok := w.served[x.want.Ref.Root]
		if !ok {
			w.wanted = append(w.wanted, x)
			continue
		}
		if err := w.step(x.by, Fetched{Ref: x.want.Ref, First: x.want.First, Count: x.want.Count, Source: source}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// run lets everybody train, and carries messages until the phase is reached
// everywhere, or nothing is left to carry.
func (w *world) run(until Phase) {
	w.t.Helper()
	for p := 1; p < len(w.rounds); p++ {
		if err := w.step(Party(p), Trained{Vector{int64(p), -10 * int64(p)}}); err != nil {
			w.t.Fatal(err)
		}
	}
	for len(w.sent) > 0 && w.sent[0].Slot.Phase < until {
		w.carryOne()
	}
}

// carry brings everything that was sent to everybody.
func (w *world) carry() {
	for len(w.sent) > 0 {
		w.carryOne()
	}
	w.fetch()
}

func (w *world) carryOne() {
	w.t.Helper()
	m := w.sent[0]
	w.sent = w.sent[1:]
	for p := 1; p < len(w.rounds); p++ {
		if Party(p) == m.From || w.rounds[p] == nil {
			continue
		}
		if err := w.step(Party(p), Received{m}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// carryUntil carries what comes before a phase, to those who are to have it.
func (w *world) carryUntil(until Phase, to func(m Message, p Party) bool) {
	w.t.Helper()
	for i := 0; i < len(w.sent); i++ {
		m := w.sent[i]
		for p := 1; p < len(w.rounds); p++ {
			if m.Slot.Phase >= until || Party(p) == m.From || !to(m, Party(p)) {
				continue
			}
			if err := w.step(Party(p), Received{m}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (w *world) sign(m Message) Message {
	m.Signature = testSigner{self: m.From}.Sign(m.signedBytes(w.d.Federation, w.d.Epoch))
	return m
}

func (w *world) message(from Party, slot Slot, payload []byte) Message {
	return w.sign(Message{Round: 5, Description: w.d.Hash(), From: from, Slot: slot, Payload: payload})
}

func refused(t *testing.T, err error, from Party, lie bool, why string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal about %q", err, why)
	}
	if r.From != from || r.Lie != lie || !strings.Contains(r.Why, why) {
		t.Fatalf("got refusal %+v, want hospital %d, lie %v, %q", r, from, lie, why)
	}
}
