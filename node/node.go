package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"

	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/node/store"
	"consilium/node/study"
	"consilium/protocol"
)

// Config is what a node is made of.
type Config struct {
	// Home is the hospital's folder: its key, its lock, its store.
	Home string
	// Roster is the federation; every member has signed it.
	Roster *roster.Roster
	// Study is what the federation computes.
	Study *study.Study
	// Paillier is this hospital's part of the roster's key, for scheme paillier.
	Paillier *protocol.PaillierKey
	// Work computes this hospital's updates from its rows, which never leave it.
	Work Work
	// Listen are the multiaddresses to listen on; the port of a /tcp or /udp
	// address may be 0 in tests.
	Listen []string
	// Dial replaces the roster's addresses of some hospitals, in tests.
	Dial func(protocol.Party) []string
	// Linger is how long to stay for slower hospitals after the last round.
	Linger time.Duration
	// Serve says to stay after the last round until the context ends.
	Serve bool
	// SitOut says to miss the rounds whose log is damaged, instead of stopping.
	SitOut bool
	// Logger is told what an operator may want to know. Never a value of a
	// patient, an update, a share or a key.
	Logger *slog.Logger
	// Progress is told of every step, in the driver's goroutine.
	Progress func(Progress)
	// Hooks let a testnet interfere. Zero in production.
	Hooks Hooks
	// NewHost replaces the libp2p host, in tests on a simulated network.
	NewHost func(key crypto.PrivKey, gate connmgr.ConnectionGater) (host.Host, error)
}

// Hooks are the places where a testnet interferes with a node.
type Hooks struct {
	// BeforeRound is called before a round begins.
	BeforeRound func(ctx context.Context, round uint64) error
	// BeforePhase is called when the first message of a phase is about to be
	// saved and sent. It may block; an error stops the node at once, as a crash
	// does.
	BeforePhase func(ctx context.Context, round uint64, phase protocol.Phase) error
	// Outgoing replaces what is published by nothing, something else, or more.
	Outgoing func(data []byte) [][]byte
	// Round changes what a round is made of: in a hospital that is to lie.
	Round func(cfg *protocol.Config, scheme protocol.Scheme) protocol.Scheme
	// Connected is told who is connected, whenever that changes, in order.
	Connected func([]protocol.Party)
}

// Progress is a step of a node.
type Progress struct {
	Round    uint64
	Step     string // standardise, train, evaluate
	Phase    protocol.Phase
	Status   protocol.Status
	Finished *RoundReport // the round is over
	Complete bool         // so is the study; the node stays for slower hospitals
	State    []byte       // the last one, when the study is over
	NoUpdate string       // why this hospital has no update in this round
}

// RoundReport is what is left of a round. Nothing in it is secret.
type RoundReport struct {
	Round    uint64           `json:"round"`
	Step     string           `json:"step"`
	Included []protocol.Party `json:"included"`
	Sum      protocol.Vector  `json:"-"`
	Set      protocol.Hash    `json:"-"`
	Started  time.Time        `json:"started"`
	Seconds  float64          `json:"seconds"`
	Skipped  string           `json:"skipped,omitempty"` // why its sum was not used, or empty
}

// Node is one running hospital.
type Node struct {
	cfg     Config
	id      *identity.Identity
	self    protocol.Party
	members *members
	lock    *store.Lock
	dir     string // of the study, in the home
	parts   *store.Parts
	host    host.Host
	gate    *gate
	gossip  *gossip
	peers   *peers
	fetcher *fetcher
	mesh    *Mesh
	signer  *identity.Signer
	traffic traffic

	board   board
	skipped []RoundReport // rounds that were not used

	proved map[string]bool // evidence that is on the disk

	life  context.Context // ends with Close: of the gossip, and of whatever others ask for
	stop  context.CancelFunc
	calls chan call // run by the driver
	rounds
	background sync.WaitGroup
	closing    sync.Mutex
	closed     bool
}

// NotAdmittedError says that the federation does not admit this hospital.
type NotAdmittedError struct{ Why string }

func (e *NotAdmittedError) Error() string { return "not admitted: " + e.Why }

// New opens the home and starts to listen. Close ends what New began; Run does
// so too.
func New(cfg Config) (_ *Node, err error) {
	n := &Node{cfg: cfg, calls: make(chan call, 64)}
	if n.cfg.Logger == nil {
		n.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if n.cfg.Progress == nil {
		n.cfg.Progress = func(Progress) {}
	}
	if n.lock, err = store.LockHome(cfg.Home); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if n.id, err = identity.Load(cfg.Home); err != nil {
		return nil, err
	}
	if err := n.join(); err != nil {
		return nil, err
	}
	n.dir = filepath.Join(cfg.Home, "studies", cfg.Study.Hash().String()[:16])
	if n.parts, err = store.OpenParts(filepath.Join(n.dir, "parts")); err != nil {
		return nil, err
	}
	if err := errors.Join(n.loadState(), n.recallSkipped(), n.loadEnd()); err != nil {
		return nil, err
	}
	make := newHost
	if cfg.NewHost != nil {
		make = cfg.NewHost
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(n.id.Private())
	if err != nil {
		return nil, err
	}
	if n.host, err = make(key, n.gate); err != nil {
		return nil, fmt.Errorf("make a libp2p host: %w", err)
	}
	if err := n.open(); err != nil {
		return nil, err
	}
	return n, nil
}

// open joins the gossip, offers the stream protocols, and only then listens: a
// hospital that connects before finds no gossip here and does not look again.
func (n *Node) open() error {
	n.life, n.stop = context.WithCancel(context.Background())
	var err error
	if n.gossip, err = joinGossip(n.life, n); err != nil {
		return err
	}
	n.fetcher, n.peers = newFetcher(n), newPeers(n)
	size := len(n.members.ids)
	n.heard, n.reached, n.differing = make([]uint64, size), make([]uint64, size), make([]protocol.Hash, size)
	n.comparing = make([]atomic.Bool, size)
	n.kept, n.refusals.count = map[protocol.Hash]uint64{}, make([]int, size)
	n.proved = map[string]bool{}
	next := n.step.Round
	if n.aborted != nil {
		next++
	}
	n.session = protocol.NewSession(protocol.SessionConfig{
		Self: n.self, Federation: n.cfg.Roster.Federation, Epoch: n.cfg.Roster.Epoch,
		Thresholds: n.cfg.Roster.Thresholds(), Signer: n.signer, Patience: patience,
	}, next)
	if err := n.recallPosts(next - 1); err != nil {
		return err
	}
	n.host.SetStreamHandler(partProtocol, n.servePart)
	n.host.SetStreamHandler(exchangeProtocol, n.serveExchange)
	n.mesh = newMesh(n.host, n.self, n.members, n.cfg.Roster, n.cfg.Logger)
	n.mesh.dial, n.mesh.complain = n.peers.addresses, n.refused
	return listen(n.host, n.cfg.Listen)
}

// join finds this hospital in the roster.
func (n *Node) join() (err error) {
	if n.self, n.members, err = admit(n.cfg.Roster, n.id); err != nil {
		return err
	}
	if successor, err := roster.Consented(n.cfg.Home, n.cfg.Roster); err != nil || successor != "" {
		return errors.Join(&NotAdmittedError{fmt.Sprintf("this hospital has consented to the successor %s of this roster: put that one into the home", successor)}, err)
	}
	n.gate = &gate{members: n.members}
	n.signer = identity.NewSigner(n.id, n.cfg.Roster.Keys())
	return nil
}

// admit finds a hospital in a roster that is signed.
func admit(r *roster.Roster, id *identity.Identity) (protocol.Party, *members, error) {
	missing, err := r.Unsigned()
	if err != nil {
		return 0, nil, &NotAdmittedError{err.Error()}
	}
	if len(missing) > 0 {
		return 0, nil, &NotAdmittedError{fmt.Sprintf("the roster is not signed by %s: each runs `hospital-node cluster sign`", strings.Join(missing, ", "))}
	}
	self, ok := r.Find(id.Public())
	if !ok {
		return 0, nil, &NotAdmittedError{fmt.Sprintf("the key %s of this home is not in the roster of %s", identity.Fingerprint(id.Public()), r.Federation)}
	}
	members, err := newMembers(r)
	return self, members, err
}

// Self is this hospital's number.
func (n *Node) Self() protocol.Party { return n.self }

// Addresses are those that the node listens on.
func (n *Node) Addresses() []string { return addresses(n.host) }

// Mesh carries interactive computations with the other hospitals, while the
// node runs. It ends with the node.
func (n *Node) Mesh() *Mesh { return n.mesh }

// Run takes part in the study until it is finished and the slower hospitals
// have what they need, or until the context ends. The state is the last one
// that this hospital reached.
func (n *Node) Run(ctx context.Context) (state []byte, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer n.Close()
	n.goes(func() { n.gossip.receive(ctx) })
	n.goes(func() { n.gossip.watch(ctx) })
	n.goes(func() { n.keepStatus(ctx) })
	n.peers.start(ctx)
	err = n.drive(ctx)
	cancel()
	return n.state, err
}

// Close ends the host and gives the home free. Run does so at its end.
func (n *Node) Close() error {
	n.closing.Lock()
	already := n.closed
	n.closed = true
	n.closing.Unlock()
	if already {
		return nil
	}
	var errs []error
	if n.mesh != nil {
		errs = append(errs, n.mesh.Close())
	}
	if n.stop != nil {
		n.stop()
	}
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	n.background.Wait()
	if n.log != nil {
		errs = append(errs, n.log.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Unlock())
	}
	return errors.Join(errs...)
}

// Isolate cuts the node off from the network, or lets it back. A testnet does
// so.
func (n *Node) Isolate(cut bool) {
	n.gate.closed.Store(cut)
	if !cut {
		n.peers.wake()
		return
	}
	for _, c := range n.host.Network().Conns() {
		_ = c.Close()
	}
}

// goes runs f in the background, until it ends by itself. A node that is being
// closed starts nothing more.
func (n *Node) goes(f func()) {
	n.closing.Lock()
	defer n.closing.Unlock()
	if !n.closed {
		n.background.Go(f)
	}
}

// call is something for the driver to do. It gets the driver's context: that of
// whoever asks may end before it is done.
type call func(ctx context.Context) error

// ask lets the driver run f, and waits until it has.
func (n *Node) ask(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	n.post(ctx, func(context.Context) error { done <- f(); return nil })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post hands f to the driver without waiting for it.
func (n *Node) post(ctx context.Context, f call) {
	select {
	case n.calls <- f:
	case <-ctx.Done():
	}
}

// loadState finds the state to go on from, in the store or at the start.
func (n *Node) loadState() error {
	round, state, found, err := store.ReadState(n.dir)
	if err == nil && !found {
		state, err = n.cfg.Work.Start()
	}
	if err != nil {
		return err
	}
	n.state = state
	if n.step, n.more, err = n.cfg.Work.Next(state); err != nil {
		return fmt.Errorf("read the state of %s: %w", n.dir, err)
	}
	if found && n.step.Round != round {
		return fmt.Errorf("read the state of %s: it is of round %d and was kept for round %d", n.dir, n.step.Round, round)
	}
	return nil
}
