package node

import (
	"context"
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

// fetcher fetches parts in the background, each root once at a time.
type fetcher struct {
	node         *Node
	large, small *places

	mu       sync.Mutex
	underWay map[protocol.Hash]chan struct{} // closed when that download ends
}

func newFetcher(n *Node) *fetcher {
	return &fetcher{node: n, large: &places{free: fetchAtOnce}, small: &places{free: fetchAtOnce * sources}, underWay: map[protocol.Hash]chan struct{}{}}
}

// fetch gets a part, from the hospital that announced it or from any other, and
// tries until it has it or the context ends. from is 0 when nobody in
// particular announced it.
func (f *fetcher) fetch(ctx context.Context, from protocol.Party, ref protocol.Ref) (*store.Part, error) {
	over, err := f.begin(ctx, ref.Root)
	if err != nil {
		return nil, err
	}
	defer over()
	d := &download{node: f.node, from: from, ref: ref}
	d.turn = newTurn(f.small, f.rank(from))
	if d.isLarge() {
		d.turn = newTurn(f.large, f.rank(from))
	}
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

// rank is the order in which parts are fetched: those of the hospitals behind
// this one first. When all fetch from all, everybody is asked by as many.
func (f *fetcher) rank(from protocol.Party) int {
	n := len(f.node.members.ids) - 1
	return (int(from) - int(f.node.self) + n) % n
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
