package node

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"consilium/model"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/node/store"
	"consilium/node/study"
)

// A stranger's Connect may return nil, so the test looks from the inside: no
// connection stays, and no stream opens.
func TestStrangerIsTurnedAway(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 1})
	n, err := New(f.config(0))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	stranger, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	address := multiaddr.StringCast(n.Addresses()[0])
	_ = stranger.Connect(ctx, peer.AddrInfo{ID: n.host.ID(), Addrs: []multiaddr.Multiaddr{address}})
	for _, protocol := range []string{partProtocol, exchangeProtocol, "/meshsub/1.2.0"} {
		s, err := stranger.NewStream(ctx, n.host.ID(), "/consilium/none", partProtocol)
		if err == nil {
			if _, err = s.Write([]byte("hello")); err == nil {
				_, err = s.Read(make([]byte, 1))
			}
			s.Close()
		}
		if err == nil {
			t.Errorf("a stranger talks %s", protocol)
		}
	}
	if n.host.Network().Connectedness(stranger.ID()) == network.Connected {
		t.Error("a stranger is connected")
	}
}

func TestAdmission(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 1})
	start := func(cfg Config) error {
		n, err := New(cfg)
		if err == nil {
			n.Close()
		}
		return err
	}
	var refused *NotAdmittedError

	unsigned := f.config(0)
	copied := *f.roster
	copied.Signatures = copied.Signatures[:1]
	unsigned.Roster = &copied
	if err := start(unsigned); !errors.As(err, &refused) || !strings.Contains(err.Error(), "not signed by h2, h3") {
		t.Errorf("an unsigned roster: %v", err)
	}

	other := newFederation(t, 3, study.Study{Rounds: 1})
	foreign := f.config(0)
	foreign.Roster = other.roster
	if err := start(foreign); !errors.As(err, &refused) || !strings.Contains(err.Error(), "not in the roster") {
		t.Errorf("another federation's roster: %v", err)
	}

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	busy := f.config(0)
	busy.Listen = []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/" + port}
	var listening *ListenError
	if err := start(busy); !errors.As(err, &listening) || !strings.Contains(err.Error(), "/tcp/"+port) {
		t.Errorf("a port in use: %v", err)
	}

	n, err := New(f.config(0))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := start(f.config(0)); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second start on one home: %v", err)
	}
}

// A hospital whose study differs from that of a quorum stops and says what
// differs; the others go on without it.
func TestAnotherStudyIsFoundOut(t *testing.T) {
	f := newFederation(t, 4, study.Study{Rounds: 1})
	odd, err := study.New(study.Study{Task: "synthetic", Rounds: 7, Tick: "20ms"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			cfg := f.config(i)
			cfg.Linger = time.Second // the odd one will not finish
			if i == 3 {
				cfg.Study = odd
				program, err := odd.Program(f.roster.Thresholds())
				if err != nil {
					errs[i] = err
					return
				}
				work := f.work[i].(Training)
				cfg.Work = Training{Program: program, Train: work.Train, Test: work.Test}
			}
			_, errs[i] = f.run(ctx, cfg, i)
		})
	}
	all.Wait()
	for i := range 3 {
		if errs[i] != nil {
			t.Errorf("hospital %d: %v", i+1, errs[i])
		}
	}
	var differs *DiffersError
	if !errors.As(errs[3], &differs) || !strings.Contains(errs[3].Error(), "the study is") {
		t.Errorf("the odd one ends with %v", errs[3])
	}
}

// Two homes with one key are two rosters' worth of trouble: a repeated key does
// not get into a roster.
func TestRosterWithARepeatedKey(t *testing.T) {
	id, err := identity.Generate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var cards []roster.Card
	for _, name := range []string{"a", "b", "c"} {
		card, err := roster.NewCard(id, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		cards = append(cards, card)
	}
	if _, err := roster.New("test", cards, 0, 1); err == nil || !strings.Contains(err.Error(), "same key") {
		t.Fatal(err)
	}
}

// A truncated log stops the node; with SitOut it misses that round and goes on
// with the next.
func TestTruncatedLog(t *testing.T) {
	f := newFederation(t, 4, study.Study{Rounds: 2})
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		if i != 1 {
			return f.once(ctx, i)
		}
		if err := crashAndTruncate(ctx, f, i); err != nil {
			return nil, err
		}
		cfg := f.config(i)
		var damaged *store.DamagedError
		if _, err := f.run(ctx, cfg, i); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "round-000001.log") {
			t.Errorf("started on a truncated log: %v", err)
		}
		cfg.SitOut = true
		return f.run(ctx, cfg, i)
	})
}

func TestStatusTellsWhereTheNodeStands(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 1})
	if _, err := ReadStatus(f.homes[0]); err == nil || !strings.Contains(err.Error(), "no node has run") {
		t.Fatal(err)
	}
	f.runAll(f.once)
	s, err := ReadStatus(f.homes[0])
	if err != nil || s.Running || s.Name != "h1" || s.Federation != "test" {
		t.Fatalf("%+v, %v", s, err)
	}
	if state, err := model.UnmarshalState(f.runAll(f.once)[0]); err != nil || state.Round != 3 {
		t.Fatalf("a finished study was run again: %+v, %v", state, err)
	}
}
