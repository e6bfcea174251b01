package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version of the program; the CHANGELOG says what is in it.
const version = "0.1.0"

type versionReport struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Libp2p   string `json:"libp2p"`
}

func newVersion(a *app, run func(context.Context, *app) error) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), a) },
	}
}

func runVersion(_ context.Context, a *app) error {
	r := &versionReport{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "github.com/libp2p/go-libp2p" {
				r.Libp2p = dep.Version
			}
		}
	}
	a.printf("hospital-node %s (%s, %s, libp2p %s)\n", r.Version, r.Go, r.Platform, r.Libp2p)
	return a.finish("version", r, nil)
}
