package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"consilium/internal/strict"
)

// app is what all commands share.
type app struct {
	stdout, stderr io.Writer
	json           bool
	quiet          bool
	verbose        bool
}

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := newRoot(a)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	return a.fail(command, args, err)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "hospital-node",
		Short:         "Hospitals train one model together, without a server",
		Long:          "Hospitals train one model together: no server, and nobody sees anybody's data or update.\nStart with `hospital-node demo`.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd.Flags(), os.LookupEnv)
		},
		RunE: a.helpOrFail,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpCommand(newHelp())
	root.PersistentFlags().BoolVar(&a.json, "json", false, "one JSON document on standard output, diagnostics on standard error")
	root.PersistentFlags().BoolVar(&a.quiet, "quiet", false, "results only, no progress")
	root.PersistentFlags().BoolVar(&a.verbose, "verbose", false, "tell more on standard error")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{flagHint(cmd, err)} })
	root.AddCommand(
		newDemo(a, runDemo), newSim(a, runSim), newReproduce(a, runReproduce), newBench(a, runBenchShares), newTestnet(a), newData(a), newModel(a),
		newInit(a, runInit), newID(a, runID), newCluster(a), newKeys(a), newEvidence(a), newRun(a, runRun), newStatus(a, runStatus), newVersion(a, runVersion),
	)
	return root
}

// newHelp is cobra's help command, but for an unknown command.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(of, rest[0])
			}
			return of.Help()
		},
	}
}

// helpOrFail shows the help of a command that is a group; a document there is
// none.
func (a *app) helpOrFail(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 0:
		return unknownCommand(cmd, args[0])
	case a.json:
		return &usageError{fmt.Errorf("--json needs a command: %s", strings.Join(commandNames(cmd), ", "))}
	}
	return cmd.Help()
}

func commandNames(cmd *cobra.Command) []string {
	var known []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			known = append(known, c.Name())
		}
	}
	return known
}

func unknownCommand(cmd *cobra.Command, name string) error {
	known := commandNames(cmd)
	message := fmt.Sprintf("unknown command %q", name)
	if nearest := strict.Nearest(name, known); nearest != "" {
		message += fmt.Sprintf("; did you mean %q?", nearest)
	}
	return &usageError{fmt.Errorf("%s; the commands are %s", message, strings.Join(known, ", "))}
}

// noArgs refuses arguments and says which.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("%s takes no argument %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// logger writes diagnostics to standard error: plain lines.
func (a *app) logger() *slog.Logger {
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}

// progressf writes a line of progress.
func (a *app) progressf(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// printf writes a result for people; with --json there is only the document.
func (a *app) printf(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.stdout, format, args...)
	}
}

// fromEnvironment sets flags that were not given from HOSPITAL_NODE_*: --home
// from HOSPITAL_NODE_HOME. Several values of one flag are parted by commas.
func fromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "HOSPITAL_NODE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, set := lookup(name)
		if f.Changed || !set || f.Name == "help" {
			return
		}
		values := []string{value}
		if _, several := f.Value.(pflag.SliceValue); several {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			if err := flags.Set(f.Name, v); err != nil {
				errs = append(errs, &usageError{fmt.Errorf("environment %s: %w", name, err)})
			}
		}
	})
	return errors.Join(errs...)
}
