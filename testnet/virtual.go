package testnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	p2pnetwork "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"consilium/protocol"
)

// virtually runs f in virtual time: whenever all that it started waits, the
// clock jumps to what comes next. The context that f gets ends with ctx, and f
// must start everything itself: channels and timers of the world outside stop
// the clock.
//
// The standard library has such a clock in package testing/synctest only, and
// for tests only. synctest.Test needs nothing of its *testing.T but that it is
// there, as long as nobody fails it: an empty one will do, measured with Go 1.26
// and watched by TestVirtualTime. testing.RunTests, the official way to a
// *testing.T, runs nothing in a program that `go test` has not made: the list of
// processor counts that it goes through is filled by testing.M.Run alone, which
// parses the command line and prints PASS.
func virtually(ctx context.Context, f func(ctx context.Context) error) (err error) {
	defer func() {
		if standstill := recover(); standstill != nil {
			err = fmt.Errorf("virtual time came to a standstill: %v", standstill)
		}
	}()
	synctest.Test(new(testing.T), func(*testing.T) {
		inside, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		go watchOutside(ctx, inside, cancel)
		err = f(inside)
		if cause := context.Cause(inside); cause != nil && errors.Is(err, context.Canceled) {
			err = cause
		}
	})
	return err
}

// watchOutside carries the end of a context into virtual time.
func watchOutside(outside, inside context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(demoTick)
	defer tick.Stop()
	for {
		select {
		case <-inside.Done():
			return
		case <-tick.C:
			if outside.Err() != nil {
				cancel(outside.Err())
			}
		}
	}
}

func (s *scenario) performVirtually(ctx context.Context, opt Options) (n *network, err error) {
	failed := virtually(ctx, func(ctx context.Context) error {
		links := s.links
		if !links.set() {
			links = defaultLinks
		}
		net := newVirtualNet(links)
		net.Start()
		defer net.Close()
		// The simulated network has no lock for new members; a channel is one that
		// does not stop the clock.
		n, err = s.performOn(ctx, opt, here{
			listen: virtualAddress, newHost: virtualHost(net, links), alone: make(chan struct{}, 1),
		})
		return err
	})
	return n, failed
}

// newVirtualNet is a network on which every packet takes the same time, or
// never arrives.
func newVirtualNet(links Links) *simnet.Simnet {
	return &simnet.Simnet{
		Logger: slog.New(slog.DiscardHandler),
		LatencyFunc: func(p *simnet.Packet) time.Duration {
			if links.Loss > 0 && rand.Float64() < links.Loss {
				p.To = &net.UDPAddr{} // the network loses nothing by itself, but packets to nobody
			}
			return links.latency
		},
	}
}

func virtualAddress(p protocol.Party) string {
	return fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", simnet.IntToPublicIPv4(int(p)))
}

// virtualHost makes libp2p hosts on a simulated network: QUIC, because it has a
// packet connection to replace, and without a resource manager, whose clock is
// the real one.
func virtualHost(net *simnet.Simnet, links Links) func(crypto.PrivKey, connmgr.ConnectionGater) (host.Host, error) {
	side := simnet.LinkSettings{BitsPerSecond: int(links.bits)}
	return func(key crypto.PrivKey, gate connmgr.ConnectionGater) (host.Host, error) {
		return libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.ConnectionGater(gate),
			simlibp2p.QUICSimnet(net, simnet.NodeBiDiLinkSettings{Downlink: side, Uplink: side}),
			libp2p.DisableIdentifyAddressDiscovery(), libp2p.ResourceManager(&p2pnetwork.NullResourceManager{}),
			libp2p.DisableMetrics(), libp2p.DisableRelay(), libp2p.Ping(false))
	}
}
