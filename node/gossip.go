package node

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"consilium/protocol"
)

const (
	maxGossip     = 256 << 10 // of a whole gossip message; ours are at most 64 KiB
	gossipQueue   = 1024
	seenFor       = 10 * time.Minute
	watchEvery    = 5 * time.Second
	silentTooLong = 15 * time.Second
)

// gossip carries posts to everybody.
type gossip struct {
	node  *Node
	topic *pubsub.Topic
	sub   *pubsub.Subscription
}

// topicName is one for a federation and an epoch.
func topicName(n *Node) string {
	return fmt.Sprintf("/consilium/%s/%d/%s", n.cfg.Roster.Federation, n.cfg.Roster.Epoch, n.cfg.Roster.Hash().Short())
}

func joinGossip(ctx context.Context, n *Node) (*gossip, error) {
	params := pubsub.DefaultGossipSubParams()
	params.D, params.Dlo, params.Dhi, params.Dout, params.Dscore = 4, 3, 8, 1, 3
	params.HistoryLength, params.HistoryGossip = 10, 6
	router, err := pubsub.NewGossipSub(ctx, n.host,
		pubsub.WithGossipSubParams(params), pubsub.WithFloodPublish(true), pubsub.WithMaxMessageSize(maxGossip),
		pubsub.WithPeerOutboundQueueSize(gossipQueue), pubsub.WithValidateQueueSize(gossipQueue),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictSign), pubsub.WithSeenMessagesTTL(seenFor),
		pubsub.WithRawTracer(&tracer{traffic: &n.traffic}),
	)
	if err != nil {
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	g := &gossip{node: n}
	if err := router.RegisterTopicValidator(topicName(n), g.validate, pubsub.WithValidatorInline(true)); err != nil {
		return nil, fmt.Errorf("start gossip: %w", err)
	}
	if g.topic, err = router.Join(topicName(n)); err != nil {
		return nil, fmt.Errorf("join gossip: %w", err)
	}
	if g.sub, err = g.topic.Subscribe(pubsub.WithBufferSize(gossipQueue)); err != nil {
		return nil, fmt.Errorf("subscribe to gossip: %w", err)
	}
	return g, nil
}

// validate is cheap: it lets through what a member of the roster wrote in its
// own name. Signatures of the round are verified by the round.
func (g *gossip) validate(_ context.Context, _ peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	author := g.node.members.parties[m.GetFrom()]
	decoded, err := protocol.DecodeMessage(m.GetData())
	if err != nil || author == 0 || decoded.From != author {
		g.node.refused(author, "gossip that is no message of its author")
		return pubsub.ValidationReject
	}
	m.ValidatorData = decoded
	return pubsub.ValidationAccept
}

// receive hands what is gossiped to the driver.
func (g *gossip) receive(ctx context.Context) {
	for {
		m, err := g.sub.Next(ctx)
		if err != nil {
			return
		}
		if decoded, ok := m.ValidatorData.(protocol.Message); ok && !m.Local {
			g.node.post(ctx, func(ctx context.Context) error { return g.node.handle(ctx, protocol.Received{Message: decoded}) })
		}
	}
}

// publish sends to everybody. What is lost on the way is found by exchange.
func (g *gossip) publish(ctx context.Context, m protocol.Message) {
	all := [][]byte{m.Encode()}
	if g.node.cfg.Hooks.Outgoing != nil {
		all = g.node.cfg.Hooks.Outgoing(all[0])
	}
	for _, data := range all {
		if err := g.topic.Publish(ctx, data); err != nil && ctx.Err() == nil {
			g.node.cfg.Logger.Debug("publish", "slot", m.Slot, "error", err)
		}
	}
}

// deaf are the hospitals that are connected and that gossip does not reach. For
// a hospital that comes back that may last seconds: the library waits before it
// opens a stream to a peer whose last one died.
func (g *gossip) deaf() []protocol.Party {
	var list []protocol.Party
	subscribed := g.subscribed()
	for _, party := range g.node.peers.connectedParties() {
		if !subscribed.Has(party) {
			list = append(list, party)
		}
	}
	return list
}

func (g *gossip) subscribed() protocol.Set {
	var set protocol.Set
	for _, id := range g.topic.ListPeers() {
		set.Add(g.node.members.parties[id])
	}
	return set
}

// watch cures one-way silence: when a gossip stream is reset while its
// connection lives, the other side forgets our subscription for ever and
// publishing to us goes on without an error. Whoever is connected and missing
// from the topic for long is disconnected, and connects anew.
func (g *gossip) watch(ctx context.Context) {
	missing := map[protocol.Party]time.Time{}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		deaf := protocol.NewSet(g.deaf()...)
		for party := range missing {
			if !deaf.Has(party) {
				delete(missing, party)
			}
		}
		for _, party := range deaf.Parties() {
			if _, known := missing[party]; !known {
				missing[party] = time.Now()
			}
			if time.Since(missing[party]) < silentTooLong {
				continue
			}
			delete(missing, party)
			g.node.traffic.reconnects.Add(1)
			g.node.cfg.Logger.Warn("connected but silent: connecting anew", "hospital", g.node.cfg.Roster.Name(party))
			_ = g.node.host.Network().ClosePeer(g.node.members.ids[party])
		}
	}
}

// traffic counts bytes and what the network dropped without an error.
type traffic struct {
	gossipOut, streamOut atomic.Int64 // bytes sent
	partsOut             atomic.Int64 // of streamOut, parts of bodies
	dropped              atomic.Int64 // gossip lost to full queues
	rejected             atomic.Int64 // gossip refused
	reconnects           atomic.Int64 // of connected but silent hospitals
}

// Traffic is what a node has sent so far.
type Traffic struct {
	GossipBytes int64 `json:"gossip_bytes"`
	StreamBytes int64 `json:"stream_bytes"`
	PartBytes   int64 `json:"part_bytes"` // of StreamBytes, parts of bodies and their indices
	Dropped     int64 `json:"gossip_dropped"`
	Rejected    int64 `json:"gossip_rejected"`
	Reconnects  int64 `json:"reconnects"`
}

// Traffic reads the counters.
func (n *Node) Traffic() Traffic {
	t := &n.traffic
	return Traffic{t.gossipOut.Load(), t.streamOut.Load(), t.partsOut.Load(), t.dropped.Load(), t.rejected.Load(), t.reconnects.Load()}
}
