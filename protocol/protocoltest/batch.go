package protocoltest

import (
	"crypto/sha256"
	"runtime"
	"sync"

	"consilium/protocol"
)

// Summary adds up many runs with consecutive seeds.
type Summary struct {
	Runs      int
	Completed int
	Aborted   map[string]int
	Wrong     int
	Split     int
	Hung      int
	Named     map[protocol.Party]int
	Bytes     int64 // posted by all hospitals in all runs
	Messages  int64
	Virtual   int64    // milliseconds, of all runs
	Skipped   int      // rounds without a sum, of all runs
	Unopened  int      // rounds that came to nothing and were taken again, of all runs
	Bad       []uint64 // seeds of runs that broke an invariant
	Trace     [sha256.Size]byte
}

// Batch runs the seeds opt.Seed, opt.Seed+1, … on all processors. done, if set,
// is told how many runs are over.
func Batch(opt Options, runs int, done func(int)) (Summary, error) {
	return BatchOf(opt.Seed, runs, func(seed uint64) Options {
		opt.Seed = seed
		return opt
	}, done)
}

// BatchOf is Batch with options that depend on the seed. of is called by several
// goroutines.
func BatchOf(first uint64, runs int, of func(seed uint64) Options, done func(int)) (Summary, error) {
	results := make([]Result, runs)
	errs := make([]error, runs)
	next, finished := 0, 0
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range min(runs, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= runs {
					return
				}
				results[i], errs[i] = Run(of(first + uint64(i)))
				mu.Lock()
				finished++
				if done != nil {
					done(finished)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	s := Summary{Runs: runs, Aborted: map[string]int{}, Named: map[protocol.Party]int{}}
	trace := sha256.New()
	for i, r := range results {
		if errs[i] != nil {
			return s, errs[i]
		}
		s.add(r, first+uint64(i))
		trace.Write(r.Trace[:])
	}
	copy(s.Trace[:], trace.Sum(nil))
	return s, nil
}

func (s *Summary) add(r Result, seed uint64) {
	if r.Completed {
		s.Completed++
	}
	if r.Aborted != "" {
		s.Aborted[r.Aborted]++
	}
	for count, broken := range map[*int]bool{&s.Wrong: r.Wrong, &s.Split: r.Split, &s.Hung: r.Hung} {
		if broken {
			*count++
		}
	}
	if r.Wrong || r.Split || r.Hung || r.Slandered || r.Unproved {
		s.Bad = append(s.Bad, seed)
	}
	for _, p := range r.Named {
		s.Named[p]++
	}
	s.Bytes += r.Bytes
	s.Messages += r.Messages
	s.Virtual += r.Virtual
	s.Skipped += r.Skipped
	s.Unopened += r.Unopened
}
