package node

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"consilium/node/ceremony"
	"consilium/node/roster"
	"consilium/protocol"
	"consilium/protocol/interactive"
	"consilium/protocol/keygen"
)

// keygenName is the computation's name. What it is for is compared when the
// hospitals have met, so that whoever was started for something else is named
// and nobody waits for it.
const keygenName = "keygen"

// KeyReport is what making a key was like at this hospital.
type KeyReport struct {
	Result   keygen.Result
	Cost     ComputeReport // of all attempts
	Attempts int           // one more than restarts
}

// MakeKey makes the Paillier key of the epoch after the mesh's roster together
// with all its members, and returns the next roster, signed by everybody. When a
// hospital starts again, or gives up, it begins again where the ceremony was:
// again is told why. It ends with a ceremony's error, or that of the context.
func (m *Mesh) MakeKey(ctx context.Context, c *ceremony.Ceremony, report func(keygen.Progress), again func(error)) (*roster.Roster, *KeyReport, error) {
	r := &KeyReport{}
	for {
		r.Attempts++
		cost, err := m.Compute(ctx, keygenName, keygen.Program(c.Config(report), &r.Result))
		r.Cost.add(cost)
		if err == nil {
			next, err := c.Finish(&r.Result)
			return next, r, err
		}
		restarted, ended := (*RestartedError)(nil), (*EndedError)(nil)
		if ctx.Err() != nil || !errors.As(err, &restarted) && !errors.As(err, &ended) {
			return nil, r, m.named(err)
		}
		if restarted != nil {
			again(restarted)
		} else {
			again(ended)
		}
		if err := c.Reload(); err != nil {
			return nil, r, err
		}
	}
}

// ceremonyError is an error of a ceremony with names in the place of numbers.
type ceremonyError struct {
	text  string
	cause error
}

func (e *ceremonyError) Error() string { return e.text }
func (e *ceremonyError) Unwrap() error { return e.cause }

func (m *Mesh) named(err error) error {
	cheat, dispute := (*keygen.CheatError)(nil), (*keygen.DisputeError)(nil)
	mismatch, different := (*keygen.MismatchError)(nil), (*interactive.DifferentError)(nil)
	name := func(party int) string { return m.roster.Name(protocol.Party(party)) }
	text := ""
	switch {
	case errors.As(err, &cheat):
		text = fmt.Sprintf("%s deviated from the ceremony (%s): %s", name(cheat.Party), cheat.Step, cheat.Why)
	case errors.As(err, &dispute):
		text = fmt.Sprintf("%s says that %s sent it something wrong (%s): one of the two deviated from the ceremony",
			name(dispute.By), name(dispute.Accused), dispute.Step)
	case errors.As(err, &mismatch):
		var names []string
		for _, party := range mismatch.Parties {
			names = append(names, name(party))
		}
		text = fmt.Sprintf("started for another key than here: %s: compare --bits, the roster and the version of hospital-node", strings.Join(names, ", "))
	case errors.As(err, &different):
		text = fmt.Sprintf("%s was told something else in a broadcast, or says so: somebody told two things, or %s lies", name(different.Party), name(different.Party))
	default:
		return err
	}
	return &ceremonyError{text, err}
}

func (r *ComputeReport) add(other ComputeReport) {
	r.Rounds += other.Rounds
	r.Messages += other.Messages
	r.BytesSent += other.BytesSent
	r.BytesReceived += other.BytesReceived
	r.Elapsed += other.Elapsed
	r.Computing += other.Computing
}
