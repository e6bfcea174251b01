package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// institution is four homes on loopback, run by separate processes.
type institution struct {
	t     *testing.T
	dir   string
	names []string
}

func newInstitution(t *testing.T, study string) *institution {
	t.Helper()
	in := &institution{t: t, dir: t.TempDir(), names: []string{"north", "south", "east", "west"}}
	var cards []string
	for _, name := range in.names {
		in.must("init", "--home", in.path(name), "--listen", "/ip4/127.0.0.1/tcp/"+freePort(t))
		card := in.path(name + ".card")
		if err := os.WriteFile(card, in.must("id", "--home", in.path(name)), 0o600); err != nil {
			t.Fatal(err)
		}
		cards = append(cards, card)
	}
	roster := in.path("roster.toml")
	in.must(append([]string{"cluster", "new", "--federation", "test", "--out", roster}, cards...)...)
	for _, name := range in.names {
		in.must("cluster", "sign", "--home", in.path(name), roster)
	}
	if err := os.WriteFile(in.path("study.toml"), []byte(study), 0o600); err != nil {
		t.Fatal(err)
	}
	return in
}

func (in *institution) path(name string) string { return filepath.Join(in.dir, name) }

// command is a process of this very program.
func (in *institution) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "hospital-node", args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "HOSPITAL_NODE_") }), "GOTRACEBACK=all")
	return cmd
}

func (in *institution) must(args ...string) []byte {
	in.t.Helper()
	cmd := in.command(in.t.Context(), args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		in.t.Fatalf("hospital-node %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out
}

func (in *institution) runArgs(name string) []string {
	return []string{"run", "--home", in.path(name), "--roster", in.path("roster.toml"), "--study", in.path("study.toml"), "--json", "--quiet"}
}

// models checks that all hospitals hold the same model.
func (in *institution) models() {
	in.t.Helper()
	first, err := os.ReadFile(filepath.Join(in.path(in.names[0]), "model.json"))
	if err != nil {
		in.t.Fatal(err)
	}
	for _, name := range in.names[1:] {
		other, err := os.ReadFile(filepath.Join(in.path(name), "model.json"))
		if err != nil || !bytes.Equal(first, other) {
			in.t.Fatalf("%s holds another model than %s: %v", name, in.names[0], err)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// kill −9, again and again, at moments spread over the whole study: whatever was
// on the disk, the hospital comes back and ends with the same model.
func TestKillMinusNine(t *testing.T) {
	in := newInstitution(t, "task = \"synthetic\"\nrounds = 150\ntick = \"20ms\"\n[deadlines]\ncommit = 100\n")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, len(in.names))
	for i, name := range in.names {
		all.Go(func() {
			if name == "east" {
				errs[i] = in.runKilling(ctx, name, 7)
				return
			}
			out, err := in.command(ctx, in.runArgs(name)...).CombinedOutput()
			if err != nil {
				errs[i] = fmt.Errorf("%w: %s", err, out)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	in.models()
}

// runKilling kills a process ever later in its life, and then lets it run.
func (in *institution) runKilling(ctx context.Context, name string, times int) error {
	for i := range times {
		cmd := in.command(ctx, in.runArgs(name)...)
		if err := cmd.Start(); err != nil {
			return err
		}
		select {
		case <-time.After(time.Duration(150+67*i) * time.Millisecond):
		case <-ctx.Done():
		}
		if err := cmd.Process.Kill(); err != nil {
			return err
		}
		err := cmd.Wait()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			return fmt.Errorf("it was not killed: %v", err)
		}
	}
	out, err := in.command(ctx, in.runArgs(name)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// SIGTERM stops a node cleanly: exit code 0, and a document that says where.
func TestTerminate(t *testing.T) {
	in := newInstitution(t, "task = \"synthetic\"\nrounds = 2\n")
	cmd := in.command(t.Context(), in.runArgs("north")...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	status := filepath.Join(in.path("north"), "status.json")
	for {
		if _, err := os.Stat(status); err == nil {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the node did not start")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	var report struct {
		OK       bool `json:"ok"`
		Finished bool `json:"finished"`
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || !report.OK || report.Finished {
		t.Fatalf("%v in %s", err, out.String())
	}
}

// A full disk: writes fail beyond a size, as with no space left. The node stops
// with an error that names the file, and nothing is half-written: with room
// again, it goes on.
func TestFullDisk(t *testing.T) {
	in := newInstitution(t, "task = \"synthetic\"\nrounds = 2\ntick = \"20ms\"\n[deadlines]\ncommit = 100\n")
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, len(in.names))
	for i, name := range in.names {
		all.Go(func() {
			if name == "west" {
				script := "ulimit -f 16; exec hospital-node " + strings.Join(in.runArgs(name), " ")
				cmd := exec.CommandContext(ctx, "sh", "-c", script)
				out, err := cmd.CombinedOutput()
				if err == nil || !strings.Contains(string(out), "append to") || !strings.Contains(string(out), ".log") {
					errs[i] = fmt.Errorf("a full disk: %v: %s", err, out)
					cancel()
					return
				}
			}
			out, err := in.command(ctx, in.runArgs(name)...).CombinedOutput()
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w: %s", name, err, out)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	in.models()
}
