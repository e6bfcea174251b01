package testnet

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"consilium/internal/strict"
	"consilium/model"
	"consilium/node/study"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
	"consilium/protocol/spdz/learning"
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
	Bits         int  // of the Paillier key; 0: TestKeyBits
	FreshKey     bool // deal a Paillier key instead of using the published one

	// Passive runs scheme spdz without the checks that catch a hospital that
	// does not follow the protocol.
	Passive bool

	// Majority of scheme spdz: learning.HonestMajority unless said, or
	// learning.DishonestMajority. The latter is slow: with task synthetic it has
	// three hospitals, Rows 8, three rounds and Bits 1024 where these are 0.
	Majority string
	Rows     int // so many rows of each hospital, with a dishonest majority; 0: all

	patience time.Duration // for a quorum to come back; 0: quorumWait
}

// prepare checks everything that can be checked before hospitals start.
func prepare(opt DemoOptions) (*scenario, error) {
	if opt.Task == "" {
		opt.Task = "synthetic"
	}
	if opt.Mode == "" {
		opt.Mode = InProcess
	}
	opt.setDishonest()
	s := &scenario{name: "demo", mode: opt.Mode, folder: opt.Data, patience: cmp.Or(opt.patience, quorumWait), keyBits: opt.Bits, freshKey: opt.FreshKey, rows: opt.Rows}
	for _, step := range []func() error{opt.check, func() error { return s.agreeDemo(opt) }, func() error { return s.load(opt) }, s.plan} {
		if err := step(); err != nil {
			return nil, &InputError{err}
		}
	}
	for _, text := range opt.Faults {
		if err := s.addFault(text); err != nil {
			return nil, &InputError{err}
		}
	}
	return s, nil
}

func (opt DemoOptions) check() error {
	if !slices.Contains(model.EmbeddedNames(), opt.Task) {
		return choice("task", opt.Task, model.EmbeddedNames())
	}
	if opt.Scheme != "" && opt.Scheme != "auto" && !slices.Contains(study.Schemes, opt.Scheme) {
		return choice("scheme", opt.Scheme, append([]string{"auto"}, study.Schemes...))
	}
	if opt.Trainer != "" && !slices.Contains(model.TrainerNames(), opt.Trainer) {
		return choice("trainer", opt.Trainer, model.TrainerNames())
	}
	if modes := []string{InProcess, Process, Virtual}; !slices.Contains(modes, opt.Mode) {
		return choice("mode", opt.Mode, modes)
	}
	if opt.Rounds < 0 {
		return fmt.Errorf("--rounds %d: at least 1", opt.Rounds)
	}
	if f := opt.TestFraction; f != nil && !(*f >= 0 && *f < 1) {
		return fmt.Errorf("--test-fraction %v: it is in [0, 1)", *f)
	}
	if opt.Seed > math.MaxInt64 { // TOML has no larger number, and the seed is in the study
		return fmt.Errorf("--seed %d: at most %d", opt.Seed, int64(math.MaxInt64))
	}
	if opt.Passive && opt.Scheme != study.SchemeShares {
		return fmt.Errorf("--passive is about scheme %s", study.SchemeShares)
	}
	if opt.Majority != "" && opt.Scheme != study.SchemeShares {
		return fmt.Errorf("--majority is about scheme %s", study.SchemeShares)
	}
	if majorities := []string{learning.HonestMajority, learning.DishonestMajority}; opt.Majority != "" && !slices.Contains(majorities, opt.Majority) {
		return choice("majority", opt.Majority, majorities)
	}
	if opt.Rows < 0 || opt.Rows > 0 && opt.Majority != learning.DishonestMajority {
		return fmt.Errorf("--rows %d: at least 1, and with --majority %s only", opt.Rows, learning.DishonestMajority)
	}
	if opt.FreshKey && opt.Majority == learning.DishonestMajority {
		return errors.New("--fresh-key is about the key of scheme paillier; here every hospital makes its own key each time")
	}
	if n := opt.Hospitals; n != 0 {
		return mostDropouts(n, opt.Scheme).Validate()
	}
	return nil
}

// setDishonest makes the demonstration of a dishonest majority one that ends.
func (opt *DemoOptions) setDishonest() {
	if opt.Majority != learning.DishonestMajority || opt.Task != "synthetic" {
		return
	}
	opt.Hospitals = cmp.Or(opt.Hospitals, 3)
	opt.Rounds = cmp.Or(opt.Rounds, 3)
	opt.Rows = cmp.Or(opt.Rows, 8)
	opt.Bits = cmp.Or(opt.Bits, TestKeyBits)
}

// mostDropouts are the thresholds of n hospitals that do not lie.
func mostDropouts(n int, scheme string) protocol.Thresholds {
	return protocol.Thresholds{Parties: n, Dropouts: max(0, protocol.MostDropoutsOf(scheme, n, 0))}
}

func choice(flag, got string, known []string) error {
	message := fmt.Sprintf("--%s %s: this version knows %s", flag, got, strings.Join(known, ", "))
	if nearest := strict.Nearest(got, known); nearest != "" {
		message += fmt.Sprintf("; did you mean %s?", nearest)
	}
	return errors.New(message)
}

// load reads the hospitals' tables.
func (s *scenario) load(opt DemoOptions) error {
	task := s.study.ModelTask()
	if task.Generator == nil && opt.Data == "" {
		return fmt.Errorf("task %s needs its files: name their folder with --data DIR; `hospital-node data get %s` gets them", task.Name, task.Name)
	}
	var err error
	if s.hospitals, err = task.Load(opt.Data, opt.Hospitals, opt.Seed); err != nil {
		return err
	}
	liars, err := s.countLiars(opt.Faults)
	if err != nil {
		return err
	}
	s.t = protocol.Thresholds{Parties: len(s.hospitals), Liars: liars, Dropouts: max(0, protocol.MostDropoutsOf(s.study.Scheme, len(s.hospitals), liars))}
	return s.t.Validate()
}

// countLiars is how many hospitals lie: a demonstration stands as many.
func (s *scenario) countLiars(faults []string) (int, error) {
	var liars protocol.Set
	for _, text := range faults {
		f, err := protocoltest.ParseFault(text, s.names())
		if err != nil {
			return 0, err
		}
		if f.Lie() {
			liars.Add(f.Party)
		}
	}
	return liars.Len(), nil
}

func (s *scenario) agreeDemo(opt DemoOptions) error {
	var shares *study.Shares
	if opt.Passive || opt.Majority != "" {
		shares = &study.Shares{Passive: opt.Passive, Majority: opt.Majority}
	}
	return s.agree(study.Study{
		Shares: shares,
		Name:   "demo", Task: opt.Task, Scheme: opt.Scheme, Trainer: opt.Trainer, Rounds: opt.Rounds,
		TestFraction: opt.TestFraction, Seed: opt.Seed, Tick: demoTick.String(),
		Deadlines: study.Deadlines{Commit: 75, Deal: 75, Attest: 50, View: 25},
	}, func(name string) ([]byte, error) { return nil, fmt.Errorf("task %q is not embedded", name) })
}

// DefaultFaults are those of a demonstration that names no task, scheme or
// fault: the third hospital dies in the opening phase of round 2 and is back in
// round 3.
func DefaultFaults() []string { return []string{"kill:3@2:open+1"} }
