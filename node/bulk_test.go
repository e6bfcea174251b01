package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"consilium/node/frame"
	"consilium/node/store"
	"consilium/node/study"
	"consilium/protocol"
)

// numbers is work with vectors of any length: a state is the number of the next
// round and the last sum's hash.
type numbers struct {
	party, rounds, length int
	sums                  *sync.Map // by round
	limit                 int64     // of a value; 0: 2⁵⁰
}

func (w numbers) Start() ([]byte, error) { return make([]byte, 8), nil }

func (w numbers) Next(state []byte) (Step, bool, error) {
	if len(state) != 8 {
		return Step{}, false, errors.New("a state of another length")
	}
	round := binary.BigEndian.Uint64(state)
	limit := w.limit
	if limit == 0 {
		limit = 1 << 50
	}
	return Step{Round: round, Name: "sum", Length: w.length, Limit: limit}, round < uint64(w.rounds), nil
}

func (w numbers) Update(state []byte) (protocol.Vector, error) {
	v := make(protocol.Vector, w.length)
	for i := range v {
		v[i] = int64(w.party*1_000_003+i*7) * int64(1-2*(i%2))
		if w.limit > 0 {
			v[i] %= w.limit
		}
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

func (w numbers) Again(state []byte) ([]byte, error) { return w.Skip(state) }

func (w numbers) Skip(state []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(state)+1), nil
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

// listening are nodes of a federation that answer and do nothing else. end
// closes them.
func listening(t *testing.T, n int) (ctx context.Context, nodes []*Node) {
	t.Helper()
	ctx, nodes, end := newFederation(t, max(n, 3), study.Study{Rounds: 1}).listening(t, n)
	t.Cleanup(end)
	return ctx, nodes
}

func (f *federation) listening(t *testing.T, n int) (ctx context.Context, nodes []*Node, end func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	nodes = make([]*Node, n)
	for i := range nodes {
		var err error
		if nodes[i], err = New(f.config(i)); err != nil {
			t.Fatal(err)
		}
		f.nodes[i] = nodes[i]
	}
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
	for _, n := range nodes {
		for len(n.peers.connectedParties()) < len(nodes)-1 {
			time.Sleep(time.Millisecond)
		}
	}
	return ctx, nodes, func() {
		cancel()
		for _, n := range nodes {
			n.Close()
		}
	}
}

// chunks is content of so many chunks, each another.
func chunks(t *testing.T, count int) (protocol.Chunks, protocol.Ref) {
	t.Helper()
	content := protocol.Chunks{}
	for i := range count {
		content = append(content, bytes.Repeat([]byte{byte(i)}, protocol.ChunkSize))
	}
	ref, err := protocol.RefOf(content)
	if err != nil {
		t.Fatal(err)
	}
	return content, ref
}

// holding begins a part at a node and gives it some of the chunks.
func (n *Node) holding(t *testing.T, content protocol.Chunks, ref protocol.Ref, held func(i int) bool) {
	t.Helper()
	x := store.Index{}
	for _, chunk := range content {
		x.Lengths, x.Leaves = append(x.Lengths, uint32(len(chunk))), append(x.Leaves, protocol.Leaf(chunk))
	}
	w, err := n.parts.Create(ref, x)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Abort)
	for i, chunk := range content {
		if held(i) {
			if err := w.Write(i, chunk); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (n *Node) mustFetch(ctx context.Context, t *testing.T, from protocol.Party, ref protocol.Ref) {
	t.Helper()
	part, err := n.fetcher.fetch(ctx, from, ref)
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	if got, err := protocol.RefOf(part); err != nil || got != ref {
		t.Fatalf("another part came: %v", err)
	}
}

// "A cut link in the middle of a body costs only what was in flight": what came
// is not asked for again.
func TestFetchGoesOnBehindACut(t *testing.T) {
	for _, count := range []int{20, 100} { // from one hospital, and from several
		ctx, nodes := listening(t, 2)
		content, ref := chunks(t, count)
		if err := nodes[0].parts.Put(ref, content); err != nil {
			t.Fatal(err)
		}
		var cuts atomic.Int32 // the first answers break off
		nodes[0].host.SetStreamHandler(partProtocol, func(s network.Stream) {
			if cuts.Add(1) <= 3 {
				s = &cutStream{Stream: s, left: 7 * protocol.ChunkSize}
			}
			nodes[0].servePart(s)
		})
		nodes[1].mustFetch(ctx, t, 1, ref)
		sent := nodes[0].Traffic().StreamBytes
		if useful := int64(ref.Size); sent > useful+useful/20+3*protocol.ChunkSize || cuts.Load() < 4 {
			t.Fatalf("%d cuts, %d bytes were sent for a part of %d: more than what was in flight", cuts.Load(), sent, useful)
		}
	}
}

// A large part comes from several hospitals at once, none of which has all of
// it, and no chunk comes twice.
func TestFetchFromSeveralHospitals(t *testing.T) {
	ctx, nodes := listening(t, 4)
	content, ref := chunks(t, 120)
	for i, n := range nodes[:3] {
		n.holding(t, content, ref, func(chunk int) bool { return chunk/10%3 == i })
	}
	nodes[3].mustFetch(ctx, t, 0, ref)
	total := int64(0)
	for i, n := range nodes[:3] {
		sent := n.Traffic().StreamBytes
		if sent < 40*protocol.ChunkSize {
			t.Errorf("hospital %d sent %d bytes", i+1, sent)
		}
		total += sent
	}
	if useful := int64(ref.Size); total > useful+useful/50 {
		t.Errorf("%d bytes were sent for a part of %d", total, useful)
	}
}

// A hospital that gives wrong chunks, or none, is left for another.
func TestFetchLeavesALiar(t *testing.T) {
	ctx, nodes := listening(t, 3)
	content, ref := chunks(t, 80)
	if err := nodes[1].parts.Put(ref, content); err != nil {
		t.Fatal(err)
	}
	wrong := protocol.Chunks{}
	for range content {
		wrong = append(wrong, bytes.Repeat([]byte{99}, protocol.ChunkSize))
	}
	nodes[0].host.SetStreamHandler(partProtocol, func(s network.Stream) {
		defer s.Close()
		for {
			data, err := frame.Read(s, 64)
			if err != nil {
				return
			}
			q, err := frame.DecodePartRequest(data)
			if err != nil {
				t.Error(err)
				return
			}
			if q.What == frame.PartIndex {
				part, _ := nodes[1].parts.Open(ref.Root)
				_ = frame.Write(s, part.Index().Encode())
				part.Close()
				continue
			}
			for range q.Count {
				_ = frame.Write(s, wrong[0])
			}
		}
	})
	nodes[2].mustFetch(ctx, t, 1, ref)
	if nodes[2].Refusals()["h1"] == 0 {
		t.Error("the liar is not named")
	}
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

// "Bodies spooled to disk and folded after the certificate: a node's peak memory
// is at most 3 vectors, not n." Five other updates of half a vector each pass
// through a hospital, and are never in its memory together. What counts is what is
// alive, beyond what was there before the round.
func TestMemoryIsThreeVectors(t *testing.T) {
	const n, length = 6, 500_000
	var before, peak uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	m := measuring{tb: t, f: newFederation(t, n, study.Study{Scheme: protocol.SchemeMasked, Deadlines: patient}), way: ways[0], length: length, rounds: 1}
	m.begin = func() {
		before = alive()
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					peak = max(peak, alive())
				}
			}
		}()
	}
	m.end = func() { close(stop) }
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-stopped
	vectors := float64(peak-before) / (n * 8 * length)
	t.Logf("a hospital held %.2f vectors at most", vectors)
	if vectors > 3 {
		t.Errorf("a hospital held %.2f vectors", vectors)
	}
}

// alive is how many bytes are left after a collection.
func alive() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
