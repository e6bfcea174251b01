package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"consilium/node/study"
	"consilium/protocol"
)

const root = "../.."

// documents are all Markdown files of the project.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "examples/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, files...)
	}
	if len(found) < 8 {
		t.Fatalf("only %d documents", len(found))
	}
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestDocsLinksLeadSomewhere(t *testing.T) {
	for _, file := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
				continue
			}
			if anchor != "" && !hasHeading(read(t, path), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", file, m[1])
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)

func hasHeading(text, anchor string) bool {
	for _, line := range strings.Split(text, "\n") {
		title := strings.TrimLeft(line, "#")
		if title == line {
			continue
		}
		slug := notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
		if strings.ReplaceAll(slug, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// Package paths that documents name exist.
var codePath = regexp.MustCompile("`((?:node|protocol|sharing|paillier|model|testnet|cmd|internal|examples|docs)/[a-zA-Z0-9_./-]*)`")

func TestDocsNameWhatExists(t *testing.T) {
	for _, file := range documents(t) {
		if filepath.Base(file) == "CHANGELOG.md" {
			continue
		}
		for _, m := range codePath.FindAllStringSubmatch(read(t, file), -1) {
			path := strings.TrimSuffix(m[1], "/")
			if matches, err := filepath.Glob(filepath.Join(root, path)); err != nil || len(matches) == 0 {
				t.Errorf("%s names %s, which is not there", file, m[1])
			}
		}
	}
}

// "Never claim «no leak» or compliance with a law."
func TestDocsClaimNothingTheyCannot(t *testing.T) {
	forbidden := regexp.MustCompile(`(?i)no leak|cannot leak|GDPR.compliant|HIPAA.compliant|compliant with|100 ?% secure|unbreakable`)
	for _, file := range documents(t) {
		for i, line := range strings.Split(read(t, file), "\n") {
			if forbidden.MatchString(line) {
				t.Errorf("%s, line %d: %s", file, i+1, line)
			}
		}
	}
}

// The first two commands of the README are all the set-up on a fresh machine.
func TestDocsBeginWithTwoCommands(t *testing.T) {
	text := read(t, filepath.Join(root, "README.md"))
	demo := strings.Index(text, "go run ./cmd/hospital-node demo")
	test := strings.Index(text, "go test ./...")
	if demo < 0 || test < demo {
		t.Fatal("the README does not begin with the demo and the tests")
	}
	ci := read(t, filepath.Join(root, ".ci", "run"))
	if !strings.Contains(ci, "go test ./...") {
		t.Fatal("the gate does not run the README's test command")
	}
}

// The examples are what they say: a study with its task.
func TestDocsExamplesAreValid(t *testing.T) {
	s, err := study.Read(filepath.Join(root, "examples", "study.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Program(protocol.Thresholds{Parties: 4, Dropouts: 1}); err != nil {
		t.Fatal(err)
	}
}
