package node

import (
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/frame"
)

// Parts of bodies that do not fit into a message are fetched by their root, each
// chunk checked by itself: from the hospital that announced them and, when they
// are large, from others that have some of them already.
const (
	partProtocol  = "/consilium/part/2"
	chunkTimeout  = 30 * time.Second // for one chunk, or for the index
	maxIndexFrame = 4 << 20
	maxChunkFrame = 80 << 10
)

// servePart answers requests one after the other. An empty frame says that it,
// or the rest, is not here.
func (n *Node) servePart(s network.Stream) {
	defer s.Close()
	party := n.members.parties[s.Conn().RemotePeer()]
	room := make([]byte, 0, maxChunkFrame)
	for {
		_ = s.SetDeadline(time.Now().Add(chunkTimeout))
		data, err := frame.Read(s, 64)
		if err == io.EOF {
			return
		}
		if err != nil {
			_ = s.Reset()
			return
		}
		request, err := frame.DecodePartRequest(data)
		if err != nil || party == 0 {
			n.refused(party, "a request for a part that cannot be decoded")
			_ = s.Reset()
			return
		}
		if err := n.answerPart(s, request, room); err != nil {
			_ = s.Reset()
			return
		}
	}
}

func (n *Node) answerPart(s network.Stream, q frame.PartRequest, room []byte) error {
	part, err := n.parts.Held(q.Root)
	if err != nil {
		return n.writeFrame(s, nil)
	}
	defer part.Close()
	x := part.Index()
	switch q.What {
	case frame.PartIndex:
		return n.writeFrame(s, x.Encode())
	case frame.PartHeld:
		return n.writeFrame(s, frame.EncodeHeld(len(x.Leaves), part.Has))
	}
	for i := int(q.First); i < int(q.First)+int(q.Count); i++ {
		if !part.Has(i) {
			return n.writeFrame(s, nil)
		}
		chunk, err := part.ChunkInto(i, room)
		if err != nil {
			n.cfg.Logger.Error("serve a part", "error", err)
			return err
		}
		_ = s.SetDeadline(time.Now().Add(chunkTimeout))
		if err := n.writeFrame(s, chunk); err != nil {
			return err
		}
	}
	return nil
}

var errNotHere = errors.New("the part is not there")
