package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/frame"
	"consilium/node/store"
	"consilium/protocol"
)

const (
	spanLength   = 8 // chunks asked for in one request
	spansAtOnce  = 2 // requests to one hospital that are not answered: what a cut costs at most
	sourcesFrom  = 4 << 20
	sources      = 4               // hospitals that a part of sourcesFrom bytes and more is fetched from at once
	askElsewhere = 5 * time.Second // after which what does not come is asked for from another
	askAgain     = 300 * time.Millisecond
	idleAsks     = 5 // to a hospital that has nothing new
)

// download is the fetching of one part, or of some chunks of it. Several
// goroutines ask one hospital each for chunks that nobody else was asked for.
type download struct {
	node *Node
	from protocol.Party // who announced it, and has all of it; 0: nobody
	ref  protocol.Ref
	some span // the chunks that are wanted
	each int  // bytes of every chunk but the last, where not all are wanted; else 0
	turn *turn

	mu     sync.Mutex
	w      *store.Writer // nil: no index yet
	asked  []time.Time   // by chunk: when it was last asked for; zero: not, or in vain
	liars  protocol.Set  // gave what is not of the part
	failed error         // this hospital's disk
}

// span is a run of chunks.
type span struct{ first, count int }

func (n *Node) newDownload(want protocol.Want) *download {
	d := &download{node: n, from: want.From, ref: want.Ref, some: span{int(want.First), int(want.Count)}, each: int(want.Each)}
	if !d.sparse() {
		d.some.count = int(want.Ref.Chunks)
	}
	return d
}

// sparse tells that only some chunks are wanted.
func (d *download) sparse() bool { return d.each > 0 }

// run asks the candidates until the part is here, or each was asked. What came
// is kept for the next time. Others are asked beside the first: of a large part
// several, again and again, since they may be fetching it, too; of a small one
// when it takes too long.
func (d *download) run(ctx context.Context, candidates []protocol.Party) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		defer cancel()
		for _, party := range candidates {
			d.attempt(ctx, party)
			if d.isOver() || ctx.Err() != nil {
				return
			}
		}
	})
	if len(candidates) > 1 {
		others := make(chan protocol.Party, len(candidates))
		for _, party := range candidates[1:] {
			others <- party
		}
		for range d.sources(len(candidates)) - 1 {
			all.Go(func() {
				defer cancel()
				d.askOthers(ctx, others)
			})
		}
	}
	all.Wait()
}

func (d *download) isLarge() bool {
	if d.sparse() {
		return d.some.count*d.each >= sourcesFrom
	}
	return d.ref.Size >= sourcesFrom
}

// sources are how many hospitals are asked at a time.
func (d *download) sources(candidates int) int {
	if d.isLarge() {
		return min(sources, candidates)
	}
	return 2
}

// askOthers asks one after the other of a circle: at once when the part is large
// and there is an index, and in any case when the first that was asked is slow.
func (d *download) askOthers(ctx context.Context, others chan protocol.Party) {
	for began := time.Now(); !d.isOver(); {
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return
		}
		if d.isLarge() && d.hasIndex() || time.Since(began) >= askElsewhere {
			party := <-others
			d.attempt(ctx, party)
			others <- party
		}
	}
}

func (d *download) hasIndex() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.w != nil
}

func (d *download) isOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed != nil || d.w != nil && d.w.Lacks(d.some.first, d.some.count) == 0
}

// missing is how many chunks are not here.
func (d *download) missing() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.w == nil {
		return d.some.count + 1
	}
	return d.w.Lacks(d.some.first, d.some.count)
}

// result is the part when it is here, or the error of this hospital's disk.
func (d *download) result() (*store.Part, error) {
	switch {
	case d.failed != nil:
		d.suspend()
		return nil, d.failed
	case d.w != nil && d.w.Done():
		return d.w.Finish()
	}
	return nil, nil
}

// suspend leaves on the disk what came, for the next start.
func (d *download) suspend() {
	if d.w != nil && !d.sparse() { // what is sparse stays as it is
		d.w.Suspend()
	}
}

// resume tells whether all chunks that are wanted are here, also from before a
// restart.
func (d *download) resume() (bool, error) {
	if !d.hasIndex() {
		w, err := d.node.parts.Resume(d.ref.Root)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		d.mu.Lock()
		d.w, d.asked = w.Writer, make([]time.Time, w.Chunks())
		d.mu.Unlock()
	}
	return d.isOver(), d.failed
}

// attempt fetches what one hospital gives, unless that was wrong before.
func (d *download) attempt(ctx context.Context, party protocol.Party) {
	d.mu.Lock()
	lied := d.liars.Has(party)
	d.mu.Unlock()
	if lied {
		return
	}
	if err := d.fetchFrom(ctx, party); err != nil && !d.isOver() {
		d.node.cfg.Logger.Debug("fetch a part", "hospital", d.node.cfg.Roster.Name(party), "error", err)
	}
}

// blame leaves a hospital out of this download.
func (d *download) blame(party protocol.Party, why string) {
	d.node.refused(party, why)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.liars.Add(party)
}

// fetchFrom asks for the index first, and waits for its turn when that has come:
// who has nothing to give takes nobody's place.
func (d *download) fetchFrom(ctx context.Context, party protocol.Party) error {
	if !d.hasIndex() {
		if err := d.talk(ctx, party, d.readIndex); err != nil {
			return err
		}
	}
	if err := d.turn.take(ctx, d.missing); err != nil {
		return err
	}
	return d.talk(ctx, party, func(s network.Stream, party protocol.Party) error { return d.readChunks(ctx, s, party) })
}

// talk opens a stream for f.
func (d *download) talk(ctx context.Context, party protocol.Party, f func(network.Stream, protocol.Party) error) error {
	s, err := d.node.host.NewStream(ctx, d.node.members.ids[party], partProtocol)
	if err != nil {
		return err
	}
	defer s.Reset()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	return f(s, party)
}

// readChunks asks one hospital until it has nothing new.
func (d *download) readChunks(ctx context.Context, s network.Stream, party protocol.Party) error {
	patience := idleAsks
	if d.sparse() { // nobody is just fetching more than it wants
		patience = 1
	}
	for idle := 0; !d.isOver() && idle < patience; {
		var held []bool // nil: everything
		if party != d.from {
			var err error
			if held, err = d.readHeld(s, party); err != nil {
				return err
			}
		}
		came, err := d.pull(s, party, held)
		if err != nil || d.isOver() {
			return err
		}
		if idle++; came {
			idle = 0
		}
		if d.isOver() || idle >= patience {
			return nil
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (d *download) ask(s network.Stream, q frame.PartRequest) error {
	_ = s.SetDeadline(time.Now().Add(chunkTimeout))
	q.Root = d.ref.Root
	return d.node.writeFrame(s, q.Encode())
}

func (d *download) readIndex(s network.Stream, party protocol.Party) error {
	if err := d.ask(s, frame.PartRequest{What: frame.PartIndex}); err != nil {
		return err
	}
	data, err := frame.Read(s, maxIndexFrame)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return errNotHere
	}
	x, err := store.DecodeIndex(d.ref, data)
	if errors.Is(err, store.ErrOtherSize) {
		d.node.refused(d.from, "it announced a part of another size than that has")
		return err
	}
	if err != nil {
		d.blame(party, "an index of another part than asked for")
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.w != nil {
		return nil // somebody else was quicker
	}
	if d.sparse() {
		return d.beginSparse(x, party)
	}
	w, err := d.node.parts.Create(d.ref, x)
	if err != nil {
		d.failed = err
		return err
	}
	for i, length := range x.Lengths {
		if length > 0 {
			continue
		}
		if err := w.Write(i, nil); err != nil { // an empty frame would say something else
			w.Abort()
			d.liars.Add(party)
			d.node.refused(party, "an index with an empty chunk that has content")
			return err
		}
	}
	d.w, d.asked = w, make([]time.Time, len(x.Leaves))
	return nil
}

// beginSparse makes room for some chunks of a part, all of which must be as long
// as is wanted.
func (d *download) beginSparse(x store.Index, party protocol.Party) error {
	last := len(x.Lengths) - 1
	for i, length := range x.Lengths {
		if int(length) != d.each && (i < last || int(length) > d.each || length == 0) {
			d.liars.Add(party)
			d.node.refused(party, "a part whose chunks are not as long as in the round's description")
			return fmt.Errorf("chunk %d of %d bytes", i, length)
		}
	}
	w, err := d.node.parts.Sparse(d.ref, x)
	if err != nil {
		d.failed = err
		return err
	}
	d.w, d.asked = w.Writer, make([]time.Time, len(x.Leaves))
	return nil
}

func (d *download) readHeld(s network.Stream, party protocol.Party) ([]bool, error) {
	if err := d.ask(s, frame.PartRequest{What: frame.PartHeld}); err != nil {
		return nil, err
	}
	data, err := frame.Read(s, maxIndexFrame)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, errNotHere
	}
	held, err := frame.DecodeHeld(int(d.ref.Chunks), data)
	if err != nil {
		d.blame(party, "a list of chunks that cannot be decoded")
	}
	return held, err
}

// pull asks for chunks as long as there are any to ask for, the next before the
// last have come.
func (d *download) pull(s network.Stream, party protocol.Party, held []bool) (came bool, err error) {
	var spans []span
	room := make([]byte, 0, maxChunkFrame)
	defer func() {
		for _, left := range spans {
			d.giveBack(left)
		}
	}()
	for {
		for len(spans) < spansAtOnce {
			next := d.claim(held)
			if next.count == 0 {
				break
			}
			spans = append(spans, next)
			if err := d.ask(s, frame.PartRequest{What: frame.PartChunks, First: uint32(next.first), Count: uint32(next.count)}); err != nil {
				return came, err
			}
		}
		if len(spans) == 0 {
			return came, nil
		}
		for i := spans[0].first; i < spans[0].first+spans[0].count; i++ {
			if err := d.receive(s, party, i, room); err != nil {
				return came, err
			}
			came = true
		}
		spans = spans[1:]
	}
}

// receive takes one chunk.
func (d *download) receive(s network.Stream, party protocol.Party, i int, room []byte) error {
	_ = s.SetDeadline(time.Now().Add(chunkTimeout))
	chunk, err := frame.ReadInto(s, maxChunkFrame, room)
	if err != nil {
		return err
	}
	if len(chunk) == 0 {
		return errNotHere
	}
	err = d.w.Write(i, chunk)
	if errors.Is(err, store.ErrMismatch) {
		d.blame(party, "a chunk of another part than asked for")
	} else if err != nil {
		d.mu.Lock()
		d.failed = err
		d.mu.Unlock()
	}
	return err
}

// claim finds chunks to ask for: of those that are held there, and that nobody
// was asked for lately. Large parts are asked for in no order, so that hospitals
// that fetch the same can give each other what they have.
func (d *download) claim(held []bool) span {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, total := time.Now(), d.some.count
	free := func(i int) bool {
		return !d.w.Has(i) && now.Sub(d.asked[i]) >= askElsewhere && (held == nil || held[i])
	}
	begin := 0
	if d.isLarge() {
		begin = rand.IntN(total)
	}
	for at := range total {
		s := span{first: d.some.first + (begin+at)%total}
		for s.count < spanLength && s.first+s.count < d.some.first+total && free(s.first+s.count) {
			d.asked[s.first+s.count] = now
			s.count++
		}
		if s.count > 0 {
			return s
		}
	}
	return span{}
}

// giveBack lets others be asked for what did not come.
func (d *download) giveBack(s span) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := s.first; i < s.first+s.count; i++ {
		d.asked[i] = time.Time{}
	}
}
