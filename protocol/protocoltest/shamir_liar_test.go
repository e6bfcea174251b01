package protocoltest

import (
	"testing"

	"consilium/protocol"
)

// Scheme shamir stands every lie in every phase, alone and as a colluding pair,
// with the fewest hospitals that the Reed-Solomon bound allows.
func TestShamirLiars(t *testing.T) {
	named := map[string]int{}
	kinds := []string{Equivocate, WrongShare, WrongOpen, BadProof}
	for _, kind := range kinds {
		for _, phase := range shamirPhases {
			if CheckLie(lieOf(kind, 1, phase), protocol.SchemeShamir) != nil {
				continue
			}
			for seed := range uint64(8) {
				opt := shamirLiars(1, 0, seed)
				opt.Rounds = 2
				opt.Faults = []Fault{lieOf(kind, 1+int(seed)%6, phase)}
				named[kind] += len(mustStand(t, opt).Named)
				if seed < 3 {
					opt = shamirLiars(2, 0, seed)
					opt.Faults = []Fault{lieOf(kind, 1+int(seed)%11, phase), lieOf(kinds[seed], 1+int(seed+3)%11, protocol.Open)}
					if CheckLie(opt.Faults[1], protocol.SchemeShamir) == nil {
						mustStand(t, opt)
					}
				}
			}
		}
	}
	t.Log(named)
	for _, kind := range kinds {
		if named[kind] == 0 {
			t.Errorf("%s was never named", kind)
		}
	}
}
