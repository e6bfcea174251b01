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
	fetchAtOnce   = 4 // large parts
	fetchSmall    = 16
	largePart     = 1 << 20 // bytes
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
		return n.writePart(s, nil)
	}
	defer part.Close()
	x := part.Index()
	switch q.What {
	case frame.PartIndex:
		return n.writePart(s, x.Encode())
	case frame.PartHeld:
		return n.writePart(s, frame.EncodeHeld(len(x.Leaves), part.Has))
	}
	for i := int(q.First); i < int(q.First)+int(q.Count); i++ {
		if !part.Has(i) {
			return n.writePart(s, nil)
		}
		chunk, err := part.ChunkInto(i, room)
		if err != nil {
			n.cfg.Logger.Error("serve a part", "error", err)
			return err
		}
		_ = s.SetDeadline(time.Now().Add(chunkTimeout))
		if err := n.writePart(s, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) writePart(s network.Stream, data []byte) error {
	n.traffic.partsOut.Add(int64(4 + len(data)))
	return n.writeFrame(s, data)
}

// fetcher fetches parts in the background.
type fetcher struct {
	node         *Node
	large, small chan struct{} // as many as are fetched at once
}

func newFetcher(n *Node) *fetcher {
	return &fetcher{n, make(chan struct{}, fetchAtOnce), make(chan struct{}, fetchSmall)}
}

var errNotHere = errors.New("the part is not there")

// fetch gets a part, from the hospital that announced it or from any other, and
// tries until it has it or the context ends. from is 0 when nobody in
// particular announced it.
func (f *fetcher) fetch(ctx context.Context, from protocol.Party, ref protocol.Ref) (part *store.Part, err error) {
	d := f.node.newDownload(protocol.Want{From: from, Ref: ref})
	err = f.download(ctx, d, func() (bool, error) {
		if part, err = f.node.parts.Open(ref.Root); err != nil {
			part, err = d.result()
		}
		return part != nil, err
	})
	return part, err
}

// fetchChunks gets some chunks of a part. The rest of it need not be there.
func (f *fetcher) fetchChunks(ctx context.Context, want protocol.Want) (protocol.Source, error) {
	if part, err := f.node.parts.Open(want.Ref.Root); err == nil {
		return part, nil // this hospital's own
	}
	d := f.node.newDownload(want)
	err := f.download(ctx, d, d.resume)
	if err != nil {
		return nil, err
	}
	w, err := f.node.parts.Resume(want.Ref.Root)
	if err != nil {
		return nil, err
	}
	return w, w.Sync()
}

// download runs until it is done, or the context ends. Between two tries others
// may go ahead: a part that nobody has must not keep the rest waiting.
func (f *fetcher) download(ctx context.Context, d *download, done func() (bool, error)) error {
	for wait := fetchRetry; ; wait = min(2*wait, fetchLastWait) {
		if over, err := done(); over || err != nil {
			return err
		}
		before := d.missing()
		if err := f.attempt(ctx, d); err != nil {
			d.abort()
			return err
		}
		if over, err := done(); over || err != nil {
			return err
		}
		if d.missing() < before {
			wait = askAgain // it was cut, and goes on
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			d.abort()
			return ctx.Err()
		}
	}
}

// attempt asks everybody once, when it is its turn.
func (f *fetcher) attempt(ctx context.Context, d *download) error {
	slots := f.small
	if d.size() >= largePart {
		slots = f.large
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	d.run(ctx, f.candidates(d.from))
	return nil
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
