package testnet

import (
	"context"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"

	"consilium/node"
	"consilium/protocol"
)

// runner is where hospitals live: in this process, in processes of their own,
// or in virtual time.
type runner interface {
	// run runs one life of a hospital: until the study is finished, it is
	// struck (errStruck), or the context ends. It calls h.up when the hospital
	// listens, and its hooks and its progress. The state is the last one that the
	// hospital reached.
	run(ctx context.Context, h *hospital) (state []byte, err error)
}

// life is a hospital's node while it runs.
type life interface {
	Addresses() []string
	Traffic() node.Traffic
	Isolate(cut bool)
	// freeze stops the node where it is, or lets it go on. Its driver is held
	// already.
	freeze(frozen bool)
}

// here runs nodes in this process.
type here struct {
	listen func(protocol.Party) string
	// newHost makes a hospital's libp2p host; nil for real ones.
	newHost func(crypto.PrivKey, connmgr.ConnectionGater) (host.Host, error)
	// alone lets one node at a time start; nil lets all.
	alone chan struct{}
}

var _ runner = here{}

func loopback(protocol.Party) string { return "/ip4/127.0.0.1/tcp/0" }

func (r here) run(ctx context.Context, h *hospital) ([]byte, error) {
	n := h.network
	if n.shares != nil {
		return n.shares.live(ctx, h, func(ctx context.Context, c *cohort) ([]byte, error) { return r.liveOnShares(ctx, h, c) })
	}
	split := n.scenario.splits[h.party-1]
	if r.alone != nil {
		r.alone <- struct{}{}
	}
	running, err := node.New(node.Config{
		Home: n.homes[h.party-1], Roster: n.roster, Study: n.scenario.study,
		Work:     node.Training{Program: n.scenario.program, Train: split.Train, Test: split.Test},
		Paillier: n.scenario.key.of(h.party),
		Listen:   []string{r.listen(h.party)}, Dial: n.addresses,
		Linger: linger, Logger: n.loggerOf(h),
		Progress: h.progress,
		Hooks:    node.Hooks{BeforeRound: h.beforeRound, BeforePhase: h.beforePhase, Outgoing: h.outgoing, Connected: h.connected, Round: h.lying},
		NewHost:  r.newHost,
	})
	if r.alone != nil {
		<-r.alone
	}
	if err != nil {
		return nil, err
	}
	h.up(localLife{running})
	return running.Run(ctx)
}

// localLife is a node in this process.
type localLife struct{ *node.Node }

// freeze has nothing to do: nobody sees more of a node than its driver does.
func (localLife) freeze(bool) {}
