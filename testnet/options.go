package testnet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"consilium/internal/strict"
	"consilium/model"
	"consilium/node/study"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
)

// DemoOptions say what a demonstration shows. The zero value is the default
// one: the synthetic task, four hospitals, and one of them killed in the opening
// phase of round 2 and back in round 3.
type DemoOptions struct {
	Task         string   // empty: synthetic
	Data         string   // folder with the task's files
	Hospitals    int      // 0: the task's
	Scheme       string   // empty or "auto": shamir
	Trainer      string   // empty: the task's
	Rounds       int      // 0: the task's
	TestFraction *float64 // nil: 0.34
	Faults       []string // in the grammar of the command line
	Mode         string   // empty: inprocess
	Seed         uint64
	Dir          string // where the homes go; kept

	patience time.Duration // for a quorum to come back; 0: quorumWait
}

// InputError is what is wrong with arguments or files.
type InputError struct{ Cause error }

func (e *InputError) Error() string { return e.Cause.Error() }
func (e *InputError) Unwrap() error { return e.Cause }

// demo is a demonstration that is ready to run.
type demo struct {
	opt       DemoOptions
	study     *study.Study
	program   *model.Program
	hospitals []model.Hospital
	splits    []model.Split
	faults    []protocoltest.Fault
	t         protocol.Thresholds
}

// prepare checks everything that can be checked before hospitals start.
func prepare(opt DemoOptions) (*demo, error) {
	d := &demo{opt: opt}
	if d.opt.Task == "" {
		d.opt.Task = "synthetic"
	}
	for _, step := range []func() error{d.checkChoices, d.load, d.plan, d.parseFaults} {
		if err := step(); err != nil {
			return nil, &InputError{err}
		}
	}
	return d, nil
}

func (d *demo) checkChoices() error {
	if !slices.Contains(model.EmbeddedNames(), d.opt.Task) {
		return choice("task", d.opt.Task, model.EmbeddedNames())
	}
	if d.opt.Scheme != "" && d.opt.Scheme != "auto" && !slices.Contains(study.Schemes, d.opt.Scheme) {
		return choice("scheme", d.opt.Scheme, append([]string{"auto"}, study.Schemes...))
	}
	if d.opt.Trainer != "" && !slices.Contains(model.TrainerNames(), d.opt.Trainer) {
		return choice("trainer", d.opt.Trainer, model.TrainerNames())
	}
	if d.opt.Mode != "" && d.opt.Mode != "inprocess" {
		return choice("mode", d.opt.Mode, []string{"inprocess"})
	}
	if d.opt.Rounds < 0 {
		return fmt.Errorf("--rounds %d: at least 1", d.opt.Rounds)
	}
	if f := d.opt.TestFraction; f != nil && !(*f >= 0 && *f < 1) {
		return fmt.Errorf("--test-fraction %v: it is in [0, 1)", *f)
	}
	if n := d.opt.Hospitals; n != 0 {
		return (protocol.Thresholds{Parties: n, Dropouts: max(0, protocol.MostDropouts(n, 0))}).Validate()
	}
	return nil
}

func choice(flag, got string, known []string) error {
	message := fmt.Sprintf("--%s %s: this version knows %s", flag, got, strings.Join(known, ", "))
	if nearest := strict.Nearest(got, known); nearest != "" {
		message += fmt.Sprintf("; did you mean %s?", nearest)
	}
	return errors.New(message)
}

// load reads the hospitals' tables and splits their rows.
func (d *demo) load() error {
	task, _ := model.Embedded(d.opt.Task)
	if task.Generator == nil && d.opt.Data == "" {
		return fmt.Errorf("task %s needs its files: name their folder with --data DIR; `hospital-node data get %s` gets them", task.Name, task.Name)
	}
	var err error
	if d.hospitals, err = task.Load(d.opt.Data, d.opt.Hospitals, d.opt.Seed); err != nil {
		return err
	}
	n := len(d.hospitals)
	d.t = protocol.Thresholds{Parties: n, Dropouts: max(0, protocol.MostDropouts(n, 0))}
	return d.t.Validate()
}

// plan makes the study that the hospitals would agree on.
func (d *demo) plan() error {
	var err error
	d.study, err = study.New(study.Study{
		Name: "demo", Task: d.opt.Task, Scheme: d.opt.Scheme, Trainer: d.opt.Trainer, Rounds: d.opt.Rounds,
		TestFraction: d.opt.TestFraction, Seed: d.opt.Seed, Tick: demoTick.String(),
		Deadlines: study.Deadlines{Commit: 75, Deal: 75, Attest: 50, View: 25},
	})
	if err != nil {
		return err
	}
	if d.program, err = d.study.Program(d.t); err != nil {
		return err
	}
	for _, h := range d.hospitals {
		train, test, err := h.Data.Split(*d.study.TestFraction, d.opt.Seed)
		if err != nil {
			return err
		}
		d.splits = append(d.splits, model.Split{Train: train, Test: test})
	}
	return nil
}

// parseFaults reads the faults, and refuses those that cannot happen here.
func (d *demo) parseFaults() error {
	scheme, err := protocol.NewShamir(1, d.t, 1)
	if err != nil {
		return err
	}
	for _, text := range d.opt.Faults {
		f, err := protocoltest.ParseFault(text, d.names())
		if err != nil {
			return err
		}
		if err := protocoltest.CheckFault(f, scheme); err != nil {
			return err
		}
		switch {
		case f.Lie():
			return fmt.Errorf("fault %s makes a hospital lie: this version's agreement stands crashes only", f)
		case f.Kind == protocoltest.ClockSkew:
			return fmt.Errorf("fault %s: hospitals in one process share a clock; use `hospital-node sim`", f)
		case f.Round > d.lastRound():
			return fmt.Errorf("fault %s: the study has rounds 0 (standardisation) to %d", f, d.lastRound())
		}
		d.faults = append(d.faults, f)
	}
	return nil
}

// lastRound is the number of the study's last round.
func (d *demo) lastRound() uint64 {
	last := uint64(d.program.Plan().Rounds)
	if d.program.Plan().Evaluate {
		last++
	}
	return last
}

func (d *demo) names() []string {
	names := make([]string, len(d.hospitals))
	for i, h := range d.hospitals {
		names[i] = h.Name
	}
	return names
}

// DefaultFaults are those of a demonstration that names no task, scheme or
// fault: the third hospital dies in the opening phase of round 2 and is back in
// round 3.
func DefaultFaults() []string { return []string{"kill:3@2:open+1"} }
