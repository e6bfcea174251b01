package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/frame"
	"consilium/node/store"
	"consilium/protocol"
)

// Parts of bodies that do not fit into a message are fetched by their root from
// whoever has them, chunk by chunk, each checked before the next is asked for.
const (
	partProtocol  = "/consilium/part/1"
	chunkTimeout  = 30 * time.Second // for one chunk, or for the index
	maxIndexFrame = 4 << 20
	maxChunkFrame = 80 << 10
	fetchRetry    = 300 * time.Millisecond
	fetchLastWait = 5 * time.Second
	fetchAtOnce   = 4
)

// servePart answers one request: the index of the part, then its chunks from
// the one that was asked for. An empty frame says that it is not here.
func (n *Node) servePart(s network.Stream) {
	defer s.Close()
	party := n.members.parties[s.Conn().RemotePeer()]
	_ = s.SetDeadline(time.Now().Add(chunkTimeout))
	data, err := frame.Read(s, 64)
	if err != nil {
		return
	}
	request, err := frame.DecodePartRequest(data)
	if err != nil || party == 0 {
		n.refused(party, "a request for a part that cannot be decoded")
		_ = s.Reset()
		return
	}
	part, err := n.parts.Open(request.Root)
	if err != nil {
		_ = n.writeFrame(s, nil)
		return
	}
	defer part.Close()
	head := binary.BigEndian.AppendUint32(nil, uint32(part.Chunks()))
	if err := n.writeFrame(s, append(head, part.Index().Encode()...)); err != nil {
		return
	}
	for i := int(request.First); i < part.Chunks(); i++ {
		chunk, err := part.Chunk(i)
		if err != nil {
			n.cfg.Logger.Error("serve a part", "error", err)
			_ = s.Reset()
			return
		}
		_ = s.SetDeadline(time.Now().Add(chunkTimeout))
		if err := n.writeFrame(s, chunk); err != nil {
			return
		}
	}
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
	var w *store.Writer
	defer func() {
		if w != nil {
			w.Abort()
		}
	}()
	for wait := fetchRetry; ; wait = min(2*wait, fetchLastWait) {
		if part, err := f.node.parts.Open(ref.Root); err == nil {
			return part, nil
		}
		for _, party := range f.candidates(from) {
			if err := f.attempt(ctx, party, ref, &w); err != nil {
				f.node.cfg.Logger.Debug("fetch a part", "hospital", f.node.cfg.Roster.Name(party), "error", err)
				if store := (*storeError)(nil); errors.As(err, &store) {
					return nil, store.cause
				}
				continue
			}
			part, err := w.Finish()
			w = nil
			return part, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// candidates puts the announcer first.
func (f *fetcher) candidates(from protocol.Party) []protocol.Party {
	var list []protocol.Party
	for _, party := range f.node.peers.connectedParties() {
		if party == from {
			list = append([]protocol.Party{party}, list...)
		} else {
			list = append(list, party)
		}
	}
	return list
}

// storeError is trouble with this hospital's own disk.
type storeError struct{ cause error }

func (e *storeError) Error() string { return e.cause.Error() }

// attempt receives as much of a part as one hospital gives. What came before a
// cut is kept: the next attempt goes on behind it.
func (f *fetcher) attempt(ctx context.Context, party protocol.Party, ref protocol.Ref, w **store.Writer) error {
	s, err := f.node.host.NewStream(ctx, f.node.members.ids[party], partProtocol)
	if err != nil {
		return err
	}
	defer s.Reset()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	first := 0
	if *w != nil {
		first = (*w).Next()
	}
	_ = s.SetDeadline(time.Now().Add(chunkTimeout))
	if err := f.node.writeFrame(s, frame.PartRequest{Root: ref.Root, First: uint32(first)}.Encode()); err != nil {
		return err
	}
	data, err := frame.Read(s, maxIndexFrame)
	if err != nil {
		return err
	}
	if len(data) < 4 {
		return errNotHere
	}
	index, err := store.DecodeIndex(ref, data[4:])
	if err != nil || binary.BigEndian.Uint32(data) != ref.Chunks {
		f.node.refused(party, "an index of another part than asked for")
		return fmt.Errorf("the index does not match: %w", err)
	}
	if *w == nil {
		if *w, err = f.node.parts.Create(ref, index); err != nil {
			return &storeError{err}
		}
	}
	for !(*w).Done() {
		_ = s.SetDeadline(time.Now().Add(chunkTimeout))
		chunk, err := frame.Read(s, maxChunkFrame)
		if err != nil {
			return err
		}
		if protocol.Leaf(chunk) != index.Leaves[(*w).Next()] {
			f.node.refused(party, "a chunk of another part than asked for")
			return errors.New("a chunk does not match")
		}
		if err := (*w).Write(chunk); err != nil {
			return &storeError{err}
		}
	}
	return nil
}
