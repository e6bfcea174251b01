package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"consilium/internal/durable"
	"consilium/internal/strict"
	"consilium/node/identity"
	"consilium/node/roster"
)

// homeConfig is config.toml of a home: what a flag or the environment does not
// say.
type homeConfig struct {
	Name      string   `toml:"name"`
	Listen    []string `toml:"listen"`    // multiaddresses to listen on
	Addresses []string `toml:"addresses"` // at which others reach this hospital
	Data      string   `toml:"data"`      // this hospital's table
}

const configFile = "config.toml"

func readConfig(home string) (homeConfig, error) {
	var c homeConfig
	file := filepath.Join(home, configFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return c, &usageError{fmt.Errorf("%s is missing: run `hospital-node init --home %s` first", file, home)}
	}
	if err != nil {
		return c, &usageError{err}
	}
	if err := strict.TOML(data, &c); err != nil {
		return c, &usageError{fmt.Errorf("%s: %w", file, err)}
	}
	return c, nil
}

type initFlags struct {
	home, name, data  string
	listen, addresses []string
}

type initReport struct {
	Home        string   `json:"home"`
	Name        string   `json:"name"`
	Fingerprint string   `json:"fingerprint"`
	Listen      []string `json:"listen"`
	Addresses   []string `json:"addresses"`
}

func newInit(a *app, run func(context.Context, *app, *initFlags) error) *cobra.Command {
	f := &initFlags{}
	cmd := &cobra.Command{
		Use: "init", Short: "Make a hospital's home: its key and its settings", Args: noArgs,
		Long:    "Makes the folder of one hospital: a private key, which never leaves it, and config.toml.",
		Example: "  hospital-node init --home north --listen /ip4/0.0.0.0/tcp/443 --address /dns4/node.north.example/tcp/443",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), a, f) },
	}
	flags := cmd.Flags()
	homeFlag(cmd, &f.home)
	flags.StringVar(&f.name, "name", "", "the hospital's name in rosters (default: the folder's name)")
	flags.StringArrayVar(&f.listen, "listen", []string{"/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/udp/4001/quic-v1"}, "multiaddress to listen on; repeatable")
	flags.StringArrayVar(&f.addresses, "address", nil, "multiaddress at which others reach this hospital; repeatable (default: the specific ones of --listen)")
	flags.StringVar(&f.data, "data", "", "this hospital's table, for run")
	return cmd
}

func homeFlag(cmd *cobra.Command, home *string) {
	cmd.Flags().StringVar(home, "home", "", "the hospital's folder")
}

// checkHome refuses a command without a home.
func checkHome(home string) error {
	if home == "" {
		return &usageError{errors.New("--home DIR is needed: the hospital's folder (or HOSPITAL_NODE_HOME)")}
	}
	return nil
}

func runInit(_ context.Context, a *app, f *initFlags) error {
	r, err := initHome(f)
	if err == nil {
		a.printf("%s: key %s\n", r.Home, r.Fingerprint)
		if len(r.Addresses) == 0 {
			a.progressf("note: no address at which others can reach this hospital; it can only dial out. Set `addresses` in %s, or use --address.",
				filepath.Join(r.Home, configFile))
		}
	}
	return a.finish("init", r, err)
}

func initHome(f *initFlags) (*initReport, error) {
	if err := checkHome(f.home); err != nil {
		return nil, err
	}
	c := homeConfig{Name: f.name, Listen: f.listen, Addresses: f.addresses, Data: f.data}
	if c.Name == "" {
		c.Name = nameOf(f.home)
	}
	if c.Addresses == nil {
		c.Addresses = specific(c.Listen)
	}
	if err := checkListen(c.Listen); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.home, 0o700); err != nil {
		return nil, &usageError{err}
	}
	id, err := identity.Generate(f.home)
	if err != nil {
		return nil, &usageError{err}
	}
	if _, err := roster.NewCard(id, c.Name, c.Addresses); err != nil {
		return nil, errors.Join(&usageError{err}, os.Remove(filepath.Join(f.home, identity.KeyFile)))
	}
	var text strings.Builder
	if err := toml.NewEncoder(&text).Encode(c); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(f.home, configFile), []byte(text.String()), 0o600); err != nil {
		// Without settings there is no home: init can be run again.
		return nil, errors.Join(err, os.Remove(filepath.Join(f.home, identity.KeyFile)))
	}
	return &initReport{f.home, c.Name, identity.Fingerprint(id.Public()), c.Listen, c.Addresses}, nil
}

// checkListen refuses addresses that nobody can listen on.
func checkListen(addresses []string) error {
	for _, address := range addresses {
		if err := roster.CheckAddress(address); err != nil {
			return &usageError{fmt.Errorf("listen: %w", err)}
		}
	}
	return nil
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// nameOf makes a name of a folder's.
func nameOf(home string) string {
	absolute, err := filepath.Abs(home)
	if err != nil {
		absolute = home
	}
	return strings.Trim(notInName.ReplaceAllString(strings.ToLower(filepath.Base(absolute)), "-"), "-")
}

// specific are the addresses that others could dial: not 0.0.0.0 or ::, and no
// port 0.
func specific(listen []string) []string {
	list := []string{}
	for _, address := range listen {
		parts := strings.Split(address, "/")
		if len(parts) >= 5 && parts[2] != "0.0.0.0" && parts[2] != "::" && parts[4] != "0" {
			list = append(list, address)
		}
	}
	return list
}

type idReport struct {
	Name        string      `json:"name"`
	Fingerprint string      `json:"fingerprint"`
	Card        roster.Card `json:"card"`
}

func newID(a *app, run func(context.Context, *app, string) error) *cobra.Command {
	var home string
	cmd := &cobra.Command{
		Use: "id", Short: "Print a hospital's signed card", Args: noArgs,
		Long:    "Prints the signed card of a home, to give to whoever puts the roster together. The comment holds the key's\nfingerprint: read it out over the telephone.",
		Example: "  hospital-node id --home north > north.card",
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), a, home) },
	}
	homeFlag(cmd, &home)
	return cmd
}

func runID(_ context.Context, a *app, home string) error {
	r, err := makeID(home)
	if err != nil {
		return a.finish("id", nil, err)
	}
	text, err := r.Card.Encode()
	if err == nil {
		a.printf("%s", text)
	}
	return a.finish("id", r, err)
}

func makeID(home string) (*idReport, error) {
	if err := checkHome(home); err != nil {
		return nil, err
	}
	c, err := readConfig(home)
	if err != nil {
		return nil, err
	}
	id, err := identity.Load(home)
	if err != nil {
		return nil, &usageError{err}
	}
	card, err := roster.NewCard(id, c.Name, c.Addresses)
	if err != nil {
		return nil, &usageError{fmt.Errorf("%s: %w", filepath.Join(home, configFile), err)}
	}
	return &idReport{c.Name, card.Fingerprint(), card}, nil
}
