package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"consilium/internal/fetch"
	"consilium/internal/strict"
	"consilium/model"
)

func newData(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "data", Short: "Public data sets for demonstrations",
		Args: cobra.ArbitraryArgs,
		RunE: a.helpOrFail,
	}
	cmd.AddCommand(newDataGet(a, runDataGet))
	return cmd
}

type dataGetFlags struct {
	name, out, mirror string
	timeout           time.Duration
	retries           int
}

type dataGetReport struct {
	Name   string         `json:"name"`
	Folder string         `json:"folder"`
	Files  []fetch.Result `json:"files"`
}

func newDataGet(a *app, run func(context.Context, *app, *dataGetFlags) error) *cobra.Command {
	f := &dataGetFlags{}
	cmd := &cobra.Command{
		Use: "get " + strings.Join(fetch.Names(), "|"), Short: "Download a public data set, and check it",
		Long: "Downloads the files of a data set from where they are published, goes on where an earlier download was cut off,\n" +
			"and puts a file in its place only when its SHA-256 is the one that the task was written for. A file that is\n" +
			"there already and right is left alone. --mirror takes the files from another web address, at which they lie as\n" +
			"this command leaves them: NAME/FILE.",
		Example: "  hospital-node data get heart\n  hospital-node demo --task heart --data data/heart",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{fmt.Errorf("name one data set: %s", strings.Join(fetch.Names(), ", "))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.name = args[0]
			return run(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "folder for the files (default: data/NAME)")
	flags.StringVar(&f.mirror, "mirror", "", "web address to take the files from, instead of where they are published")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "longest wait for a server to send something")
	flags.IntVar(&f.retries, "retries", 4, "how many tries in a row may bring nothing new, after the first")
	return cmd
}

func runDataGet(ctx context.Context, a *app, f *dataGetFlags) error {
	r, err := getData(ctx, a, f)
	if ctx.Err() != nil {
		err = errors.New("interrupted; the same command goes on where it was")
	}
	if err == nil {
		a.printf("%s: %d files in %s, as the task expects them.\n", r.Name, len(r.Files), r.Folder)
		if task, ok := model.Embedded(r.Name); ok {
			a.printf("Source: %s.\n", task.Source)
		}
		a.printf("Try: hospital-node demo --task %s --data %s\n", r.Name, quoted(r.Folder))
	}
	return a.finish("data-get", r, err)
}

func getData(ctx context.Context, a *app, f *dataGetFlags) (*dataGetReport, error) {
	files, err := filesToGet(f)
	if err != nil {
		return nil, &usageError{err}
	}
	r := &dataGetReport{Name: f.name, Folder: orDefault(f.out, filepath.Join("data", f.name)), Files: []fetch.Result{}}
	client := fetch.NewClient()
	defer client.Close()
	client.Stall, client.Retries = f.timeout, f.retries
	show := &fetchProgress{app: a, shown: time.Now()}
	client.Tell = show.step
	for _, file := range files {
		result, err := client.Get(ctx, file, r.Folder)
		if err != nil {
			if as[*fetch.ExistsError](err) {
				err = &usageError{err}
			}
			return r, err
		}
		if result.Cached {
			a.progressf("%s is there already, and right", result.File)
		}
		r.Files = append(r.Files, result)
	}
	return r, nil
}

// filesToGet checks the arguments.
func filesToGet(f *dataGetFlags) ([]fetch.File, error) {
	files, ok := fetch.Set(f.name)
	switch {
	case f.name == "synthetic":
		return nil, errors.New("the patients of task synthetic are invented by `hospital-node demo`; there is nothing to get")
	case !ok:
		message := fmt.Sprintf("unknown data set %q; there are %s", f.name, strings.Join(fetch.Names(), ", "))
		if nearest := strict.Nearest(f.name, fetch.Names()); nearest != "" {
			message += fmt.Sprintf("; did you mean %s?", nearest)
		}
		return nil, errors.New(message)
	case f.timeout <= 0:
		return nil, fmt.Errorf("--timeout %v: it must be positive, such as 30s", f.timeout)
	case f.retries < 0:
		return nil, fmt.Errorf("--retries %d: at least 0", f.retries)
	case f.mirror == "":
		return files, nil
	}
	files = slices.Clone(files)
	for i := range files {
		var err error
		if files[i], err = files[i].Mirrored(f.mirror, f.name); err != nil {
			return nil, fmt.Errorf("--mirror: %w", err)
		}
	}
	return files, nil
}

// fetchProgress shows a download, a line a second and one at the end of a file.
type fetchProgress struct {
	app   *app
	shown time.Time
}

func (p *fetchProgress) step(s fetch.Progress) {
	switch {
	case s.Trouble != nil:
		p.app.progressf("%s: %v; trying again", s.File, s.Trouble)
		return
	case !s.Done && time.Since(p.shown) < time.Second:
		return
	}
	p.shown = time.Now()
	rate := float64(s.Fresh) / max(s.Elapsed.Seconds(), 1e-3)
	line := fmt.Sprintf("%-28s %9s", s.File, bytesText(s.Bytes))
	if s.Total > 0 {
		line += fmt.Sprintf(" of %s (%d%%)", bytesText(s.Total), 100*s.Bytes/s.Total)
	}
	line += fmt.Sprintf("  %s/s", bytesText(int64(rate)))
	if left := s.Total - s.Bytes; left > 0 && rate > 0 {
		line += fmt.Sprintf("  %.1f s left", float64(left)/rate)
	}
	p.app.progressf("%s", line)
}
