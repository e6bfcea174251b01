package node

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
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
	fetchAtOnce   = 4           // parts
	maxCandidates = 2 * sources // hospitals that are asked in one try
	slowAfter     = time.Second // in which fewer than spanLength chunks of a part come: it is slow
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

// fetcher fetches parts in the background, each root once at a time.
type fetcher struct {
	node  *Node
	slots chan struct{}

	mu       sync.Mutex
	underWay map[protocol.Hash]chan struct{} // closed when that download ends
}

func newFetcher(n *Node) *fetcher {
	return &fetcher{node: n, slots: make(chan struct{}, fetchAtOnce), underWay: map[protocol.Hash]chan struct{}{}}
}

var errNotHere = errors.New("the part is not there")

// fetch gets a part, from the hospital that announced it or from any other, and
// tries until it has it or the context ends. from is 0 when nobody in
// particular announced it.
func (f *fetcher) fetch(ctx context.Context, from protocol.Party, ref protocol.Ref) (*store.Part, error) {
	over, err := f.begin(ctx, ref.Root)
	if err != nil {
		return nil, err
	}
	defer over()
	d := &download{node: f.node, from: from, ref: ref, turn: newTurn(f.slots)}
	defer close(d.turn.over)
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
			d.suspend()
			return nil, ctx.Err()
		}
	}
}

// begin waits until nobody else fetches the root. Two hospitals may announce the
// same content, one of them to make it come twice.
func (f *fetcher) begin(ctx context.Context, root protocol.Hash) (over func(), err error) {
	for {
		f.mu.Lock()
		other, ok := f.underWay[root]
		if !ok {
			mine := make(chan struct{})
			f.underWay[root] = mine
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.underWay, root)
				f.mu.Unlock()
				close(mine)
			}, nil
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// turn is the right of a download to be one of the few that are under way, so
// that what is in flight stays small. It is lost when little comes: hospitals
// that withhold what they announced, or give it slowly, must not take the places
// of others. The download goes on without; little comes to it, after all.
type turn struct {
	slots chan struct{}
	asked chan struct{} // full: somebody has asked for it
	taken chan struct{} // closed when it is there
	over  chan struct{} // closed when the download is
}

func newTurn(slots chan struct{}) *turn {
	return &turn{slots, make(chan struct{}, 1), make(chan struct{}), make(chan struct{})}
}

// take waits for the turn, the first time. missing tells how many chunks are not
// here.
func (t *turn) take(ctx context.Context, missing func() int) error {
	select {
	case <-t.taken:
		return nil
	case t.asked <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case t.slots <- struct{}{}:
		close(t.taken)
		go t.watch(missing)
		return nil
	case <-ctx.Done():
		<-t.asked
		return ctx.Err()
	}
}

func (t *turn) watch(missing func() int) {
	defer func() { <-t.slots }()
	for before := missing(); ; {
		select {
		case <-time.After(slowAfter):
		case <-t.over:
			return
		}
		now := missing()
		if before-now < spanLength {
			return
		}
		before = now
	}
}

// candidates puts the announcer first, and behind it some of the others, in no
// order: with the next try come others.
func (f *fetcher) candidates(from protocol.Party) []protocol.Party {
	list := f.node.peers.connectedParties()
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for i, party := range list {
		if party == from {
			list[0], list[i] = list[i], list[0]
		}
	}
	return list[:min(len(list), maxCandidates)]
}
