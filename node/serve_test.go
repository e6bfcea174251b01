package node

import (
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// "--serve makes it stay for good": also when every hospital is known to have
// finished.
func TestServingStays(t *testing.T) {
	for _, serve := range []bool{false, true} {
		n := &Node{cfg: Config{Serve: serve, Linger: time.Hour}, self: 1, members: &members{ids: make([]peer.ID, 2)}}
		n.finished, n.done, n.reached = true, time.Now(), make([]uint64, 2)
		var err error
		for range farewell + 1 {
			if err = n.lingering(t.Context()); err != nil {
				break
			}
		}
		if left := errors.Is(err, errFinished); left == serve {
			t.Errorf("serve %v: %v", serve, err)
		}
	}
}
