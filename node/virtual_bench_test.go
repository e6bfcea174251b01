package node

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"consilium/node/study"
	"consilium/protocol"
)

// BenchmarkVirtualRound is a whole round of real nodes over a simulated network:
// QUIC, 100 Mbit/s in and out of each hospital, 20 ms one way between any two.
// Its seconds (virtual-s) are those of the network: computing takes no virtual
// time. What it takes is reported beside it as processor seconds of a hospital, of
// all its libp2p, TLS and disk, too. Run it with -benchtime 1x.
func BenchmarkVirtualRound(b *testing.B) {
	for _, c := range []struct {
		scheme  string
		n       int
		lengths []int
	}{
		{protocol.SchemeMasked, 10, []int{1_000, 10_000, 100_000, 1_000_000}},
		{protocol.SchemeMasked, 30, []int{1_000, 10_000, 100_000, 1_000_000}},
		{protocol.SchemeMasked, 100, []int{1_000, 10_000, 100_000}},
		{protocol.SchemeShamir, 10, []int{1_000, 10_000, 30_000, 100_000, 1_000_000}},
		{protocol.SchemeShamir, 30, []int{1_000, 10_000, 100_000}},
		{protocol.SchemeShamir, 100, []int{1_000, 10_000}},
		{protocol.SchemePaillier, 10, []int{1_000, 10_000}},
	} {
		for _, length := range c.lengths {
			b.Run(fmt.Sprintf("%s/n=%d/d=%d", c.scheme, c.n, length), func(b *testing.B) { benchmarkVirtualRound(b, c.n, length, c.scheme) })
		}
	}
}

func benchmarkVirtualRound(b *testing.B, n, length int, scheme string) {
	m := measuring{b: b, scheme: scheme, length: length, rounds: b.N, begin: b.ResetTimer, end: b.StopTimer}
	var err error
	// synctest.Test needs nothing of its *testing.T but that it is there; see
	// testnet/virtual.go.
	synctest.Test(new(testing.T), func(*testing.T) {
		m.f = newFederation(b, n, study.Study{Scheme: scheme, Tick: "100ms", Deadlines: patient})
		defer m.f.simulate().Close()
		err = m.run(context.Background())
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(m.elapsed.Seconds()/float64(m.rounds), "virtual-s")
	m.report()
}
