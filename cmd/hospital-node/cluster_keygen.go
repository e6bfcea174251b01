package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"consilium/node"
	"consilium/node/ceremony"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/node/store"
	"consilium/paillier"
	"consilium/protocol/keygen"
)

type keygenFlags struct {
	home, roster, out string
	listen            []string
	bits              int
	insecure          bool
	timeout           time.Duration
}

type keygenReport struct {
	File          string    `json:"file"` // the next epoch's roster
	Epoch         uint64    `json:"epoch"`
	Hash          string    `json:"hash"`
	Key           keyReport `json:"key"`
	Share         string    `json:"share"`      // file, secret
	Record        string    `json:"record"`     // file: what was signed
	Candidates    int       `json:"candidates"` // looked at in all attempts
	Tested        int       `json:"tested"`     // of them
	Attempts      int       `json:"attempts"`
	Rounds        int       `json:"rounds"`
	BytesSent     int64     `json:"bytes_sent"`
	BytesReceived int64     `json:"bytes_received"`
	Seconds       float64   `json:"seconds"`
	Computing     float64   `json:"computing"` // of those, seconds in which this hospital did not wait
}

func newClusterKeygen(a *app, run func(context.Context, *app, *keygenFlags) error) *cobra.Command {
	f := &keygenFlags{}
	cmd := &cobra.Command{
		Use: "keygen [ROSTER]", Short: "Make a Paillier key together, which nobody ever holds",
		Long: "Makes a Paillier key for scheme paillier among all members of a signed roster: each starts this command, and they find\n" +
			"the key together. Nobody ever knows its factors, nor do fewer than half of the hospitals that put together what they know;\n" +
			"half of them could compute the factors (two of four, and of five three). The result is the signed roster of the next epoch,\n" +
			"and a share of the key in every home, in the place of the share of the epoch before. Hospitals may come late; started\n" +
			"again, the ceremony goes on where it was.",
		Example: "  hospital-node cluster keygen --home north roster.toml\n" +
			"  hospital-node run --home north --roster north/roster-2.toml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return oneFile(cmd, args)
			}
			if len(args) == 1 {
				f.roster = args[0]
			}
			return run(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	homeFlag(cmd, &f.home)
	flags.IntVar(&f.bits, "bits", paillier.DefaultBits, fmt.Sprintf("length of the modulus, at least %d", paillier.MinBits))
	flags.StringVar(&f.out, "out", "", "file for the next roster (default: roster-EPOCH.toml in the home)")
	flags.StringArrayVar(&f.listen, "listen", nil, "multiaddress to listen on; repeatable (default: listen in config.toml)")
	flags.BoolVar(&f.insecure, "insecure-test-key", false, fmt.Sprintf("allow lengths from %d bits, which protect nothing", paillier.InsecureTestBits))
	flags.DurationVar(&f.timeout, "timeout", 0, "give up when a hospital is waited for longer, such as 10m (default: wait for ever)")
	return cmd
}

func runClusterKeygen(ctx context.Context, a *app, f *keygenFlags) error {
	report, err := makeKey(ctx, a, f)
	if err == nil {
		a.printf("%s: epoch %d with a Paillier key of %d bits that nobody holds, signed by all members.\n", report.File, report.Epoch, report.Key.Bits)
		a.printf("Any %d of the %d hospitals decrypt. This hospital's share is in %s: back it up with\n"+
			"`hospital-node keys backup --home %s --roster %s`. The share of the epoch before is erased, if there was one.\n",
			report.Key.Threshold, report.Key.Holders, report.Share, f.home, report.File)
		if report.Key.InsecureTest {
			a.printf("THE KEY IS A TEST KEY AND PROTECTS NOTHING.\n")
		}
		a.printf("%d candidates, %.1f s, %.1f MB sent.\n", report.Candidates, report.Seconds, float64(report.BytesSent)/1e6)
	}
	return a.finish("cluster-keygen", report, err)
}

func makeKey(ctx context.Context, a *app, f *keygenFlags) (*keygenReport, error) {
	if err := checkHome(f.home); err != nil {
		return nil, err
	}
	if f.timeout < 0 {
		return nil, &usageError{fmt.Errorf("--timeout %v: it must not be negative", f.timeout)}
	}
	home, err := readConfig(f.home)
	if err != nil {
		return nil, err
	}
	r, err := roster.Read(orDefault(f.roster, filepath.Join(f.home, "roster.toml")))
	if err != nil {
		return nil, &usageError{err}
	}
	id, err := identity.Load(f.home)
	if err != nil {
		return nil, &usageError{err}
	}
	c, err := ceremony.Open(f.home, id, r, f.bits, f.insecure)
	if err != nil {
		return nil, &usageError{err}
	}
	listen := f.listen
	if len(listen) == 0 {
		listen = home.Listen
	}
	if err := checkListen(listen); err != nil {
		return nil, err
	}
	f.out = orDefault(f.out, filepath.Join(f.home, fmt.Sprintf("roster-%d.toml", r.Epoch+1)))
	if err := checkOut(f.out, r); err != nil {
		return nil, &usageError{err}
	}
	lock, err := store.LockHome(f.home)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	mesh, err := node.OpenMesh(node.MeshConfig{Identity: id, Roster: r, Listen: listen, Logger: a.logger()})
	if err != nil {
		return nil, err
	}
	report, err := takePart(ctx, a, f, mesh, c)
	return report, errors.Join(err, mesh.Close())
}

// checkOut refuses, before the ceremony, a file that could not be written in its
// end, and one that holds something else than the next roster.
func checkOut(file string, r *roster.Roster) error {
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return fmt.Errorf("--out %s: there is no folder %s", file, filepath.Dir(file))
	}
	if !exists(file) {
		return nil
	}
	if next, err := roster.Read(file); err != nil || !next.JointKey || next.Previous != r.Hash().String() {
		return fmt.Errorf("%s exists and is no roster with a key made after %s: name another file with --out", file, r.Hash().Short())
	}
	return nil
}

// takePart takes part in the ceremony, shows it, and writes the next roster.
func takePart(ctx context.Context, a *app, f *keygenFlags, mesh *node.Mesh, c *ceremony.Ceremony) (*keygenReport, error) {
	if done := c.Resumed(); done.Products > 0 {
		a.progressf("going on after %d candidates", done.Products)
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	show := &keygenProgress{app: a, mesh: mesh, timeout: f.timeout, begun: time.Now()}
	watched := make(chan struct{})
	go func() { defer close(watched); show.watch(ctx, giveUp) }()
	next, made, err := mesh.MakeKey(ctx, c, show.step, show.again)
	if away := (*awayError)(nil); errors.As(context.Cause(ctx), &away) {
		err = away
	}
	giveUp(nil)
	<-watched
	if mismatch := (*keygen.MismatchError)(nil); errors.As(err, &mismatch) {
		err = &usageError{err}
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted; the same command goes on where the ceremony was")
	}
	if err != nil {
		return nil, err
	}
	if err := writeRoster(f.out, next); err != nil {
		return nil, err
	}
	key := made.Result.Key
	return &keygenReport{
		File: f.out, Epoch: next.Epoch, Hash: next.Hash().String(),
		Key:   keyReport{key.Bits(), key.Holders(), key.Threshold(), next.InsecureTestKey, true},
		Share: filepath.Join(f.home, identity.ShareFile), Record: filepath.Join(f.home, ceremony.RecordFile),
		Candidates: made.Result.Products, Tested: made.Result.Tested, Attempts: made.Attempts, Rounds: made.Cost.Rounds,
		BytesSent: made.Cost.BytesSent, BytesReceived: made.Cost.BytesReceived,
		Seconds: made.Cost.Elapsed.Seconds(), Computing: made.Cost.Computing.Seconds(),
	}, nil
}

// awayError says that a hospital was waited for too long.
type awayError struct {
	hospitals []string
	timeout   time.Duration
}

func (e *awayError) Error() string {
	return fmt.Sprintf("waited for %s longer than %v; begin again when nobody is missing: the ceremony goes on where it was", strings.Join(e.hospitals, ", "), e.timeout)
}

// keygenProgress shows a ceremony while it runs.
type keygenProgress struct {
	app     *app
	mesh    *node.Mesh
	timeout time.Duration
	begun   time.Time

	mu    sync.Mutex
	first keygen.Progress // of the search, in this process
	since time.Time       // of the search
	last  keygen.Progress
	told  int // products that were shown
}

var stageTexts = map[keygen.Stage]string{
	keygen.StageShare:   "a modulus is found: sharing the key",
	keygen.StageTrial:   "decrypting something with every share",
	keygen.StageEndorse: "the key decrypts: signing it",
}

// step takes note of where the ceremony is.
func (p *keygenProgress) step(s keygen.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Stage == keygen.StageSearch && p.last.Stage != keygen.StageSearch {
		p.first, p.since = s, time.Now()
		p.app.progressf("all %d hospitals are here; one candidate in %.0f is the key on average", p.mesh.Parties(), s.ExpectedProducts)
	}
	if text := stageTexts[s.Stage]; text != "" {
		p.app.progressf("%s (%d candidates, %d tested)", text, s.Products, s.Tested)
	}
	p.last = s
}

func (p *keygenProgress) again(err error) { p.app.progressf("%v: beginning again where we were", err) }

// tellSearch shows how far the search is, if it has got further. Tries have no
// memory: what is ahead on average does not become less by what is behind.
func (p *keygenProgress) tellSearch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := p.last.Products - p.first.Products
	if p.last.Stage != keygen.StageSearch || done == 0 || p.last.Products == p.told {
		return
	}
	p.told = p.last.Products
	each := time.Since(p.since).Seconds() / float64(done)
	p.app.progressf("%d candidates sieved and multiplied, %d tested; on average %.0f s more at this pace", p.last.Products, p.last.Tested, each*p.last.ExpectedProducts)
}

// watch tells how far the ceremony is and whom it waits for.
func (p *keygenProgress) watch(ctx context.Context, giveUp context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	toldWaiting := ""
	for seconds := 1; ; seconds++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if seconds%5 == 0 {
			p.tellSearch()
		}
		waiting, late := p.waiting()
		if len(late) > 0 {
			giveUp(&awayError{late, p.timeout})
			return
		}
		if waiting != toldWaiting && waiting != "" {
			p.app.progressf("waiting%s", waiting)
		}
		toldWaiting = waiting
	}
}

// waiting says whom the ceremony waits for, and who is late.
func (p *keygenProgress) waiting() (text string, late []string) {
	for _, w := range p.mesh.Waiting() {
		long := time.Since(w.Since)
		if p.timeout > 0 && long >= p.timeout {
			late = append(late, w.Hospital)
		}
		switch {
		case w.Refused != "":
			text += fmt.Sprintf("; %s is refused: %s", w.Hospital, w.Refused)
		case !w.Connected:
			text += fmt.Sprintf("; %s is not connected", w.Hospital)
		case long >= 3*time.Second:
			text += fmt.Sprintf("; %s computes, or hangs", w.Hospital)
		}
	}
	return text, late
}
