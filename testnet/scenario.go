package testnet

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"consilium/model"
	"consilium/node/study"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
	"consilium/protocol/spdz/learning"
)

// How the hospitals run.
const (
	InProcess = "inprocess" // real nodes on loopback, all in this process
	Process   = "process"   // real nodes on loopback, each in a process of its own
	Virtual   = "virtual"   // real nodes on a simulated network in virtual time
	Sim       = "sim"       // the pure machine of package protocol, without nodes
)

// scenario is a testnet that is ready to run: who the hospitals are, what they
// compute, and what befalls them.
type scenario struct {
	name, mode string
	study      *study.Study
	studyText  []byte // the file that the study is
	taskText   []byte // of a task that is not embedded
	program    *model.Program
	hospitals  []model.Hospital
	files      []string // of each hospital; empty where its rows are invented or dealt out
	folder     string   // of the task's files
	splits     []model.Split
	faults     []protocoltest.Fault
	t          protocol.Thresholds
	links      Links
	patience   time.Duration  // for a quorum to come back
	keyBits    int            // of the Paillier key; 0: the default
	freshKey   bool           // not the published one
	rows       int            // of each hospital, of a dishonest majority; 0: all
	key        *dealtKey      // of scheme paillier
	shares     *learning.Plan // of scheme spdz
	why        string         // the scheme was chosen, empty when it was given
}

// InputError is what is wrong with arguments or files.
type InputError struct{ Cause error }

func (e *InputError) Error() string { return e.Cause.Error() }
func (e *InputError) Unwrap() error { return e.Cause }

// agree makes the study that the hospitals would agree on. readTask reads a task
// file that the study names.
func (s *scenario) agree(settings study.Study, readTask func(name string) ([]byte, error)) error {
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(settings); err != nil {
		return err
	}
	s.studyText = text.Bytes()
	var err error
	s.study, err = study.Parse(s.studyText, func(name string) ([]byte, error) {
		s.taskText, err = readTask(name)
		return s.taskText, err
	})
	return err
}

// plan makes the program that the hospitals run, splits their rows, and deals
// the key that the scheme needs.
func (s *scenario) plan() (err error) {
	if s.why, err = s.study.Settle(s.t); err != nil {
		return err
	}
	if err := s.dealKey(); err != nil {
		return err
	}
	if err := s.checkScheme(); err != nil {
		return err
	}
	if s.program, err = s.study.Program(s.t); err != nil {
		return err
	}
	if err := s.planShares(); err != nil {
		return err
	}
	rows := 0
	for _, h := range s.hospitals {
		train, test, err := h.Data.Split(*s.study.TestFraction, s.study.Seed)
		if err != nil {
			return err
		}
		if s.rows > 0 {
			train, test = first(train, s.rows), first(test, s.rows)
		}
		rows += train.Rows()
		s.splits = append(s.splits, model.Split{Train: train, Test: test})
	}
	if rows == 0 {
		return fmt.Errorf("no hospital has a complete row to train on, with a test fraction of %v", *s.study.TestFraction)
	}
	return nil
}

// first are a table's first rows.
func first(d *model.Dataset, count int) *model.Dataset {
	var rows []int
	for i := range min(count, d.Rows()) {
		rows = append(rows, i)
	}
	return d.Select(rows)
}

// checkScheme refuses thresholds that the scheme does not stand.
func (s *scenario) checkScheme() error {
	if s.study.Scheme == study.SchemeShares {
		return nil // planShares does
	}
	d := protocol.Description{Scheme: s.study.Scheme, Thresholds: s.t, Length: 1, Limit: 1, Modulus: protocol.Modulus(s.study.Scheme, s.t, 1), Packing: s.study.Packing}
	key := s.key.of(1)
	if key != nil {
		d.Key = key.Digest()
	}
	_, err := protocol.NewScheme(1, d, key)
	return err
}

// tables are the files with the hospitals' rows, for processes of their own:
// empty for invented rows, which each hospital invents by itself.
func (s *scenario) tables(dir string) ([]string, error) {
	task := s.study.ModelTask()
	switch {
	case s.files != nil:
		return s.files, nil
	case task.Generator != nil && s.shares != nil: // who is left has another number, and must not invent other rows
		return s.inventTables(dir)
	case task.Generator != nil:
		return make([]string, len(s.hospitals)), nil
	case task.SingleFile != nil:
		return s.dealTables(dir)
	}
	var files []string
	for _, h := range task.Hospitals[:len(s.hospitals)] {
		file, err := filepath.Abs(filepath.Join(s.folder, h.File))
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// addFault takes a fault in, unless it cannot happen here.
func (s *scenario) addFault(text string) error {
	if s.dishonest() {
		return fmt.Errorf("fault %s: with majority %s nothing goes on without a hospital, or with one that deviates; its attacks are in the tests of protocol/spdz/dishonest", text, learning.DishonestMajority)
	}
	f, err := protocoltest.ParseFault(text, s.names())
	if err != nil {
		return err
	}
	check := func() error { return protocoltest.CheckFault(f, s.study.Scheme) }
	if s.shares != nil {
		check = func() error { return s.checkSharesFault(f) }
	}
	if f.Round > s.lastRound() {
		return fmt.Errorf("fault %s: the study has rounds 0 (standardisation) to %d", f, s.lastRound())
	}
	if err := check(); err != nil {
		return err
	}
	if err := checkKind(f, s.mode); err != nil {
		return err
	}
	if f.Lie() {
		if err := s.checkLie(f); err != nil {
			return err
		}
	}
	s.faults = append(s.faults, f)
	return nil
}

// checkLie refuses a lie that means nothing, or is one too many.
func (s *scenario) checkLie(f protocoltest.Fault) error {
	if err := protocoltest.CheckLie(f, s.study.Scheme); err != nil {
		return err
	}
	liars := s.liars()
	if liars.Add(f.Party); liars.Len() > s.t.Liars {
		return fmt.Errorf("fault %s: %d hospitals lie, and the federation stands %d: say how many it is to stand with tolerate_liars in the manifest, or --tolerate-liars of sim", f, liars.Len(), s.t.Liars)
	}
	return nil
}

// liars are the hospitals that ever lie.
func (s *scenario) liars() (set protocol.Set) {
	for _, f := range s.faults {
		if f.Lie() {
			set.Add(f.Party)
		}
	}
	return set
}

// checkKind refuses a fault that the mode cannot do.
func checkKind(f protocoltest.Fault, mode string) error {
	kill := f.Kind == protocoltest.Kill || f.Kind == protocoltest.Pause || f.Kind == protocoltest.Disconnect
	switch {
	case f.Lie() && mode == Process:
		return fmt.Errorf("fault %s makes a hospital lie, and mode %s runs the program as it is: modes %s, %s and %s can do it", f, mode, InProcess, Virtual, Sim)
	case f.Kind == protocoltest.ClockSkew && mode != Sim:
		return fmt.Errorf("fault %s: hospitals on one machine share a clock; mode %s can do it", f, Sim)
	case mode == Process && !kill:
		return fmt.Errorf("fault %s: mode %s strikes whole processes, with kill, pause and disconnect; mode %s can do it", f, Process, Virtual)
	}
	return nil
}

// lastRound is the number of the study's last round.
func (s *scenario) lastRound() uint64 {
	last := uint64(s.program.Plan().Rounds)
	if s.program.Plan().Evaluate {
		last++
	}
	return last
}

func (s *scenario) names() []string {
	names := make([]string, len(s.hospitals))
	for i, h := range s.hospitals {
		names[i] = h.Name
	}
	return names
}

func (s *scenario) summary() string {
	if s.shares != nil {
		return s.sharesSummary()
	}
	text := fmt.Sprintf("%d hospitals (%s), scheme %s: %s; up to %d may drop out",
		s.t.Parties, strings.Join(s.names(), ", "), s.study.Scheme, s.study.Secrecy(s.openings(), s.openings()-1), s.t.Dropouts)
	if s.why != "" {
		text += "\nthe scheme was chosen: " + s.why
	}
	if s.key != nil {
		text += "\n" + s.key.describe()
	}
	return text
}

// openings is how many hospitals open a sum.
func (s *scenario) openings() int {
	if s.shares != nil {
		return s.shares.Threshold + 1
	}
	if s.key != nil {
		return s.key.public.Threshold()
	}
	return s.t.Openings()
}
