package protocol

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Vector is an update in fixed point, or a sum of updates.
type Vector []int64

// Seed is the randomness of one hospital in one round. A scheme draws
// everything from it, so that after a crash it makes the very same bytes.
type Seed [32]byte

// Post is a body and the hospital that posted it: a deal or an opening.
type Post struct {
	From Party
	Body Body
}

// Certified is the set whose sum may be opened, and no other in this round. A
// body is empty while it is not held here.
type Certified struct {
	ID       Hash   // names the set, its holders and all that they hold
	JoinedID Hash   // names those who masked, and their deals; zero elsewhere
	Joined   []Post // deals of those who masked (masked scheme); elsewhere those of the included
	Included []Post // what is in the sum: masked updates (masked scheme), deals elsewhere
}

// Scheme is how updates are hidden and sums opened. A scheme is pure: no
// clock, no network, randomness handed in. It neither signs nor seals: part j
// of a body reaches hospital j and nobody else.
//
// Bodies that a scheme gets back are those that hospitals posted: Public and
// part 0, and part j at hospital j.
type Scheme interface {
	// Name as in --scheme.
	Name() string
	// PartSize is the most bytes that one part of a deal or opening has.
	PartSize() uint64
	// Deal hides an update. Equal arguments give equal bodies.
	Deal(update Vector, seed Seed) (Body, error)
	// Prove gives the public bytes of a deal of one's own whose parts are named:
	// those that Deal gave, or a proof that is bound to Body.Name.
	Prove(deal Body, seed Seed) ([]byte, error)
	// Check verifies the parts of a deal that are here, each as the hospital that
	// it is for must; *Invalid says that the dealer is at fault.
	Check(from Party, deal Body) error
	// Mask gives the update, masked over the hospitals that joined, in part 0
	// (masked scheme; elsewhere it is not called). Nobody is Included yet.
	Mask(joined Certified, update Vector, seed Seed) (Body, error)
	// MostAnswers is how many of the parts for single hospitals a dealer may
	// publish, because those hospitals do not hold them. 0 when there are none, or
	// nobody lies.
	MostAnswers() int
	// Openers are the hospitals that can open, and how many of them it takes.
	Openers() (Set, int)
	// Open gives this hospital's opening of the included deals, all of which it
	// holds, in part 0. Round calls it once, after the set is certified, and
	// never for another.
	Open(set Certified, seed Seed) (Body, error)
	// Combine reconstructs the sum. ErrMoreOpenings asks for another opening, or
	// for the deals; *BadOpening names a hospital whose opening is proved wrong;
	// *Spoiled is for all hospitals alike.
	Combine(set Certified, openings []Post) (Vector, error)
}

// Names of schemes, as in --scheme.
const (
	SchemeShamir   = "shamir"
	SchemeMasked   = "masked"
	SchemePaillier = "paillier"
)

// SchemePhases are the phases that a scheme uses, in order.
func SchemePhases(name string) ([]Phase, error) {
	switch name {
	case SchemeShamir, SchemePaillier:
		return []Phase{Describe, Commit, Deal, Check, Attest, Agree, Open, Combine}, nil
	case SchemeMasked:
		return []Phase{Describe, Commit, Deal, Check, Attest, Mask, Agree, Open, Combine}, nil
	}
	return nil, fmt.Errorf("scheme %q is none of %s, %s, %s", name, SchemeShamir, SchemeMasked, SchemePaillier)
}

// NewScheme is the scheme that a round is described with, at hospital self. The
// key is that of the federation; only scheme paillier needs it.
func NewScheme(self Party, d Description, key *PaillierKey) (Scheme, error) {
	switch d.Scheme {
	case SchemeShamir:
		return newShamir(self, d.Thresholds, int(d.Length), max(1, int(d.Packing)))
	case SchemeMasked:
		return NewMasked(self, d)
	case SchemePaillier:
		return NewPaillier(self, d, key)
	}
	_, err := SchemePhases(d.Scheme)
	return nil, err
}

// ErrMoreOpenings says that what is here so far does not determine the sum.
var ErrMoreOpenings = fmt.Errorf("more openings are needed")

// Invalid says that what a hospital posted is wrong, whoever reads it. Any
// other error from a body means that this hospital could not read its own copy.
type Invalid struct{ Why string }

func (e *Invalid) Error() string { return e.Why }

func invalid(err error) bool { return errors.As(err, new(*Invalid)) }

// BadOpening is an opening that is proved wrong.
type BadOpening struct {
	From Party
	Why  string
}

func (e *BadOpening) Error() string {
	return fmt.Sprintf("the opening of hospital %d is wrong: %s", e.From, e.Why)
}

// Spoiled says that what the right openings of a set give cannot be a sum of
// honest updates. Somebody in the set contributed a false one, and nothing says
// who. It is as final as a sum: all hospitals find the same.
type Spoiled struct{ Why string }

func (e *Spoiled) Error() string { return e.Why }

// plausible refuses a sum beyond what so many updates with |value| ≤ limit add up
// to.
func (v Vector) plausible(updates int, limit uint64) *Spoiled {
	high, most := bits.Mul64(uint64(updates), limit)
	if high > 0 || most > math.MaxInt64 {
		return nil
	}
	for i, x := range v {
		if x > int64(most) || x < -int64(most) {
			return &Spoiled{fmt.Sprintf("value %d is beyond what %d updates add up to: somebody contributed a false one", i, updates)}
		}
	}
	return nil
}

// Inconsistent says that openings contradict each other and that it cannot be
// told which one is wrong. It ends the round.
type Inconsistent struct{ Why string }

func (e *Inconsistent) Error() string { return e.Why }
