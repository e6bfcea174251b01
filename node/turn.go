package node

import (
	"context"
	"slices"
	"sync"
	"time"
)

// slowAfter is the time in which fewer than spanLength chunks come to a download
// that is slow.
const slowAfter = time.Second

// places are how many downloads may be under way, so that what is in flight stays
// small.
type places struct {
	mu      sync.Mutex
	free    int
	waiting []*waiter
}

type waiter struct {
	rank  int // the lowest is next
	ready chan struct{}
}

// take waits for a place.
func (p *places) take(ctx context.Context, rank int) error {
	p.mu.Lock()
	if p.free > 0 {
		p.free--
		p.mu.Unlock()
		return nil
	}
	w := &waiter{rank, make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // it came at the same time
		p.give()
	}
	return ctx.Err()
}

// give gives a place back, to whoever is next.
func (p *places) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.free++
		return
	}
	next := 0
	for i, w := range p.waiting {
		if w.rank < p.waiting[next].rank {
			next = i
		}
	}
	close(p.waiting[next].ready)
	p.waiting = slices.Delete(p.waiting, next, next+1)
}

// turn is the place of one download. It is lost when little comes: hospitals that
// withhold what they announced, or give it slowly, must not take the places of
// others. The download goes on without; little comes to it, after all.
type turn struct {
	places *places
	rank   int
	asked  chan struct{} // full: somebody has asked for it
	taken  chan struct{} // closed when it is there
	over   chan struct{} // closed when the download is
}

func newTurn(p *places, rank int) *turn {
	return &turn{p, rank, make(chan struct{}, 1), make(chan struct{}), make(chan struct{})}
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
	if err := t.places.take(ctx, t.rank); err != nil {
		<-t.asked
		return err
	}
	close(t.taken)
	go t.watch(missing)
	return nil
}

func (t *turn) watch(missing func() int) {
	defer t.places.give()
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
