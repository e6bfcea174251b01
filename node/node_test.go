package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	coreconnmgr "github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"go.uber.org/goleak"

	"consilium/model"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/node/study"
	"consilium/protocol"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/libp2p/go-libp2p-pubsub/timecache.background"), // ends with its context, a moment later
		goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"))
}

// federation is a handful of homes on loopback.
type federation struct {
	t      testing.TB
	homes  []string
	roster *roster.Roster
	study  *study.Study
	work   []Work
	listen string
	host   func(i int) func(crypto.PrivKey, coreconnmgr.ConnectionGater) (host.Host, error) // nil: real
	wait   time.Duration                                                                    // for all to finish; 0: a minute

	mu    sync.Mutex
	nodes []*Node // those that run, by index
}

func newFederation(t testing.TB, n int, s study.Study) *federation {
	t.Helper()
	return newFederationOf(t, n, 0, s)
}

// newFederationOf stands liars, too.
func newFederationOf(t testing.TB, n, liars int, s study.Study) *federation {
	t.Helper()
	return newFederationWith(t, protocol.Thresholds{Parties: n, Liars: liars, Dropouts: protocol.MostDropouts(n, liars)}, s)
}

func newFederationWith(t testing.TB, thresholds protocol.Thresholds, s study.Study) *federation {
	t.Helper()
	n := thresholds.Parties
	f := &federation{t: t, listen: "/ip4/127.0.0.1/tcp/0", nodes: make([]*Node, n)}
	s.Task = "synthetic"
	if s.Tick == "" {
		s.Tick = "20ms"
	}
	if s.Deadlines.Commit == 0 {
		s.Deadlines = study.Deadlines{Commit: 100, Deal: 100, Attest: 50, View: 25}
	}
	var err error
	if f.study, err = study.New(s); err != nil {
		t.Fatal(err)
	}
	var ids []*identity.Identity
	var cards []roster.Card
	for i := range n {
		home := t.TempDir()
		id, err := identity.Generate(home)
		if err != nil {
			t.Fatal(err)
		}
		card, err := roster.NewCard(id, fmt.Sprintf("h%d", i+1), nil)
		if err != nil {
			t.Fatal(err)
		}
		f.homes, ids, cards = append(f.homes, home), append(ids, id), append(cards, card)
	}
	if f.roster, err = roster.New("test", cards, thresholds.Liars, thresholds.Dropouts); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := f.roster.Sign(id); err != nil {
			t.Fatal(err)
		}
	}
	f.work = trainings(t, f.study, f.roster.Thresholds())
	return f
}

func trainings(t testing.TB, s *study.Study, thresholds protocol.Thresholds) []Work {
	t.Helper()
	program, err := s.Program(thresholds)
	if err != nil {
		t.Fatal(err)
	}
	hospitals, err := model.Generate(1, thresholds.Parties)
	if err != nil {
		t.Fatal(err)
	}
	var all []Work
	for _, h := range hospitals {
		train, test, err := h.Data.Split(*s.TestFraction, 1)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Training{Program: program, Train: train, Test: test})
	}
	return all
}

func (f *federation) config(i int) Config {
	level := slog.LevelError
	if os.Getenv("VERBOSE") != "" {
		level = slog.LevelDebug
	}
	cfg := Config{
		Home: f.homes[i], Roster: f.roster, Study: f.study, Work: f.work[i],
		Listen: []string{f.listen}, Dial: f.addresses, Linger: time.Minute,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("node", i+1),
	}
	if f.host != nil {
		cfg.NewHost, cfg.Listen = f.host(i), []string{virtualAddress(i)}
	}
	return cfg
}

func (f *federation) addresses(p protocol.Party) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.nodes[p-1]; n != nil {
		return n.Addresses()
	}
	return nil
}

// run runs one life of a hospital.
func (f *federation) run(ctx context.Context, cfg Config, i int) ([]byte, error) {
	n, err := New(cfg)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.nodes[i] = n
	f.mu.Unlock()
	state, err := n.Run(ctx)
	f.mu.Lock()
	f.nodes[i] = nil
	f.mu.Unlock()
	return state, err
}

// runAll runs every hospital to its end; life runs all lives of one.
func (f *federation) runAll(life func(ctx context.Context, i int) ([]byte, error)) [][]byte {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), cmp.Or(f.wait, time.Minute))
	defer cancel()
	states, errs := make([][]byte, len(f.homes)), make([]error, len(f.homes))
	var all sync.WaitGroup
	for i := range f.homes {
		all.Go(func() { states[i], errs[i] = life(ctx, i) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			f.t.Fatalf("hospital %d: %v", i+1, err)
		}
	}
	for i := range states {
		if !bytes.Equal(states[i], states[0]) {
			f.t.Fatalf("hospital %d ends with another model than hospital 1", i+1)
		}
	}
	return states
}

// once is a hospital that nothing befalls.
func (f *federation) once(ctx context.Context, i int) ([]byte, error) {
	return f.run(ctx, f.config(i), i)
}

func TestHospitalsTrain(t *testing.T) {
	for name, listen := range map[string]string{
		"tcp": "/ip4/127.0.0.1/tcp/0", "quic": "/ip4/127.0.0.1/udp/0/quic-v1", "ipv6": "/ip6/::1/tcp/0",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFederation(t, 4, study.Study{Rounds: 2})
			f.listen = listen
			state, err := model.UnmarshalState(f.runAll(f.once)[0])
			if err != nil {
				t.Fatal(err)
			}
			if state.Round != 4 || state.Metrics == nil || state.Metrics.Rows == 0 {
				t.Fatalf("the study ends at %+v", state)
			}
		})
	}
}

var errCrash = errors.New("crash")

// A hospital crashes when it is about to send its first message of a phase,
// and starts again on what its disk holds. With n−k gone the others go on;
// whoever comes back ends with the same model.
func TestCrashInEveryPhase(t *testing.T) {
	for _, phase := range []protocol.Phase{
		protocol.Describe, protocol.Commit, protocol.Deal, protocol.Attest, protocol.Agree, protocol.Open, protocol.Combine,
	} {
		t.Run(phase.String(), func(t *testing.T) {
			f := newFederation(t, 4, study.Study{Rounds: 2})
			f.runAll(func(ctx context.Context, i int) ([]byte, error) {
				cfg := f.config(i)
				if i == 1 {
					cfg.Hooks.BeforePhase = func(_ context.Context, round uint64, p protocol.Phase) error {
						if round == 1 && p == phase {
							return errCrash
						}
						return nil
					}
					if _, err := f.run(ctx, cfg, i); !errors.Is(err, errCrash) {
						return nil, fmt.Errorf("it did not crash: %v", err)
					}
				}
				return f.once(ctx, i)
			})
		})
	}
}

// All crash in the opening phase, one after the other has come back: nobody is
// ever missing for good, and the round goes on with the same set.
func TestEverybodyCrashesInTheOpening(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 1})
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg := f.config(i)
		cfg.Hooks.BeforePhase = func(_ context.Context, round uint64, p protocol.Phase) error {
			if round == 1 && p == protocol.Open {
				return errCrash
			}
			return nil
		}
		if _, err := f.run(ctx, cfg, i); !errors.Is(err, errCrash) {
			return nil, fmt.Errorf("it did not crash: %v", err)
		}
		return f.once(ctx, i)
	})
}

// Two of three finish the last round without the third, and stop. Started again,
// they still hold on disk what the third needs to finish it, too.
func TestWhatWasPostedOutlivesItsRound(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 1})
	stopped := make(chan struct{}, 2)
	allStopped := make(chan struct{})
	go func() {
		<-stopped
		<-stopped
		close(allStopped)
	}()
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg, first := f.config(i), ctx
		if i == 2 {
			cfg.Hooks.BeforePhase = func(_ context.Context, round uint64, p protocol.Phase) error {
				if round == 2 && p == protocol.Open {
					return errCrash
				}
				return nil
			}
		} else {
			stopping, stop := context.WithCancel(ctx)
			defer stop()
			first = stopping
			cfg.Progress = func(p Progress) {
				if p.Complete {
					stop()
				}
			}
		}
		_, err := f.run(first, cfg, i)
		if i == 2 && !errors.Is(err, errCrash) || i != 2 && !errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("it did not stop: %v", err)
		}
		if i != 2 {
			stopped <- struct{}{}
		}
		<-allStopped
		return f.once(ctx, i)
	})
}

// SIGTERM in the opening phase: the node stops, nothing is lost, and it goes on
// when it is started again.
func TestStoppedInTheOpening(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 1})
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		if i == 2 {
			stopping, stop := context.WithCancel(ctx)
			cfg := f.config(i)
			cfg.Hooks.BeforePhase = func(ctx context.Context, round uint64, p protocol.Phase) error {
				if round == 1 && p >= protocol.Open { // the others may have opened enough
					stop()
					<-ctx.Done()
				}
				return ctx.Err()
			}
			if _, err := f.run(stopping, cfg, i); !errors.Is(err, context.Canceled) {
				return nil, fmt.Errorf("it was not stopped: %v", err)
			}
			stop()
		}
		return f.once(ctx, i)
	})
}

// A hospital that was away for rounds fetches the model that a quorum signed
// for, and goes on from there.
func TestLateHospitalFollows(t *testing.T) {
	f := newFederation(t, 4, study.Study{Rounds: 12})
	reached := make(chan struct{})
	var once sync.Once
	followed := false
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg := f.config(i)
		cfg.Linger = 20 * time.Second
		if i == 0 {
			cfg.Progress = func(p Progress) {
				if p.Round >= 2 {
					once.Do(func() { close(reached) })
				}
			}
			// The others wait a little in each later round, so that the study is
			// not over before the late one is there.
			cfg.Hooks.BeforeRound = func(ctx context.Context, round uint64) error {
				if round > 2 {
					select {
					case <-time.After(300 * time.Millisecond):
					case <-ctx.Done():
					}
				}
				return nil
			}
		}
		if i == 3 {
			<-reached
			first := true
			cfg.Progress = func(p Progress) {
				if p.Finished != nil && first {
					first = false
					followed = p.Round > 1
				}
			}
		}
		return f.run(ctx, cfg, i)
	})
	if !followed {
		t.Fatal("the late hospital did not jump to a later round: the test shows nothing")
	}
}

// "run waits and goes on by itself when they return": two of four are not there
// for a while.
func TestQuorumReturns(t *testing.T) {
	f := newFederation(t, 4, study.Study{Rounds: 1})
	waiting := make(chan struct{})
	var once sync.Once
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg := f.config(i)
		if i == 0 {
			cfg.Progress = func(p Progress) {
				if p.Phase == protocol.Describe && len(p.Status.Waiting) == 2 {
					once.Do(func() { close(waiting) })
				}
			}
		}
		if i >= 2 {
			<-waiting
		}
		return f.run(ctx, cfg, i)
	})
}

// A hospital whose rows do not fit the fixed point takes part without dealing,
// and nothing of it is clipped.
func TestUpdateThatDoesNotFitIsLeftOut(t *testing.T) {
	f := newFederation(t, 5, study.Study{Rounds: 1})
	f.work[4] = refusing{f.work[4]}
	var mu sync.Mutex
	included := map[uint64][]protocol.Party{}
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg := f.config(i)
		cfg.Logger = slog.New(slog.DiscardHandler)
		cfg.Progress = func(p Progress) {
			if p.Finished != nil {
				mu.Lock()
				included[p.Round] = p.Finished.Included
				mu.Unlock()
			}
		}
		return f.run(ctx, cfg, i)
	})
	if got := protocol.NewSet(included[1]...); got != protocol.NewSet(1, 2, 3, 4) {
		t.Fatalf("the sum is over %v", got)
	}
}

type refusing struct{ Work }

func (r refusing) Update([]byte) (protocol.Vector, error) {
	return nil, errors.New("value 3 is 1e99 and the range is 1e6")
}

// A hospital without rows and one with a single class train like the others.
func TestNoRowsAndOneClass(t *testing.T) {
	f := newFederation(t, 4, study.Study{Rounds: 2})
	empty, single := f.work[0].(Training), f.work[1].(Training)
	empty.Train, empty.Test = empty.Train.Select(nil), empty.Test.Select(nil)
	var positive []int
	for i, y := range single.Train.Y {
		if y == 1 {
			positive = append(positive, i)
		}
	}
	single.Train = single.Train.Select(positive)
	f.work[0], f.work[1] = empty, single
	f.runAll(f.once)
}
