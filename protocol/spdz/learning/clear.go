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
	fraction, err := p.fraction(z, len(y))
	if err != nil {
		return nil, err
	}
	e.SetFraction(fraction)
	return p.constants(e, z, x, y)
}

func (p *Plan) constants(e *spdz.Engine, z model.Standardiser, x, y []float64) (*spdz.Continued, error) {
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

// fraction finds how many bits behind the point fit: a step on so many rows is
// tried in the clear, since how large results may be does not depend on what is
// in the rows.
func (p *Plan) fraction(z model.Standardiser, rows int) (int, error) {
	if b := p.Training.Batch; b > 0 {
		rows = min(rows, b)
	}
	training := p.Training
	training.Epochs, training.Batch = 1, 0
	var tooLarge *spdz.RangeError
	for fraction := mostFraction; fraction >= leastFraction; fraction-- {
		cfg := p.Config()
		cfg.Fraction = fraction
		e, err := spdz.Clear(p.Parties, cfg)
		if err != nil {
			return 0, err
		}
		at, err := p.constants(e, z, make([]float64, rows*p.Training.Inputs), make([]float64, rows))
		if err != nil {
			return 0, err
		}
		_, err = training.Train(e, at.X, at.Y, at.Weights)
		switch {
		case errors.As(err, &tooLarge):
		case err == nil || errors.Is(err, spdz.ErrOutOfRange): // rows of zeros tell nothing of that
			return fraction, nil
		default:
			return 0, err
		}
	}
	r := tooLarge.Range
	return 0, fmt.Errorf("the model does not fit the field: %s may reach %.3g, which takes %d bits of %d even with %d behind the point; "+
		"take fewer units, narrower declared ranges of the features, or smaller batches", r.Name, r.Reach, r.Needed, r.Available, leastFraction)
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
