package node

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"consilium/internal/processor"
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
			b.Run(fmt.Sprintf("n=%d/d=%d", n, length), func(b *testing.B) { benchmarkRound(b, n, length, protocol.SchemeShamir) })
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
		b.Run(fmt.Sprintf("%s/n=%d/d=%d", c.scheme, c.n, c.length), func(b *testing.B) { benchmarkRound(b, c.n, c.length, c.scheme) })
	}
}

// BenchmarkPaillierRound is the same with scheme paillier and a published key of
// 2048 bits; beside its time, how long the first hospital was in each phase.
func BenchmarkPaillierRound(b *testing.B) {
	for _, n := range []int{4, 10} {
		b.Run(fmt.Sprintf("n=%d/d=%d", n, 1000), func(b *testing.B) { benchmarkRound(b, n, 1000, protocol.SchemePaillier) })
	}
}

// BenchmarkJointPaillierRound is the same with 10,000 values of 28 bits and a
// published key with shares as its holders make them together. Of ten hospitals
// with two liars, seven decrypt.
func BenchmarkJointPaillierRound(b *testing.B) {
	for _, bits := range []int{2048, 3072} {
		b.Run(fmt.Sprintf("n=10/k=7/d=10000/bits=%d", bits), func(b *testing.B) {
			f := newFederationOf(b, 10, 2, study.Study{Scheme: protocol.SchemePaillier, Deadlines: patient})
			m := measuring{tb: b, f: f, way: way{scheme: protocol.SchemePaillier}, length: 10_000, limit: 1 << 27, bits: bits, rounds: b.N}
			m.begin, m.end = b.ResetTimer, b.StopTimer
			if err := m.run(b.Context()); err != nil {
				b.Fatal(err)
			}
			m.report(b)
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

// testKeys are published keys, for the scheme that needs them; of 0 bits, a dealt
// one of 2048.
func testKeys(b testing.TB, scheme string, bits int, t protocol.Thresholds) []*protocol.PaillierKey {
	b.Helper()
	keys := make([]*protocol.PaillierKey, t.Parties)
	if scheme != protocol.SchemePaillier {
		return keys
	}
	share := testkey.Joint
	if bits == 0 {
		share, bits = testkey.Deal, 2048
	}
	public, shares, err := share(bits, protocol.Holders(t), protocol.HolderThreshold(t))
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

func benchmarkRound(b *testing.B, n, length int, scheme string) {
	benchmarkStudy(b, protocol.Thresholds{Parties: n, Dropouts: protocol.MostDropouts(n, 0)}, length, study.Study{Scheme: scheme})
}

// BenchmarkSlicedRound compares rounds of scheme masked that are sliced with those
// that are not; a tenth of the hospitals may lie, and another tenth drop out.
func BenchmarkSlicedRound(b *testing.B) {
	for _, length := range []int{200_000, 1_000_000} {
		for _, n := range []int{10, 20, 30, 50} {
			for _, sliced := range []bool{false, true} {
				b.Run(fmt.Sprintf("d=%d/n=%d/sliced=%v", length, n, sliced), func(b *testing.B) {
					benchmarkStudy(b, protocol.Thresholds{Parties: n, Liars: n / 10, Dropouts: n / 10}, length, study.Study{Scheme: protocol.SchemeMasked, Sliced: &sliced})
				})
			}
		}
	}
}

func benchmarkStudy(b *testing.B, t protocol.Thresholds, length int, s study.Study) {
	s.Deadlines = patient
	if length >= 1_000_000 {
		s.Tick = "200ms" // an exchange of what is held every ten ticks must not count
	}
	w := ways[slices.IndexFunc(ways, func(w way) bool { return w.scheme == s.Scheme })]
	m := measuring{tb: b, f: newFederationWith(b, t, s), way: w, length: length, rounds: b.N}
	m.begin, m.end = b.ResetTimer, b.StopTimer
	if err := m.run(b.Context()); err != nil {
		b.Fatal(err)
	}
	m.report(b)
}

// patient deadlines leave nobody out.
var patient = study.Deadlines{Commit: 3000, Deal: 3000, Attest: 3000, View: 500}

// measuring runs rounds of real nodes and looks at what they cost. Round 0
// connects everybody and does not count.
type measuring struct {
	tb         testing.TB
	f          *federation
	way        way
	length     int
	limit      int64 // of a value; 0: that of numbers, or of 32 bits
	bits       int   // of a Paillier key that was made together; 0: dealt
	rounds     int
	begin, end func()

	nodes   []*Node
	watch   stopwatch
	elapsed time.Duration // virtual where time is
	cpu     time.Duration // of all nodes
	sent    int64         // by all nodes
	gossip  int64         // of that
	parts   int64         // of that
	peak    uint64        // heap of all nodes
}

func (m *measuring) run(ctx context.Context) error {
	n := len(m.f.homes)
	m.watch.spent = map[protocol.Phase]time.Duration{}
	keys := testKeys(m.tb, m.way.scheme, m.bits, m.f.roster.Thresholds())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := make(chan struct{})
	var ready, complete, all sync.WaitGroup
	ready.Add(n)
	complete.Add(n)
	m.nodes = make([]*Node, n)
	for i := range m.nodes {
		w := numbers{party: i + 1, rounds: m.rounds + 1, length: m.length, limit: m.limit, vary: true}
		if m.way.bits == 32 {
			w.limit = 1 << 20 // sums in 32 bits
		}
		m.f.work[i] = w
		cfg := m.f.config(i)
		cfg.Linger, cfg.Logger, cfg.Paillier = time.Minute, slog.New(slog.DiscardHandler), keys[i]
		cfg.Hooks.BeforeRound = func(ctx context.Context, round uint64) error {
			if round == 1 {
				ready.Done()
				<-started
			}
			return nil
		}
		cfg.Progress = func(p Progress) {
			if i == 0 && p.Round > 0 {
				m.watch.note(p)
			}
			if p.Complete {
				complete.Done()
			}
		}
		var err error
		if m.nodes[i], err = New(cfg); err != nil {
			return err
		}
		m.f.nodes[i] = m.nodes[i]
	}
	errs := make(chan error, n)
	for _, node := range m.nodes {
		all.Go(func() {
			if _, err := node.Run(ctx); err != nil && ctx.Err() == nil {
				errs <- err
				panic(err) // the others would wait for ever
			}
		})
	}
	ready.Wait()
	runtime.GC()
	gossip, parts, before := sent(m.nodes)
	cpu, peak := processor.Time(), watchHeap(ctx)
	began := time.Now()
	m.begin()
	close(started)
	complete.Wait()
	m.end()
	m.elapsed, m.cpu, m.peak = time.Since(began), processor.Time()-cpu, peak.Load()
	m.gossip, m.parts, m.sent = sent(m.nodes)
	m.gossip, m.parts, m.sent = m.gossip-gossip, m.parts-parts, m.sent-before
	cancel()
	all.Wait()
	return nil
}

func (m *measuring) report(b *testing.B) {
	n, rounds := float64(len(m.nodes)), float64(m.rounds)
	for phase, spent := range m.watch.spent {
		b.ReportMetric(spent.Seconds()*1000/rounds, "ms-"+phase.String())
	}
	b.ReportMetric(m.cpu.Seconds()/n/rounds, "cpu-s/hospital")
	b.ReportMetric(float64(m.sent)/n/rounds/1e6, "MB-sent/hospital")
	b.ReportMetric(float64(m.gossip)/n/rounds/1e6, "MB-gossip/hospital")
	b.ReportMetric(float64(m.parts)/n/rounds/1e6, "MB-parts/hospital")
	b.ReportMetric(float64(m.peak)/1e6, "MB-heap")
	b.ReportMetric(float64(m.peak)/(n*8*float64(m.length)), "vectors/hospital")
	if m.way.scheme != protocol.SchemePaillier {
		b.ReportMetric(m.useful()/1e6, "MB-useful/hospital")
	}
}

// useful is what must travel: shares for the n−k others that are not sent a seed
// and the openings that k−1 others make do with; or a masked update to everybody, or
// in a sliced round to those who hold each slice, and then the sum once.
func (m *measuring) useful() float64 {
	n, k, packing := len(m.nodes), m.f.roster.Thresholds().Openings(), int(m.f.study.Packing)
	if m.way.scheme == protocol.SchemeShamir {
		packing = max(1, packing)
		return float64(8 * (m.length + packing - 1) / packing * (n - 1 - (k - packing) + k - 1))
	}
	t, vector := m.f.roster.Thresholds(), float64(m.way.bits/8*m.length)
	if sliced, _ := m.f.study.Slices(t, uint64(m.length), 1<<20); sliced {
		return vector * float64((t.Missing()+1)*(n-1)+n-max(2, t.Liars+1)) / float64(n)
	}
	return vector * float64(n-1)
}

func sent(nodes []*Node) (gossip, parts, all int64) {
	for _, n := range nodes {
		t := n.Traffic()
		gossip += t.GossipBytes
		parts += t.PartBytes
		all += t.GossipBytes + t.StreamBytes
	}
	return gossip, parts, all
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
