package study

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"consilium/internal/strict"
	"consilium/model"
	"consilium/protocol"
	"consilium/protocol/spdz/learning"
)

// Study is the file, with its task.
type Study struct {
	Name         string      `toml:"name"`
	Task         string      `toml:"task"`          // an embedded task, or the name of a file beside the study
	Scheme       string      `toml:"scheme"`        // how updates are hidden: "shamir", "masked", "paillier"; "spdz" shares the rows; empty chooses
	Colluders    int         `toml:"colluders"`     // so many that compare notes learn nothing; 0 takes the most; fewer let scheme shamir pack
	Packing      uint32      `toml:"packing"`       // scheme shamir: values in one polynomial, from 7 hospitals; 0 as colluders allows
	Sliced       *bool       `toml:"sliced"`        // scheme masked: hospitals add up slices of the updates, for large n; unless said, where it is cheaper
	Trainer      string      `toml:"trainer"`       // these five: empty or zero takes the task's
	Rounds       int         `toml:"rounds"`        //
	Rate         float64     `toml:"rate"`          //
	LocalEpochs  int         `toml:"local_epochs"`  //
	L2           float64     `toml:"l2"`            //
	TestFraction *float64    `toml:"test_fraction"` // of each hospital's rows, in [0, 1); 0.34 unless said
	Seed         uint64      `toml:"seed"`          // of the split into training and test rows, and of synthetic rows
	Tick         string      `toml:"tick"`          // how long a tick lasts, such as "100ms"
	Thresholds   *Thresholds `toml:"thresholds"`    // must be those of the roster; left out, they are
	Deadlines    Deadlines   `toml:"deadlines"`     // in ticks

	Shares *Shares `toml:"spdz"` // of scheme spdz

	task    *model.Task
	hash    protocol.Hash
	chooses bool // the file leaves the scheme open
}

// Thresholds repeat what the study counts on.
type Thresholds struct {
	Liars    int `toml:"liars"`
	Dropouts int `toml:"dropouts"`
}

// Deadlines say how many ticks to wait for hospitals that may be missing; see
// protocol.Deadlines. Zero takes the default.
type Deadlines struct {
	Commit uint32 `toml:"commit"` // for the others' training, and for who is away
	Deal   uint32 `toml:"deal"`
	Attest uint32 `toml:"attest"`
	View   uint32 `toml:"view"`
	Stall  uint32 `toml:"stall"` // to end a round that cannot go on; 0: never, it waits
}

// What a study has when it does not say otherwise.
const (
	DefaultScheme       = protocol.SchemeShamir
	DefaultTestFraction = 0.34
	DefaultTick         = 100 * time.Millisecond
	maxFile             = 1 << 20
	minTick             = 5 * time.Millisecond
)

var defaultDeadlines = Deadlines{Commit: 100, Deal: 100, Attest: 100, View: 20}

// Schemes are the values of scheme that this version knows: those of rounds that
// sum updates, and training on secret shares.
var Schemes = []string{protocol.SchemeShamir, protocol.SchemeMasked, protocol.SchemePaillier, SchemeShares}

// SchemeShares trains on secret shares of the rows (SPDZ's kind of computation).
const SchemeShares = "spdz"

// Shares are what a study of scheme spdz says.
type Shares struct {
	Threshold int    `toml:"threshold"` // so many hospitals together learn nothing; 0 takes the most, (n−1)/2
	Least     int    `toml:"least"`     // the threshold never goes below, when hospitals have gone for good; 1 unless said
	Passive   bool   `toml:"passive"`   // trust that all follow the protocol
	Batch     int    `toml:"batch"`     // rows of a step, of all hospitals together; 0 takes all: a round is a pass through all rows
	Guard     string `toml:"guard"`     // where numbers leave their range: "halve" the rate and go back, "stop", or "clip"
	Reveal    string `toml:"reveal"`    // what opens in the end: "weights" or "predictions"
	Majority  string `toml:"majority"`  // "honest": fewer than half may deviate; "dishonest": all but one, and it takes a thousand times as long
	KeyBits   int    `toml:"key_bits"`  // of a dishonest majority's Paillier moduli: 2048 unless said
}

// Read reads a study and its task.
func Read(file string) (*Study, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: all hospitals of the federation need the same study file", file)
	}
	if err != nil {
		return nil, err
	}
	s, err := Parse(data, func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(filepath.Dir(file), name))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// Parse decodes a study; readTask reads a task file that it names.
func Parse(data []byte, readTask func(name string) ([]byte, error)) (*Study, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("a study of %d bytes, at most %d", len(data), maxFile)
	}
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	s := &Study{}
	if err := strict.TOML(data, s); err != nil {
		return nil, err
	}
	if err := s.findTask(readTask); err != nil {
		return nil, err
	}
	s.setDefaults()
	digest := sha256.New()
	fmt.Fprintf(digest, "consilium/study/1\n%x\n%d\n", s.task.Hash, len(data))
	digest.Write(data)
	s.hash = protocol.Hash(digest.Sum(nil))
	return s, s.validate()
}

// New makes a study as if it had been read from the file that Encode writes.
func New(s Study) (*Study, error) {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(s); err != nil {
		return nil, err
	}
	return Parse(b.Bytes(), func(name string) ([]byte, error) {
		return nil, fmt.Errorf("task %q is not embedded", name)
	})
}

func (s *Study) findTask(read func(string) ([]byte, error)) error {
	if s.Task == "" {
		return fmt.Errorf("no task: name one of %s, or a task file beside the study", strings.Join(model.EmbeddedNames(), ", "))
	}
	task, ok := model.Embedded(s.Task)
	if ok {
		s.task = task
		return nil
	}
	if !strings.HasSuffix(s.Task, ".toml") || s.Task != filepath.Base(s.Task) {
		message := fmt.Sprintf("unknown task %q: the embedded ones are %s; a task file beside the study ends in .toml", s.Task, strings.Join(model.EmbeddedNames(), ", "))
		if nearest := strict.Nearest(s.Task, model.EmbeddedNames()); nearest != "" {
			message += fmt.Sprintf("; did you mean %q?", nearest)
		}
		return errors.New(message)
	}
	data, err := read(s.Task)
	if err != nil {
		return err
	}
	s.task, err = model.ParseTask(s.Task, data)
	return err
}

func (s *Study) setDefaults() {
	if s.Name == "" {
		s.Name = s.task.Name
	}
	if s.Scheme == "" || s.Scheme == "auto" {
		s.Scheme, s.chooses = DefaultScheme, s.Packing == 0 // who packs has chosen
	}
	if s.TestFraction == nil {
		fraction := DefaultTestFraction
		s.TestFraction = &fraction
	}
	if s.Tick == "" {
		s.Tick = DefaultTick.String()
	}
	for _, d := range []struct{ set, fallback *uint32 }{
		{&s.Deadlines.Commit, &defaultDeadlines.Commit}, {&s.Deadlines.Deal, &defaultDeadlines.Deal},
		{&s.Deadlines.Attest, &defaultDeadlines.Attest}, {&s.Deadlines.View, &defaultDeadlines.View},
	} {
		if *d.set == 0 {
			*d.set = *d.fallback
		}
	}
}

func (s *Study) validate() error {
	if !slices.Contains(Schemes, s.Scheme) {
		return fmt.Errorf("scheme %q: this version knows %s", s.Scheme, strings.Join(Schemes, ", "))
	}
	if s.Packing > 0 && s.Scheme != protocol.SchemeShamir {
		return fmt.Errorf("packing is for scheme shamir; the scheme is %s", s.Scheme)
	}
	if s.Shares != nil && s.Scheme != SchemeShares {
		return fmt.Errorf("[spdz] is about scheme %s; the scheme is %s", SchemeShares, s.Scheme)
	}
	if s.Sliced != nil && *s.Sliced && s.Scheme != protocol.SchemeMasked && !s.chooses {
		return fmt.Errorf("sliced is about scheme %s; the scheme is %s", protocol.SchemeMasked, s.Scheme)
	}
	if f := *s.TestFraction; !(f >= 0 && f < 1) {
		return fmt.Errorf("test_fraction %v: it is in [0, 1)", f)
	}
	tick, err := time.ParseDuration(s.Tick)
	if err != nil || tick < minTick || tick > time.Hour {
		return fmt.Errorf("tick %q: a duration from %v to 1h, such as \"100ms\"", s.Tick, minTick)
	}
	return nil
}

// Hash names the study together with its task.
func (s *Study) Hash() protocol.Hash { return s.hash }

// Settle chooses the scheme for a federation with these thresholds, when the file
// leaves it open, and how many values are packed. It says why, when it chose. All
// hospitals come to the same.
func (s *Study) Settle(t protocol.Thresholds) (why string, err error) {
	if s.Colluders != 0 && (s.Scheme == protocol.SchemePaillier || s.Scheme == SchemeShares) {
		return "", fmt.Errorf("colluders is for schemes shamir and masked; with %s it is the key or [spdz] that says how many learn nothing", s.Scheme)
	}
	packing, err := protocol.Packing(t, s.Colluders)
	if err != nil {
		return "", fmt.Errorf("colluders: %w", err)
	}
	if s.Colluders > 0 && int(s.Packing) > packing {
		return "", fmt.Errorf("packing %d: %d values in a polynomial are the most when %d hospitals that compare notes learn nothing", s.Packing, packing, s.Colluders)
	}
	if s.chooses {
		program, err := s.Program(t)
		if err != nil {
			return "", err
		}
		choice, err := protocol.Choose(t, uint64(program.Values()), uint64(program.Limit()), s.Colluders)
		if err != nil {
			return "", err
		}
		s.Scheme, why = choice.Scheme, choice.Why
	}
	if s.Packing == 0 && s.Scheme == protocol.SchemeShamir {
		s.Packing = uint32(packing)
	}
	return why, nil
}

// Slices tells whether a round whose updates have so many values, of magnitude up
// to limit, is sliced, and says why. All hospitals come to the same.
func (s *Study) Slices(t protocol.Thresholds, length, limit uint64) (sliced bool, why string) {
	switch {
	case s.Scheme != protocol.SchemeMasked:
		return false, ""
	case s.Sliced != nil:
		return *s.Sliced, fmt.Sprintf("sliced = %v, as the study says", *s.Sliced)
	}
	return protocol.Sliced(t, length, protocol.Modulus(s.Scheme, t, limit))
}

// Secrecy says who opens a sum, how many that compare notes learn nothing, and what
// that rests on. openings is how many open, and most how many the key allows to
// compare notes, openings−1 where there is none.
func (s *Study) Secrecy(openings, most int) string {
	curious := min(most, protocol.Colluders(openings, int(s.Packing)))
	text := fmt.Sprintf("any %d hospitals open a sum; up to %d that compare notes learn nothing but the sum of the others", openings, curious)
	if s.Packing > 1 {
		text += fmt.Sprintf(", from %d on they learn something about updates, because %d values are packed into a polynomial", curious+1, s.Packing)
	}
	switch s.Scheme {
	case protocol.SchemeMasked:
		text += "; this rests on discrete logarithms and does not stand a quantum computer"
	case protocol.SchemePaillier:
		text += "; this rests on factoring and does not stand a quantum computer"
	}
	return text
}

// ModelTask is the task that the study names.
func (s *Study) ModelTask() *model.Task { return s.task }

// TickLength is how long a tick lasts.
func (s *Study) TickLength() time.Duration {
	d, _ := time.ParseDuration(s.Tick) // validated
	return d
}

// RoundDeadlines are the deadlines for a round description.
func (s *Study) RoundDeadlines() protocol.Deadlines {
	return protocol.Deadlines{Commit: s.Deadlines.Commit, Deal: s.Deadlines.Deal, Attest: s.Deadlines.Attest, View: s.Deadlines.View, Stall: s.Deadlines.Stall}
}

// Program is what the study computes, for a federation with these thresholds.
func (s *Study) Program(t protocol.Thresholds) (*model.Program, error) {
	if want := s.Thresholds; want != nil && (want.Liars != t.Liars || want.Dropouts != t.Dropouts) {
		return nil, fmt.Errorf("study %s counts on %d liars and %d dropouts, the roster on %d and %d", s.Name, want.Liars, want.Dropouts, t.Liars, t.Dropouts)
	}
	return model.NewProgram(model.Plan{
		Task: s.task, Trainer: s.Trainer, Rounds: s.Rounds, Rate: s.Rate, LocalEpochs: s.LocalEpochs, L2: s.L2,
		Hospitals: t.Parties, Evaluate: *s.TestFraction > 0,
	})
}

// SharesPlan is what the hospitals of a study of scheme spdz do.
func (s *Study) SharesPlan(p *model.Program, hospitals int) (*learning.Plan, error) {
	return learning.NewPlan(p, hospitals, s.SharesSettings())
}

// SharesSettings are what the study says of training on shares.
func (s *Study) SharesSettings() learning.Settings {
	w := s.Shares
	if w == nil {
		return learning.Settings{}
	}
	return learning.Settings{
		Threshold: w.Threshold, Least: w.Least, Passive: w.Passive, Batch: w.Batch, Seed: s.Seed, Guard: w.Guard, Reveal: w.Reveal,
		Majority: w.Majority, KeyBits: w.KeyBits,
	}
}
