package node

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"consilium/node/frame"
	"consilium/node/identity"
	"consilium/node/study"
	"consilium/protocol"
)

// A hospital that passes on, without end, messages that another one did not sign:
// it is refused for that, the other is not, and the rest of its answer is not
// read.
func TestWhoPassesOnForgeriesIsToBlame(t *testing.T) {
	f := newFederation(t, 4, study.Study{Rounds: 1})
	n, err := New(f.config(1))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ran := make(chan error, 1)
	go func() { _, err := n.Run(ctx); ran <- err }()
	id, err := identity.Load(f.homes[3])
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(id.Private())
	if err != nil {
		t.Fatal(err)
	}
	liar, err := libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer liar.Close()
	sent := make(chan int, 10)
	forged := protocol.Message{Round: 0, From: 1, Payload: make([]byte, 100), Signature: make([]byte, protocol.SignatureSize)}
	liar.SetStreamHandler(exchangeProtocol, func(s network.Stream) {
		defer s.Reset()
		if _, err := frame.Read(s, protocol.MaxQuery(4)); err != nil || frame.Write(s, protocol.Query{}.Encode()) != nil {
			return
		}
		count := 0
		for ; count < 1_000_000; count++ {
			forged.Payload[0], forged.Payload[1], forged.Payload[2] = byte(count), byte(count>>8), byte(count>>16)
			if frame.Write(s, forged.Encode()) != nil {
				break
			}
		}
		sent <- count
	})
	if err := liar.Connect(ctx, peer.AddrInfo{ID: n.host.ID(), Addrs: n.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	if count := <-sent; count == 1_000_000 {
		t.Error("all of it was read")
	}
	cancel()
	<-ran
	if r := n.Refusals(); r["h1"] > 0 || r["h4"] == 0 {
		t.Errorf("refused %v", r)
	}
}
