package node

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	coreconnmgr "github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/multiformats/go-multiaddr"

	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/protocol"
)

// Mesh carries interactive computations: one link to every other member of the
// roster, on which messages arrive once and in order as long as both processes
// live, however often the connection breaks. A process that starts again is
// another incarnation: what ran with the one before it ends.
//
// Secrecy and authenticity are those of the libp2p connection: TLS 1.3 between
// the keys of the roster.
type Mesh struct {
	host     host.Host
	ownHost  bool
	gate     *gate // of a host of its own
	self     protocol.Party
	members  *members
	roster   *roster.Roster
	logger   *slog.Logger
	dial     func(protocol.Party) []multiaddr.Multiaddr
	complain func(party protocol.Party, why string)
	refusals sync.Map // by party: why its streams are refused, as long as it was not met

	incarnation uint64
	links       []*link // by party; 0 and self are nil
	life        context.Context
	stop        context.CancelFunc
	background  sync.WaitGroup
	notifiee    *network.NotifyBundle

	mu      sync.Mutex
	started bool // the links are being opened
	closed  bool
	met     []uint64 // by party: the other's incarnation; 0: not met yet
	changed chan struct{}
	runs    map[string]lastRun      // by name
	open    map[runKey]*computation // begun here, or by another and not yet here
	waiting map[string]time.Time    // names that wait for all parties to be met, since
}

// runKey names one run of a computation the same way at all parties: whoever
// begins again after a restart cannot be mistaken for the run before it.
type runKey struct {
	name         string
	incarnations [8]byte // digest of those of all parties
	run          uint64  // from 1, with these incarnations
}

type lastRun struct {
	incarnations [8]byte
	run          uint64
}

// MeshConfig is what a mesh outside a node is made of.
type MeshConfig struct {
	Identity *identity.Identity
	Roster   *roster.Roster // signed by every member
	Listen   []string       // multiaddresses; the port may be 0
	// Dial replaces the roster's addresses, in tests and demonstrations.
	Dial func(protocol.Party) []string
	// Logger is told what an operator may want to know; never a body.
	Logger *slog.Logger
	// NewHost replaces the libp2p host, in tests on a simulated network.
	NewHost func(key crypto.PrivKey, gate coreconnmgr.ConnectionGater) (host.Host, error)
}

// OpenMesh makes a host of its own and listens. Close ends it. A running node
// has a mesh already: Node.Mesh.
func OpenMesh(cfg MeshConfig) (*Mesh, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.NewHost == nil {
		cfg.NewHost = newHost
	}
	self, members, err := admit(cfg.Roster, cfg.Identity)
	if err != nil {
		return nil, err
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(cfg.Identity.Private())
	if err != nil {
		return nil, err
	}
	admission := &gate{members: members}
	h, err := cfg.NewHost(key, admission)
	if err != nil {
		return nil, fmt.Errorf("make a libp2p host: %w", err)
	}
	m := newMesh(h, self, members, cfg.Roster, cfg.Logger)
	m.ownHost, m.gate = true, admission
	m.dial = func(party protocol.Party) []multiaddr.Multiaddr { return addressesOf(cfg.Roster, cfg.Dial, party) }
	if err := listen(h, cfg.Listen); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// newMesh offers the protocol on a host. Links are opened by the first
// computation.
func newMesh(h host.Host, self protocol.Party, members *members, r *roster.Roster, logger *slog.Logger) *Mesh {
	m := &Mesh{
		host: h, self: self, members: members, roster: r, logger: logger,
		incarnation: newIncarnation(), changed: make(chan struct{}),
		links: make([]*link, len(members.ids)), met: make([]uint64, len(members.ids)),
		runs: map[string]lastRun{}, open: map[runKey]*computation{}, waiting: map[string]time.Time{},
	}
	m.complain = func(party protocol.Party, why string) {
		if before, _ := m.refusals.Swap(party, why); before != why { // it tries again and again
			logger.Warn("refused a stream of a computation", "from", m.name(party), "why", why)
		}
	}
	m.life, m.stop = context.WithCancel(context.Background())
	for party := range m.links {
		if p := protocol.Party(party); p != 0 && p != self {
			m.links[p] = newLink(m, p)
		}
	}
	h.SetStreamHandler(computeProtocol, m.serve)
	return m
}

// newIncarnation is random and not 0: the clock may go back between two lives.
func newIncarnation() uint64 {
	for {
		var b [8]byte
		rand.Read(b[:]) // never fails
		if v := binary.BigEndian.Uint64(b[:]); v != 0 {
			return v
		}
	}
}

// Self is this hospital's number.
func (m *Mesh) Self() protocol.Party { return m.self }

// Parties is n.
func (m *Mesh) Parties() int { return len(m.members.ids) - 1 }

// Addresses are those that the mesh listens on.
func (m *Mesh) Addresses() []string { return addresses(m.host) }

func (m *Mesh) name(party protocol.Party) string {
	if party == 0 {
		return "a stranger"
	}
	return m.roster.Name(party)
}

// goes runs f in the background, unless the mesh is being closed.
func (m *Mesh) goes(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.background.Go(f)
	}
}

// start opens the links, once.
func (m *Mesh) start() {
	m.mu.Lock()
	already := m.started || m.closed
	m.started = true
	if !already {
		m.notifiee = &network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
			if l := m.links[m.members.parties[c.RemotePeer()]]; l != nil {
				l.connected()
			}
		}}
	}
	m.mu.Unlock()
	if already {
		return
	}
	m.host.Network().Notify(m.notifiee)
	for _, l := range m.links {
		if l != nil {
			m.goes(l.keep)
		}
	}
}

// Abandon ends what runs without a last word to anybody, as a process that is
// killed does; Close is still due. A testnet does so.
func (m *Mesh) Abandon() { m.stop() }

// Isolate cuts a mesh with a host of its own off from the network, or lets it
// back. A testnet does so.
func (m *Mesh) Isolate(cut bool) {
	m.gate.closed.Store(cut)
	if !cut {
		for _, l := range m.links {
			if l != nil {
				l.connected()
			}
		}
		return
	}
	for _, c := range m.host.Network().Conns() {
		_ = c.Close()
	}
}

const lastWords = 5 * time.Second // for what others have not acknowledged yet

// Close waits a moment until the others have what was sent to them, and ends
// what still runs.
func (m *Mesh) Close() error {
	m.mu.Lock()
	already := m.closed
	m.closed = true
	var running []*computation
	for _, c := range m.open {
		running = append(running, c)
	}
	m.mu.Unlock()
	if already {
		return nil
	}
	for _, c := range running {
		c.fail(ErrMeshClosed)
	}
	deadline, cancel := context.WithTimeout(m.life, lastWords)
	for _, l := range m.links {
		if l != nil {
			l.drain(deadline)
		}
	}
	cancel()
	m.host.RemoveStreamHandler(computeProtocol)
	if m.notifiee != nil {
		m.host.Network().StopNotify(m.notifiee)
	}
	m.stop()
	for _, l := range m.links {
		if l != nil {
			l.cut()
		}
	}
	var err error
	if m.ownHost {
		err = m.host.Close()
	}
	m.background.Wait()
	return err
}

// ErrMeshClosed ends the computations of a mesh that is closed.
var ErrMeshClosed = errors.New("the mesh is closed")

// meet notes which life of another process is there. If it is a new one, what
// ran with the one before has lost its other end.
func (m *Mesh) meet(party protocol.Party, incarnation uint64) {
	m.mu.Lock()
	before, old := m.met[party], network.Stream(nil)
	if before != incarnation {
		m.met[party] = incarnation
		m.refusals.Delete(party)
		close(m.changed)
		m.changed = make(chan struct{})
		if before != 0 {
			for _, c := range m.open {
				c.restarted(party)
			}
			old = m.links[party].forget()
		}
	}
	m.mu.Unlock()
	if old != nil {
		_ = old.Reset() // no lock is held while the network is written to
	}
}

// incarnations is a digest of all parties' incarnations, or the list of those
// that were not met yet. m.mu is held.
func (m *Mesh) incarnations() (digest [8]byte, missing []protocol.Party) {
	h := sha256.New()
	for party := range m.met {
		incarnation := m.met[party]
		switch p := protocol.Party(party); {
		case p == 0:
			continue
		case p == m.self:
			incarnation = m.incarnation
		case incarnation == 0:
			missing = append(missing, p)
		}
		h.Write(binary.BigEndian.AppendUint64(nil, incarnation))
	}
	copy(digest[:], h.Sum(nil))
	return digest, missing
}

// Wait says whom a computation waits for.
type Wait struct {
	Computation string
	Party       protocol.Party
	Hospital    string
	Connected   bool   // there is a connection to it now
	Refused     string // why what it sends is refused; empty: it is not
	Since       time.Time
}

// Waiting lists whom the running computations wait for now: one hospital each,
// or, before the first message, all that were not met yet.
func (m *Mesh) Waiting() []Wait {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Wait
	add := func(name string, party protocol.Party, since time.Time) {
		connected := m.host.Network().Connectedness(m.members.ids[party]) == network.Connected
		why, _ := m.refusals.Load(party)
		refused, _ := why.(string)
		list = append(list, Wait{name, party, m.name(party), connected, refused, since})
	}
	_, missing := m.incarnations()
	for name, since := range m.waiting {
		for _, party := range missing {
			add(name, party, since)
		}
	}
	for key, c := range m.open {
		if party, since := c.awaited(); party != 0 {
			add(key.name, party, since)
		}
	}
	return list
}
