package keygen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"consilium/paillier"
	"consilium/protocol"
	"consilium/protocol/protocoltest/interactivetest"
)

// BenchmarkPaillierRound is what one hospital of ten computes in a round of scheme
// paillier, 10,000 values of 28 bits, with a key that ten parties made and seven
// use: processor seconds by phase, and bytes posted. CONSILIUM_BITS is the key's
// length, 512 by default; at 3072 making it takes ten minutes of processor time,
// so CONSILIUM_KEY names a file to keep it in.
func BenchmarkPaillierRound(b *testing.B) {
	const n, k, values = 10, 7, 10_000
	key, shares := jointKey(b, n, k)
	d := protocol.Description{
		Federation: "benchmark", Epoch: 1, Round: 1, Step: "train", Scheme: protocol.SchemePaillier,
		Thresholds: protocol.Thresholds{Parties: n, Liars: 2, Dropouts: 1}, Length: values, Limit: 1 << 27,
	}
	first, err := protocol.NewPaillierKey(key, nil)
	if err != nil {
		b.Fatal(err)
	}
	d.Key = first.Digest()
	schemes := make([]*protocol.Paillier, n+1)
	for party := 1; party <= n; party++ {
		own := *first
		own.Share = shares[party-1]
		if schemes[party], err = protocol.NewPaillier(protocol.Party(party), d, &own); err != nil {
			b.Fatal(err)
		}
	}
	update := make(protocol.Vector, values)
	for i := range update {
		update[i] = int64(i * 1000)
	}
	for b.Loop() {
		set := protocol.Certified{ID: protocol.Hash{1}}
		for party := 1; party <= n; party++ {
			start := processorTime()
			body, err := schemes[party].Deal(update, protocol.Seed{byte(party)})
			if err != nil {
				b.Fatal(err)
			}
			report(b, party == 1, start, "deal")
			set.Included = append(set.Included, protocol.Post{From: protocol.Party(party), Body: body})
		}
		start := processorTime()
		for _, deal := range set.Included[1:] {
			if err := schemes[1].Check(deal.From, deal.Body); err != nil {
				b.Fatal(err)
			}
		}
		report(b, true, start, "check")
		var openings []protocol.Post
		for party := 1; party <= k; party++ {
			start := processorTime()
			body, err := schemes[party].Open(set, protocol.Seed{byte(party)})
			if err != nil {
				b.Fatal(err)
			}
			report(b, party == 1, start, "open")
			openings = append(openings, protocol.Post{From: protocol.Party(party), Body: body})
		}
		start = processorTime()
		sum, err := schemes[1].Combine(set, openings)
		if err != nil || sum[7] != 7000*n {
			b.Fatal(sum[7], err)
		}
		report(b, true, start, "combine")
		b.ReportMetric(float64(bytesOf(b, set.Included[0].Body))/1e3, "kB-deal")
		b.ReportMetric(float64(bytesOf(b, openings[0].Body))/1e3, "kB-opening")
	}
}

func report(b *testing.B, first bool, start time.Duration, phase string) {
	if first {
		b.ReportMetric((processorTime() - start).Seconds(), "s-"+phase)
	}
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func bytesOf(b *testing.B, body protocol.Body) int {
	total := len(body.Public)
	for _, part := range body.Parts {
		for i := range part.Chunks() {
			chunk, err := part.Chunk(i)
			if err != nil {
				b.Fatal(err)
			}
			total += len(chunk)
		}
	}
	return total
}

// jointKey makes a key of k among n parties, or reads the one that it made before.
func jointKey(b *testing.B, n, k int) (*paillier.ThresholdKey, []*paillier.KeyShare) {
	b.Helper()
	bits := 512
	if s := os.Getenv("CONSILIUM_BITS"); s != "" {
		var err error
		if bits, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	var made []Made
	file := os.Getenv("CONSILIUM_KEY")
	if data, err := os.ReadFile(file); file == "" {
		// Nothing is kept.
	} else if err == nil {
		if err := json.Unmarshal(data, &made); err != nil {
			b.Fatal(err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		b.Fatal(err)
	}
	if len(made) == 0 {
		p := newParties(n, k, bits, 1, func(party int, c *Config) {
			c.Candidates = DefaultCandidates
			if party == 1 {
				c.Report = func(s Progress) { fmt.Fprintln(os.Stderr, s, processorTime()) }
			}
		})
		run := interactivetest.Run(interactivetest.Options{}, p.programs...)
		for party := 1; party <= n; party++ {
			if run.Errors[party] != nil {
				b.Fatal(run.Errors[party])
			}
			made = append(made, *p.checkpoints[party].Made)
		}
		fmt.Fprintf(os.Stderr, "%d rounds, %d bytes sent by each\n", run.Rounds, run.Sent[1])
		if file != "" {
			data, err := json.Marshal(made)
			if err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(file, data, 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	key, err := paillier.DecodeThresholdKey(made[0].Key, paillier.InsecureCeremonyBits)
	if err != nil {
		b.Fatal(err)
	}
	var shares []*paillier.KeyShare
	for _, m := range made {
		share, err := key.DecodeKeyShare(m.Share)
		if err != nil {
			b.Fatal(err)
		}
		shares = append(shares, share)
	}
	return key, shares
}
