package node

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"consilium/internal/measured"
	"consilium/node/study"
	"consilium/protocol"
)

// BenchmarkVirtualRound is a whole round of real nodes over a simulated network:
// QUIC, 100 Mbit/s in and out of each hospital, 20 ms one way between any two.
// Its seconds (virtual-s) are those of the network: computing takes no virtual
// time. What it takes is reported beside it as processor seconds of a hospital, of
// all its libp2p, TLS and disk, too. Run it with -benchtime 1x; with
// -csv it writes docs/figures/rounds.csv.
func BenchmarkVirtualRound(b *testing.B) {
	for _, way := range ways {
		for _, n := range []int{4, 10, 30, 100} {
			for _, length := range []int{100, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000, 100_000, 300_000, 1_000_000} {
				b.Run(fmt.Sprintf("%s/n=%d/d=%d", way.name, n, length), func(b *testing.B) {
					if way.scheme == protocol.SchemePaillier && length > 10_000 || n*n*length > 1_000_000_000 {
						b.Skip("too large for this machine")
					}
					benchmarkVirtualRound(b, n, length, way)
				})
			}
		}
	}
}

// way is how sums are made.
type way struct {
	name, scheme string
	bits         int // of the ring of scheme masked, and of sums
	colluders    int // fewer than the most let scheme shamir pack
}

var ways = []way{
	{"masked", protocol.SchemeMasked, 32, 0}, {"masked64", protocol.SchemeMasked, 64, 0},
	{"shamir", protocol.SchemeShamir, 64, 0}, {"packed", protocol.SchemeShamir, 64, 2},
	{"paillier", protocol.SchemePaillier, 64, 0},
}

func benchmarkVirtualRound(b *testing.B, n, length int, w way) {
	m := measuring{tb: b, way: w, length: length, rounds: b.N, begin: b.ResetTimer, end: b.StopTimer}
	var err error
	// synctest.Test needs nothing of its *testing.T but that it is there; see
	// testnet/virtual.go.
	synctest.Test(new(testing.T), func(*testing.T) {
		m.f = newFederation(b, n, study.Study{Scheme: w.scheme, Colluders: w.colluders, Tick: "100ms", Deadlines: patient})
		if _, err = m.f.study.Settle(m.f.roster.Thresholds()); err != nil {
			return
		}
		defer m.f.simulate().Close()
		err = m.run(context.Background())
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(m.elapsed.Seconds()/float64(m.rounds), "virtual-s")
	m.report(b)
	nodes := float64(n * m.rounds)
	measured.Add(b, []string{"virtual_seconds", "processor_seconds", "megabytes_sent", "of_that_gossip"}, measured.Row{
		Name: w.name, Hospitals: n, Values: length,
		Found: []float64{m.elapsed.Seconds() / float64(m.rounds), m.cpu.Seconds() / nodes, float64(m.sent) / nodes / 1e6, float64(m.gossip) / nodes / 1e6},
	})
}
