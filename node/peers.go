package node

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"

	"consilium/node/roster"
	"consilium/protocol"
)

const (
	dialTimeout = 10 * time.Second
	firstRetry  = 200 * time.Millisecond
	lastRetry   = 10 * time.Second
	yieldDial   = 500 * time.Millisecond // the lower number lets the higher one dial first
	awayAfter   = 500 * time.Millisecond // a lost connection may be back before that
)

// peers keeps this hospital connected to the others, and knows who is away.
type peers struct {
	node *Node
	mu   sync.Mutex
	lost []time.Time     // by party: when the last connection was lost; zero while connected or never seen
	up   []chan struct{} // by party: signalled when a connection is lost, to dial again

	telling sync.Mutex // keeps what a testnet is told in order
}

func newPeers(n *Node) *peers {
	size := len(n.members.ids)
	p := &peers{node: n, lost: make([]time.Time, size), up: make([]chan struct{}, size)}
	for i := range p.up {
		p.up[i] = make(chan struct{}, 1)
	}
	return p
}

// start dials everybody and keeps dialling.
func (p *peers) start(ctx context.Context) {
	p.node.host.Network().Notify(&network.NotifyBundle{
		ConnectedF:    func(_ network.Network, c network.Conn) { p.connected(ctx, c.RemotePeer()) },
		DisconnectedF: func(_ network.Network, c network.Conn) { p.disconnected(c.RemotePeer()) },
	})
	for _, party := range p.connectedParties() { // they were quicker
		p.node.compare(ctx, party)
	}
	p.tell()
	for party := range p.node.members.ids {
		if other := protocol.Party(party); other != 0 && other != p.node.self {
			p.node.goes(func() { p.keepDialling(ctx, other) })
		}
	}
}

func (p *peers) connected(ctx context.Context, id peer.ID) {
	party := p.node.members.parties[id]
	if party == 0 {
		return
	}
	p.mu.Lock()
	p.lost[party] = time.Time{}
	p.mu.Unlock()
	p.node.cfg.Logger.Debug("connected", "hospital", p.node.cfg.Roster.Name(party))
	p.tell()
	// Whoever was away has missed something, on one side or the other.
	p.node.compare(ctx, party)
}

func (p *peers) disconnected(id peer.ID) {
	party := p.node.members.parties[id]
	if party == 0 || p.isConnected(party) {
		return
	}
	p.mu.Lock()
	p.lost[party] = time.Now()
	p.mu.Unlock()
	p.node.cfg.Logger.Debug("disconnected", "hospital", p.node.cfg.Roster.Name(party))
	p.tell()
	p.signal(party)
}

// tell tells a testnet who is connected.
func (p *peers) tell() {
	if hook := p.node.cfg.Hooks.Connected; hook != nil {
		p.telling.Lock()
		defer p.telling.Unlock()
		hook(p.connectedParties())
	}
}

func (p *peers) signal(party protocol.Party) {
	select {
	case p.up[party] <- struct{}{}:
	default:
	}
}

// wake dials everybody now.
func (p *peers) wake() {
	for party := range p.up {
		p.signal(protocol.Party(party))
	}
}

func (p *peers) isConnected(party protocol.Party) bool {
	return p.node.host.Network().Connectedness(p.node.members.ids[party]) == network.Connected
}

// connectedParties lists who is connected now.
func (p *peers) connectedParties() []protocol.Party {
	var list []protocol.Party
	for party := range p.node.members.ids {
		if party > 0 && protocol.Party(party) != p.node.self && p.isConnected(protocol.Party(party)) {
			list = append(list, protocol.Party(party))
		}
	}
	return list
}

// away are the hospitals whose connection was lost and did not come back. One
// that was never seen may just be starting.
func (p *peers) away() protocol.Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	var set protocol.Set
	for party, since := range p.lost {
		if !since.IsZero() && time.Since(since) >= awayAfter {
			set.Add(protocol.Party(party))
		}
	}
	return set
}

// keepDialling connects to one hospital whenever there is no connection. One
// reachable side of a pair is enough, so failures are normal.
func (p *peers) keepDialling(ctx context.Context, party protocol.Party) {
	id, retry := p.node.members.ids[party], firstRetry
	wait := time.Duration(0)
	if p.node.self < party {
		wait = yieldDial
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.up[party]:
			retry = firstRetry
		case <-time.After(wait):
		}
		if p.isConnected(party) {
			wait = lastRetry
			continue
		}
		if s, ok := p.node.host.Network().(*swarm.Swarm); ok {
			s.Backoff().Clear(id) // the waiting is ours
		}
		dial, cancel := context.WithTimeout(ctx, dialTimeout)
		err := p.node.host.Connect(dial, peer.AddrInfo{ID: id, Addrs: p.addresses(party)})
		cancel()
		if err == nil {
			retry, wait = firstRetry, lastRetry
			continue
		}
		p.node.cfg.Logger.Debug("dial", "hospital", p.node.cfg.Roster.Name(party), "error", err)
		wait = retry/2 + rand.N(retry)
		retry = min(2*retry, lastRetry)
	}
}

func (p *peers) addresses(party protocol.Party) []multiaddr.Multiaddr {
	return addressesOf(p.node.cfg.Roster, p.node.cfg.Dial, party)
}

// addressesOf are where a hospital is reached.
func addressesOf(r *roster.Roster, dial func(protocol.Party) []string, party protocol.Party) []multiaddr.Multiaddr {
	texts := r.Members[party-1].Addresses
	if dial != nil {
		texts = dial(party)
	}
	var list []multiaddr.Multiaddr
	for _, text := range texts {
		if a, err := multiaddr.NewMultiaddr(text); err == nil { // validated with the roster
			list = append(list, a)
		}
	}
	return list
}

// random returns a connected hospital, or 0.
func (p *peers) random() protocol.Party {
	list := p.connectedParties()
	if len(list) == 0 {
		return 0
	}
	return list[rand.IntN(len(list))]
}
