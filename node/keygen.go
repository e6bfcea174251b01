package node

import (
	"context"
	"errors"
	"fmt"

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
		again(err)
		if err := c.Reload(); err != nil {
			return nil, r, err
		}
	}
}

// named says the names of parties that an error of a ceremony has by number.
func (m *Mesh) named(err error) error {
	cheat, dispute := (*keygen.CheatError)(nil), (*keygen.DisputeError)(nil)
	mismatch, different := (*keygen.MismatchError)(nil), (*interactive.DifferentError)(nil)
	name := func(party int) string { return m.roster.Name(protocol.Party(party)) }
	switch {
	case errors.As(err, &cheat):
		return fmt.Errorf("%s deviated from the ceremony: %w", name(cheat.Party), err)
	case errors.As(err, &dispute):
		return fmt.Errorf("%s or %s deviated from the ceremony: %w", name(dispute.By), name(dispute.Accused), err)
	case errors.As(err, &mismatch):
		return fmt.Errorf("%s makes another key: %w", name(mismatch.Party), err)
	case errors.As(err, &different):
		return fmt.Errorf("%s was told something else, or says so: %w", name(different.Party), err)
	}
	return err
}

func (r *ComputeReport) add(other ComputeReport) {
	r.Rounds += other.Rounds
	r.Messages += other.Messages
	r.BytesSent += other.BytesSent
	r.BytesReceived += other.BytesReceived
	r.Elapsed += other.Elapsed
	r.Computing += other.Computing
}
