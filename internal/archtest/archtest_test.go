package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// outside are the rooms that the three arithmetic ones may not call.
var outside = []string{"consilium/paillier", "consilium/sharing", "consilium/model", "consilium/protocol",
	"consilium/node", "consilium/testnet", "consilium/cmd"}

// rules says, for the folders below a prefix, what the shipped code there may
// not import directly. The longest matching prefix does not win: every rule
// whose prefix matches applies.
var rules = []struct {
	under  string
	except string // a folder below under that the rule leaves alone
	ban    []string
	why    string
}{
	{under: "paillier", ban: outside, why: "the cryptosystem is arithmetic only"},
	{under: "sharing", ban: outside, why: "sharing knows no other room"},
	{under: "model", ban: outside, why: "models know no network and no protocol"},
	{under: "paillier", ban: []string{"net", "github.com/libp2p/"}, why: "local steps only"},
	{under: "sharing", ban: []string{"net", "github.com/libp2p/"}, why: "local steps only"},
	{under: "model", ban: []string{"net", "github.com/libp2p/"}, why: "local steps only"},
	{under: "protocol", ban: []string{"consilium/node", "consilium/testnet", "consilium/cmd"}, why: "imports point from the network to the protocol"},
	{under: "protocol", ban: []string{"consilium/model"}, except: "protocol/spdz", why: "a round sums integers; it does not know what they mean"},
	{under: "protocol", ban: []string{"github.com/libp2p/", "net", "os", "time", "log", "log/slog", "crypto/rand"},
		why: "the round is a pure machine: no network, disk, clock, log or random source of its own"},
	{under: "protocol", except: "protocol/protocoltest", ban: []string{"sync", "sync/atomic", "math/rand", "math/rand/v2"},
		why: "the round is a pure machine: one caller, randomness handed in"},
	{under: "node", ban: []string{"consilium/testnet", "consilium/cmd", "consilium/protocol/protocoltest"}, why: "a node does not know that it is tested"},
	{under: "testnet", ban: []string{"consilium/cmd"}, why: "the command line is on top"},
}

// libp2pRooms are the only folders that may import libp2p; the decoders and
// the store below node live apart from it, so that fuzzing them builds fast.
var libp2pRooms = map[string]bool{"node": true, "testnet": true}

func TestImportDirections(t *testing.T) {
	root := moduleRoot(t)
	for file, imports := range shippedImports(t, root) {
		room := path.Dir(file)
		for _, imported := range imports {
			for _, r := range rules {
				if within(strings.TrimPrefix(imported, "consilium/"), r.under) {
					continue // a room may call itself
				}
				if within(room, r.under) && !(r.except != "" && within(room, r.except)) && banned(imported, r.ban) {
					t.Errorf("%s imports %s: %s", file, imported, r.why)
				}
			}
			if strings.HasPrefix(imported, "github.com/libp2p/") && !libp2pRooms[room] {
				t.Errorf("%s imports %s: only node and testnet know libp2p", file, imported)
			}
			if strings.HasPrefix(imported, "github.com/spf13/cobra") && !within(room, "cmd") {
				t.Errorf("%s imports %s: only cmd knows cobra", file, imported)
			}
		}
	}
}

// A new top-level folder needs a reason in docs/architecture.md, and then a
// line here.
func TestTopLevelFolders(t *testing.T) {
	known := map[string]bool{
		"cmd": true, "docs": true, "examples": true, "internal": true, "model": true, "node": true,
		"paillier": true, "protocol": true, "sharing": true, "testnet": true, "tools": true,
	}
	entries, err := os.ReadDir(moduleRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !known[e.Name()] {
			t.Errorf("folder %s/ is not in the plan of the house", e.Name())
		}
	}
}

func TestEveryPackageHasDoc(t *testing.T) {
	root := moduleRoot(t)
	seen := map[string]bool{}
	for file := range shippedImports(t, root) {
		seen[path.Dir(file)] = true
	}
	for dir := range seen {
		if _, err := os.Stat(filepath.Join(root, dir, "doc.go")); err != nil {
			t.Errorf("package %s has no doc.go", dir)
		}
	}
}

func TestBannedMatchesWholePathElements(t *testing.T) {
	cases := []struct {
		imported string
		ban      string
		want     bool
	}{
		{"net", "net", true}, {"net/http", "net", true}, {"netx", "net", false},
		{"os/exec", "os", true}, {"consilium/node/store", "consilium/node", true},
		{"consilium/sharing", "consilium/", true}, {"crypto/rand", "crypto/rand", true}, {"crypto/sha256", "crypto/rand", false},
	}
	for _, c := range cases {
		if got := banned(c.imported, []string{c.ban}); got != c.want {
			t.Errorf("banned(%q, %q) = %v, want %v", c.imported, c.ban, got, c.want)
		}
	}
}

func banned(imported string, ban []string) bool {
	for _, b := range ban {
		if imported == b || strings.HasPrefix(imported, strings.TrimSuffix(b, "/")+"/") {
			return true
		}
	}
	return false
}

func within(room, folder string) bool {
	return room == folder || strings.HasPrefix(room, folder+"/")
}

// shippedImports maps each non-test Go file, relative to root, to its imports.
func shippedImports(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "testdata" || rel == "tools" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		found[rel] = []string{}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", rel, err)
			}
			found[rel] = append(found[rel], imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
}
