package learning

import (
	"fmt"

	"consilium/model"
	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/spdz"
	"consilium/protocol/spdz/dishonest"
	"consilium/sharing/wide"
)

// newDishonest is NewPlan where all hospitals but one may deviate. There are no
// comparisons, so no ReLU; and products are dear and rounds cheap, so polynomials
// go by Horner.
func newDishonest(p *model.Program, parties int, s Settings) (*Plan, error) {
	if s.Threshold != 0 || s.Least != 0 || s.Passive {
		return nil, fmt.Errorf("train on shares: with majority %q all hospitals but one may deviate and the threshold is n−1: leave threshold, least and passive out", s.Majority)
	}
	s.Threshold = parties - 1
	if s.KeyBits == 0 {
		s.KeyBits = dishonest.DefaultBits
	}
	if least := s.leastBits(); s.KeyBits < least || s.KeyBits > paillier.MaxBits || s.KeyBits%128 != 0 {
		return nil, fmt.Errorf("train on shares: key_bits %d: a multiple of 128 from %d to %d", s.KeyBits, least, paillier.MaxBits)
	}
	r, err := newPlan(p, parties, s)
	if err != nil {
		return nil, err
	}
	t := &r.Training
	if t.Activation.Rectifier || t.Activation.Clip || t.Output.Clip {
		return nil, fmt.Errorf("train on shares: %w; choose another activation, or guard %q", spdz.ErrNoComparison, GuardHalve)
	}
	t.Activation.How, t.Output.How = spdz.Horner, spdz.Horner
	t.Every = 1
	return r, nil
}

func (s Settings) leastBits() int {
	if s.Insecure {
		return dishonest.LeastTestBits
	}
	return paillier.MinBits
}

// begin sets up the engine.
func (s *Study) begin(c *interactive.Channel) (*spdz.Engine, error) {
	cfg := s.Config()
	cfg.Seed = s.Seed
	if s.DrawSeed != nil {
		cfg.Seed = s.DrawSeed()
	}
	if s.Majority == DishonestMajority {
		return dishonest.New(c, dishonest.Config{Config: cfg, Bits: s.KeyBits, LeastBits: s.leastBits(), Random: source{wide.NewExpander(cfg.Seed, 0)}})
	}
	return spdz.New(c, cfg)
}

// source is a seed's keystream as a reader.
type source struct{ *wide.Expander }

func (s source) Read(p []byte) (int, error) {
	s.Bytes(p)
	return len(p), nil
}
