package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"consilium/internal/fetch"
	"consilium/internal/strict"
	"consilium/node"
	"consilium/node/store"
	"consilium/testnet"
)

// Exit codes, a contract of the command line.
const (
	exitOK       = 0
	exitFailed   = 1 // the run failed
	exitRefused  = 2 // cannot connect or not admitted
	exitTimeout  = 3
	exitInput    = 4 // bad arguments or files
	exitInternal = 5
	exitQuorum   = 6 // quorum not reached
)

// usageError is a mistake in arguments or files.
type usageError struct{ cause error }

func (e *usageError) Error() string { return e.cause.Error() }
func (e *usageError) Unwrap() error { return e.cause }

// hinted is an error with advice.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

// document is the frame of every JSON output.
type document struct {
	Schema  string     `json:"schema"`
	Command string     `json:"command"`
	OK      bool       `json:"ok"`
	Error   *errorInfo `json:"error"`
}

type errorInfo struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// finish writes the result of a command: fields is a pointer to a struct, or
// nil. With --json it is one document, also on failure.
func (a *app) finish(command string, fields any, err error) error {
	if a.json {
		if writeErr := a.writeDocument(command, fields, err); writeErr != nil {
			return errors.Join(err, writeErr)
		}
	}
	if err != nil {
		return &reported{err}
	}
	return nil
}

// reported is an error whose JSON document is written already.
type reported struct{ error }

func (e *reported) Unwrap() error { return e.error }

func (a *app) writeDocument(command string, fields any, err error) error {
	frame := document{Schema: "hospital-node/" + command + "/1", Command: command, OK: err == nil}
	if err != nil {
		frame.Error = describe(err)
	}
	out, encodeErr := json.Marshal(frame)
	if encodeErr != nil {
		return encodeErr
	}
	if fields != nil && !reflect.ValueOf(fields).IsNil() {
		more, encodeErr := json.Marshal(fields)
		if encodeErr != nil {
			return encodeErr
		}
		if len(more) > 2 {
			out = slices.Concat(out[:len(out)-1], []byte(","), more[1:])
		}
	}
	_, writeErr := fmt.Fprintf(a.stdout, "%s\n", out)
	return writeErr
}

func describe(err error) *errorInfo {
	info := &errorInfo{Code: exitCode(err), Message: err.Error()}
	if h := (*hinted)(nil); errors.As(err, &h) {
		info.Hint = h.hint
	} else if at := strings.LastIndex(info.Message, "did you mean "); at >= 0 {
		info.Hint = info.Message[at:]
	} else if info.Code == exitQuorum {
		info.Hint = "start the missing hospitals again, or wait for them"
	}
	return info
}

// fail tells of an error and returns its exit code.
func (a *app) fail(cmd *cobra.Command, args []string, err error) int {
	info := describe(err)
	if done := (*reported)(nil); !errors.As(err, &done) && (a.json || wantsJSON(args)) {
		a.json = true
		name := strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), "hospital-node"))
		if name == "" {
			name = "hospital-node"
		}
		if writeErr := a.writeDocument(strings.ReplaceAll(name, " ", "-"), nil, err); writeErr != nil {
			return exitInternal
		}
	}
	fmt.Fprintf(a.stderr, "hospital-node: %s\n", info.Message)
	if info.Hint != "" && !strings.Contains(info.Message, info.Hint) {
		fmt.Fprintf(a.stderr, "hint: %s\n", info.Hint)
	}
	return info.Code
}

// wantsJSON tells whether a document was asked for, when the flags could not be
// read to their end.
func wantsJSON(args []string) bool {
	wants, _ := strconv.ParseBool(os.Getenv("HOSPITAL_NODE_JSON"))
	for _, arg := range args {
		if value, found := strings.CutPrefix(arg, "--json"); found {
			set, err := strconv.ParseBool(strings.TrimPrefix(value, "="))
			wants = value == "" || err == nil && set
		}
	}
	return wants
}

// exitCode sorts errors.
func exitCode(err error) int {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case as[*testnet.QuorumError](err) || as[*quorumTimeout](err) || as[*awayError](err):
		return exitQuorum
	case as[*usageError](err) || as[*testnet.InputError](err) || as[*store.DamagedError](err) || as[*node.DiffersError](err) || is(store.ErrInUse):
		return exitInput
	case as[*node.NotAdmittedError](err) || as[*node.ListenError](err) || as[*fetch.ConnectError](err):
		return exitRefused
	case is(testnet.ErrTimeout) || is(context.DeadlineExceeded) || as[*fetch.StalledError](err):
		return exitTimeout
	case as[*json.MarshalerError](err):
		return exitInternal
	}
	return exitFailed
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// quorumTimeout says that a node gave up waiting for a quorum.
type quorumTimeout struct {
	phase   string
	round   uint64
	missing []string
}

func (e *quorumTimeout) Error() string {
	return fmt.Sprintf("quorum not reached in phase %s of round %d: waiting for %s", e.phase, e.round, strings.Join(e.missing, ", "))
}

// flagHint adds the nearest flag to the complaint about an unknown one.
func flagHint(cmd *cobra.Command, err error) error {
	_, wrong, found := strings.Cut(err.Error(), "unknown flag: --")
	if !found {
		return err
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if nearest := strict.Nearest(wrong, known); nearest != "" {
		return fmt.Errorf("unknown flag --%s of %s; did you mean --%s?", wrong, cmd.CommandPath(), nearest)
	}
	return fmt.Errorf("unknown flag --%s of %s", wrong, cmd.CommandPath())
}
