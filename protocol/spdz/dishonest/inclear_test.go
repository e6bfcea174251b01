package dishonest

import (
	"consilium/paillier"
	"consilium/protocol/interactive"
	"consilium/protocol/protocoltest/interactivetest"
	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// inClear stands for Paillier where a test needs thousands of runs: it tells
// everybody the numbers, and hides and proves nothing. What it computes is the
// same, and so is all that is built on it: MACs, ranges, sacrifice, openings. A
// party that sends a wrong answer here does what the proofs keep it from doing.
type inClear struct {
	known map[*dealt][][]wide.Element
	spoil func(purpose string, own []wide.Element) // what a liar makes of its numbers
}

func (c *inClear) encrypt(p *party, purpose string, d *dealt) error {
	if c.spoil != nil {
		c.spoil(purpose, d.own)
	}
	heard, err := p.broadcast(purpose, wide.Append(nil, d.own))
	if err != nil {
		return err
	}
	known := make([][]wide.Element, p.n+1)
	for j := 1; j <= p.n; j++ {
		known[j] = make([]wide.Element, d.counts[j]*p.lanes.Count)
		if err := wide.Decode(known[j], heard[j]); err != nil {
			return cheat(j, "sent garbage", err)
		}
	}
	c.known[d] = known
	return nil
}

func (c *inClear) answers(p *party, _ string, asked, by *dealt, terms [][][]paillier.AffineTerm) (got, masks [][]wide.Element, err error) {
	to := make([][]byte, p.n+1)
	got, masks = make([][]wide.Element, p.n+1), make([][]wide.Element, p.n+1)
	count := p.lanes.Count
	for j := 1; j <= p.n; j++ {
		if j == p.self {
			continue
		}
		masks[j] = make([]wide.Element, len(terms[j])*count)
		p.expander.Fill(masks[j])
		answer := append([]wide.Element(nil), masks[j]...)
		for k, list := range terms[j] {
			for _, t := range list {
				wide.Accumulate(answer[k*count:(k+1)*count], by.own[t.Multiplier], c.known[asked][j][t.Ciphertext*count:(t.Ciphertext+1)*count])
			}
		}
		to[j] = wide.Append(nil, answer)
	}
	from, err := p.exchange(to)
	if err != nil {
		return nil, nil, err
	}
	for j := 1; j <= p.n; j++ {
		if j == p.self {
			continue
		}
		got[j] = make([]wide.Element, len(terms[p.self])*count)
		if err := wide.Decode(got[j], from[j]); err != nil {
			return nil, nil, cheat(j, "sent garbage", err)
		}
	}
	return got, masks, nil
}

// clearProgram is a party's part without Paillier. A liar's numbers go through
// spoil.
func clearProgram(cfg Config, seed uint64, prepare func(*party), code func(p *party, e *spdz.Engine) error) interactive.Program {
	return func(c *interactive.Channel) error {
		own := cfg
		own.Bits, own.Random = 1408, seeded("party", 100*seed+uint64(c.Self())) // two lanes
		p, err := newParty(c, own)
		if err != nil {
			return err
		}
		p.pairwise = &inClear{known: map[*dealt][][]wide.Element{}}
		if prepare != nil {
			prepare(p)
		}
		if _, err := p.broadcast("begin", own.Seed[:]); err != nil {
			return err
		}
		if err := p.drawDelta(); err != nil {
			return err
		}
		e, err := spdz.NewOn(c, p.Config.Config, p)
		if err != nil {
			return err
		}
		return code(p, e)
	}
}

func runInClear(n int, cfg Config, o interactivetest.Options, prepare func(*party), code func(p *party, e *spdz.Engine) error) interactivetest.Report {
	programs := make([]interactive.Program, n)
	for i := range programs {
		programs[i] = clearProgram(cfg, o.Seed, prepare, code)
	}
	return interactivetest.Run(o, programs...)
}
