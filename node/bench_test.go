package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"consilium/node/study"
	"consilium/paillier/testkey"
	"consilium/protocol"
)

// BenchmarkRound is a whole round of real nodes in one process on loopback: TLS,
// gossip, streams, fsync. An operation is one round. Reported beside its time:
// what a hospital sent, how much of that it had to send (its shares for the
// others, and its opening, once each), and the largest heap of all hospitals
// together.
func BenchmarkRound(b *testing.B) {
	for _, n := range []int{4, 10} {
		for _, length := range []int{1_000, 100_000} {
			b.Run(fmt.Sprintf("n=%d/d=%d", n, length), func(b *testing.B) {
				benchmarkRound(b, mostDropouts(n), length, study.Study{Scheme: protocol.SchemeShamir})
			})
		}
	}
}

// BenchmarkLargeRound is the same with vectors that memory has to be spared for:
// run it with GOGC=50, which is what the program sets. A vector is 8 bytes a value, and the heap that
// of all hospitals.
func BenchmarkLargeRound(b *testing.B) {
	for _, c := range []struct {
		scheme    string
		n, length int
	}{
		{protocol.SchemeShamir, 10, 1_000_000}, {protocol.SchemeShamir, 4, 10_000_000},
		{protocol.SchemeMasked, 10, 1_000_000}, {protocol.SchemeMasked, 10, 10_000_000},
	} {
		b.Run(fmt.Sprintf("%s/n=%d/d=%d", c.scheme, c.n, c.length), func(b *testing.B) {
			benchmarkRound(b, mostDropouts(c.n), c.length, study.Study{Scheme: c.scheme})
		})
	}
}

// BenchmarkSlicedRound compares rounds of scheme masked that are sliced with those
// that are not; a tenth of the hospitals may lie, and another tenth drop out.
func BenchmarkSlicedRound(b *testing.B) {
	for _, length := range []int{200_000, 1_000_000} {
		for _, n := range []int{10, 20, 30, 50} {
			for _, sliced := range []bool{false, true} {
				b.Run(fmt.Sprintf("d=%d/n=%d/sliced=%v", length, n, sliced), func(b *testing.B) {
					benchmarkRound(b, protocol.Thresholds{Parties: n, Liars: n / 10, Dropouts: n / 10}, length, study.Study{Scheme: protocol.SchemeMasked, Sliced: &sliced})
				})
			}
		}
	}
}

func mostDropouts(n int) protocol.Thresholds {
	return protocol.Thresholds{Parties: n, Dropouts: protocol.MostDropouts(n, 0)}
}

// BenchmarkPaillierRound is the same with scheme paillier and a published key of
// 2048 bits; beside its time, how long the first hospital was in each phase.
func BenchmarkPaillierRound(b *testing.B) {
	for _, n := range []int{4, 10} {
		b.Run(fmt.Sprintf("n=%d/d=%d", n, 1000), func(b *testing.B) {
			benchmarkRound(b, mostDropouts(n), 1000, study.Study{Scheme: protocol.SchemePaillier})
		})
	}
}

// stopwatch adds up how long a node is in each phase.
type stopwatch struct {
	mu    sync.Mutex
	phase protocol.Phase
	since time.Time
	spent map[protocol.Phase]time.Duration
}

func (s *stopwatch) note(p Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.since.IsZero() {
		s.spent[s.phase] += now.Sub(s.since)
	}
	s.phase, s.since = p.Phase, now
}

// testKeys are published keys, for the scheme that needs them.
func testKeys(b *testing.B, scheme string, t protocol.Thresholds) []*protocol.PaillierKey {
	b.Helper()
	keys := make([]*protocol.PaillierKey, t.Parties)
	if scheme != protocol.SchemePaillier {
		return keys
	}
	public, shares, err := testkey.Deal(2048, protocol.Holders(t), protocol.HolderThreshold(t))
	if err != nil {
		b.Fatal(err)
	}
	for i := range keys {
		if keys[i], err = protocol.NewPaillierKey(public, shares[i]); err != nil {
			b.Fatal(err)
		}
	}
	return keys
}

func benchmarkRound(b *testing.B, t protocol.Thresholds, length int, s study.Study) {
	n, scheme := t.Parties, s.Scheme
	s.Deadlines = study.Deadlines{Commit: 3000, Deal: 3000, Attest: 3000, View: 500}
	if length >= 1_000_000 {
		s.Tick = "200ms" // an exchange of what is held every ten ticks must not count
	}
	f := newFederationOf(b, t, s)
	keys := testKeys(b, scheme, f.roster.Thresholds())
	watch := &stopwatch{spent: map[protocol.Phase]time.Duration{}}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	started := make(chan struct{})
	var ready, complete, all sync.WaitGroup
	ready.Add(n)
	complete.Add(n)
	nodes := make([]*Node, n)
	for i := range nodes {
		w := numbers{party: i + 1, rounds: b.N + 1, length: length, vary: true}
		if scheme == protocol.SchemeMasked {
			w.limit = 1 << 20 // sums in 32 bits
		}
		f.work[i] = w
		cfg := f.config(i)
		cfg.Linger, cfg.Logger = time.Minute, slog.New(slog.NewTextHandler(io.Discard, nil))
		cfg.Hooks.BeforeRound = func(_ context.Context, round uint64) error {
			if round == 1 { // round 0 connects everybody
				ready.Done()
				<-started
			}
			return nil
		}
		cfg.Paillier = keys[i]
		cfg.Progress = func(p Progress) {
			if i == 0 && p.Round > 0 {
				watch.note(p)
			}
			if p.Complete {
				complete.Done()
			}
		}
		var err error
		if nodes[i], err = New(cfg); err != nil {
			b.Fatal(err)
		}
		f.nodes[i] = nodes[i]
	}
	for _, node := range nodes {
		all.Go(func() {
			if _, err := node.Run(ctx); err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		})
	}
	ready.Wait()
	before, parts := sent(nodes), sentParts(nodes)
	spent := processorTime()
	peak := watchHeap(ctx)
	b.ResetTimer()
	close(started)
	complete.Wait()
	b.StopTimer()
	each := float64(n) * float64(b.N)
	b.ReportMetric((processorTime()-spent).Seconds()/each, "cpu-s/hospital")
	b.ReportMetric(float64(sentParts(nodes)-parts)/each/1e6, "MB-parts/hospital")
	defer all.Wait()
	for phase, spent := range watch.spent {
		b.ReportMetric(spent.Seconds()*1000/float64(b.N), "ms-"+phase.String())
	}
	if scheme == protocol.SchemePaillier {
		return
	}
	// What must travel: shares for the others, but for the k−1 that are sent as
	// seeds, and of openings as many as it takes; or a masked update to everybody.
	useful := float64(4 * length * (n - 1))
	if s.Sliced != nil && *s.Sliced { // the slices of all others, and once the sum
		useful = float64(4*length) * (float64((t.Missing()+1)*(n-1))/float64(n) + float64(n-t.Liars-1)/float64(n))
	}
	if scheme == protocol.SchemeShamir {
		k := f.roster.Thresholds().Openings()
		useful = float64(8*length) * (float64((n-k+1)*(n-1))/float64(n) + float64(k-1))
	}
	b.ReportMetric(float64(sent(nodes)-before)/float64(n)/float64(b.N)/1e6, "MB-sent/hospital")
	b.ReportMetric(useful/1e6, "MB-useful/hospital")
	b.ReportMetric(float64(peak.Load())/1e6, "MB-heap")
	b.ReportMetric(float64(peak.Load())/float64(n*8*length), "vectors/hospital")
}

func sent(nodes []*Node) (bytes int64) {
	for _, n := range nodes {
		t := n.Traffic()
		bytes += t.GossipBytes + t.StreamBytes
	}
	return bytes
}

func sentParts(nodes []*Node) (bytes int64) {
	for _, n := range nodes {
		bytes += n.Traffic().PartBytes
	}
	return bytes
}

func watchHeap(ctx context.Context) *atomic.Uint64 {
	peak := &atomic.Uint64{}
	go func() {
		for ctx.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return peak
}
