package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"consilium/internal/golden"
)

// docs/cli.md is made from the commands themselves; regenerate it with -update.
func TestCommandLineIsDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Command line\n\nMade from the program by `go test ./cmd/hospital-node -run Documented -update`; do not edit.\n\n" +
		"Exit codes: 0 ok, 1 the run failed, 2 cannot connect or not admitted, 3 timeout, 4 bad arguments or files,\n" +
		"5 internal, 6 quorum not reached.\n\n" +
		"With `--json` there is one document on standard output: `schema` (`hospital-node/COMMAND/1`), `command`, `ok`,\n" +
		"`error` (null, or `{code, message, hint}`) and the command's own fields. Diagnostics and progress go to standard\n" +
		"error. A flag that is not given is taken from the environment: `--test-fraction` from `HOSPITAL_NODE_TEST_FRACTION`.\n")
	describeCommand(&b, newRoot(&app{}))
	golden.Compare(t, filepath.Join("..", "..", "docs", "cli.md"), b.String())
}

func describeCommand(b *strings.Builder, c *cobra.Command) {
	if c.Name() == "help" || c.Hidden {
		return
	}
	if c.HasParent() {
		fmt.Fprintf(b, "\n## `%s`\n\n%s.\n", strings.TrimSuffix(c.UseLine(), " [flags]"), c.Short)
		if c.Long != "" {
			fmt.Fprintf(b, "\n%s\n", c.Long)
		}
		if c.Example != "" {
			fmt.Fprintf(b, "\n```\n%s\n```\n", strings.ReplaceAll(c.Example, "  hospital-node", "hospital-node"))
		}
		describeFlags(b, c)
	}
	for _, sub := range c.Commands() {
		describeCommand(b, sub)
	}
}

func describeFlags(b *strings.Builder, c *cobra.Command) {
	rows := ""
	c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value := ""
		if f.DefValue != "" && f.DefValue != "[]" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			value = "`" + f.DefValue + "`"
		}
		rows += fmt.Sprintf("| `--%s` | %s | %s |\n", f.Name, strings.ReplaceAll(f.Usage, "|", "\\|"), value)
	})
	if rows != "" {
		fmt.Fprintf(b, "\n| flag | meaning | default |\n|---|---|---|\n%s", rows)
	}
}
