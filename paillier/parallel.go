package paillier

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls work(0)…work(count−1) on as many threads as Go may use, and
// returns when all are done.
func parallel(count int, work func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), count)
	if workers <= 1 {
		for i := range count {
			work(i)
		}
		return
	}
	var next atomic.Int64
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			for i := next.Add(1) - 1; i < int64(count); i = next.Add(1) - 1 {
				work(int(i))
			}
		})
	}
	done.Wait()
}

// shareOfWork is how many of count residues a thread gets where it pays that one
// thread does many: a multiple of lanes.
func shareOfWork(count int) int {
	threads := runtime.GOMAXPROCS(0)
	return ((count+threads-1)/threads + lanes - 1) / lanes * lanes
}
