package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/study"
	"consilium/protocol"
)

// numbers is work with vectors of any length: a state is the number of the next
// round and the last sum's hash.
type numbers struct {
	party, rounds, length int
	sums                  *sync.Map // by round
}

func (w numbers) Start() ([]byte, error) { return make([]byte, 8), nil }

func (w numbers) Next(state []byte) (Step, bool, error) {
	if len(state) != 8 {
		return Step{}, false, errors.New("a state of another length")
	}
	round := binary.BigEndian.Uint64(state)
	return Step{Round: round, Name: "sum", Length: w.length, Limit: 1 << 50}, round < uint64(w.rounds), nil
}

func (w numbers) Update(state []byte) (protocol.Vector, error) {
	v := make(protocol.Vector, w.length)
	for i := range v {
		v[i] = int64(w.party*1_000_003+i*7) * int64(1-2*(i%2))
	}
	return v, nil
}

func (w numbers) Apply(state []byte, sum protocol.Vector) ([]byte, error) {
	round := binary.BigEndian.Uint64(state)
	if w.sums != nil {
		w.sums.Store(fmt.Sprint(w.party, " ", round), sum)
	}
	return binary.BigEndian.AppendUint64(nil, round+1), nil
}

func (f *federation) sumNumbers(rounds, length int) *sync.Map {
	sums := &sync.Map{}
	for i := range f.work {
		f.work[i] = numbers{party: i + 1, rounds: rounds, length: length, sums: sums}
	}
	return sums
}

func (f *federation) checkNumbers(sums *sync.Map, length int, included ...int) {
	f.t.Helper()
	sums.Range(func(key, value any) bool {
		sum := value.(protocol.Vector)
		for i := range length {
			want := int64(0)
			for _, p := range included {
				want += int64(p*1_000_003+i*7) * int64(1-2*(i%2))
			}
			if sum[i] != want {
				f.t.Fatalf("%v: value %d is %d, want %d", key, i, sum[i], want)
			}
		}
		return true
	})
}

// Vectors that do not fit into messages travel over streams, in several chunks.
func TestLargeBodies(t *testing.T) {
	f := newFederation(t, 4, study.Study{})
	const length = 100_000 // 13 chunks
	sums := f.sumNumbers(2, length)
	f.runAll(f.once)
	f.checkNumbers(sums, length, 1, 2, 3, 4)
}

// A hospital that crashes after it has posted large boxes, and comes back,
// serves the very same ones.
func TestLargeBodiesAfterACrash(t *testing.T) {
	for _, phase := range []protocol.Phase{protocol.Attest, protocol.Open, protocol.Combine} {
		t.Run(phase.String(), func(t *testing.T) {
			f := newFederation(t, 3, study.Study{})
			const length = 30_000
			sums := f.sumNumbers(1, length)
			f.runAll(func(ctx context.Context, i int) ([]byte, error) {
				if i == 0 {
					cfg := f.config(i)
					cfg.Hooks.BeforePhase = func(_ context.Context, _ uint64, p protocol.Phase) error {
						if p == phase {
							return errCrash
						}
						return nil
					}
					if _, err := f.run(ctx, cfg, i); !errors.Is(err, errCrash) {
						return nil, err
					}
				}
				return f.once(ctx, i)
			})
			f.checkNumbers(sums, length, 1, 2, 3)
		})
	}
}

// "A cut link in the middle of a body costs only what was in flight": the second
// attempt asks for the chunks behind those that came.
func TestFetchGoesOnBehindACut(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 1})
	nodes := make([]*Node, 2)
	for i := range nodes {
		var err error
		if nodes[i], err = New(f.config(i)); err != nil {
			t.Fatal(err)
		}
		defer nodes[i].Close()
		f.nodes[i] = nodes[i]
	}
	content := protocol.Chunks{}
	for i := range 20 {
		content = append(content, bytes.Repeat([]byte{byte(i)}, protocol.ChunkSize))
	}
	ref, err := protocol.RefOf(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].parts.Put(ref, content); err != nil {
		t.Fatal(err)
	}
	// The first answer breaks off after a few chunks.
	first := true
	nodes[0].host.SetStreamHandler(partProtocol, func(s network.Stream) {
		if first {
			first = false
			nodes[0].servePart(&cutStream{Stream: s, left: 7 * protocol.ChunkSize})
			return
		}
		nodes[0].servePart(s)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, n := range nodes {
		n.goes(func() { // the driver, so that exchanges are answered
			for {
				select {
				case c := <-n.calls:
					_ = c(ctx)
				case <-ctx.Done():
					return
				}
			}
		})
		n.peers.start(ctx)
	}
	part, err := nodes[1].fetcher.fetch(ctx, 1, ref)
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	if got, err := protocol.RefOf(part); err != nil || got != ref {
		t.Fatalf("another part came: %v", err)
	}
	sent := nodes[0].Traffic().StreamBytes
	if useful := int64(ref.Size); sent > useful+useful/10+2*protocol.ChunkSize {
		t.Fatalf("%d bytes were sent for a part of %d: the cut cost more than what was in flight", sent, useful)
	}
	cancel()
}

// cutStream ends after so many bytes. What was sent before arrives: how much a
// reset would take with it is the transport's affair.
type cutStream struct {
	network.Stream
	left int
}

func (s *cutStream) Write(b []byte) (int, error) {
	if s.left -= len(b); s.left < 0 {
		_ = s.CloseWrite()
		return 0, errors.New("cut")
	}
	return s.Stream.Write(b)
}

// crashAndTruncate crashes a hospital in round 1 and takes half of its log.
func crashAndTruncate(ctx context.Context, f *federation, i int) error {
	cfg := f.config(i)
	cfg.Hooks.BeforePhase = func(_ context.Context, round uint64, p protocol.Phase) error {
		if round == 1 && p == protocol.Attest {
			return errCrash
		}
		return nil
	}
	if _, err := f.run(ctx, cfg, i); !errors.Is(err, errCrash) {
		return fmt.Errorf("it did not crash: %v", err)
	}
	logs, err := filepath.Glob(filepath.Join(f.homes[i], "studies", "*", "round-000001.log"))
	if err != nil || len(logs) != 1 {
		return fmt.Errorf("logs %v, %v", logs, err)
	}
	info, err := os.Stat(logs[0])
	if err != nil {
		return err
	}
	return os.Truncate(logs[0], info.Size()/2)
}
