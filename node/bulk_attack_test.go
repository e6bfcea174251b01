package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/frame"
	"consilium/node/study"
	"consilium/protocol"
)

// nowhere is the name of a part that nobody holds.
func nowhere(i, count int) protocol.Ref {
	return protocol.Ref{Root: protocol.Hash{0xff, byte(i)}, Chunks: uint32(count), Size: uint64(count) * protocol.ChunkSize}
}

// fetchInVain lets a node fetch parts that do not come, until the test ends.
func (n *Node) fetchInVain(t *testing.T, ctx context.Context, from protocol.Party, refs []protocol.Ref) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, ref := range refs {
		all.Go(func() {
			if part, err := n.fetcher.fetch(ctx, from, ref); err == nil {
				t.Error("a part came that nobody gives")
				part.Close()
			}
		})
	}
	t.Cleanup(func() { cancel(); all.Wait() })
}

// inTime fetches a part, which must not take longer than limit of virtual time.
func (n *Node) inTime(ctx context.Context, t *testing.T, from protocol.Party, ref protocol.Ref, limit time.Duration) {
	t.Helper()
	began := time.Now()
	n.mustFetch(ctx, t, from, ref)
	if took := time.Since(began); took > limit {
		t.Errorf("the part came after %v", took)
	} else {
		t.Logf("the part came after %v", took)
	}
}

// slowly serves a part a chunk at a time, and waits before each.
func slowly(n *Node, wait time.Duration) network.StreamHandler {
	return func(s network.Stream) { n.servePart(&lateStream{s, n, wait}) }
}

type lateStream struct {
	network.Stream
	node *Node
	wait time.Duration
}

func (s *lateStream) Write(b []byte) (int, error) {
	if len(b) > protocol.ChunkSize {
		select {
		case <-time.After(s.wait):
		case <-s.node.life.Done():
		}
	}
	return s.Stream.Write(b)
}

// Hospitals that announce bodies and do not give them, because they lie or have
// died, must not keep others' bodies from coming. There are more of them than
// parts are fetched at once.
func TestWithheldBodiesBlockNobody(t *testing.T) {
	virtually(t, 4, study.Study{Rounds: 1}, func(t *testing.T, f *federation) {
		ctx, nodes, end := f.listening(t, 4)
		defer end()
		content, ref := chunks(t, 20)
		if err := nodes[1].parts.Put(ref, content); err != nil {
			t.Fatal(err)
		}
		var withheld []protocol.Ref
		for i := range 3 * fetchAtOnce {
			withheld = append(withheld, nowhere(i, 20+60*(i%2)))
		}
		nodes[3].fetchInVain(t, ctx, 1, withheld)
		<-time.After(2 * time.Second)
		nodes[3].inTime(ctx, t, 2, ref, 3*time.Second)
	})
}

// A liar announces what another has posted by another size, before that one's comes:
// it must not keep that from coming, nor get those blamed who serve it.
func TestAnotherSizeKeepsNothingFromComing(t *testing.T) {
	virtually(t, 4, study.Study{Rounds: 1}, func(t *testing.T, f *federation) {
		ctx, nodes, end := f.listening(t, 4)
		defer end()
		content, ref := chunks(t, 20)
		if err := nodes[1].parts.Put(ref, content); err != nil {
			t.Fatal(err)
		}
		larger, longer := ref, ref
		larger.Size++
		longer.Chunks++
		nodes[3].fetchInVain(t, ctx, 1, []protocol.Ref{larger, longer})
		<-time.After(2 * time.Second)
		nodes[3].inTime(ctx, t, 2, ref, 3*time.Second)
		<-time.After(10 * time.Second) // and now it is here
		if refusals := nodes[3].Refusals(); len(refusals) != 1 || refusals[f.roster.Name(1)] == 0 {
			t.Errorf("blamed: %v", refusals)
		}
	})
}

// Nothing is waited for when all is here: a small part takes two round trips, and
// what the transport needs to get up to speed.
func TestFetchTakesTheTimeOfTheNetwork(t *testing.T) {
	virtually(t, 3, study.Study{Rounds: 1}, func(t *testing.T, f *federation) {
		ctx, nodes, end := f.listening(t, 2)
		defer end()
		for _, count := range []int{1, 4, 20} {
			content, ref := chunks(t, count)
			if err := nodes[0].parts.Put(ref, content); err != nil {
				t.Fatal(err)
			}
			line := time.Duration(ref.Size) * 8 * time.Second / 100e6
			nodes[1].inTime(ctx, t, 1, ref, 200*time.Millisecond+2*line)
		}
	})
}

// The same with bodies that come, so slowly that they do not come.
func TestSlowBodiesBlockNobody(t *testing.T) {
	virtually(t, 4, study.Study{Rounds: 1}, func(t *testing.T, f *federation) {
		ctx, nodes, end := f.listening(t, 4)
		defer end()
		content, ref := chunks(t, 20)
		if err := nodes[1].parts.Put(ref, content); err != nil {
			t.Fatal(err)
		}
		nodes[0].host.SetStreamHandler(partProtocol, slowly(nodes[0], chunkTimeout-time.Second))
		var slow []protocol.Ref
		for i := range 2 * fetchAtOnce {
			content, ref := chunks(t, 21+60*(i%2)+i)
			if err := nodes[0].parts.Put(ref, content); err != nil {
				t.Fatal(err)
			}
			slow = append(slow, ref)
		}
		nodes[3].fetchInVain(t, ctx, 1, slow)
		<-time.After(time.Second)
		nodes[3].inTime(ctx, t, 2, ref, 8*time.Second)
	})
}

// Whoever announced a body and gives it slowly, or to some only, is gone around:
// the others have it.
func TestSlowAnnouncerIsGoneAround(t *testing.T) {
	for name, handler := range map[string]func(n *Node) network.StreamHandler{
		"a chunk at a time": func(n *Node) network.StreamHandler { return slowly(n, chunkTimeout-time.Second) },
		"silent":            func(*Node) network.StreamHandler { return func(s network.Stream) { _, _ = io.Copy(io.Discard, s) } },
		"an index and no more": func(n *Node) network.StreamHandler {
			return func(s network.Stream) {
				data, err := frame.Read(s, 64)
				if err != nil {
					return
				}
				q, _ := frame.DecodePartRequest(data)
				_ = n.answerPart(s, q, nil)
				_, _ = io.Copy(io.Discard, s)
			}
		},
	} {
		for _, count := range []int{10, 100} {
			t.Run(name, func(t *testing.T) {
				virtually(t, 3, study.Study{Rounds: 1}, func(t *testing.T, f *federation) {
					ctx, nodes, end := f.listening(t, 3)
					defer end()
					content, ref := chunks(t, count)
					for _, n := range nodes[:2] {
						if err := n.parts.Put(ref, content); err != nil {
							t.Fatal(err)
						}
					}
					nodes[0].host.SetStreamHandler(partProtocol, handler(nodes[0]))
					nodes[2].inTime(ctx, t, 1, ref, 3*askElsewhere)
				})
			})
		}
	}
}

// One body that two hospitals announce, or that is wanted twice, comes once.
func TestSameBodyIsFetchedOnce(t *testing.T) {
	ctx, nodes := listening(t, 3)
	content, ref := chunks(t, 100)
	for _, n := range nodes[:2] {
		if err := n.parts.Put(ref, content); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { nodes[2].mustFetch(ctx, t, protocol.Party(1+i%2), ref) })
	}
	all.Wait()
	sent := nodes[0].Traffic().StreamBytes + nodes[1].Traffic().StreamBytes
	if useful := int64(ref.Size); sent > useful+useful/20 {
		t.Errorf("%d bytes were sent for a part of %d", sent, useful)
	}
}

// A hospital that stops in the middle of a body goes on where it was: what is on
// its disk is not asked for again.
func TestFetchGoesOnAfterARestart(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 1})
	_, nodes, end := f.listening(t, 2)
	content, ref := chunks(t, 100)
	const before = 40
	nodes[0].holding(t, content, ref, func(i int) bool { return i < before })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = nodes[1].fetcher.fetch(ctx, 0, ref)
	}()
	for nodes[0].Traffic().StreamBytes < before*protocol.ChunkSize {
		time.Sleep(time.Millisecond)
	}
	for held := 0; held < before; { // all that was sent is here
		held = 0
		if part, err := nodes[1].parts.Held(ref.Root); err == nil {
			for i := range content {
				if part.Has(i) {
					held++
				}
			}
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
	end()

	ctx, nodes, end = f.listening(t, 2)
	defer end()
	if err := nodes[0].parts.Put(ref, content); err != nil {
		t.Fatal(err)
	}
	nodes[1].mustFetch(ctx, t, 1, ref)
	if sent, left := nodes[0].Traffic().StreamBytes, int64(len(content)-before)*protocol.ChunkSize; sent > left+left/20 {
		t.Errorf("%d bytes were sent for the %d that were missing", sent, left)
	}
}

// A liar that gives wrong chunks is asked once for each part, and not again and
// again.
func TestLiarIsNotAskedAgain(t *testing.T) {
	virtually(t, 3, study.Study{Rounds: 1}, func(t *testing.T, f *federation) {
		ctx, nodes, end := f.listening(t, 3)
		defer end()
		content, ref := chunks(t, 100)
		nodes[1].holding(t, content, ref, func(i int) bool { return i != 70 }) // the last one does not come
		var asked atomic.Int32
		nodes[0].host.SetStreamHandler(partProtocol, func(s network.Stream) {
			defer s.Close()
			for {
				data, err := frame.Read(s, 64)
				if err != nil {
					return
				}
				q, err := frame.DecodePartRequest(data)
				switch {
				case err != nil:
					t.Error(err)
					return
				case q.What == frame.PartIndex:
					part, _ := nodes[1].parts.Held(ref.Root)
					_ = frame.Write(s, part.Index().Encode())
				case q.What == frame.PartHeld:
					_ = frame.Write(s, frame.EncodeHeld(len(content), func(int) bool { return true }))
				default:
					asked.Add(1)
					for range q.Count {
						_ = frame.Write(s, bytes.Repeat([]byte{99}, protocol.ChunkSize))
					}
				}
			}
		})
		nodes[2].fetchInVain(t, ctx, 1, []protocol.Ref{ref})
		<-time.After(time.Minute)
		if asked.Load() == 0 || asked.Load() > 2*spansAtOnce {
			t.Errorf("the liar was asked for chunks %d times", asked.Load())
		}
	})
}

// Who asks and does not read is not sent to: what is on its way is bounded by
// the transport's window, and after a while by nothing at all.
func TestWhoDoesNotReadIsNotSentTo(t *testing.T) {
	virtually(t, 3, study.Study{Rounds: 1}, func(t *testing.T, f *federation) {
		ctx, nodes, end := f.listening(t, 2)
		defer end()
		content, ref := chunks(t, 600) // 39 MB
		if err := nodes[0].parts.Put(ref, content); err != nil {
			t.Fatal(err)
		}
		s, err := nodes[1].host.NewStream(ctx, nodes[0].host.ID(), partProtocol)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Reset()
		request := frame.PartRequest{Root: ref.Root, What: frame.PartChunks, Count: uint32(len(content))}
		if err := frame.Write(s, request.Encode()); err != nil {
			t.Fatal(err)
		}
		<-time.After(chunkTimeout - time.Second)
		sent := nodes[0].Traffic().StreamBytes
		if sent > 10<<20 {
			t.Errorf("%d bytes were sent to somebody who reads none", sent)
		}
		<-time.After(2 * time.Second)
		if _, err := io.Copy(io.Discard, s); err == nil {
			t.Error("the stream is still open")
		}
	})
}

// As many hospitals die as the federation stands, each when it has announced its
// body and before anybody has it: the others' round goes on.
func TestDeathBeforeTheBodiesCame(t *testing.T) {
	s := study.Study{Scheme: protocol.SchemeMasked, Tick: "100ms", Deadlines: study.Deadlines{Commit: 100, Deal: 100, Attest: 30, View: 20}}
	virtually(t, 10, s, func(t *testing.T, f *federation) {
		const length, dead = 50_000, 4 // as many as parts are fetched at once
		for i := range f.work {
			f.work[i] = numbers{party: i + 1, rounds: 1, length: length, limit: 1 << 20}
		}
		f.runAll(func(ctx context.Context, i int) ([]byte, error) {
			cfg := f.config(i)
			cfg.Linger = 5 * time.Second // nobody comes back
			if i >= dead {
				return f.run(ctx, cfg, i)
			}
			cfg.Hooks.BeforePhase = func(_ context.Context, _ uint64, p protocol.Phase) error {
				if p == protocol.Agree {
					return errCrash
				}
				return nil
			}
			n, err := New(cfg)
			if err != nil {
				return nil, err
			}
			n.host.SetStreamHandler(partProtocol, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) })
			f.mu.Lock()
			f.nodes[i] = n
			f.mu.Unlock()
			if _, err := n.Run(ctx); !errors.Is(err, errCrash) {
				return nil, fmt.Errorf("it did not crash: %v", err)
			}
			return binary.BigEndian.AppendUint64(nil, 1), nil
		})
	})
}
