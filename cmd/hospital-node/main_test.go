package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"consilium/internal/golden"
)

// The scripts in testdata/script read like a manual: what people type, and what
// they get.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hospital-node": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: golden.Update(),
		Condition: func(name string) (bool, error) {
			if name != "data" {
				return false, errors.New("unknown condition")
			}
			return dataDir() != "", nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("DATA", dataDir())
			env.Setenv("HOME", env.WorkDir)
			mirrors(env)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits CODE COMMAND... runs a command and checks its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// dataDir is the folder with the real patient tables, or "".
func dataDir() string {
	for _, dir := range []string{os.Getenv("HOSPITAL_NODE_DATA"), filepath.Join("..", "..", "..", "shared", "data")} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "heart")); err == nil {
			absolute, err := filepath.Abs(dir)
			if err != nil {
				return ""
			}
			return absolute
		}
	}
	return ""
}

func TestSignalEndsDemoCleanly(t *testing.T) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGUSR1)
	defer stop()
	stop()
	var out, diagnostics discard
	if code := execute(ctx, []string{"demo", "--json"}, &out, &diagnostics); code != exitFailed {
		t.Fatalf("exit code %d", code)
	}
}

type discard struct{}

func (*discard) Write(b []byte) (int, error) { return len(b), nil }
