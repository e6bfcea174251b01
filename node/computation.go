package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"consilium/node/frame"
	"consilium/protocol"
	"consilium/protocol/interactive"
)

// computation is one run, at this party. It exists from when the first party
// has begun it until it has ended here.
type computation struct {
	mesh   *Mesh
	key    runKey
	report ComputeReport // of the goroutine in Compute
	waited time.Duration // likewise
	wake   chan struct{} // the message that is waited for has come, or err is set

	mu      sync.Mutex
	inbox   [][]interactive.Message // by party
	began   []bool                  // by party
	endings []uint64                // by party: its ending and 1, 0 while it runs
	ids     []uint64                // by party: the number of the run on that link; 0: do not send
	begun   bool                    // here
	over    bool
	awaits  int // party; 0: none
	since   time.Time
	err     error // why it cannot go on
}

func newComputation(m *Mesh, key runKey) *computation {
	size := len(m.links)
	return &computation{mesh: m, key: key, wake: make(chan struct{}, 1),
		inbox: make([][]interactive.Message, size), began: make([]bool, size),
		endings: make([]uint64, size), ids: make([]uint64, size)}
}

// run steps the machine until it ends.
func (c *computation) run(ctx context.Context, machine *interactive.Machine) error {
	for e := machine.Start(); ; {
		c.send(e.Send)
		if e.Done {
			return e.Err
		}
		message, err := c.take(ctx, machine.Awaits())
		if err != nil {
			return err
		}
		if e, err = machine.Receive(message); err != nil {
			return err
		}
	}
}

// send hands messages to their links, and lets each write once.
func (c *computation) send(messages []interactive.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var touched protocol.Set
	for _, message := range messages {
		party := protocol.Party(message.Party)
		if c.ids[party] == 0 {
			continue // it has finished, and its process is another now
		}
		i := frame.Item{Kind: frame.Message, ID: c.ids[party], Depth: message.Depth, Body: message.Body}
		c.report.Messages++
		c.report.BytesSent += int64(c.mesh.links[party].add(i))
		touched.Add(party)
	}
	for _, party := range touched.Parties() {
		c.mesh.links[party].flush()
	}
}

// take waits for the next message of a party.
func (c *computation) take(ctx context.Context, party int) (interactive.Message, error) {
	for {
		message, err, ok := c.next(party)
		if ok || err != nil {
			return message, err
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return interactive.Message{}, ctx.Err()
		}
	}
}

func (c *computation) next(party int) (message interactive.Message, err error, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if queue := c.inbox[party]; c.err == nil && len(queue) > 0 {
		message, queue[0] = queue[0], interactive.Message{}
		c.inbox[party] = queue[1:]
		if c.awaits != 0 {
			c.awaits, c.waited = 0, c.waited+time.Since(c.since)
		}
		c.report.BytesReceived += int64(len(message.Body))
		c.mesh.links[party].in.release(heldItem + len(message.Body))
		return message, nil, true
	}
	if c.err == nil && c.endings[party] != 0 {
		c.err = c.mesh.endedBy(protocol.Party(party), c.endings[party]-1)
	}
	if c.awaits == 0 {
		c.awaits, c.since = party, time.Now()
	}
	return message, c.err, false
}

// endedBy is why a party's messages will not come.
func (m *Mesh) endedBy(party protocol.Party, ending uint64) error {
	if ending > 1 && ending-1 < uint64(len(m.links)) {
		restarted := protocol.Party(ending - 1)
		return &RestartedError{restarted, m.name(restarted)}
	}
	return &EndedError{party, m.name(party), ending == 0}
}

// ending is how a part's end travels.
func ending(err error) uint64 {
	restarted := (*RestartedError)(nil)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &restarted):
		return 1 + uint64(restarted.Party)
	default:
		return 1
	}
}

// deliver puts a message in for the program. False: it is over here.
func (c *computation) deliver(m interactive.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.inbox[m.Party] = append(c.inbox[m.Party], m)
	c.wakeFor(protocol.Party(m.Party))
	return true
}

// wakeFor wakes the program if it waits for that party. c.mu is held.
func (c *computation) wakeFor(party protocol.Party) {
	if c.awaits == int(party) {
		signal(c.wake)
	}
}

// end notes that a party's part is over: after its last message.
func (c *computation) end(party protocol.Party, ending uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endings[party] = ending + 1
	c.wakeFor(party)
}

// restarted notes that a party's process is another now. mesh.mu is held.
func (c *computation) restarted(party protocol.Party) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.begun && c.began[party]:
		delete(c.mesh.open, c.key) // nobody can begin this run any more
		c.dropLocked()
	case c.begun:
		c.ids[party] = 0 // the number is of a link that is no more
		if c.endings[party] == 1 {
			return // it had finished
		}
		c.failLocked(&RestartedError{party, c.mesh.name(party)})
	}
}

// garbled notes that a party sent what cannot be.
func (c *computation) garbled(party protocol.Party, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun && c.endings[party] == 0 {
		c.failLocked(&GarbledError{party, c.mesh.name(party), why})
	}
}

func (c *computation) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

func (c *computation) failLocked(err error) {
	if c.err == nil {
		c.err = err
	}
	signal(c.wake)
}

// drop forgets what was not taken.
func (c *computation) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropLocked()
}

func (c *computation) dropLocked() {
	c.over = true
	for party, queue := range c.inbox {
		held := 0
		for _, m := range queue {
			held += heldItem + len(m.Body)
		}
		if held > 0 {
			c.mesh.links[party].in.release(held)
		}
		c.inbox[party] = nil
	}
}

func (c *computation) beganAt(party protocol.Party) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began[party] = true
}

func (c *computation) isBegun() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun
}

// heldFrom says that a party has begun the run and this one has not.
func (c *computation) heldFrom(party protocol.Party) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.begun && c.began[party]
}

// awaited is whom the program waits for, 0 for nobody, and since when.
func (c *computation) awaited() (protocol.Party, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return protocol.Party(c.awaits), c.since
}
