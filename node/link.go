package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"consilium/node/frame"
	"consilium/protocol"
)

// Each side of a link opens a stream of its own for what it sends: a Hello, and
// then items. The other side answers with a Welcome, and then with the number of
// items that it has, eight bytes now and then. What was not acknowledged is kept;
// after a break the next stream begins with it.

const (
	computeProtocol = "/consilium/compute/1"
	helloTimeout    = 10 * time.Second
	firstReopen     = 20 * time.Millisecond
	lastReopen      = 5 * time.Second
	writeAtOnce     = 256 << 10 // bytes collected for one write
)

// link is what goes to one hospital. What comes from it is an inbound.
type link struct {
	mesh  *Mesh
	party protocol.Party
	in    *inbound
	wake  chan struct{} // something to write, or the stream has gone
	dial  chan struct{} // a connection has come

	mu     sync.Mutex
	first  uint64 // number of queue[0]
	queue  []outgoing
	sent   int            // of the queue, on this stream
	stream network.Stream // nil: none
	ids    uint64         // runs that got a number on this link
	empty  chan struct{}  // closed when the queue is; nil: nobody asks
}

// outgoing is an item, encoded. The body is kept apart: it may be large.
type outgoing struct{ head, body []byte }

func newLink(m *Mesh, party protocol.Party) *link {
	l := &link{mesh: m, party: party, wake: make(chan struct{}, 1), dial: make(chan struct{}, 1)}
	l.in = newInbound(l)
	return l
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (l *link) connected() { signal(l.dial) }

// begin numbers a run on this link and announces it.
func (l *link) begin(key runKey) (id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids++
	i := frame.Item{Kind: frame.Begin, ID: l.ids, Name: key.name, Run: key.run, Incarnations: key.incarnations}
	l.queue = append(l.queue, outgoing{head: i.AppendHead(nil)})
	return l.ids
}

// add puts an item into the queue; flush sends it. It returns how many bytes
// that is.
func (l *link) add(i frame.Item) int {
	o := outgoing{i.AppendHead(make([]byte, 0, 16)), i.Body}
	l.mu.Lock()
	l.queue = append(l.queue, o)
	l.mu.Unlock()
	return len(o.head) + len(o.body)
}

func (l *link) flush() { signal(l.wake) }

// forget drops what was meant for a process that is no more, and returns the
// stream to reset, if there is one.
func (l *link) forget() network.Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first, l.queue, l.sent, l.ids = 0, nil, 0, 0
	l.emptied()
	s := l.stream
	l.stream = nil
	return s
}

func (l *link) emptied() {
	if l.empty != nil && len(l.queue) == 0 {
		close(l.empty)
		l.empty = nil
	}
}

// cut ends both directions.
func (l *link) cut() {
	l.mu.Lock()
	s := l.stream
	l.mu.Unlock()
	if s != nil {
		_ = s.Reset()
	}
	l.in.end()
}

// drain waits until everything is acknowledged, as long as there is a stream,
// or was one a moment ago.
func (l *link) drain(ctx context.Context) {
	for gone := 0; ctx.Err() == nil; {
		l.mu.Lock()
		if l.stream == nil {
			gone++
		}
		if len(l.queue) == 0 || gone > 3 {
			l.mu.Unlock()
			return
		}
		if l.empty == nil {
			l.empty = make(chan struct{})
		}
		empty := l.empty
		l.mu.Unlock()
		select {
		case <-empty:
		case <-time.After(100 * time.Millisecond): // look whether the stream is still there
		case <-ctx.Done():
		}
	}
}

// keep opens the stream again and again.
func (l *link) keep() {
	ctx, wait := l.mesh.life, time.Duration(0)
	if l.mesh.self < l.party && !l.isConnected() {
		wait = yieldDial // the other one dials first
	}
	for retry := firstReopen; ; {
		select {
		case <-ctx.Done():
			return
		case <-l.dial:
		case <-time.After(wait):
		}
		before := l.progress()
		err := l.talk(ctx)
		if ctx.Err() != nil {
			return
		}
		l.mesh.logger.Debug("link", "hospital", l.mesh.name(l.party), "error", err)
		if l.progress() != before {
			retry = firstReopen
		}
		wait = retry/2 + rand.N(retry)
		retry = min(2*retry, lastReopen)
	}
}

// progress is how many items the other has.
func (l *link) progress() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

func (l *link) isConnected() bool {
	return l.mesh.host.Network().Connectedness(l.mesh.members.ids[l.party]) == network.Connected
}

// talk opens a stream and sends on it until it breaks.
func (l *link) talk(ctx context.Context) error {
	s, welcome, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer s.Reset()
	if err := l.resume(s, welcome); err != nil {
		return err
	}
	broken, heard := make(chan struct{}), error(nil)
	go func() {
		defer close(broken)
		heard = l.readAcknowledgements(s)
		_ = s.Reset()
	}()
	err = l.write(ctx, s, broken)
	_ = s.Reset()
	<-broken
	l.mu.Lock()
	l.stream = nil
	l.mu.Unlock()
	return errors.Join(err, heard)
}

// open says who this is and hears where to go on.
func (l *link) open(ctx context.Context) (_ network.Stream, welcome frame.Welcome, err error) {
	m := l.mesh
	id := m.members.ids[l.party]
	if !l.isConnected() {
		m.host.Peerstore().AddAddrs(id, m.dial(l.party), peerstore.TempAddrTTL)
		if s, ok := m.host.Network().(*swarm.Swarm); ok {
			s.Backoff().Clear(id) // the waiting is ours
		}
	}
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	s, err := m.host.NewStream(ctx, id, computeProtocol)
	if err != nil {
		return nil, welcome, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	defer func() {
		if err != nil {
			_ = s.Reset()
		}
	}()
	if err := frame.Write(s, frame.Hello{Roster: m.roster.Hash(), Incarnation: m.incarnation}.Encode()); err != nil {
		return nil, welcome, err
	}
	data, err := frame.Read(s, 16)
	if err != nil {
		return nil, welcome, err
	}
	if welcome, err = frame.DecodeWelcome(data); err != nil {
		m.complain(l.party, err.Error())
		return nil, welcome, err
	}
	m.meet(l.party, welcome.Incarnation)
	return s, welcome, nil
}

// resume makes the stream the one to write on, from the first item that the
// other lacks.
func (l *link) resume(s network.Stream, w frame.Welcome) error {
	l.mesh.mu.Lock()
	defer l.mesh.mu.Unlock()
	if l.mesh.met[l.party] != w.Incarnation {
		return errors.New("another process was met meanwhile")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream, l.sent = s, len(l.queue)
	err := l.acknowledged(w.Next)
	l.sent = 0
	return err
}

// acknowledged drops what the other has. l.mu is held.
func (l *link) acknowledged(next uint64) error {
	if next < l.first || next > l.first+uint64(l.sent) {
		l.mesh.complain(l.party, "an acknowledgement of what was not sent")
		return fmt.Errorf("acknowledged %d of %d to %d", next, l.first, l.first+uint64(l.sent))
	}
	n := int(next - l.first)
	clear(l.queue[:n])
	l.queue, l.first, l.sent = l.queue[n:], next, l.sent-n
	l.emptied()
	return nil
}

func (l *link) readAcknowledgements(s network.Stream) error {
	for {
		var b [8]byte
		if _, err := io.ReadFull(s, b[:]); err != nil {
			return err
		}
		l.mu.Lock()
		if l.stream != s {
			l.mu.Unlock()
			return nil // it was given up
		}
		err := l.acknowledged(binary.BigEndian.Uint64(b[:]))
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// write sends the queue as it fills: all that is there in one write.
func (l *link) write(ctx context.Context, s network.Stream, broken <-chan struct{}) error {
	var buffer []byte
	for {
		var body []byte
		buffer, body = l.collect(s, buffer[:0])
		for _, data := range [][]byte{buffer, body} {
			if len(data) > 0 {
				if _, err := s.Write(data); err != nil {
					return err
				}
			}
		}
		if len(buffer) > 0 {
			continue
		}
		select {
		case <-l.wake:
		case <-broken:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// collect takes what was not sent on this stream yet, up to writeAtOnce bytes.
// A large body is not copied: it comes apart, to be written after the buffer.
func (l *link) collect(s network.Stream, buffer []byte) (_, body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.stream == s && l.sent < len(l.queue) && len(buffer) < writeAtOnce {
		o := l.queue[l.sent]
		l.sent++
		buffer = append(buffer, o.head...)
		if len(o.body) > writeAtOnce/4 {
			return buffer, o.body
		}
		buffer = append(buffer, o.body...)
	}
	return buffer, nil
}
