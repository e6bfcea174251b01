package node

import (
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/proto"
)

// tracer sees what gossip drops without telling anybody else.
type tracer struct{ traffic *traffic }

var _ pubsub.RawTracer = (*tracer)(nil)

// SendRPC counts bytes.
func (t *tracer) SendRPC(rpc *pubsub.RPC, _ peer.ID) {
	t.traffic.gossipOut.Add(int64(proto.Size(&rpc.RPC)))
}

// DropRPC is a full outbound queue.
func (t *tracer) DropRPC(*pubsub.RPC, peer.ID) { t.traffic.dropped.Add(1) }

// UndeliverableMessage is a subscriber that does not keep up.
func (t *tracer) UndeliverableMessage(*pubsub.Message) { t.traffic.dropped.Add(1) }

// RejectMessage is a message that validation refused or had no room for.
func (t *tracer) RejectMessage(*pubsub.Message, string) { t.traffic.rejected.Add(1) }

// The rest is of no interest.

func (t *tracer) OnNewOutboundStream(peer.ID, protocol.ID) {}
func (t *tracer) OnClosedOutboundStream(peer.ID)           {}
func (t *tracer) Join(string)                              {}
func (t *tracer) Leave(string)                             {}
func (t *tracer) Graft(peer.ID, string)                    {}
func (t *tracer) Prune(peer.ID, string)                    {}
func (t *tracer) ValidateMessage(*pubsub.Message)          {}
func (t *tracer) DeliverMessage(*pubsub.Message)           {}
func (t *tracer) DuplicateMessage(*pubsub.Message)         {}
func (t *tracer) ThrottlePeer(peer.ID)                     {}
func (t *tracer) RecvRPC(*pubsub.RPC)                      {}
