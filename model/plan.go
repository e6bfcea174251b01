package model

import (
	"errors"
	"fmt"
)

// Plan is what hospitals agree on before a study: the task, and what of its
// defaults they change. A zero field takes the task's default; a task with a
// penalty can therefore not be planned without one.
type Plan struct {
	Task        *Task
	Trainer     string  // "fedsgd", "fedavg" or "newton"
	Rounds      int     // training rounds; newton ends by itself, and takes fewer
	Rate        float64 // step length on standardised features
	LocalEpochs int     // local steps in a round of fedavg
	L2          float64 // penalty
	Hospitals   int     // hospitals in the roster: the most that one sum can include
	Evaluate    bool    // whether a last round computes joint metrics on the test rows
}

// WithDefaults fills zero fields from the task.
func (p Plan) WithDefaults() Plan {
	if p.Task == nil {
		return p
	}
	d := p.Task.Training
	if p.Trainer == "" {
		p.Trainer = d.Trainer
	}
	if p.Rounds == 0 {
		p.Rounds = d.Rounds
		if p.Trainer == "newton" && d.Trainer != "newton" {
			p.Rounds = newtonRounds // the task's are those of a slower trainer
		}
	}
	if p.Rate == 0 {
		p.Rate = d.Rate
	}
	if p.LocalEpochs == 0 {
		p.LocalEpochs = d.LocalEpochs
	}
	if p.L2 == 0 {
		p.L2 = d.L2
	}
	if p.Hospitals == 0 {
		p.Hospitals = p.Task.DefaultHospitals()
	}
	return p
}

// validate checks a plan whose defaults are filled in.
func (p Plan) validate() error {
	if p.Task == nil {
		return errors.New("no task is given")
	}
	if err := p.Task.Validate(); err != nil {
		return err
	}
	settings := Training{Trainer: p.Trainer, Rounds: p.Rounds, Rate: p.Rate, LocalEpochs: p.LocalEpochs, L2: p.L2}
	if err := settings.validate(); err != nil {
		return err
	}
	if p.Hospitals < 1 || p.Hospitals > maxParties {
		return fmt.Errorf("%d hospitals; it must be between 1 and %d", p.Hospitals, maxParties)
	}
	return nil
}
