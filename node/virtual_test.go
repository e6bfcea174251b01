package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	coreconnmgr "github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"consilium/node/study"
	"consilium/protocol"
)

// These tests run real nodes on a simulated network in virtual time: 100 Mbit/s,
// 20 ms from each to each. Minutes pass in a second, and a wait is exact.

// virtually runs a test in virtual time.
func virtually(t *testing.T, n int, s study.Study, test func(t *testing.T, f *federation)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFederation(t, n, s)
		defer f.simulate().Close()
		test(t, f)
	})
}

// simulate puts the hospitals on a simulated network.
func (f *federation) simulate() *simnet.Simnet {
	net, newHost := simulated()
	f.listen = "" // each has an address of its own
	f.host = func(int) hostMaker { return newHost }
	return net
}

type hostMaker = func(crypto.PrivKey, coreconnmgr.ConnectionGater) (host.Host, error)

// simulated is a network, and how hosts on it are made.
func simulated() (*simnet.Simnet, hostMaker) {
	link := simnet.LinkSettings{BitsPerSecond: 100 * simlibp2p.OneMbps}
	net := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(20 * time.Millisecond), Logger: slog.New(slog.DiscardHandler)}
	net.Start()
	return net, func(key crypto.PrivKey, gate coreconnmgr.ConnectionGater) (host.Host, error) {
		return libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.ConnectionGater(gate),
			simlibp2p.QUICSimnet(net, simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link}),
			libp2p.DisableIdentifyAddressDiscovery(), libp2p.ResourceManager(&network.NullResourceManager{}),
			libp2p.DisableMetrics(), libp2p.DisableRelay(), libp2p.Ping(false))
	}
}

func virtualAddress(i int) string {
	return fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", simnet.IntToPublicIPv4(i))
}

func TestVirtualRound(t *testing.T) {
	virtually(t, 4, study.Study{Rounds: 2, Tick: "100ms"}, func(t *testing.T, f *federation) {
		began := time.Now()
		f.runAll(f.once)
		t.Logf("a study of 4 rounds took %v of virtual time", time.Since(began))
	})
}

// A partition in the middle of the opening, for twenty seconds: gossip never sends
// again what was said meanwhile, so the hospitals must compare what they hold.
func TestPartitionHeals(t *testing.T) {
	virtually(t, 4, study.Study{Rounds: 2, Tick: "100ms"}, func(t *testing.T, f *federation) {
		f.runAll(func(ctx context.Context, i int) ([]byte, error) {
			cfg := f.config(i)
			cfg.Hooks.BeforePhase = func(_ context.Context, round uint64, phase protocol.Phase) error {
				if round == 1 && phase == protocol.Open {
					f.isolate(i, true)
					time.AfterFunc(20*time.Second, func() { f.isolate(i, false) })
				}
				return nil
			}
			return f.run(ctx, cfg, i)
		})
	})
}

// "Permanent one-way silence": the stream that carries gossip is reset while its
// connection lives. The sender forgets the receiver for ever, and publishing
// goes on without an error. The watchdog must notice and connect anew.
func TestWatchdogCuresOneWaySilence(t *testing.T) {
	virtually(t, 3, study.Study{Rounds: 1, Tick: "100ms"}, func(t *testing.T, f *federation) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 3)
		nodes := make([]*Node, 3)
		for i := range nodes {
			cfg := f.config(i)
			// Nobody begins a round: only the network is looked at.
			cfg.Hooks.BeforeRound = func(ctx context.Context, _ uint64) error { <-ctx.Done(); return ctx.Err() }
			var err error
			if nodes[i], err = New(cfg); err != nil {
				t.Fatal(err)
			}
			f.nodes[i] = nodes[i]
		}
		for _, n := range nodes {
			go func() { _, err := n.Run(ctx); done <- err }()
		}
		<-time.After(10 * time.Second)
		reaches := func() bool { return nodes[0].gossip.subscribed().Has(2) }
		if !reaches() {
			t.Fatal("gossip does not reach hospital 2 in the first place")
		}
		for _, c := range nodes[1].host.Network().ConnsToPeer(nodes[0].host.ID()) {
			for _, s := range c.GetStreams() {
				if strings.HasPrefix(string(s.Protocol()), "/meshsub/") && s.Stat().Direction == network.DirInbound {
					_ = s.Reset()
				}
			}
		}
		<-time.After(time.Second)
		if reaches() {
			t.Fatal("the fault did not happen: hospital 1 still reaches hospital 2")
		}
		if !nodes[0].peers.isConnected(2) {
			t.Fatal("the connection is gone: the test shows nothing")
		}
		<-time.After(silentTooLong + 2*watchEvery + 5*time.Second)
		if !reaches() {
			t.Error("hospital 1 is still deaf for hospital 2")
		}
		if nodes[0].Traffic().Reconnects == 0 && nodes[1].Traffic().Reconnects == 0 {
			t.Error("it was not the watchdog that cured it")
		}
		cancel()
		for range nodes {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
}

// A hospital comes back into a round that the others have ended: their messages
// are here before the round begins, and end it at once. The update that it then
// computes is the next round's, which has another length here, and must not be
// handed to the round that is over.
func TestRoundThatIsOverWhenItBegins(t *testing.T) {
	virtually(t, 4, study.Study{Rounds: 1, Tick: "100ms"}, func(t *testing.T, f *federation) {
		waits := func(seconds time.Duration) func(context.Context, uint64) error {
			return func(_ context.Context, round uint64) error {
				if round > 0 {
					<-time.After(seconds * time.Second)
				}
				return nil
			}
		}
		f.runAll(func(ctx context.Context, i int) ([]byte, error) {
			cfg := f.config(i)
			cfg.Hooks.BeforeRound = waits(10)
			if i != 2 {
				return f.run(ctx, cfg, i)
			}
			cfg.Hooks.BeforePhase = func(_ context.Context, round uint64, phase protocol.Phase) error {
				if round == 1 && phase == protocol.Open {
					return errCrash
				}
				return nil
			}
			if _, err := f.run(ctx, cfg, i); !errors.Is(err, errCrash) {
				return nil, fmt.Errorf("it did not crash: %v", err)
			}
			cfg = f.config(i)
			cfg.Hooks.BeforeRound = waits(3)
			return f.run(ctx, cfg, i)
		})
	})
}

func (f *federation) isolate(i int, cut bool) {
	f.mu.Lock()
	n := f.nodes[i]
	f.mu.Unlock()
	if n != nil {
		n.Isolate(cut)
	}
}

// A hospital whose line is ten times as slow as that of the others announces a
// large part. They give each other what they have of it, so that it does not cross
// that line once for each of them: 1.4 times instead of three (what all of them
// ask for at first is asked for without knowing what the others do).
func TestSlowLineIsSpared(t *testing.T) {
	virtually(t, 4, study.Study{Rounds: 1}, func(t *testing.T, f *federation) {
		ctx, nodes, end := f.listening(t, 4)
		defer end()
		content, ref := chunks(t, 160)
		if err := nodes[0].parts.Put(ref, content); err != nil {
			t.Fatal(err)
		}
		line := make(chan struct{}, 1)
		nodes[0].host.SetStreamHandler(partProtocol, func(s network.Stream) {
			nodes[0].servePart(&slowStream{s, line})
		})
		began := time.Now()
		var all sync.WaitGroup
		for _, n := range nodes[1:] {
			all.Go(func() { n.mustFetch(ctx, t, 1, ref) })
		}
		all.Wait()
		sent, useful := nodes[0].Traffic().StreamBytes, int64(ref.Size)
		t.Logf("the slow line carried %.2f times the part, in %v", float64(sent)/float64(useful), time.Since(began))
		if sent > useful*2 {
			t.Errorf("the slow line carried %.2f times the part", float64(sent)/float64(useful))
		}
	})
}

// slowStream shares a line that takes 50 ms for a frame, in virtual time.
type slowStream struct {
	network.Stream
	line chan struct{}
}

func (s *slowStream) Write(b []byte) (int, error) {
	s.line <- struct{}{}
	time.Sleep(50 * time.Millisecond)
	<-s.line
	return s.Stream.Write(b)
}
