package interactive

import (
	"errors"
	"fmt"
	"iter"
)

// ErrStopped is what a program gets from its channel once its machine was
// stopped. It gives up what it does and returns.
var ErrStopped = errors.New("the computation was stopped")

// Program is what one party does. It talks through its channel only, draws its
// randomness from what it was made with, and hands every error of the channel
// back. It may use goroutines of its own between two calls of the channel.
type Program func(*Channel) error

// Message goes to one party or came from one.
type Message struct {
	Party int // the other end, 1…n
	Depth int // how many messages had to follow each other up to this one
	Body  []byte
}

// Effects are what a step asks of the caller: send the messages, in order for
// each party. Done is set once, with the program's own error.
type Effects struct {
	Send []Message
	Done bool
	Err  error
}

// Machine is one party's part of a computation. It is used by one goroutine.
type Machine struct {
	channel *Channel
	resume  func() (int, bool)
	stop    func()
	err     error
	started bool
	done    bool
}

// New makes the machine of party self among parties 1…n. Nothing happens until
// Start.
func New(self, parties int, program Program) (*Machine, error) {
	if parties < 1 || self < 1 || self > parties {
		return nil, fmt.Errorf("party %d of %d: parties count from 1", self, parties)
	}
	m := &Machine{channel: &Channel{self: self, parties: parties, inbox: make([][]Message, parties+1)}}
	m.resume, m.stop = iter.Pull(func(yield func(int) bool) {
		m.channel.wait = yield
		m.err = program(m.channel)
	})
	return m, nil
}

// Start runs the program up to the first message that it waits for.
func (m *Machine) Start() Effects {
	if m.started {
		return Effects{}
	}
	m.started = true
	return m.run()
}

// Receive takes a message. One from a party that does not exist is refused and
// changes nothing; one that comes after the end, or before Start, waits unread.
func (m *Machine) Receive(msg Message) (Effects, error) {
	c := m.channel
	if msg.Party < 1 || msg.Party > c.parties || msg.Party == c.self {
		return Effects{}, fmt.Errorf("message from party %d: the others of %d are meant", msg.Party, c.parties)
	}
	if m.done {
		return Effects{}, nil
	}
	c.inbox[msg.Party] = append(c.inbox[msg.Party], msg)
	if !m.started || c.awaited != msg.Party {
		return Effects{}, nil
	}
	return m.run(), nil
}

// Awaits is the party whose message the program waits for, 0 for none.
func (m *Machine) Awaits() int {
	return m.channel.awaited
}

// Depth is the longest chain of messages that had to follow each other so far:
// the number of rounds.
func (m *Machine) Depth() int {
	return m.channel.depth
}

// Stop ends the program: its channel gives ErrStopped. It is called in the end
// of every machine; after Done it does nothing.
func (m *Machine) Stop() {
	m.channel.stopped = true
	m.stop()
	m.done = true
}

func (m *Machine) run() Effects {
	awaited, running := m.resume()
	m.channel.awaited = awaited
	e := Effects{Send: m.channel.outbox}
	m.channel.outbox = nil
	if !running {
		m.done = true
		e.Done, e.Err = true, m.err
	}
	return e
}
