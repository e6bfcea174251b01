package testnet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"consilium/node"
	"consilium/protocol"
)

// The testnet that runs hospital-node itself is tested beside the command.

// program writes a shell script to be run instead of hospital-node.
func program(t *testing.T, script string) Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	opt := silent()
	opt.Program = file
	return opt
}

// A process that cannot go on ends the testnet with its last words.
func TestProcessThatFails(t *testing.T) {
	before := temporaries(t)
	_, err := Run(t.Context(), write(t, study4, nil), Process, program(t, "echo the disk is on fire >&2; exit 4"))
	if err == nil || !strings.Contains(err.Error(), "exit status 4") || !strings.Contains(err.Error(), "the disk is on fire") {
		t.Errorf("%v", err)
	}
	opt := silent()
	opt.Program = filepath.Join(t.TempDir(), "nothing")
	if _, err := Run(t.Context(), write(t, study4, nil), Process, opt); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if after := temporaries(t); len(after) > len(before) {
		t.Errorf("left behind: %v", after)
	}
}

// Processes that neither speak nor listen are gone when the testnet is.
func TestProcessThatHangs(t *testing.T) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, write(t, study4, nil), Process, program(t, "trap '' TERM INT HUP; while :; do read line <&3; done"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > lastWords {
		t.Errorf("it took %v", took)
	}
}

// A node ends when the testnet's end of its socket is closed, and waits for
// answers until then. Without a socket there is no control.
func TestControl(t *testing.T) {
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(theirs.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	control, err := JoinControl(fd)
	if err != nil {
		t.Fatal(err)
	}
	cfg := node.Config{Progress: func(node.Progress) {}}
	ctx := control.Direct(t.Context(), &cfg)
	asked := make(chan error, 1)
	go func() { asked <- cfg.Hooks.BeforePhase(ctx, 3, protocol.Deal) }()
	var line [64]byte
	n, err := ours.Read(line[:])
	if want := `{"question":1,"at":{"round":3,"phase":2}}`; err != nil || strings.TrimSpace(string(line[:n])) != want {
		t.Fatalf("%q, %v", line[:n], err)
	}
	if _, err := ours.Write([]byte(`{"answer":7}` + "\n" + `{"answer":1}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	go func() { asked <- cfg.Hooks.BeforeRound(ctx, 4) }()
	if _, err := ours.Read(line[:]); err != nil {
		t.Fatal(err)
	}
	ours.Close()
	<-ctx.Done()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("a question without a testnet: %v", err)
	}
	control.Close(nil)

	none, err := JoinControl(0)
	if err != nil || none != nil {
		t.Fatalf("%v, %v", none, err)
	}
	cfg = node.Config{}
	if got := none.Direct(t.Context(), &cfg); got != t.Context() || cfg.Hooks.BeforePhase != nil || cfg.Hooks.Connected != nil {
		t.Error("a node in no testnet is under control")
	}
	none.Up(nil)
	none.Close(nil)
	if _, err := JoinControl(1000); err == nil {
		t.Error("joined a file that is not open")
	}
}
