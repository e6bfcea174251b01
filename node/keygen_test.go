package node

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"consilium/node/ceremony"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/paillier"
	"consilium/protocol/keygen"
)

// Three hospitals make a key over loopback. One is killed on the way and comes
// back from its home's checkpoint: the others begin again with it, and all end
// with one roster, signed by all, and shares of its key. Until the key is shared
// out they go on with the modulus that they have found, and then look for another.
func TestHospitalsMakeAKeyAndOneIsKilled(t *testing.T) {
	for at, sameModulus := range map[keygen.Stage]bool{keygen.StageShare: true, keygen.StageTrial: false} {
		t.Run(string(at), func(t *testing.T) { makeAKeyAndKillOne(t, at, sameModulus) })
	}
}

func makeAKeyAndKillOne(t *testing.T, at keygen.Stage, sameModulus bool) {
	p := newParties(t, 3)
	homes := append([]string{""}, p.homes...)
	next := make([]*roster.Roster, 4)
	reports := make([]*KeyReport, 4)
	errs := make([]error, 4)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	work := func(party int, report func(keygen.Progress)) {
		c, err := ceremony.Open(homes[party], p.ids[party-1], p.roster, paillier.InsecureTestBits, true)
		if err != nil {
			t.Error(err)
			return
		}
		p.mu.Lock()
		mesh := p.meshes[party]
		p.mu.Unlock()
		next[party], reports[party], errs[party] = mesh.MakeKey(ctx, c, report, func(error) {})
	}
	for party := 1; party <= 3; party++ {
		p.begin(party)
	}
	var all sync.WaitGroup
	found, others := 0, sync.WaitGroup{}
	others.Add(2)
	arrives := func() func(keygen.Progress) {
		once := sync.OnceFunc(others.Done)
		return func(progress keygen.Progress) {
			if progress.Stage == at {
				once()
			}
		}
	}
	all.Go(func() { // hospital 2 dies when all are there
		work(2, func(progress keygen.Progress) {
			if progress.Stage == at {
				others.Wait()
				found = progress.Products
				p.kill(2)
			}
		})
		p.begin(2)
		work(2, nil)
	})
	all.Go(func() { work(1, arrives()) })
	all.Go(func() { work(3, arrives()) })
	all.Wait()
	for party := 1; party <= 3; party++ {
		if errs[party] != nil {
			t.Fatalf("hospital %d: %v", party, errs[party])
		}
		missing, err := next[party].Unsigned()
		if err != nil || len(missing) > 0 || next[party].Hash() != next[1].Hash() || next[party].Previous != p.roster.Hash().String() || !next[party].JointKey {
			t.Errorf("hospital %d: %v are missing in %s, %v", party, missing, next[party].Hash(), err)
		}
		key, err := next[party].PaillierKey()
		if err != nil {
			t.Fatal(err)
		}
		if share, err := identity.LoadShare(homes[party], key); err != nil || share.Holder() != party {
			t.Errorf("hospital %d: %v", party, err)
		}
		if _, err := os.Stat(filepath.Join(homes[party], ceremony.RecordFile)); err != nil {
			t.Error(err)
		}
	}
	if reports[1].Attempts < 2 || (reports[2].Result.Products == found) != sameModulus {
		t.Errorf("%d attempts; %d candidates when the hospital was killed, %d in the end", reports[1].Attempts, found, reports[2].Result.Products)
	}
}

// Hospitals make a key on a simulated network, in virtual time: a message takes
// 20 ms. With CONSILIUM_KEY_BITS they are ten, and the key has so many bits.
func TestVirtualHospitalsMakeAKey(t *testing.T) {
	n, bits := 4, paillier.InsecureTestBits
	if s := os.Getenv("CONSILIUM_KEY_BITS"); s != "" {
		parsed, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		n, bits = 10, parsed
	}
	synctest.Test(t, func(t *testing.T) {
		net, newHost := simulated()
		t.Cleanup(net.Close) // after the meshes
		p := newParties(t, n)
		p.host = newHost
		for party := 1; party <= n; party++ {
			p.begin(party)
		}
		next := make([]*roster.Roster, n+1)
		began := time.Now()
		var all sync.WaitGroup
		for party := 1; party <= n; party++ {
			all.Go(func() {
				c, err := ceremony.Open(p.homes[party-1], p.ids[party-1], p.roster, bits, true)
				if err != nil {
					t.Error(err)
					return
				}
				made, report, err := p.meshes[party].MakeKey(t.Context(), c, nil, func(error) {})
				if err != nil {
					t.Errorf("hospital %d: %v", party, err)
					return
				}
				next[party] = made
				if party == 1 {
					t.Logf("%d hospitals, %d bits: %v of virtual time, %d candidates, %d tested, %d rounds, %.1f MB sent", n, bits, time.Since(began).Round(time.Millisecond),
						report.Result.Products, report.Result.Tested, report.Cost.Rounds, float64(report.Cost.BytesSent)/1e6)
				}
			})
		}
		all.Wait()
		for party := 1; party <= n && !t.Failed(); party++ {
			if missing, err := next[party].Unsigned(); err != nil || len(missing) > 0 || next[party].Hash() != next[1].Hash() {
				t.Errorf("hospital %d: %v are missing, %v", party, missing, err)
			}
		}
	})
}
