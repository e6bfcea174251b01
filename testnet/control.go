package testnet

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"

	"consilium/node"
	"consilium/protocol"
	"consilium/protocol/spdz/learning"
)

// A node in a process of its own is struck at an exact round and phase, like
// one in this process: its hooks ask the testnet over a socket that it has
// inherited (`hospital-node run --control FD`), and wait for the answer. Both
// sides write JSON values, one a line. Without the flag nothing of this exists
// in a node.

// word is what a node tells the testnet; one of the pointers or lists is set,
// or Question.
type word struct {
	Listening []string         `json:"listening,omitempty"` // it runs, and this is where
	Question  uint64           `json:"question,omitempty"`  // a number: may I begin At, or speak in it?
	At        *at              `json:"at,omitempty"`
	Progress  *progressWord    `json:"progress,omitempty"`
	Connected *protocol.Set    `json:"connected,omitempty"` // now
	State     []byte           `json:"state,omitempty"`     // the last one, before it ends
	Moment    *learning.Moment `json:"moment,omitempty"`    // of a study on shares, instead of At
	Shares    *sharesOutcome   `json:"shares,omitempty"`    // with State, of a study on shares
	Traffic   *node.Traffic    `json:"traffic,omitempty"`
}

// at is a round, or a phase of it.
type at struct {
	Round uint64          `json:"round"`
	Phase *protocol.Phase `json:"phase,omitempty"`
}

// progressWord is a node.Progress with all of its round report.
type progressWord struct {
	node.Progress
	Sum protocol.Vector `json:"sum,omitempty"`
	Set protocol.Hash   `json:"set,omitzero"`
}

// order is what the testnet tells a node.
type order struct {
	Answer  uint64 `json:"answer,omitempty"`  // go on: to the question of this number
	Isolate *bool  `json:"isolate,omitempty"` // cut the network off, or back on
}

// Control is a node's end of the socket. A nil Control is that of a node in no
// testnet, and does nothing.
type Control struct {
	conn  net.Conn
	write sync.Mutex

	mu      sync.Mutex
	asked   uint64
	answers map[uint64]chan struct{}
	node    controlled
	ended   sync.WaitGroup
}

// controlled is a node, or the mesh of a study on shares.
type controlled interface {
	Addresses() []string
	Isolate(cut bool)
}

// JoinControl takes over the inherited socket; 0 is none.
func JoinControl(fd int) (*Control, error) {
	if fd == 0 {
		return nil, nil
	}
	file := os.NewFile(uintptr(fd), "control")
	if file == nil {
		return nil, fmt.Errorf("control: %d is not a file descriptor", fd)
	}
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("control: file descriptor %d: %w", fd, err)
	}
	return &Control{conn: conn, answers: map[uint64]chan struct{}{}}, nil
}

// Direct puts the node that cfg describes under the testnet's control, and ends
// the context with the testnet.
func (c *Control) Direct(ctx context.Context, cfg *node.Config) context.Context {
	if c == nil {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	c.ended.Go(func() {
		defer cancel()
		c.obey()
	})
	cfg.Hooks.BeforeRound = func(ctx context.Context, round uint64) error { return c.ask(ctx, word{At: &at{Round: round}}) }
	cfg.Hooks.BeforePhase = func(ctx context.Context, round uint64, phase protocol.Phase) error {
		return c.ask(ctx, word{At: &at{round, &phase}})
	}
	cfg.Hooks.Connected = func(others []protocol.Party) {
		set := protocol.NewSet(others...)
		c.say(word{Connected: &set})
	}
	tell := cfg.Progress
	cfg.Progress = func(p node.Progress) {
		tell(p)
		w := &progressWord{Progress: p}
		if p.Finished != nil {
			w.Sum, w.Set = p.Finished.Sum, p.Finished.Set
		}
		c.say(word{Progress: w, Traffic: c.traffic()})
	}
	return ctx
}

// DirectShares puts a study on shares under the testnet's control.
func (c *Control) DirectShares(ctx context.Context, part *learning.Study) context.Context {
	if c == nil {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	c.ended.Go(func() {
		defer cancel()
		c.obey()
	})
	part.Before = func(m learning.Moment) error { return c.ask(ctx, word{Moment: &m}) }
	return ctx
}

// CloseShares tells the testnet the result, if there is one, and ends.
func (c *Control) CloseShares(r *learning.Result) error {
	if c == nil {
		return nil
	}
	if r != nil {
		state, err := r.State.MarshalBinary()
		if err != nil {
			return err
		}
		c.say(word{State: state, Shares: &sharesOutcome{r.Halvings, r.Ranges}})
	}
	c.conn.Close()
	c.ended.Wait()
	return nil
}

// Up tells the testnet that the node runs.
func (c *Control) Up(n controlled) {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.node = n
	c.mu.Unlock()
	c.say(word{Listening: n.Addresses()})
}

// Close tells the testnet the last state, and ends.
func (c *Control) Close(state []byte) {
	if c == nil {
		return
	}
	c.say(word{State: state, Traffic: c.traffic()})
	c.conn.Close()
	c.ended.Wait()
}

func (c *Control) traffic() *node.Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.node.(*node.Node); ok {
		t := n.Traffic()
		return &t
	}
	return nil
}

// say writes a word. That the testnet is gone is found out by reading.
func (c *Control) say(w word) {
	c.write.Lock()
	defer c.write.Unlock()
	_ = json.NewEncoder(c.conn).Encode(w)
}

// ask waits until the testnet lets the node go on.
func (c *Control) ask(ctx context.Context, w word) error {
	answer := make(chan struct{})
	c.mu.Lock()
	c.asked++
	w.Question = c.asked
	c.answers[w.Question] = answer
	c.mu.Unlock()
	w.Traffic = c.traffic()
	c.say(w)
	select {
	case <-answer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// obey carries out orders until the testnet is gone.
func (c *Control) obey() {
	orders := json.NewDecoder(c.conn)
	for {
		var o order
		if orders.Decode(&o) != nil {
			return
		}
		c.mu.Lock()
		answer, n := c.answers[o.Answer], c.node
		delete(c.answers, o.Answer)
		c.mu.Unlock()
		if o.Isolate != nil && n != nil {
			n.Isolate(*o.Isolate)
		}
		if answer != nil {
			close(answer)
		}
	}
}
