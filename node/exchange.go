package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/frame"
	"consilium/protocol"
)

// Two hospitals compare what they hold of a round, and each sends what the
// other lacks. Gossip never sends again what was lost: this is how a healed
// partition, or a restarted hospital, catches up.
const (
	exchangeProtocol = "/consilium/exchange/1"
	exchangeTimeout  = 20 * time.Second
	maxExchange      = 64 << 20 // bytes of messages in one direction
	maxUnsigned      = 16       // messages in an answer that nobody signed, before it is read no further
)

// exchangeWith compares with one hospital. Failures are normal: there will be
// another time.
func (n *Node) exchangeWith(ctx context.Context, party protocol.Party) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	s, err := n.host.NewStream(ctx, n.members.ids[party], exchangeProtocol)
	if err != nil {
		return
	}
	defer s.Close()
	if err := n.exchange(ctx, s, party, true); err != nil {
		_ = s.Reset()
		if ctx.Err() == nil {
			n.cfg.Logger.Debug("exchange", "hospital", n.cfg.Roster.Name(party), "error", err)
		}
	}
}

// serveExchange is the other end.
func (n *Node) serveExchange(s network.Stream) {
	defer s.Close()
	ctx, cancel := context.WithTimeout(n.life, exchangeTimeout)
	defer cancel()
	if err := n.exchange(ctx, s, n.members.parties[s.Conn().RemotePeer()], false); err != nil {
		_ = s.Reset()
	}
}

// exchange runs both ends: queries cross first, then the one that called is
// answered, then it answers.
func (n *Node) exchange(ctx context.Context, s network.Stream, party protocol.Party, caller bool) error {
	if party == 0 {
		return fmt.Errorf("not in the roster")
	}
	_ = s.SetDeadline(time.Now().Add(exchangeTimeout))
	var mine protocol.Query
	if err := n.ask(ctx, func() error { mine = n.session.Query(); return nil }); err != nil {
		return err
	}
	if err := n.writeFrame(s, mine.Encode()); err != nil {
		return err
	}
	data, err := frame.Read(s, protocol.MaxQuery(len(n.members.ids)-1))
	if err != nil {
		return err
	}
	theirs, err := protocol.DecodeQuery(data)
	if err != nil {
		n.refused(party, "a query that cannot be decoded")
		return err
	}
	if caller {
		if err := n.takeAnswer(ctx, s, party); err != nil {
			return err
		}
		return n.answer(ctx, s, party, theirs)
	}
	if err := n.answer(ctx, s, party, theirs); err != nil {
		return err
	}
	return n.takeAnswer(ctx, s, party)
}

// answer sends what the other lacks, and an empty frame.
func (n *Node) answer(ctx context.Context, w io.Writer, party protocol.Party, q protocol.Query) error {
	var messages []protocol.Message
	err := n.ask(ctx, func() (err error) {
		n.reached[party] = max(n.reached[party], q.Round)
		messages, err = n.session.Answer(q)
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err := n.writeFrame(w, m.Encode()); err != nil {
			return err
		}
	}
	return n.writeFrame(w, nil)
}

// takeAnswer hands what the other sends to the driver.
func (n *Node) takeAnswer(ctx context.Context, r io.Reader, party protocol.Party) error {
	unsigned := new(atomic.Int32)
	for total := 0; ; {
		data, err := frame.Read(r, protocol.MaxMessage)
		if err != nil {
			return err
		}
		if len(data) == 0 {
			return nil
		}
		if total += len(data); total > maxExchange {
			n.refused(party, "an endless answer")
			return fmt.Errorf("more than %d bytes", maxExchange)
		}
		if unsigned.Load() > maxUnsigned {
			return errors.New("an answer of messages that nobody signed")
		}
		m, err := protocol.DecodeMessage(data)
		if err != nil {
			n.refused(party, "an answer that cannot be decoded")
			return err
		}
		n.post(ctx, func(ctx context.Context) error { return n.handlePassedOn(ctx, party, m, unsigned) })
	}
}

func (n *Node) writeFrame(w io.Writer, data []byte) error {
	n.traffic.streamOut.Add(int64(4 + len(data)))
	return frame.Write(w, data)
}
