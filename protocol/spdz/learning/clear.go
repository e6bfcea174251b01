package learning

import (
	"errors"
	"fmt"
	"math"

	"consilium/model"
	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// Clear trains on the same rows in the clear, as one engine: the weights, and
// how far those of a study on shares may be away.
func (p *Plan) Clear(z model.Standardiser, rows []*model.Dataset) (weights []float64, bound float64, err error) {
	e, err := spdz.Clear(p.Parties, p.Config())
	if err != nil {
		return nil, 0, err
	}
	at, err := p.begin(e, z, rows)
	if err != nil {
		return nil, 0, err
	}
	out, err := p.Training.Train(e, at.X, at.Y, at.Weights)
	if err != nil {
		return nil, 0, err
	}
	if weights, err = out.Weights.Open(e); err != nil {
		return nil, 0, err
	}
	for _, v := range out.Weights.Errors(e) {
		if math.IsNaN(v) {
			v = math.Inf(1)
		}
		bound = max(bound, v)
	}
	if p.linear() {
		bound *= p.label.half
	}
	return p.unscaled(weights), bound, nil
}

// begin puts rows and weights in the clear where a study has them shared.
func (p *Plan) begin(e *spdz.Engine, z model.Standardiser, rows []*model.Dataset) (*spdz.Continued, error) {
	pooled, err := model.Pool(rows...)
	if err != nil {
		return nil, err
	}
	x, y := p.rows(z, pooled)
	start, err := p.Training.Constant(e, p.start())
	if err != nil {
		return nil, err
	}
	features := e.Constant(len(y), p.Training.Inputs, e.Fraction, x)
	features.Reach = p.reach(z) + math.Ldexp(0.5, -e.Fraction)
	labels := e.Constant(len(y), 1, e.Fraction, y)
	labels.Reach = 1 + math.Ldexp(0.5, -e.Fraction)
	return &spdz.Continued{Rate: p.Training.Rate, X: features, Y: labels, Weights: start}, nil
}

// Replayed is a computation whose seeds are known: from where its training began
// to where the next one's did, or to the end.
type Replayed struct {
	*Plan
	Seeds [][wide.SeedSize]byte // by party, from 1
	First int                   // epochs behind
}

var errReplayed = errors.New("the next computation goes on from here")

// Replay trains in the clear with the roundings of a study that went through
// these computations, one after the other: its weights are the same bit for bit.
func (p *Plan) Replay(z model.Standardiser, rows []*model.Dataset, list []Replayed) ([]float64, error) {
	kept := map[int]*spdz.Checkpoint{}
	for i, c := range list {
		e, err := spdz.Replay(c.Seeds, c.Config())
		if err != nil {
			return nil, err
		}
		at, err := p.begin(e, z, rows)
		if err != nil {
			return nil, err
		}
		if k := kept[c.First]; k != nil {
			shares := e.Resume(k.Shares...)
			at = &spdz.Continued{Epoch: k.Epoch, Rate: k.Rate, X: shares[0], Y: shares[1], Weights: shares[2:]}
		} else if c.First > 0 {
			return nil, fmt.Errorf("computation %d goes on from epoch %d, which none before it has kept", i+1, c.First)
		}
		training := at.Apply(c.Training)
		training.Save = func(k *spdz.Checkpoint) error {
			kept[k.Epoch] = k
			if i+1 < len(list) && k.Epoch == list[i+1].First {
				return errReplayed
			}
			return nil
		}
		out, err := training.Train(e, at.X, at.Y, at.Weights)
		switch {
		case errors.Is(err, errReplayed):
		case err != nil:
			return nil, err
		case i+1 < len(list):
			return nil, fmt.Errorf("computation %d ended before epoch %d", i+1, list[i+1].First)
		default:
			weights, err := out.Weights.Open(e)
			return p.unscaled(weights), err
		}
	}
	return nil, errors.New("no computation to replay")
}
