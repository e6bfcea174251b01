package testnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"consilium/internal/strict"
	"consilium/model"
	"consilium/node/roster"
	"consilium/node/study"
	"consilium/protocol"
)

// Manifest describes a testnet. Names of files are relative to its own.
type Manifest struct {
	Name       string             `toml:"name"`
	Hospitals  int                `toml:"hospitals"`         // how many; the task's default, unless they are listed
	Data       string             `toml:"data"`              // folder with the task's files
	Liars      int                `toml:"tolerate_liars"`    // f
	Dropouts   *int               `toml:"tolerate_dropouts"` // c; the most unless said
	QuorumWait string             `toml:"quorum_wait"`       // for a quorum to come back, such as "10s"
	Faults     []string           `toml:"faults"`            // in the grammar of the command line
	Study      study.Study        `toml:"study"`             // the keys of study.toml
	Links      Links              `toml:"links"`
	Members    []ManifestHospital `toml:"hospital"`
}

// ManifestHospital is one hospital of a manifest that lists them.
type ManifestHospital struct {
	Name string `toml:"name"`
	Data string `toml:"data"` // its table; left out, its rows are the task's
}

// Run runs the testnet that a manifest describes. The report is there also with
// an error, as far as it goes, once the hospitals have started.
func Run(ctx context.Context, manifest, mode string, opt Options) (*Report, error) {
	s, err := readManifest(manifest, mode)
	if err != nil {
		return nil, &InputError{err}
	}
	return play(ctx, s, opt)
}

// reading is a manifest while it is read: for errors with its lines.
type reading struct {
	Manifest
	file, text string
}

// readManifest checks everything that can be checked before hospitals start.
func readManifest(file, mode string) (*scenario, error) {
	if modes := []string{Process, Virtual, Sim}; !slices.Contains(modes, mode) {
		return nil, choice("mode", mode, modes)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &reading{file: file, text: strings.ReplaceAll(string(data), "\r\n", "\n")}
	if err := strict.TOML([]byte(r.text), &r.Manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s := &scenario{name: r.Name, mode: mode, patience: quorumWait, folder: r.path(r.Data)}
	for _, step := range []func(*scenario) error{r.wait, r.links, r.agree, r.load, r.thresholds, r.plan, r.faults} {
		if err := step(s); err != nil {
			return nil, err
		}
	}
	s.name = cmp.Or(s.name, s.study.Name)
	return s, nil
}

// at says where in the manifest something is wrong.
func (r *reading) at(err error, key ...string) error {
	return r.line(err, strict.Line(r.text, key...))
}

func (r *reading) line(err error, line int) error {
	if line == 0 {
		return fmt.Errorf("%s: %w", r.file, err)
	}
	return fmt.Errorf("%s: line %d: %w", r.file, line, err)
}

// path of a file that the manifest names.
func (r *reading) path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(r.file), name)
}

func (r *reading) wait(s *scenario) error {
	if r.QuorumWait == "" {
		return nil
	}
	var err error
	if s.patience, err = time.ParseDuration(r.QuorumWait); err != nil || s.patience <= 0 {
		return r.at(fmt.Errorf("quorum_wait %q: a duration, such as \"10s\"", r.QuorumWait), "quorum_wait")
	}
	return nil
}

func (r *reading) links(s *scenario) error {
	if r.Links.set() && s.mode == Process {
		return r.at(fmt.Errorf("links in mode %s: %w", s.mode, errNoLinks), "links")
	}
	var err error
	if s.links, err = r.Links.parse(); err != nil {
		return r.at(fmt.Errorf("links: %w", err), "links")
	}
	return nil
}

// agree makes the study. On one machine nobody needs to be waited for as long
// as between towns.
func (r *reading) agree(s *scenario) error {
	settings := r.Study
	settings.Name = cmp.Or(settings.Name, r.Name)
	settings.Tick = cmp.Or(settings.Tick, demoTick.String())
	d := &settings.Deadlines
	d.Commit, d.Deal, d.Attest, d.View = cmp.Or(d.Commit, 150), cmp.Or(d.Deal, 150), cmp.Or(d.Attest, 75), cmp.Or(d.View, 25)
	err := s.agree(settings, func(name string) ([]byte, error) { return os.ReadFile(r.path(name)) })
	if err != nil {
		return r.at(fmt.Errorf("study: %w", err), "study")
	}
	return nil
}

// load reads everybody's rows.
func (r *reading) load(s *scenario) (err error) {
	task := s.study.ModelTask()
	if r.Members == nil {
		if task.Generator == nil && r.Data == "" {
			return r.at(fmt.Errorf("task %s needs its files: name their folder with data, or list every [[hospital]] with its own", task.Name), "study", "task")
		}
		if s.hospitals, err = task.Load(s.folder, r.Hospitals, s.study.Seed); err != nil {
			return r.at(err, "data")
		}
		return nil
	}
	if r.Hospitals != 0 {
		return r.at(errors.New("hospitals is a number, and the hospitals are listed too: leave one of them out"), "hospitals")
	}
	if err := r.checkMembers(); err != nil {
		return err
	}
	if r.Members[0].Data != "" {
		return r.readTables(s)
	}
	if task.Generator == nil && r.Data == "" {
		return r.atMember(0, fmt.Errorf("hospital %s has no rows: name its table with data", r.Members[0].Name))
	}
	if s.hospitals, err = task.Load(s.folder, len(r.Members), s.study.Seed); err != nil {
		return r.at(err, "data")
	}
	for i, m := range r.Members {
		s.hospitals[i].Name = m.Name
	}
	return nil
}

func (r *reading) checkMembers() error {
	seen := map[string]bool{}
	for i, m := range r.Members {
		if err := roster.CheckName(m.Name); err != nil {
			return r.atMember(i, err)
		}
		if seen[m.Name] {
			return r.atMember(i, fmt.Errorf("two hospitals are named %s", m.Name))
		}
		if (m.Data == "") != (r.Members[0].Data == "") {
			return r.atMember(i, fmt.Errorf("hospital %s differs from the first in whether it has a table of its own: all or none", m.Name))
		}
		seen[m.Name] = true
	}
	return nil
}

// readTables reads a table of each hospital's own.
func (r *reading) readTables(s *scenario) error {
	for i, m := range r.Members {
		file, err := filepath.Abs(r.path(m.Data))
		if err != nil {
			return err
		}
		data, report, err := s.study.ModelTask().ReadTableFile(file)
		if err != nil {
			return r.atMember(i, fmt.Errorf("hospital %s: %w", m.Name, err))
		}
		s.hospitals = append(s.hospitals, model.Hospital{Name: m.Name, Data: data, Report: report})
		s.files = append(s.files, file)
	}
	return nil
}

// atMember says that something is wrong with the i-th [[hospital]].
func (r *reading) atMember(i int, err error) error {
	for number, text := range strings.Split(r.text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(text), "[[hospital]]") {
			if i--; i < 0 {
				return r.line(err, number+1)
			}
		}
	}
	return r.line(err, 0)
}

func (r *reading) thresholds(s *scenario) error {
	s.t = protocol.Thresholds{Parties: len(s.hospitals), Liars: r.Liars, Dropouts: max(0, protocol.MostDropoutsOf(s.study.Scheme, len(s.hospitals), r.Liars))}
	if r.Dropouts != nil {
		s.t.Dropouts = *r.Dropouts
	}
	if err := s.t.Validate(); err != nil {
		for _, key := range []string{"tolerate_dropouts", "tolerate_liars", "hospitals"} {
			if line := strict.Line(r.text, key); line > 0 {
				return r.line(err, line)
			}
		}
		return r.atMember(0, err)
	}
	return nil
}

func (r *reading) plan(s *scenario) error {
	if err := s.plan(); err != nil {
		return r.at(fmt.Errorf("study: %w", err), "study")
	}
	return nil
}

func (r *reading) faults(s *scenario) error {
	for _, text := range r.Faults {
		if err := s.addFault(text); err != nil {
			return r.line(err, r.lineWith(text))
		}
	}
	return nil
}

// lineWith is the line of a string that is written in quotes.
func (r *reading) lineWith(text string) int {
	for number, line := range strings.Split(r.text, "\n") {
		if strings.Contains(line, `"`+text+`"`) || strings.Contains(line, "'"+text+"'") {
			return number + 1
		}
	}
	return strict.Line(r.text, "faults")
}
