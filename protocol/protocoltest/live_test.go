package protocoltest

import (
	"testing"

	"consilium/protocol"
)

// "Live when the network is": for a minute messages take up to five times as long as
// the deadlines allow, and those that hurt most take longest. A round in which so
// hospitals were too late for each other comes to nothing, and is taken again; when
// the network is well again all complete, whatever a liar does.
func TestLiveWhenTheNetworkIs(t *testing.T) {
	unopened := 0
	for _, scheme := range []string{protocol.SchemePaillier, protocol.SchemeMasked, protocol.SchemeShamir} {
		n := 4
		if scheme == protocol.SchemeShamir {
			n = 6
		}
		phases, _ := protocol.SchemePhases(scheme)
		for _, kind := range []string{"", Equivocate, WrongShare, WrongOpen, FalseUpdate} {
			for _, phase := range phases {
				lie := lieOf(kind, 1, phase)
				if kind == "" && phase != protocol.Deal || kind != "" && (CheckLie(lie, scheme) != nil || CheckSums(lie, false) != nil) {
					continue
				}
				for seed := range uint64(8) {
					opt := options(n, 1, 0, seed)
					opt.Scheme, opt.Adaptive, opt.Spite = scheme, true, 5000
					if kind != "" {
						opt.Faults = []Fault{lieOf(kind, 1+int(seed)%n, phase)}
					}
					unopened += mustStand(t, opt).Unopened
				}
			}
		}
	}
	if unopened == 0 {
		t.Error("no round came to nothing: the test shows nothing")
	}
	t.Logf("%d rounds came to nothing", unopened)
}
