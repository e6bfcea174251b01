package interactive

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Channel is how a program talks with the other parties.
type Channel struct {
	self, parties int
	inbox         [][]Message // by sender
	outbox        []Message
	awaited       int
	depth         int
	wait          func(party int) bool
	stopped       bool
}

// Self is this party's number, 1…n.
func (c *Channel) Self() int { return c.self }

// Parties is n.
func (c *Channel) Parties() int { return c.parties }

// Depth is the number of rounds up to here: the longest chain of messages that
// had to follow each other.
func (c *Channel) Depth() int { return c.depth }

// Send hands body to a party. It does not wait. The caller leaves body alone
// from then on.
func (c *Channel) Send(party int, body []byte) {
	if party < 1 || party > c.parties || party == c.self {
		panic(fmt.Sprintf("interactive: party %d sends to %d of %d", c.self, party, c.parties))
	}
	c.outbox = append(c.outbox, Message{Party: party, Depth: c.depth + 1, Body: body})
}

// Receive waits for the next message of a party. Its only error is ErrStopped.
func (c *Channel) Receive(party int) ([]byte, error) {
	if party < 1 || party > c.parties || party == c.self {
		panic(fmt.Sprintf("interactive: party %d receives from %d of %d", c.self, party, c.parties))
	}
	for len(c.inbox[party]) == 0 {
		if c.stopped || !c.wait(party) {
			c.stopped = true
			return nil, ErrStopped
		}
	}
	m := c.inbox[party][0]
	c.inbox[party][0] = Message{}
	c.inbox[party] = c.inbox[party][1:]
	c.depth = max(c.depth, m.Depth)
	return m.Body, nil
}

// Exchange sends to[j] to every other party j and returns what each of them
// sent: both are indexed by party, 0 is unused, and one's own entry comes back
// as it is.
func (c *Channel) Exchange(to [][]byte) ([][]byte, error) {
	for party := 1; party <= c.parties; party++ {
		if party != c.self {
			c.Send(party, to[party])
		}
	}
	return c.collect(to[c.self])
}

// Tell sends the same body to everybody and returns what each party sent, by
// party. A liar may tell different parties different things: see Broadcast.
func (c *Channel) Tell(body []byte) ([][]byte, error) {
	for party := 1; party <= c.parties; party++ {
		if party != c.self {
			c.Send(party, body)
		}
	}
	return c.collect(body)
}

func (c *Channel) collect(own []byte) ([][]byte, error) {
	from := make([][]byte, c.parties+1)
	from[c.self] = own
	for party := 1; party <= c.parties; party++ {
		if party == c.self {
			continue
		}
		body, err := c.Receive(party)
		if err != nil {
			return nil, err
		}
		from[party] = body
	}
	return from, nil
}

// DifferentError says that a party reports to have heard otherwise in a
// broadcast: some sender told two things, or the reporting party lies. Who of
// them it was cannot be known, so it is an abort.
type DifferentError struct {
	Party int // who reports it
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("party %d was told something else in a broadcast", e.Party)
}

// Broadcast is Tell, and then compares what everybody heard, by a hash that all
// send to all (the echo of Goldwasser, Lindell: Secure Multi-Party Computation
// without Agreement, 2005). When it returns without an error, every honest party
// whose call did so, too, holds the same messages.
func (c *Channel) Broadcast(body []byte) ([][]byte, error) {
	heard, err := c.Tell(body)
	if err != nil {
		return nil, err
	}
	digest := digestOf(heard)
	echoes, err := c.Tell(digest)
	if err != nil {
		return nil, err
	}
	for party := 1; party <= c.parties; party++ {
		if string(echoes[party]) != string(digest) {
			return nil, &DifferentError{Party: party}
		}
	}
	return heard, nil
}

func digestOf(bodies [][]byte) []byte {
	h := sha256.New()
	h.Write([]byte("consilium/interactive/broadcast/1"))
	for _, body := range bodies[1:] {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(body))))
		h.Write(body)
	}
	return h.Sum(nil)
}
