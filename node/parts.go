package node

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/frame"
	"consilium/node/store"
	"consilium/protocol"
)

// Parts of bodies that do not fit into a message are fetched by their root, each
// chunk checked by itself: from the hospital that announced them and, when they
// are large, from others that have some of them already.
const (
	partProtocol  = "/consilium/part/2"
	chunkTimeout  = 30 * time.Second // for one chunk, or for the index
	maxIndexFrame = 4 << 20
	maxChunkFrame = 80 << 10
	fetchRetry    = 300 * time.Millisecond
	fetchLastWait = 5 * time.Second
	fetchAtOnce   = 4 // parts
)

// servePart answers requests one after the other. An empty frame says that it,
// or the rest, is not here.
func (n *Node) servePart(s network.Stream) {
	defer s.Close()
	party := n.members.parties[s.Conn().RemotePeer()]
	room := make([]byte, 0, maxChunkFrame)
	for {
		_ = s.SetDeadline(time.Now().Add(chunkTimeout))
		data, err := frame.Read(s, 64)
		if err == io.EOF {
			return
		}
		if err != nil {
			_ = s.Reset()
			return
		}
		request, err := frame.DecodePartRequest(data)
		if err != nil || party == 0 {
			n.refused(party, "a request for a part that cannot be decoded")
			_ = s.Reset()
			return
		}
		if err := n.answerPart(s, request, room); err != nil {
			_ = s.Reset()
			return
		}
	}
}

func (n *Node) answerPart(s network.Stream, q frame.PartRequest, room []byte) error {
	part, err := n.parts.Held(q.Root)
	if err != nil {
		return n.writeFrame(s, nil)
	}
	defer part.Close()
	x := part.Index()
	switch q.What {
	case frame.PartIndex:
		return n.writeFrame(s, x.Encode())
	case frame.PartHeld:
		return n.writeFrame(s, frame.EncodeHeld(len(x.Leaves), part.Has))
	}
	for i := int(q.First); i < int(q.First)+int(q.Count); i++ {
		if !part.Has(i) {
			return n.writeFrame(s, nil)
		}
		chunk, err := part.ChunkInto(i, room)
		if err != nil {
			n.cfg.Logger.Error("serve a part", "error", err)
			return err
		}
		_ = s.SetDeadline(time.Now().Add(chunkTimeout))
		if err := n.writeFrame(s, chunk); err != nil {
			return err
		}
	}
	return nil
}

// fetcher fetches parts in the background.
type fetcher struct {
	node  *Node
	slots chan struct{}
}

func newFetcher(n *Node) *fetcher {
	return &fetcher{n, make(chan struct{}, fetchAtOnce)}
}

var errNotHere = errors.New("the part is not there")

// fetch gets a part, from the hospital that announced it or from any other, and
// tries until it has it or the context ends. from is 0 when nobody in
// particular announced it.
func (f *fetcher) fetch(ctx context.Context, from protocol.Party, ref protocol.Ref) (*store.Part, error) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d := &download{node: f.node, from: from, ref: ref}
	for wait := fetchRetry; ; wait = min(2*wait, fetchLastWait) {
		if part, err := f.node.parts.Open(ref.Root); err == nil {
			return part, nil
		}
		before := d.missing()
		d.run(ctx, f.candidates(from))
		if part, err := d.result(); part != nil || err != nil {
			return part, err
		}
		if d.missing() < before {
			wait = askAgain // it was cut, and goes on
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			d.abort()
			return nil, ctx.Err()
		}
	}
}

// candidates puts the announcer first, and the others in no order.
func (f *fetcher) candidates(from protocol.Party) []protocol.Party {
	list := f.node.peers.connectedParties()
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for i, party := range list {
		if party == from {
			list[0], list[i] = list[i], list[0]
		}
	}
	return list
}
