package node

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"consilium/node/study"
	"consilium/protocol"
)

// slicedFederation is one whose rounds are sliced, with sums of so many values in
// the ring of 32 bits.
func slicedFederation(t *testing.T, n, f, c, rounds, length int) (*federation, func(included ...int)) {
	t.Helper()
	yes := true
	fed := newFederationOf(t, protocol.Thresholds{Parties: n, Liars: f, Dropouts: c}, study.Study{
		Scheme: protocol.SchemeMasked, Sliced: &yes, Tick: "50ms", Deadlines: study.Deadlines{Commit: 400, Deal: 400, Attest: 100, View: 50},
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
		for _, p := range included {
			update, _ := numbers{party: p, length: length, limit: 1 << 20}.Update(nil)
			for i, v := range update {
				plain[i] += v
			}
		}
		found := 0
		sums.Range(func(key, value any) bool {
			found++
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

// "Slicing costs 2·S", here f+c+2 vectors: with twenty hospitals of which one may
// lie and two drop out, five and not nineteen.
func TestSlicedTraffic(t *testing.T) {
	const n, length, vector = 20, 200_000, 4 * 200_000
	f, check := slicedFederation(t, n, 1, 2, 1, length)
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
