package node

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/libp2p/go-libp2p"
	coreconnmgr "github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/x/rate"
	"github.com/multiformats/go-multiaddr"

	"consilium/node/roster"
	"consilium/protocol"
)

// members maps the network's names of hospitals to their numbers.
type members struct {
	ids     []peer.ID // by party; 0 is empty
	parties map[peer.ID]protocol.Party
}

func newMembers(r *roster.Roster) (*members, error) {
	m := &members{ids: make([]peer.ID, 1), parties: map[peer.ID]protocol.Party{}}
	for i, key := range r.Keys() {
		id, err := peerID(key)
		if err != nil {
			return nil, fmt.Errorf("hospital %s: %w", r.Members[i].Name, err)
		}
		m.ids = append(m.ids, id)
		m.parties[id] = protocol.Party(i + 1)
	}
	return m, nil
}

func peerID(key ed25519.PublicKey) (peer.ID, error) {
	public, err := crypto.UnmarshalEd25519PublicKey(key)
	if err != nil {
		return "", err
	}
	return peer.IDFromPublicKey(public)
}

// gate lets in the members of the roster and nobody else. The network asks it
// before dialling, and after a handshake has shown who is there.
type gate struct {
	members *members
	closed  atomic.Bool // a testnet has cut this hospital off
}

var _ coreconnmgr.ConnectionGater = (*gate)(nil)

func (g *gate) admits(p peer.ID) bool { return g.members.parties[p] != 0 && !g.closed.Load() }

// InterceptPeerDial is asked before anything is dialled.
func (g *gate) InterceptPeerDial(p peer.ID) bool { return g.admits(p) }

// InterceptAddrDial is asked before an address is dialled.
func (g *gate) InterceptAddrDial(p peer.ID, _ multiaddr.Multiaddr) bool { return g.admits(p) }

// InterceptAccept is asked before it is known who calls.
func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool { return !g.closed.Load() }

// InterceptSecured is asked when it is known.
func (g *gate) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.admits(p)
}

// InterceptUpgraded has nothing to add.
func (g *gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// newHost makes a libp2p host: TLS 1.3 (X25519MLKEM768) over TCP, and QUIC; the
// roster as allow-list. It does not listen yet.
func newHost(key crypto.PrivKey, g coreconnmgr.ConnectionGater) (host.Host, error) {
	connections, err := connmgr.NewConnManager(2*protocol.MaxParties, 3*protocol.MaxParties)
	if err != nil {
		return nil, err
	}
	resources, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(rcmgr.DefaultLimits.AutoScale()),
		rcmgr.WithMetricsDisabled(), rcmgr.WithLimitPerSubnet(nil, nil), rcmgr.WithConnRateLimiters(&rate.Limiter{}),
		rcmgr.WithNetworkPrefixLimit(everywhere("0.0.0.0/0"), everywhere("::/0")))
	if err != nil {
		return nil, err
	}
	return libp2p.New(
		libp2p.Identity(key), libp2p.NoListenAddrs,
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()), libp2p.Transport(quic.NewTransport),
		libp2p.ConnectionGater(g), libp2p.ConnectionManager(connections), libp2p.ResourceManager(resources),
		libp2p.DisableRelay(), libp2p.DisableMetrics(), libp2p.DisableIdentifyAddressDiscovery(), libp2p.Ping(false),
		libp2p.UserAgent("hospital-node"),
	)
}

// listen opens every address, or says which one cannot be opened.
func listen(h host.Host, addresses []string) error {
	for _, text := range addresses {
		a, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			return fmt.Errorf("listen on %q: %w; a form is /ip4/0.0.0.0/tcp/4001", text, err)
		}
		if err := h.Network().Listen(a); err != nil {
			return &ListenError{text, err}
		}
	}
	return nil
}

// addresses are those that a host listens on.
func addresses(h host.Host) []string {
	var list []string
	for _, a := range h.Network().ListenAddresses() {
		list = append(list, a.String())
	}
	return list
}

// ListenError says that an address cannot be listened on.
type ListenError struct {
	Address string
	Cause   error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("listen on %s: %v; choose another port, or stop what uses it", e.Address, e.Cause)
}

func (e *ListenError) Unwrap() error { return e.Cause }

// everywhere lifts the limit of connections from one network: several hospitals
// may stand behind one address, and strangers are turned away after their
// handshake.
func everywhere(prefix string) []rcmgr.NetworkPrefixLimit {
	return []rcmgr.NetworkPrefixLimit{{Network: netip.MustParsePrefix(prefix), ConnCount: 4 * protocol.MaxParties}}
}
