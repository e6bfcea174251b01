package study

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consilium/model"
	"consilium/protocol"
)

func none(string) ([]byte, error) { return nil, errors.New("no such file") }

func TestDefaultsAndHash(t *testing.T) {
	s, err := Parse([]byte("task = \"heart\"\n"), none)
	if err != nil {
		t.Fatal(err)
	}
	if s.Scheme != "shamir" || *s.TestFraction != DefaultTestFraction || s.TickLength() != DefaultTick || s.Deadlines.View == 0 {
		t.Fatalf("defaults: %+v", s)
	}
	dos, err := Parse([]byte("task = \"heart\"\r\n"), none)
	if err != nil || dos.Hash() != s.Hash() {
		t.Fatalf("line ends change the study: %v", err)
	}
	other, err := Parse([]byte("task = \"heart\"\nrounds = 3\n"), none)
	if err != nil || other.Hash() == s.Hash() {
		t.Fatalf("two studies have one hash: %v", err)
	}
	p, err := s.Program(protocol.Thresholds{Parties: 4, Dropouts: 1})
	if err != nil || p.Plan().Hospitals != 4 || !p.Plan().Evaluate {
		t.Fatalf("%+v, %v", p, err)
	}
}

// The hash covers the task file too: a hospital with other columns is found out.
func TestHashCoversTheTaskFile(t *testing.T) {
	data, _ := model.EmbeddedFile("heart")
	hash := func(task string) protocol.Hash {
		s, err := Parse([]byte("task = \"mine.toml\"\n"), func(string) ([]byte, error) { return []byte(task), nil })
		if err != nil {
			t.Fatal(err)
		}
		return s.Hash()
	}
	if hash(string(data)) == hash(string(data)+"# changed\n") {
		t.Fatal("a changed task has the same hash")
	}
}

func TestReadFindsTheTaskBesideTheStudy(t *testing.T) {
	dir := t.TempDir()
	data, _ := model.EmbeddedFile("pima")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mine.toml", string(data))
	write("study.toml", "task = \"mine.toml\"\n")
	s, err := Read(filepath.Join(dir, "study.toml"))
	if err != nil || s.ModelTask().Name != "pima" {
		t.Fatal(err)
	}
	if _, err := Read(filepath.Join(dir, "none.toml")); err == nil || !strings.Contains(err.Error(), "none.toml is missing") {
		t.Fatal(err)
	}
}

func TestNewEqualsItsFile(t *testing.T) {
	fraction := 0.0
	a, err := New(Study{Task: "synthetic", Rounds: 5, TestFraction: &fraction, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Study{Task: "synthetic", Rounds: 5, TestFraction: &fraction, Seed: 7})
	if err != nil || a.Hash() != b.Hash() {
		t.Fatalf("the same study has two hashes: %v", err)
	}
	if p, err := a.Program(protocol.Thresholds{Parties: 4, Dropouts: 1}); err != nil || p.Plan().Evaluate {
		t.Fatalf("no test rows, but an evaluation: %v", err)
	}
}

func TestBadStudies(t *testing.T) {
	for text, want := range map[string]string{
		"":                                         "no task",
		"task = \"haert\"\n":                       `did you mean "heart"?`,
		"task = \"../x.toml\"\n":                   "beside the study",
		"task = \"x.toml\"\n":                      "no such file",
		"task = \"heart\"\ntikc = \"1s\"\n":        `line 2: unknown key "tikc"; did you mean "tick"?`,
		"task = \"heart\"\ntick = \"soon\"\n":      "a duration from",
		"task = \"heart\"\ntick = \"1ms\"\n":       "a duration from",
		"task = \"heart\"\nscheme = \"magic\"\n":   "this version knows shamir",
		"task = \"heart\"\ntest_fraction = 1.0\n":  "in [0, 1)",
		"task = \"heart\"\ntest_fraction = -0.1\n": "in [0, 1)",
	} {
		if _, err := Parse([]byte(text), none); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	s, err := Parse([]byte("task = \"heart\"\n[thresholds]\nliars = 0\ndropouts = 2\n"), none)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Program(protocol.Thresholds{Parties: 4, Dropouts: 1}); err == nil || !strings.Contains(err.Error(), "the roster on 0 and 1") {
		t.Fatal(err)
	}
}

func FuzzStudy(f *testing.F) {
	f.Add([]byte("task = \"heart\"\nrounds = 3\n[deadlines]\nview = 5\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Parse(data, none); err == nil {
			_, _ = s.Program(protocol.Thresholds{Parties: 4, Dropouts: 1})
		}
	})
}

// Values are packed when the study says how many that compare notes must learn
// nothing, and what it says must fit together.
func TestColluders(t *testing.T) {
	ten, four := protocol.Thresholds{Parties: 10, Dropouts: 4}, protocol.Thresholds{Parties: 4, Dropouts: 1}
	for _, c := range []struct {
		text    string
		t       protocol.Thresholds
		packing uint32
		secrecy string // or the error
	}{
		{"", ten, 1, "up to 5 that compare notes learn nothing"},
		{"scheme = \"shamir\"\ncolluders = 5", ten, 1, "up to 5 that"},
		{"colluders = 2", ten, 4, "up to 2 that compare notes learn nothing but the sum of the others, from 3 on they learn something"},
		{"packing = 4", ten, 4, "up to 2 that"},
		{"packing = 2\ncolluders = 3", ten, 2, "up to 4 that"},
		{"colluders = 1", four, 1, "up to 2 that"},
		{"packing = 4\ncolluders = 3", ten, 0, "packing 4: 3 values in a polynomial are the most"},
		{"colluders = 6", ten, 0, "from 1 to 5"},
		{"colluders = -1", ten, 0, "from 1 to 5"},
		{"scheme = \"paillier\"\ncolluders = 2", ten, 0, "colluders is for schemes shamir and masked"},
		{"scheme = \"masked\"\npacking = 2", ten, 0, "packing is for scheme shamir"},
	} {
		s, err := Parse([]byte("task = \"synthetic\"\n"+c.text+"\n"), none)
		if err == nil {
			_, err = s.Settle(c.t)
		}
		if err != nil {
			if c.packing > 0 || !strings.Contains(err.Error(), c.secrecy) {
				t.Errorf("%q: %v", c.text, err)
			}
			continue
		}
		if got := s.Secrecy(c.t.Openings(), c.t.Openings()-1); s.Packing != c.packing || !strings.Contains(got, c.secrecy) {
			t.Errorf("%q: packing %d; %s", c.text, s.Packing, got)
		}
	}
}
