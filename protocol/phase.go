package protocol

import "fmt"

// Phase is a step of the round, in the order of docs/protocol.md.
type Phase uint8

// The phases of a round. Check is where a hospital verifies what it was dealt;
// Mask is used by the masked scheme only.
const (
	Describe Phase = iota
	Commit
	Deal
	Check
	Attest
	Mask
	Agree
	Open
	Combine
	Done // after the outcome; nothing is sent in it
)

var phaseNames = [...]string{"describe", "commit", "deal", "check", "attest", "mask", "agree", "open", "combine", "done"}

func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("phase %d", uint8(p))
}

// ParsePhase finds the phase with that name; Done is not one to ask for.
func ParsePhase(name string) (Phase, error) {
	for i, known := range phaseNames[:Done] {
		if known == name {
			return Phase(i), nil
		}
	}
	return 0, fmt.Errorf("unknown phase %q: the phases are describe, commit, deal, check, attest, mask, agree, open, combine", name)
}

// Slot names the one place in a round that a message fills. Two different
// signed messages of one hospital for one slot are proof that it lied.
type Slot struct {
	Phase   Phase
	View    uint32 // of an agreement; the issue number of an attestation; 0 elsewhere
	Step    uint8  // within the phase, see the constants beside the payloads
	Subject Party  // the hospital that the message is about, 0 when about none
}

func (s Slot) String() string {
	text := s.Phase.String()
	if s.Step > 0 {
		text += fmt.Sprintf(".%d", s.Step)
	}
	if s.View > 0 {
		text += fmt.Sprintf(" view %d", s.View)
	}
	if s.Subject > 0 {
		text += fmt.Sprintf(" about %d", s.Subject)
	}
	return text
}

// key orders slots as they are filled in a round, and is quick to look up.
func (s Slot) key() slotKey {
	return slotKey(s.Phase)<<56 | slotKey(s.View)<<24 | slotKey(s.Step)<<16 | slotKey(s.Subject)
}

type slotKey uint64
