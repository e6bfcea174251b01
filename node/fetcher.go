package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"consilium/node/store"
	"consilium/protocol"
)

const (
	fetchRetry    = 300 * time.Millisecond
	fetchLastWait = 5 * time.Second
	fetchAtOnce   = 4           // large parts, each from several hospitals; of small ones as many as that are
	maxCandidates = 2 * sources // hospitals that are asked in one try
)

// fetcher fetches parts in the background, each once at a time.
type fetcher struct {
	node         *Node
	large, small *places

	mu       sync.Mutex
	underWay map[fetchKey]chan struct{} // closed when that download ends
}

// fetchKey names what one download fetches: a part, or chunks of it from one on.
type fetchKey struct {
	ref   protocol.Ref
	first uint32
}

func newFetcher(n *Node) *fetcher {
	return &fetcher{node: n, large: &places{free: fetchAtOnce}, small: &places{free: fetchAtOnce * sources}, underWay: map[fetchKey]chan struct{}{}}
}

// fetch gets a part, from the hospital that announced it or from any other, and
// tries until it has it or the context ends. from is 0 when nobody in
// particular announced it.
func (f *fetcher) fetch(ctx context.Context, from protocol.Party, ref protocol.Ref) (part *store.Part, err error) {
	d := f.node.newDownload(protocol.Want{From: from, Ref: ref})
	err = f.download(ctx, d, func() (bool, error) {
		if part, err = f.node.parts.Open(ref.Root); err == nil && !part.Is(ref) {
			err = errors.Join(errNotHere, part.Close())
		}
		if err != nil {
			part, err = d.result()
		}
		return part != nil, err
	})
	return part, err
}

// fetchChunks gets some chunks of a part, which then are durable. The rest of it
// need not be anywhere.
func (f *fetcher) fetchChunks(ctx context.Context, want protocol.Want) (protocol.Source, error) {
	if part, err := f.node.parts.Open(want.Ref.Root); err == nil {
		return part, nil // this hospital's own
	}
	d := f.node.newDownload(want)
	if err := f.download(ctx, d, d.resume); err != nil {
		return nil, err
	}
	w, err := f.node.parts.Resume(want.Ref.Root)
	if err != nil {
		return nil, err
	}
	return w, w.Sync()
}

// download tries until it is done, or the context ends.
func (f *fetcher) download(ctx context.Context, d *download, done func() (bool, error)) error {
	over, err := f.begin(ctx, fetchKey{d.ref, uint32(d.some.first)})
	if err != nil {
		return err
	}
	defer over()
	d.turn = newTurn(f.small, f.rank(d.from))
	if d.isLarge() {
		d.turn = newTurn(f.large, f.rank(d.from))
	}
	defer close(d.turn.over)
	for wait := fetchRetry; ; wait = min(2*wait, fetchLastWait) {
		if here, err := done(); here || err != nil {
			return err
		}
		before := d.missing()
		d.run(ctx, f.candidates(d.from))
		if here, err := done(); here || err != nil {
			return err
		}
		if d.missing() < before {
			wait = askAgain // it was cut, and goes on
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			d.suspend()
			return ctx.Err()
		}
	}
}

// rank is the order in which parts are fetched: those of the hospitals behind
// this one first. When all fetch from all, everybody is asked by as many.
func (f *fetcher) rank(from protocol.Party) int {
	n := len(f.node.members.ids) - 1
	return (int(from) - int(f.node.self) + n) % n
}

// begin waits until nobody else fetches the same. Two hospitals may announce the
// same content, one of them to make it come twice.
func (f *fetcher) begin(ctx context.Context, key fetchKey) (over func(), err error) {
	for {
		f.mu.Lock()
		other, ok := f.underWay[key]
		if !ok {
			mine := make(chan struct{})
			f.underWay[key] = mine
			f.mu.Unlock()
			return func() {
				f.mu.Lock()
				delete(f.underWay, key)
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
