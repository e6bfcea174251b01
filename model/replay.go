package model

import "fmt"

// Split is one hospital's rows in a study. Either part may be nil or empty.
type Split struct {
	Train *Dataset // for standardisation and training
	Test  *Dataset // for the evaluation
}

// Replay runs a program in the clear, in float64 and without fixed point, over
// the data of all hospitals: what the secure run is compared with. included
// lists the hospitals, from 0, whose vectors enter the sum of a round, and none of
// a round that is skipped; nil includes all of them in every round. Replay over one hospital is that
// hospital learning alone, over [Pool] it is pooled training, in which the
// task's max_rows does not count.
func Replay(p *Program, hospitals []Split, included func(round int) []int) (State, error) {
	if included == nil {
		all := make([]int, len(hospitals))
		for i := range all {
			all[i] = i
		}
		included = func(int) []int { return all }
	}
	s := p.Start()
	for {
		step, more := p.Next(s)
		if !more {
			return s, nil
		}
		set := included(step.Round)
		var err error
		if set == nil {
			if s, err = p.Skip(s); err != nil {
				return State{}, fmt.Errorf("replay: %w", err)
			}
			continue
		}
		sum := make([]float64, step.Length)
		for _, h := range set {
			if h < 0 || h >= len(hospitals) {
				return State{}, fmt.Errorf("replay round %d: hospital %d of %d does not exist", step.Round, h, len(hospitals))
			}
			vector, err := p.update(s, hospitals[h].Train, hospitals[h].Test)
			if err != nil {
				return State{}, fmt.Errorf("replay hospital %d: %w", h, err)
			}
			for i, x := range vector {
				sum[i] += x
			}
		}
		if s, err = p.Apply(s, sum); err != nil {
			return State{}, fmt.Errorf("replay: %w", err)
		}
	}
}
