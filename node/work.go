package node

import (
	"consilium/model"
	"consilium/protocol"
)

// Work is what the rounds of a study compute. A state is all that the hospitals
// share between rounds; every hospital must come to the same bytes.
type Work interface {
	// Start is the state before the first round.
	Start() ([]byte, error)
	// Next says what the round after a state sums; false when there is none.
	Next(state []byte) (Step, bool, error)
	// Update is this hospital's vector in that round. It runs beside the driver.
	Update(state []byte) (protocol.Vector, error)
	// Apply is the state after the round.
	Apply(state []byte, sum protocol.Vector) ([]byte, error)
	// Again is the state after a round that ended before anything of it was opened: the
	// same step, in another round.
	Again(state []byte) ([]byte, error)
	// Skip is the state after a round whose sum cannot be used; an error ends the
	// study.
	Skip(state []byte) ([]byte, error)
}

// Step is what a round sums.
type Step struct {
	Round        uint64
	Tries        int    // rounds just before it that came to nothing
	Name         string // for people
	Length       int    // values in a vector
	FractionBits int    // of their fixed point
	Limit        int64  // largest |value| of one hospital
}

// Training is the work of a study: a model's program on this hospital's rows.
type Training struct {
	Program     *model.Program
	Train, Test *model.Dataset
}

var _ Work = Training{}

// Start is the untrained model.
func (t Training) Start() ([]byte, error) { return t.Program.Start().MarshalBinary() }

func (t Training) step(state []byte) (model.State, model.Step, bool, error) {
	s, err := model.UnmarshalState(state)
	if err != nil {
		return model.State{}, model.Step{}, false, err
	}
	step, more := t.Program.Next(s)
	return s, step, more, nil
}

// Next is the program's next step.
func (t Training) Next(state []byte) (Step, bool, error) {
	s, step, more, err := t.step(state)
	return Step{uint64(s.Round + s.Unopened), s.Tries, step.Name, step.Length, step.Codec.FractionBits, step.Codec.Limit()}, more, err
}

// Update computes and encodes. A value that does not fit the fixed point is an
// error and never clipped.
func (t Training) Update(state []byte) (protocol.Vector, error) {
	s, step, _, err := t.step(state)
	if err != nil {
		return nil, err
	}
	values, err := t.Program.Update(s, t.Train, t.Test)
	if err != nil {
		return nil, err
	}
	update := make(protocol.Vector, len(values))
	return update, step.Codec.Encode(update, values)
}

// Apply decodes the sum and takes the program's step.
func (t Training) Apply(state []byte, sum protocol.Vector) ([]byte, error) {
	s, step, _, err := t.step(state)
	if err != nil {
		return nil, err
	}
	values := make([]float64, len(sum))
	if err := step.Codec.Decode(values, sum); err != nil {
		return nil, err
	}
	next, err := t.Program.Apply(s, values)
	if err != nil {
		return nil, err
	}
	return next.MarshalBinary()
}

// Again counts the round that came to nothing.
func (t Training) Again(state []byte) ([]byte, error) { return t.otherwise(state, t.Program.Again) }

// Skip leaves the model as it is.
func (t Training) Skip(state []byte) ([]byte, error) { return t.otherwise(state, t.Program.Skip) }

// otherwise is the state after a round without a sum.
func (t Training) otherwise(state []byte, next func(model.State) (model.State, error)) ([]byte, error) {
	s, err := model.UnmarshalState(state)
	if err != nil {
		return nil, err
	}
	if s, err = next(s); err != nil {
		return nil, err
	}
	return s.MarshalBinary()
}
