package protocoltest

import (
	"fmt"
	"testing"

	"consilium/protocol"
)

// shamirLiars has the fewest hospitals for scheme shamir.
func shamirLiars(f, c int, seed uint64) Options { return options(5*f+2*c+1, f, c, seed) }

// liarOptions has scheme paillier with stand-ins for its arithmetic.
func liarOptions(n, f, c int, seed uint64) Options {
	opt := options(n, f, c, seed)
	opt.Scheme = protocol.SchemePaillier
	return opt
}

func lieOf(kind string, p int, phase protocol.Phase) Fault {
	return Fault{Kind: kind, Name: fmt.Sprint(p), Party: protocol.Party(p), Round: 1, Phase: phase}
}

func mustStand(t *testing.T, opt Options) Result {
	t.Helper()
	res := mustRun(t, opt)
	if !res.Completed || res.Wrong || res.Split || res.Slandered || res.Unproved {
		t.Errorf("n %d, seed %d, %v: %+v", opt.Thresholds.Parties, opt.Seed, opt.Faults, res)
	}
	return res
}

// Every lie in every phase where it means something, alone and as a colluding
// pair: every run completes, and nobody honest is named.
func TestEveryLieInEveryPhase(t *testing.T) {
	named := map[string]int{}
	for _, kind := range []string{Equivocate, WrongShare, WrongOpen, BadProof} {
		for _, phase := range shamirPhases {
			if CheckLie(lieOf(kind, 1, phase), protocol.SchemePaillier) != nil {
				continue
			}
			for seed := range uint64(15) {
				opt := liarOptions(4, 1, 0, seed)
				opt.Rounds = 2
				opt.Faults = []Fault{lieOf(kind, 1+int(seed)%4, phase)}
				named[kind] += len(mustStand(t, opt).Named)
				opt = liarOptions(7, 2, 0, seed)
				opt.Faults = []Fault{lieOf(kind, 1+int(seed)%7, phase), lieOf(kind, 1+int(seed+3)%7, phase)}
				mustStand(t, opt)
			}
		}
	}
	t.Log(named)
	for _, kind := range []string{Equivocate, WrongShare, WrongOpen, BadProof} {
		if named[kind] == 0 {
			t.Errorf("%s was never named", kind)
		}
	}
}

// Bodies that do not fit into a message are served to one half only; that half
// gets them from the other.
func TestLiarsWithLargeBodies(t *testing.T) {
	for seed := range uint64(12) {
		for _, fault := range []Fault{
			lieOf(Equivocate, 2, protocol.Deal), lieOf(WrongShare, 2, protocol.Deal), lieOf(WrongOpen, 2, protocol.Open), lieOf(BadProof, 2, protocol.Open),
		} {
			opt := liarOptions(4, 1, 0, seed)
			opt.Values, opt.Faults = 2000, []Fault{fault}
			mustStand(t, opt)
		}
	}
}

// The same with the schemes that post vectors; and bodies that their hospital
// announces and gives to nobody, while it goes on with its lies.
func TestBodiesOfLiars(t *testing.T) {
	for _, c := range []struct {
		scheme string
		n      int
	}{{protocol.SchemeMasked, 4}, {protocol.SchemeMasked, 7}, {protocol.SchemeShamir, 6}, {protocol.SchemePaillier, 4}} {
		phases, err := protocol.SchemePhases(c.scheme)
		if err != nil {
			t.Fatal(err)
		}
		for _, phase := range phases {
			for seed := range uint64(8) {
				opt := liarOptions(c.n, 1, 0, seed)
				opt.Scheme, opt.Values, opt.Withhold, opt.Adaptive = c.scheme, 6000, seed%2 == 0, seed%4 < 2
				opt.Faults = []Fault{lieOf(Equivocate, 1+int(seed)%c.n, phase)}
				mustStand(t, opt)
			}
		}
	}
}

// With f liars and c dropouts, at every phase of the dropouts, and with an
// adversary that delays what hurts most.
func TestLiarsAndDropouts(t *testing.T) {
	for _, phase := range shamirPhases {
		for seed := range uint64(15) {
			opt := liarOptions(6, 1, 1, seed)
			opt.Adaptive = seed%2 == 0
			opt.Faults = append(dropping(5, 1, phase, seed), lieOf(Equivocate, 6, shamirPhases[seed%8]))
			mustStand(t, opt)
		}
	}
}

// A hospital that crashes after each record that it ever saves, while another
// lies.
func TestLiarsAndCrashes(t *testing.T) {
	for at := 1; at <= 60; at++ {
		opt := liarOptions(6, 1, 1, uint64(at))
		opt.Faults = []Fault{lieOf(Equivocate, 1+at%3, shamirPhases[at%8])}
		opt.CrashAt, opt.RestartAfter = map[protocol.Party]int{4: at}, 300
		mustStand(t, opt)
	}
}

func TestPaillierLiars(t *testing.T) {
	keys, err := TestKeys(512, protocol.Thresholds{Parties: 4, Liars: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []Fault{
		lieOf(Equivocate, 2, protocol.Describe), lieOf(WrongShare, 2, protocol.Deal), lieOf(WrongOpen, 2, protocol.Open),
		lieOf(BadProof, 2, protocol.Deal), lieOf(BadProof, 2, protocol.Open),
	} {
		for seed := range uint64(3) {
			opt := liarOptions(4, 1, 0, seed)
			opt.Key = func(self protocol.Party) *protocol.PaillierKey { return keys[self] }
			opt.Faults = []Fault{fault}
			mustStand(t, opt)
		}
	}
}

// Evidence convinces by what is in it, and of nothing else.
func TestEvidenceProvesWhatItSays(t *testing.T) {
	found := map[protocol.EvidenceKind]protocol.Evidence{}
	for seed := range uint64(20) {
		for _, fault := range []Fault{
			lieOf(Equivocate, 2, protocol.Describe), lieOf(Equivocate, 2, protocol.Deal),
			lieOf(WrongShare, 2, protocol.Deal), lieOf(WrongOpen, 2, protocol.Open),
		} {
			opt := liarOptions(4, 1, 0, seed)
			opt.Faults = []Fault{fault}
			opt.Evidence = func(e protocol.Evidence) { found[e.Kind] = e }
			mustStand(t, opt)
		}
	}
	verify := standInSigner{1}.Verify
	for kind := protocol.Equivocation; kind <= protocol.WrongOpening; kind++ {
		e, ok := found[kind]
		if !ok {
			t.Errorf("nobody was convicted of %v", kind)
			continue
		}
		scheme, err := honestScheme(1, e.Description, nil)
		if err != nil {
			t.Fatal(err)
		}
		tampered := map[string]func(*protocol.Evidence){
			"against another hospital": func(e *protocol.Evidence) { e.Liar = 3 },
			"of another round":         func(e *protocol.Evidence) { e.Description.Round++ },
			"of another federation":    func(e *protocol.Evidence) { e.Description.Federation = "other" },
			"without a message":        func(e *protocol.Evidence) { e.Messages = e.Messages[1:] },
			"with a damaged message": func(e *protocol.Evidence) {
				e.Messages[0].Payload = append([]byte{1}, e.Messages[0].Payload...)
			},
			"with one message twice": func(e *protocol.Evidence) {
				e.Messages = append([]protocol.Message{e.Messages[0]}, e.Messages...)
				if kind == protocol.Equivocation {
					e.Messages = e.Messages[:2]
				}
			},
			"of no kind":      func(e *protocol.Evidence) { e.Kind = 0 },
			"of unknown kind": func(e *protocol.Evidence) { e.Kind = 9 },
		}
		for other := protocol.Equivocation; other <= protocol.WrongOpening; other++ {
			if other != kind && !(other == protocol.Equivocation && kind == protocol.Malformed) {
				tampered["as "+other.String()] = func(e *protocol.Evidence) { e.Kind = other }
			}
		}
		if err := e.Verify(verify, standInSealer{}, scheme); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
		for what, tamper := range tampered {
			forged := e
			forged.Messages = append([]protocol.Message{}, e.Messages...)
			tamper(&forged)
			encoded, err := forged.Encode() // also drops what the messages remember
			if err != nil {
				t.Fatal(err)
			}
			if forged, err = protocol.DecodeEvidence(encoded); err != nil {
				continue
			}
			if err := forged.Verify(verify, standInSealer{}, scheme); err == nil {
				t.Errorf("%v, %s: it convinces", kind, what)
			}
		}
	}
}

// Evidence that an honest hospital's valid messages are twisted into.
func TestHonestMessagesConvictNobody(t *testing.T) {
	var e protocol.Evidence
	for seed := uint64(0); e.Kind != protocol.WrongOpening; seed++ {
		opt := liarOptions(4, 1, 0, seed)
		opt.Faults = []Fault{lieOf(WrongOpen, 2, protocol.Open)}
		opt.Evidence = func(found protocol.Evidence) { e = found }
		mustStand(t, opt)
	}
	scheme, err := honestScheme(1, e.Description, nil)
	if err != nil {
		t.Fatal(err)
	}
	// An opening of one set is no opening of another, which a leader can always
	// propose: here without the first deal.
	other := e
	proposal, _ := protocol.Forge(e.Messages[1], e.Description, standInSigner{e.Messages[1].From}, 2, protocol.Hash{})
	other.Messages = append([]protocol.Message{e.Messages[0], proposal}, e.Messages[3:]...)
	if err := other.Verify(standInSigner{1}.Verify, standInSealer{}, scheme); err == nil {
		t.Error("an opening is measured against a set that it is not of")
	}
	for _, m := range e.Messages[2:] { // deals: two of them are honest
		twisted := protocol.Evidence{Kind: protocol.InvalidDeal, Liar: m.From, Description: e.Description, Messages: []protocol.Message{m}, Parts: e.Parts}
		for kind := protocol.Equivocation; kind <= protocol.WrongOpening; kind++ {
			twisted.Kind = kind
			if err := twisted.Verify(standInSigner{1}.Verify, standInSealer{}, scheme); err == nil {
				t.Errorf("the deal of hospital %d convicts it of %v", m.From, kind)
			}
		}
	}
}
