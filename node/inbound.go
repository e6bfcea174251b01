package node

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/frame"
	"consilium/protocol"
	"consilium/protocol/interactive"
)

const (
	maxHeld     = 64 << 20 // bytes of one hospital that no program has taken yet
	heldItem    = 64       // what a message costs beside its body
	maxUnbegun  = 64       // runs of one hospital that were not begun here
	maxRuns     = 1024     // runs of one hospital that it has not ended
	ackAfter    = 64 << 10 // bytes
	ackWait     = 100 * time.Millisecond
	readBuffer  = 64 << 10
	helloLength = 40
)

// inbound is what comes from one hospital. One stream at a time is served.
type inbound struct {
	link *link

	mu     sync.Mutex
	change *sync.Cond
	stream network.Stream // that is served
	leave  bool           // it shall end
	ended  bool
	held   int // bytes received and not taken

	// Of whoever serves the stream.
	incarnation uint64
	begun       uint64                  // runs that the other has numbered
	runs        map[uint64]*computation // by number; nil: over, or of no interest
	next        atomic.Uint64           // items received
	unacked     int                     // bytes
	soon, now   chan struct{}           // acknowledge
}

func newInbound(l *link) *inbound {
	in := &inbound{link: l, soon: make(chan struct{}, 1), now: make(chan struct{}, 1)}
	in.change = sync.NewCond(&in.mu)
	return in
}

// serve is the handler of the protocol.
func (m *Mesh) serve(s network.Stream) {
	defer s.Reset()
	party := m.members.parties[s.Conn().RemotePeer()]
	if party == 0 || party == m.self {
		m.complain(0, "not in the roster")
		return
	}
	_ = s.SetDeadline(time.Now().Add(helloTimeout))
	data, err := frame.Read(s, helloLength)
	if err != nil {
		return
	}
	hello, err := frame.DecodeHello(data)
	if err != nil {
		m.complain(party, err.Error())
		return
	}
	if hello.Roster != m.roster.Hash() {
		m.complain(party, "its roster is another: compare roster.toml with theirs")
		return
	}
	done := make(chan struct{})
	m.goes(func() { <-done }) // Close waits for this
	defer close(done)
	in := m.links[party].in
	if in.enter(s) {
		err := in.serve(s, hello.Incarnation)
		in.exit()
		in.blame(err)
	}
}

// blame tells the operator, and ends what runs with somebody who sends what
// nobody sends: it would wait for ever.
func (in *inbound) blame(err error) {
	m, form := in.link.mesh, (*frame.FormError)(nil)
	if !errors.As(err, &form) {
		return
	}
	m.complain(in.link.party, form.Why)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.open {
		c.garbled(in.link.party, form.Why)
	}
}

// enter makes s the stream that is served, when the one before has ended.
func (in *inbound) enter(s network.Stream) bool {
	in.turnOut()
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.stream != nil && !in.ended {
		in.change.Wait()
	}
	if in.ended {
		return false
	}
	in.stream, in.leave = s, false
	return true
}

// turnOut makes whoever serves a stream leave it.
func (in *inbound) turnOut() {
	in.mu.Lock()
	s := in.stream
	in.leave = true
	in.change.Broadcast()
	in.mu.Unlock()
	if s != nil {
		_ = s.Reset()
	}
}

func (in *inbound) exit() {
	in.mu.Lock()
	in.stream = nil
	in.change.Broadcast()
	in.mu.Unlock()
}

// end serves nothing any more.
func (in *inbound) end() {
	in.mu.Lock()
	in.ended = true
	in.mu.Unlock()
	in.turnOut()
}

// hold takes room for a message, and waits while there is none: the other is
// not read from until programs have taken what is there.
func (in *inbound) hold(bytes int) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.held >= maxHeld && !in.leave {
		in.change.Wait()
	}
	in.held += bytes
	return !in.leave
}

func (in *inbound) release(bytes int) {
	in.mu.Lock()
	if in.held >= maxHeld {
		in.change.Broadcast()
	}
	in.held -= bytes
	in.mu.Unlock()
}

// serve welcomes, and takes items until the stream breaks.
func (in *inbound) serve(s network.Stream, incarnation uint64) error {
	m := in.link.mesh
	if incarnation != in.incarnation {
		in.incarnation, in.begun, in.runs = incarnation, 0, map[uint64]*computation{}
		in.next.Store(0)
	}
	m.meet(in.link.party, incarnation)
	if err := frame.Write(s, frame.Welcome{Incarnation: m.incarnation, Next: in.next.Load()}.Encode()); err != nil {
		return err
	}
	_ = s.SetDeadline(time.Time{})
	done, acker := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(acker)
		in.acknowledge(s, done)
	}()
	err := in.read(bufio.NewReaderSize(s, readBuffer))
	_ = s.Reset()
	close(done)
	<-acker
	return err
}

var errGivenWay = errors.New("another stream took over")

func (in *inbound) read(r *bufio.Reader) error {
	for {
		i, err := frame.ReadItem(r)
		if err != nil {
			return err
		}
		if err := in.take(i); err != nil {
			return err
		}
		in.next.Add(1)
		in.unacked += 8 + len(i.Body)
		if i.Kind == frame.End || in.unacked >= ackAfter {
			in.unacked = 0
			signal(in.now)
		} else {
			signal(in.soon)
		}
	}
}

// take hands an item to its computation.
func (in *inbound) take(i frame.Item) error {
	if i.Kind == frame.Begin {
		return in.begin(i)
	}
	c, known := in.runs[i.ID]
	if !known {
		return &frame.FormError{Why: fmt.Sprintf("an item of computation %d, which has not begun or has ended", i.ID)}
	}
	party := in.link.party
	if i.Kind == frame.End {
		delete(in.runs, i.ID)
		if c != nil {
			c.end(party, i.Ending)
		}
		return nil
	}
	if c == nil {
		return nil
	}
	size := heldItem + len(i.Body)
	if !in.hold(size) {
		in.release(size)
		return errGivenWay
	}
	if !c.deliver(interactive.Message{Party: int(party), Depth: i.Depth, Body: i.Body}) {
		in.release(size)
		in.runs[i.ID] = nil
	}
	return nil
}

// begin notes a run that the other has begun.
func (in *inbound) begin(i frame.Item) error {
	if i.ID != in.begun+1 {
		return &frame.FormError{Why: fmt.Sprintf("computation %d begins after %d", i.ID, in.begun)}
	}
	if len(in.runs) >= maxRuns { // also of those that are open, or over, here
		return &frame.FormError{Why: fmt.Sprintf("it has begun %d computations that it has not ended", maxRuns+1)}
	}
	c, err := in.link.mesh.heard(in.link.party, runKey{i.Name, i.Incarnations, i.Run})
	if err != nil {
		return err
	}
	in.begun++
	in.runs[i.ID] = c
	return nil
}

// acknowledge says now and then how many items are here.
func (in *inbound) acknowledge(s network.Stream, done <-chan struct{}) {
	for {
		select {
		case <-in.now:
		case <-in.soon:
			select {
			case <-in.now:
			case <-time.After(ackWait):
			case <-done:
				return
			}
		case <-done:
			return
		}
		if _, err := s.Write(binary.BigEndian.AppendUint64(nil, in.next.Load())); err != nil {
			return
		}
	}
}

// heard finds the run that a party has begun, or makes a place for it until it
// begins here. nil: it is over here.
func (m *Mesh) heard(party protocol.Party, key runKey) (*computation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	unbegun := 0
	for _, c := range m.open {
		switch {
		case !c.heldFrom(party):
		case c.key.incarnations != key.incarnations:
			m.drop(c) // the party knows of a restart since
		default:
			unbegun++
		}
	}
	c := m.open[key]
	if c == nil {
		if last := m.runs[key.name]; last.incarnations == key.incarnations && key.run <= last.run {
			return nil, nil
		}
		if unbegun >= maxUnbegun {
			m.complain(party, "computations that were not begun here")
			return nil, fmt.Errorf("%d computations of %s were not begun here", unbegun, m.name(party))
		}
		c = newComputation(m, key)
		m.open[key] = c
	}
	c.beganAt(party)
	return c, nil
}
