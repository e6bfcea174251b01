package node

import (
	"context"
	"fmt"
	"time"

	"consilium/node/frame"
	"consilium/protocol"
	"consilium/protocol/interactive"
)

// ComputeReport is what a computation cost this hospital.
type ComputeReport struct {
	Rounds        int // the longest chain of messages that had to follow each other
	Messages      int // sent
	BytesSent     int64
	BytesReceived int64         // both before encryption
	Elapsed       time.Duration // from the first step to the end
	Computing     time.Duration // of that, in the program; the rest was waiting
}

// RestartedError says that a hospital's process started again, and what it
// computed is gone. Begin again, from a checkpoint if there is one.
type RestartedError struct {
	Party    protocol.Party
	Hospital string
}

func (e *RestartedError) Error() string { return fmt.Sprintf("%s has started again", e.Hospital) }

// EndedError says that a hospital gave its part up, or came to its end, while
// its message was waited for.
type EndedError struct {
	Party    protocol.Party
	Hospital string
	Finished bool // by its own account
}

func (e *EndedError) Error() string {
	if e.Finished {
		return fmt.Sprintf("%s has finished without what is waited for: does it run the same program?", e.Hospital)
	}
	return fmt.Sprintf("%s has given up: see what its log says", e.Hospital)
}

// GarbledError says that a hospital sent what its program cannot have sent.
type GarbledError struct {
	Party    protocol.Party
	Hospital string
	Why      string
}

func (e *GarbledError) Error() string { return fmt.Sprintf("%s sent garbage: %s", e.Hospital, e.Why) }

// Compute runs this hospital's part of a computation that every member of the
// roster begins under the same name, and returns when the part is over, with
// the program's error or the reason why it could not go on: *RestartedError,
// *EndedError, *GarbledError, ErrMeshClosed or that of the context.
//
// A name may be used again when its run has ended, as after a *RestartedError;
// the runs are told apart. It waits for hospitals that are away, as long as ctx
// lets it: see Waiting. Messages of a computation that has not begun here are
// held, up to 64 MiB of each hospital, which then has to wait.
func (m *Mesh) Compute(ctx context.Context, name string, program interactive.Program) (ComputeReport, error) {
	if err := frame.CheckName(name); err != nil {
		return ComputeReport{}, err
	}
	machine, err := interactive.New(int(m.self), m.Parties(), program)
	if err != nil {
		return ComputeReport{}, err
	}
	defer machine.Stop()
	c, err := m.begin(ctx, name)
	if err != nil {
		return ComputeReport{}, fmt.Errorf("begin computation %s: %w", name, err)
	}
	began := time.Now()
	err = c.run(ctx, machine)
	m.end(c, err)
	c.report.Rounds, c.report.Elapsed = machine.Depth(), time.Since(began)
	c.report.Computing = c.report.Elapsed - c.waited
	if err != nil {
		err = fmt.Errorf("computation %s: %w", name, err)
	}
	return c.report, err
}

// begin waits until every other process was met, and then announces a run to
// all of them.
func (m *Mesh) begin(ctx context.Context, name string) (*computation, error) {
	m.start()
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, waits := m.waiting[name]; waits || m.isRunning(name) {
		return nil, fmt.Errorf("it runs already")
	}
	m.waiting[name] = time.Now()
	defer delete(m.waiting, name)
	for {
		if m.closed {
			return nil, ErrMeshClosed
		}
		digest, missing := m.incarnations()
		if len(missing) == 0 {
			return m.announce(name, digest), nil
		}
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		case <-m.life.Done():
		}
		m.mu.Lock()
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("waiting for %s: %w", m.name(missing[0]), err)
		}
	}
}

func (m *Mesh) isRunning(name string) bool {
	for key, c := range m.open {
		if key.name == name && c.isBegun() {
			return true
		}
	}
	return false
}

// announce numbers the run. m.mu is held.
func (m *Mesh) announce(name string, digest [8]byte) *computation {
	last := m.runs[name]
	if last.incarnations != digest {
		last = lastRun{incarnations: digest}
	}
	last.run++
	m.runs[name] = last
	key := runKey{name, digest, last.run}
	c := m.open[key]
	if c == nil {
		c = newComputation(m, key)
		m.open[key] = c
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = true
	for _, l := range m.links {
		if l != nil {
			c.ids[l.party] = l.begin(key)
		}
	}
	return c
}

// end tells the others, and drops what is left.
func (m *Mesh) end(c *computation, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range m.links {
		if l != nil && c.ids[l.party] != 0 {
			c.report.BytesSent += int64(l.add(frame.Item{Kind: frame.End, ID: c.ids[l.party], Ending: ending(err)}))
			l.flush()
		}
	}
}

// drop ends a computation here. m.mu is held.
func (m *Mesh) drop(c *computation) {
	delete(m.open, c.key)
	c.drop()
}
