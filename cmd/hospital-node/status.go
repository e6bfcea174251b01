package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"consilium/node"
)

func newStatus(a *app, run func(context.Context, *app, string) error) *cobra.Command {
	var home string
	cmd := &cobra.Command{
		Use: "status", Short: "Tell where a hospital's node stands", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), a, home) },
	}
	homeFlag(cmd, &home)
	return cmd
}

func runStatus(_ context.Context, a *app, home string) error {
	if err := checkHome(home); err != nil {
		return a.finish("status", nil, err)
	}
	s, err := node.ReadStatus(home)
	if err != nil {
		return a.finish("status", nil, &usageError{err})
	}
	running := "not running"
	if s.Running {
		running = "running"
	}
	a.printf("%s of %s: %s, study %s\n", s.Name, s.Federation, running, s.Study)
	where := fmt.Sprintf("round %d (%s), phase %s", s.Round, s.Step, s.Phase)
	if s.Finished {
		where = "the study is finished"
	}
	a.printf("%s, as of %s\n", where, s.Updated.Format(time.RFC3339))
	if len(s.Waiting) > 0 {
		a.printf("waiting for %s\n", strings.Join(s.Waiting, ", "))
	}
	a.printf("connected to %s\n", orDefault(strings.Join(s.Connected, ", "), "nobody"))
	for _, name := range sortedKeys(s.Refused) {
		a.printf("refused %d messages of %s\n", s.Refused[name], name)
	}
	return a.finish("status", &s, nil)
}
