package protocoltest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"consilium/protocol"
)

// Fault is something that befalls a hospital: KIND:NAME@ROUND:PHASE[+N].
type Fault struct {
	Kind  string
	Name  string // as written: a hospital's name or its roster number
	Party protocol.Party
	Round uint64
	Phase protocol.Phase
	For   uint64 // over after so many rounds; 0 for good
}

// The kinds of faults. The last five are lies: they need a federation that
// tolerates liars.
const (
	Kill        = "kill"
	Pause       = "pause"
	Disconnect  = "disconnect"
	Slow        = "slow"
	Lossy       = "lossy"
	Corrupt     = "corrupt"
	Duplicate   = "duplicate"
	ClockSkew   = "clock-skew"
	DiskFull    = "disk-full"
	Equivocate  = "equivocate"
	WrongShare  = "wrong-share"
	WrongOpen   = "wrong-opening"
	BadProof    = "bad-proof"
	FalseUpdate = "false-update"
	faultFormat = "KIND:NAME@ROUND:PHASE[+N]"
)

// Kinds lists all kinds of faults.
func Kinds() []string {
	return []string{Kill, Pause, Disconnect, Slow, Lossy, Corrupt, Duplicate, ClockSkew, DiskFull,
		Equivocate, WrongShare, WrongOpen, BadProof, FalseUpdate}
}

// Lie reports whether the fault makes its hospital lie.
func (f Fault) Lie() bool {
	return slices.Contains([]string{Equivocate, WrongShare, WrongOpen, BadProof, FalseUpdate}, f.Kind)
}

func (f Fault) String() string {
	text := fmt.Sprintf("%s:%s@%d:%s", f.Kind, f.Name, f.Round, f.Phase)
	if f.For > 0 {
		text += fmt.Sprintf("+%d", f.For)
	}
	return text
}

// End is the first round in which the fault is over; 0 for never.
func (f Fault) End() uint64 {
	if f.For == 0 {
		return 0
	}
	return f.Round + f.For
}

// ParseFault parses the grammar of the command line. names are the hospitals
// in roster order; a number is a place in the roster.
func ParseFault(text string, names []string) (Fault, error) {
	fail := func(format string, args ...any) (Fault, error) {
		return Fault{}, fmt.Errorf("fault %q: %s; the form is %s", text, fmt.Sprintf(format, args...), faultFormat)
	}
	kind, rest, ok := strings.Cut(text, ":")
	if !ok || !slices.Contains(Kinds(), kind) {
		return fail("unknown kind %q, one of %s", kind, strings.Join(Kinds(), ", "))
	}
	name, rest, ok := strings.Cut(rest, "@")
	if !ok {
		return fail("no @ROUND")
	}
	f := Fault{Kind: kind, Name: name}
	if i := slices.Index(names, name); i >= 0 {
		f.Party = protocol.Party(i + 1)
	} else if i, err := strconv.Atoi(name); err == nil && i >= 1 && i <= len(names) {
		f.Party = protocol.Party(i)
	} else {
		return fail("no hospital %q, the hospitals are %s", name, strings.Join(names, ", "))
	}
	round, rest, ok := strings.Cut(rest, ":")
	if !ok {
		return fail("no :PHASE")
	}
	var err error
	if f.Round, err = strconv.ParseUint(round, 10, 32); err != nil {
		return fail("round %q is not a number", round)
	}
	phase, span, spans := strings.Cut(rest, "+")
	if f.Phase, err = protocol.ParsePhase(phase); err != nil {
		return fail("%v", err)
	}
	if spans {
		if f.For, err = strconv.ParseUint(span, 10, 32); err != nil || f.For == 0 {
			return fail("%q is not a number of rounds", span)
		}
	}
	return f, nil
}

// CheckFault refuses a fault in a phase that the scheme has not.
func CheckFault(f Fault, scheme string) error {
	phases, err := protocol.SchemePhases(scheme)
	if err == nil && !slices.Contains(phases, f.Phase) {
		var names []string
		for _, p := range phases {
			names = append(names, p.String())
		}
		err = fmt.Errorf("fault %s: scheme %s has no phase %s; it has %s", f, scheme, f.Phase, strings.Join(names, ", "))
	}
	return err
}
