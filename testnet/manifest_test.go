package testnet

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"consilium/model"
)

func silent() Options { return Options{Logger: slog.New(slog.DiscardHandler), Tell: quiet} }

// write puts a manifest into a folder of its own, beside other files.
func write(t *testing.T, manifest string, others map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "net.toml")
	if others == nil {
		others = map[string]string{}
	}
	others["net.toml"] = manifest
	for name, content := range others {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

const study4 = "hospitals = 4\n[study]\ntask = \"synthetic\"\nrounds = 2\n"

// Every mistake is an error that names the file, the line, and what to write.
func TestManifestMistakes(t *testing.T) {
	for _, c := range []struct{ name, manifest, mode, want string }{
		{"unknown key", "hospitels = 4\n" + study4, "", `net.toml: line 1: unknown key "hospitels"; did you mean "hospitals"?`},
		{"unknown key of the study", study4 + "ronds = 3\n", "", `net.toml: line 5: unknown key "study.ronds"; did you mean "study.rounds"?`},
		{"not TOML", "hospitals = \n", "", "net.toml: line 1"},
		{"no task", "hospitals = 4\n", "", "net.toml: study: no task"},
		{"unknown task", "[study]\ntask = \"haert\"\n", "", `net.toml: line 1: study: unknown task "haert"`},
		{"unknown scheme", study4 + "scheme = \"xor\"\n", "", `net.toml: line 2: study: scheme "xor"`},
		{"unknown trainer", study4 + "trainer = \"adam\"\n", "", "net.toml: line 2: study: "},
		{"two hospitals", "hospitals = 2\n[study]\ntask = \"synthetic\"\n", "", "net.toml: "},
		{"too many dropouts", "tolerate_dropouts = 2\n" + study4, "", "net.toml: line 1: 4 hospitals do not stand 0 liars and 2 dropouts"},
		{"liars", "tolerate_liars = 1\n" + study4 + "scheme = \"shamir\"\n", "", "wrong openings"},
		{"no files", "[study]\ntask = \"heart\"\n", "", "net.toml: line 2: task heart needs its files"},
		{"missing folder", "data = \"nowhere\"\n[study]\ntask = \"heart\"\n", "", "net.toml: line 1: load task heart"},
		{"fault of nobody", "faults = [\n  \"kill:north@1:open\",\n  \"kill:up@1:open\",\n]\n" + study4, "", `net.toml: line 3: fault "kill:up@1:open": no hospital "up"`},
		{"fault too late", "faults = [\"kill:1@9:open\"]\n" + study4, "", "net.toml: line 1: fault kill:1@9:open: the study has rounds 0"},
		{"fault in no phase", "faults = ['kill:1@1:mask']\n" + study4, "", "net.toml: line 1: fault kill:1@1:mask: scheme shamir has no phase mask"},
		{"fault of a process", "faults = [\"slow:1@1:deal\"]\n" + study4, Process, "line 1: fault slow:1@1:deal: mode process strikes whole processes"},
		{"clock of nodes", "faults = [\"clock-skew:1@1:deal\"]\n" + study4, Virtual, "mode sim can do it"},
		{"a lie", "faults = [\"equivocate:1@1:deal\"]\n" + study4, Sim, "line 1: fault equivocate:1@1:deal: 1 hospitals lie, and the federation stands 0"},
		{"one lie too many", "tolerate_liars = 1\nfaults = [\"equivocate:1@1:deal\", \"wrong-opening:2@1:open\"]\n" + study4 + "scheme = \"masked\"\n", Sim, "line 2: fault wrong-opening:2@1:open: 2 hospitals lie, and the federation stands 1"},
		{"a lie that means nothing", "tolerate_liars = 1\nfaults = [\"wrong-opening:1@1:deal\"]\n" + study4 + "scheme = \"masked\"\n", Sim, "means something in [open combine] only"},
		{"a lie of a process", "tolerate_liars = 1\nfaults = [\"equivocate:1@1:deal\"]\n" + study4 + "scheme = \"masked\"\n", Process, "modes inprocess, virtual and sim can do it"},
		{"links of a process", study4 + "[links]\nloss = 0.1\n", Process, "net.toml: line 5: links in mode process: this machine's own network"},
		{"latency", study4 + "[links]\nlatency = \"soon\"\n", Sim, `line 5: links: latency "soon"`},
		{"bandwidth", study4 + "[links]\nbandwidth = \"fast\"\n", Sim, `line 5: links: bandwidth "fast"`},
		{"bandwidth of a drop", study4 + "[links]\nbandwidth = \"1kbit\"\n", Sim, "at least 64kbit"},
		{"loss", study4 + "[links]\nloss = 0.9\n", Sim, "line 5: links: loss 0.9"},
		{"patience", "quorum_wait = \"-1s\"\n" + study4, "", "line 1: quorum_wait"},
		{"number and list", study4 + "[[hospital]]\nname = \"a\"\n", "", "line 1: hospitals is a number"},
		{"bad name", "[study]\ntask = \"synthetic\"\n[[hospital]]\nname = \"ok\"\n[[hospital]]\nname = \"St. Mary\"\n", "", `line 5: hospital name "St. Mary"`},
		{"same name", "[study]\ntask = \"synthetic\"\n[[hospital]]\nname = \"a\"\n[[hospital]]\nname = \"a\"\n", "", "line 5: two hospitals are named a"},
		{"no table", "[study]\ntask = \"heart\"\n[[hospital]]\nname = \"a\"\n", "", "line 3: hospital a has no rows"},
		{"some tables", "[study]\ntask = \"synthetic\"\n[[hospital]]\nname = \"a\"\n[[hospital]]\nname = \"b\"\ndata = \"b.csv\"\n", "", "line 5: hospital b differs from the first"},
		{"table not there", "[study]\ntask = \"synthetic\"\n[[hospital]]\nname = \"a\"\ndata = \"a.csv\"\n", "", "line 3: hospital a: read table"},
		{"no such mode", study4, "magic", "--mode magic: this version knows process, virtual, sim"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mode := c.mode
			if mode == "" {
				mode = Process
			}
			_, err := Run(t.Context(), write(t, c.manifest, nil), mode, silent())
			var input *InputError
			if !errors.As(err, &input) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v\nwant %s", err, c.want)
			}
		})
	}
	if _, err := Run(t.Context(), filepath.Join(t.TempDir(), "none.toml"), Sim, silent()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing manifest: %v", err)
	}
}

// A table for each hospital, and a task of one's own, all beside the manifest.
func TestManifestWithItsOwnFiles(t *testing.T) {
	task, _ := model.EmbeddedFile("synthetic")
	files := map[string]string{"mine.toml": strings.Replace(string(task), `name = "synthetic"`, `name = "mine"`, 1)}
	manifest := "name = \"own\"\nfaults = [\"kill:beta@1:open+1\"]\n[study]\ntask = \"mine.toml\"\nrounds = 2\n"
	for i, name := range []string{"alpha", "beta", "gamma"} {
		table, err := model.SyntheticTable(9, i, 3)
		if err != nil {
			t.Fatal(err)
		}
		files[name+".csv"] = string(table)
		manifest += "[[hospital]]\nname = \"" + name + "\"\ndata = \"" + name + ".csv\"\n"
	}
	r, err := Run(t.Context(), write(t, manifest, files), Virtual, silent())
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "own" || !slices.Equal(r.Hospitals, []string{"alpha", "beta", "gamma"}) || r.Task != "mine.toml" || len(r.Rounds) != 2 {
		t.Fatalf("%+v", r.DemoReport)
	}
	if len(r.Recoveries) != 1 || r.Recoveries[0].Hospital != "beta" {
		t.Fatalf("recoveries %+v", r.Recoveries)
	}
}

// The examples run as they are: in the pure machine here, and the mode does not
// change what is learned when everybody is in every sum.
func TestExampleManifests(t *testing.T) {
	files, err := filepath.Glob("../examples/testnet-*.toml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, mode := range []string{Process, Virtual, Sim} {
				if _, err := readManifest(file, mode); err != nil && !(errors.Is(err, errNoLinks) && mode == Process) {
					t.Errorf("mode %s: %v", mode, err)
				}
			}
			r, err := Run(t.Context(), file, Sim, silent())
			if err != nil {
				t.Fatal(err)
			}
			again, err := Run(t.Context(), file, Sim, silent())
			if err != nil || !slices.Equal(again.Timeline, r.Timeline) {
				t.Errorf("equal seeds give different runs: %v", err)
			}
			passed(t, r)
		})
	}
}

// passed checks what every good testnet must show.
func passed(t *testing.T, r *Report) {
	t.Helper()
	if len(r.Checks) != 3 {
		t.Fatalf("checks: %+v", r.Checks)
	}
	for _, check := range r.Checks {
		if !check.OK {
			t.Errorf("%+v", check)
		}
	}
	if !slices.IsSortedFunc(r.Timeline, func(a, b Happening) int { return int(1e6 * (a.Seconds - b.Seconds)) }) {
		t.Error("the timeline goes back in time")
	}
	for _, back := range r.Recoveries {
		if back.Seconds > 20 {
			t.Errorf("%+v: more than 20 s", back)
		}
	}
}

func TestModesAgree(t *testing.T) {
	file := write(t, study4, nil)
	var weights [][]float64
	for _, mode := range []string{Virtual, Sim} {
		r, err := Run(t.Context(), file, mode, silent())
		if err != nil {
			t.Fatal(err)
		}
		passed(t, r)
		weights = append(weights, r.Weights)
	}
	r, err := run(t, DemoOptions{Seed: 0, Rounds: 2, Faults: []string{"duplicate:1@1:deal+1"}})
	exact(t, r, err)
	for _, other := range weights {
		if !slices.Equal(other, r.Weights) {
			t.Fatalf("%v in process, %v", r.Weights, weights)
		}
	}
}

// A quorum that does not come back ends the run in every mode.
func TestQuorumLostInTestnets(t *testing.T) {
	manifest := "quorum_wait = \"1s\"\nfaults = [\"kill:north@1:open\", \"pause:south@1:deal\"]\n" + study4
	for _, mode := range []string{Virtual, Sim} {
		began := time.Now()
		r, err := Run(t.Context(), write(t, manifest, nil), mode, silent())
		var quorum *QuorumError
		if !errors.As(err, &quorum) || quorum.Round != 1 || !slices.Equal(quorum.Missing, []string{"north", "south"}) {
			t.Fatalf("mode %s: %v", mode, err)
		}
		if r == nil || len(r.Timeline) == 0 || len(r.Checks) != 0 || r.Standardise == nil {
			t.Errorf("mode %s: no partial report: %+v", mode, r)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("mode %s: %v", mode, took)
		}
	}
}

// A simulation ends with its context, as the other modes do.
func TestInterruptEndsSimulation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	opt, last := silent(), uint64(0)
	opt.Tell = func(e Event) {
		if last = max(last, e.Round); e.What == RoundDone && e.Round == 1 {
			cancel()
		}
	}
	manifest := strings.Replace(study4, "rounds = 2", "rounds = 30", 1)
	if _, err := Run(ctx, write(t, manifest, nil), Sim, opt); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if last > 2 {
		t.Errorf("went on to round %d", last)
	}
}
