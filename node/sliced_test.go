package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/store"
	"consilium/node/study"
	"consilium/protocol"
)

// slicedFederation is one whose rounds are sliced, with sums of so many values in
// the ring of 32 bits. check compares all sums with that of those who are included;
// without any, with each other, round by round.
func slicedFederation(t *testing.T, n, f, c, rounds, length int) (*federation, func(included ...int)) {
	t.Helper()
	yes := true
	fed := newFederationWith(t, protocol.Thresholds{Parties: n, Liars: f, Dropouts: c}, study.Study{
		Scheme: protocol.SchemeMasked, Sliced: &yes, Tick: "50ms", Deadlines: study.Deadlines{Commit: 3000, Deal: 3000, Attest: 3000, View: 500},
	})
	sums := fed.sumNumbers(rounds, length)
	for i := range fed.work {
		w := fed.work[i].(numbers)
		w.limit = 1 << 20
		fed.work[i] = w
	}
	return fed, func(included ...int) {
		t.Helper()
		plain := make(protocol.Vector, length)
		same := map[string]protocol.Vector{}
		for _, p := range included {
			update, _ := numbers{party: p, length: length, limit: 1 << 20}.Update(nil)
			for i, v := range update {
				plain[i] += v
			}
		}
		found := 0
		sums.Range(func(key, value any) bool {
			found++
			_, round, _ := strings.Cut(key.(string), " ")
			if same[round] == nil {
				same[round] = value.(protocol.Vector)
			}
			if included == nil {
				plain = same[round]
			}
			for i, v := range value.(protocol.Vector) {
				if v != plain[i] {
					t.Fatalf("%v: value %d is %d, want %d", key, i, v, plain[i])
				}
			}
			return true
		})
		if found < n*rounds {
			t.Fatalf("%d sums of %d hospitals in %d rounds", found, n, rounds)
		}
	}
}

func everybody(n int) (list []int) {
	for p := 1; p <= n; p++ {
		list = append(list, p)
	}
	return list
}

func TestSlicedRounds(t *testing.T) {
	f, check := slicedFederation(t, 5, 0, 1, 2, 30_000)
	f.runAll(f.once)
	check(everybody(5)...)
}

// A hospital that crashes in a sliced round, and comes back on what its disk
// holds: its slices of the others' updates among it.
func TestSlicedRoundAfterACrash(t *testing.T) {
	for _, phase := range []protocol.Phase{protocol.Mask, protocol.Agree, protocol.Open, protocol.Combine} {
		t.Run(phase.String(), func(t *testing.T) {
			f, check := slicedFederation(t, 5, 0, 1, 1, 200_000)
			f.runAll(func(ctx context.Context, i int) ([]byte, error) {
				if i == 1 {
					cfg := f.config(i)
					cfg.Hooks.BeforePhase = func(_ context.Context, _ uint64, p protocol.Phase) error {
						if p == phase {
							return errCrash
						}
						return nil
					}
					if _, err := f.run(ctx, cfg, i); !errors.Is(err, errCrash) {
						return nil, fmt.Errorf("it did not crash: %v", err)
					}
				}
				return f.once(ctx, i)
			})
			check(everybody(5)...)
		})
	}
}

// A hospital is gone until the others have finished the round: they step in for
// it, and it comes to the same sum by what they still hold.
func TestSlicedRoundWithoutOne(t *testing.T) {
	for _, phase := range []protocol.Phase{protocol.Mask, protocol.Agree, protocol.Combine} {
		t.Run(phase.String(), func(t *testing.T) {
			f, check := slicedFederation(t, 6, 0, 1, 2, 100_000)
			var finished sync.WaitGroup
			finished.Add(5)
			f.runAll(func(ctx context.Context, i int) ([]byte, error) {
				cfg := f.config(i)
				if i != 1 {
					cfg.Progress = func(p Progress) {
						if p.Finished != nil && p.Round == 1 {
							finished.Done()
						}
					}
					return f.run(ctx, cfg, i)
				}
				cfg.Hooks.BeforePhase = func(_ context.Context, round uint64, p protocol.Phase) error {
					if round == 1 && p == phase {
						return errCrash
					}
					return nil
				}
				if _, err := f.run(ctx, cfg, i); !errors.Is(err, errCrash) {
					return nil, fmt.Errorf("it did not crash: %v", err)
				}
				finished.Wait()
				return f.once(ctx, i)
			})
			check()
		})
	}
}

// "Slicing costs 2·S", here f+c+2 vectors: with twenty hospitals of which one may
// lie and two drop out, five and not nineteen.
func TestSlicedTraffic(t *testing.T) {
	const n, length, vector = 20, 200_000, 4 * 200_000
	f, check := slicedFederation(t, n, 1, 2, 1, length)
	f.wait = 5 * time.Minute // twenty hospitals share the processors of one
	var sent [n]Traffic
	began := time.Now()
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg := f.config(i)
		node, err := New(cfg)
		if err != nil {
			return nil, err
		}
		f.mu.Lock()
		f.nodes[i] = node
		f.mu.Unlock()
		state, err := node.Run(ctx)
		sent[i] = node.Traffic()
		return state, err
	})
	check(everybody(n)...)
	total, gossip, exchange := int64(0), int64(0), int64(0)
	for _, traffic := range sent {
		total += traffic.PartBytes
		gossip += traffic.GossipBytes
		exchange += traffic.StreamBytes - traffic.PartBytes
	}
	t.Logf("on average %.2f vectors in parts, %.2f in gossip, %.2f in exchanges, in %v",
		float64(total)/n/vector, float64(gossip)/n/vector, float64(exchange)/n/vector, time.Since(began))
	if total > n*vector*5 {
		t.Errorf("a hospital sent %.2f vectors on average, five are needed", float64(total)/n/vector)
	}
}

// holdingSome gives a node some chunks of a part, as if it had wanted these.
func (n *Node) holdingSome(t *testing.T, content protocol.Chunks, ref protocol.Ref, held func(i int) bool) {
	t.Helper()
	x := store.Index{}
	for _, chunk := range content {
		x.Lengths, x.Leaves = append(x.Lengths, uint32(len(chunk))), append(x.Leaves, protocol.Leaf(chunk))
	}
	w, err := n.parts.Sparse(ref, x)
	if err != nil {
		t.Fatal(err)
	}
	for i, chunk := range content {
		if held(i) {
			if err := w.Write(i, chunk); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func some(ref protocol.Ref, from protocol.Party, first, count uint32) protocol.Want {
	return protocol.Want{From: from, Ref: ref, First: first, Count: count, Each: protocol.ChunkSize}
}

// Some chunks come from the owner, and where it is gone from whoever holds some of
// them; nothing else is sent, and what came before a cut is not sent again.
func TestFetchSomeChunks(t *testing.T) {
	ctx, nodes := listening(t, 4)
	content, ref := chunks(t, 40)
	if err := nodes[0].parts.Put(ref, content); err != nil {
		t.Fatal(err)
	}
	mustRead := func(n *Node, want protocol.Want) {
		t.Helper()
		source, err := n.fetcher.fetchChunks(ctx, want)
		if err != nil {
			t.Fatal(err)
		}
		for i := int(want.First); i < int(want.First+want.Count); i++ {
			if chunk, err := source.Chunk(i); err != nil || !bytes.Equal(chunk, content[i]) {
				t.Fatalf("chunk %d: %v", i, err)
			}
		}
	}
	var cuts atomic.Int32
	nodes[0].host.SetStreamHandler(partProtocol, func(s network.Stream) {
		if cuts.Add(1) <= 2 {
			s = &cutStream{Stream: s, left: 5 * protocol.ChunkSize}
		}
		nodes[0].servePart(s)
	})
	mustRead(nodes[3], some(ref, 1, 10, 12))
	mustRead(nodes[3], some(ref, 1, 38, 2))
	sent := nodes[0].Traffic().PartBytes
	if useful := int64(14 * protocol.ChunkSize); sent > useful+useful/20+3*protocol.ChunkSize {
		t.Errorf("%d bytes were sent for %d", sent, useful)
	}
	if _, err := nodes[3].parts.Open(ref.Root); err == nil {
		t.Error("a part of which some chunks are here opens as a whole")
	}
	// The owner is gone: hospitals 2, 3 and 4 have what there is.
	nodes[0].host.RemoveStreamHandler(partProtocol)
	nodes[1].holdingSome(t, content, ref, func(i int) bool { return i < 3 })
	nodes[2].holdingSome(t, content, ref, func(i int) bool { return i >= 3 && i < 8 })
	mustRead(nodes[3], some(ref, 1, 1, 5))
	mustRead(nodes[1], some(ref, 1, 12, 8)) // from hospital 4
}

// Chunks of another length than the round has are not fetched: from whoever
// announces such a part nothing could be added up.
func TestFetchRefusesOddChunks(t *testing.T) {
	ctx, nodes := listening(t, 2)
	odd := protocol.Chunks{make([]byte, protocol.ChunkSize-1), make([]byte, protocol.ChunkSize), make([]byte, 1)}
	ref, err := protocol.RefOf(odd)
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].parts.Put(ref, odd); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := nodes[1].fetcher.fetchChunks(short, some(ref, 1, 0, 1)); err == nil {
		t.Error("a part in odd chunks was fetched")
	}
	if nodes[1].Refusals()["h1"] == 0 {
		t.Error("nobody is named")
	}
	// Meanwhile others go ahead.
	content, good := chunks(t, 3)
	if err := nodes[0].parts.Put(good, content); err != nil {
		t.Fatal(err)
	}
	for range fetchAtOnce*sources + 1 {
		go nodes[1].fetcher.fetchChunks(ctx, some(ref, 1, 0, 1))
	}
	if _, err := nodes[1].fetcher.fetchChunks(ctx, some(good, 1, 0, 3)); err != nil {
		t.Error(err)
	}
}
