package learning

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"consilium/model"
	"consilium/protocol/spdz"
)

// kept is what a hospital keeps of a study that may be interrupted: what is
// public of it, and its shares. Together with enough others it is the rows.
type kept struct {
	state      model.State // standardised
	checkpoint spdz.Checkpoint
}

func (k *kept) encode() ([]byte, error) {
	state, err := k.state.MarshalBinary()
	if err != nil {
		return nil, err
	}
	checkpoint, err := k.checkpoint.MarshalBinary()
	if err != nil {
		return nil, err
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(state)))
	return append(append(b, state...), checkpoint...), nil
}

func decodeKept(data []byte) (k kept, err error) {
	if len(data) < 4 {
		return k, errors.New("decode what was kept: too short")
	}
	length := binary.LittleEndian.Uint32(data)
	data = data[4:]
	if uint64(length) > uint64(len(data)) {
		return k, errors.New("decode what was kept: too short")
	}
	if k.state, err = model.UnmarshalState(data[:length]); err != nil {
		return k, fmt.Errorf("decode what was kept: %w", err)
	}
	if k.state.Standardiser == nil {
		return k, errors.New("decode what was kept: not standardised")
	}
	return k, k.checkpoint.UnmarshalBinary(data[length:])
}

// keep hands a checkpoint to the caller.
func (r *run) keep(c *spdz.Checkpoint) error {
	if r.Keep == nil {
		return nil
	}
	k := kept{state: r.result.State, checkpoint: *c}
	data, err := k.encode()
	if err != nil {
		return err
	}
	return r.Keep(data)
}

// agreeToResume tells the others whether this hospital kept something: it takes
// all of them to go on.
func (r *run) agreeToResume() (bool, error) {
	for _, data := range r.Kept {
		k, err := decodeKept(data)
		if err != nil {
			return false, err
		}
		r.kept = append(r.kept, k)
	}
	have := 0
	if len(r.kept) > 0 {
		have = 1
	}
	all, err := r.engine.Announce(have)
	if err != nil {
		return false, err
	}
	for _, other := range all[1:] {
		have = min(have, other)
	}
	return have > 0, nil
}

// resume goes back to the last epoch that all have kept.
func (r *run) resume() error {
	var checkpoints []*spdz.Checkpoint
	for i := range r.kept {
		checkpoints = append(checkpoints, &r.kept[i].checkpoint)
	}
	var err error
	if r.resumed, err = r.engine.Continue(checkpoints...); err != nil {
		return err
	}
	if at := r.resumed.Kept; at > 0 && r.Keep != nil { // what is kept next is not to push it out
		if err := r.Keep(r.Kept[at]); err != nil {
			return err
		}
	}
	r.result.State = r.kept[0].state
	r.x, r.y, r.weights = r.resumed.X, r.resumed.Y, r.resumed.Weights
	return r.fit(*r.result.State.Standardiser, r.x.Rows)
}

// resultForm is a result in a file.
type resultForm struct {
	State       []byte       `json:"state"`
	Rows        []int        `json:"rows"`
	Predictions []float64    `json:"predictions"`
	Ranges      []spdz.Range `json:"ranges"`
	Rate        float64      `json:"rate"`
	Halvings    int          `json:"halvings"`
}

// Encode is what a hospital keeps of a result.
func (r *Result) Encode() ([]byte, error) {
	state, err := r.State.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(resultForm{state, r.Rows, r.Predictions, r.Ranges, r.Rate, r.Halvings})
}

// DecodeResult reads what Encode wrote; what it had cost is not in it.
func DecodeResult(data []byte) (*Result, error) {
	var f resultForm
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("decode a result: %w", err)
	}
	state, err := model.UnmarshalState(f.State)
	if err != nil {
		return nil, fmt.Errorf("decode a result: %w", err)
	}
	return &Result{State: state, Rows: f.Rows, Predictions: f.Predictions, Ranges: f.Ranges, Rate: f.Rate, Halvings: f.Halvings}, nil
}
