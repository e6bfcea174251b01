package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"consilium/node/identity"
	"consilium/node/study"
	"consilium/protocol"
)

// A hospital that says two things in one slot: the others finish without a
// difference, and each keeps a file that convinces whoever has the roster.
func TestEvidenceIsKept(t *testing.T) {
	f := newFederation(t, 4, study.Study{Rounds: mostEvidence + 2})
	const liar = 4
	id, err := identity.Load(f.homes[liar-1])
	if err != nil {
		t.Fatal(err)
	}
	signer := identity.NewSigner(id, f.roster.Keys())
	d := protocol.Description{Federation: f.roster.Federation, Epoch: f.roster.Epoch, Thresholds: f.roster.Thresholds()}
	twice := func(data []byte) [][]byte {
		m, err := protocol.DecodeMessage(data)
		if err != nil || m.Slot.Phase != protocol.Agree || m.Slot.Step == 0 {
			return [][]byte{data}
		}
		other, _ := protocol.Forge(m, d, signer, 0, protocol.Hash{9})
		return [][]byte{data, other.Encode()}
	}
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg := f.config(i)
		if i == liar-1 {
			cfg.Hooks.Outgoing = twice
		}
		return f.run(ctx, cfg, i)
	})
	for i, home := range f.homes[:liar-1] {
		files, err := filepath.Glob(filepath.Join(home, EvidenceDir, "*-h4.evidence"))
		if err != nil || len(files) == 0 || len(files) > mostEvidence { // it lies in every round
			t.Errorf("hospital %d keeps %d pieces of evidence: %v", i+1, len(files), err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e, err := protocol.DecodeEvidence(data)
			if err != nil {
				t.Fatal(err)
			}
			scheme, err := protocol.NewScheme(1, e.Description, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Verify(identity.NewSigner(nil, f.roster.Keys()).Verify, identity.Sealer{}, scheme); err != nil || e.Liar != liar {
				t.Errorf("%s against hospital %d: %v", file, e.Liar, err)
			}
		}
		if all, _ := os.ReadDir(filepath.Join(home, EvidenceDir)); len(all) != len(files) {
			t.Errorf("hospital %d accuses somebody else, too: %v", i+1, all)
		}
	}
}

// falseUpdate adds what no sum of honest updates has in it, in some rounds.
type falseUpdate struct {
	protocol.Scheme
	d protocol.Description
}

func (s falseUpdate) Deal(update protocol.Vector, seed protocol.Seed) (protocol.Body, error) {
	return s.Scheme.Deal(protocol.FalseUpdate(update, s.d), seed)
}

func (s falseUpdate) Mask(joined protocol.Certified, update protocol.Vector, seed protocol.Seed) (protocol.Body, error) {
	return s.Scheme.Mask(joined, protocol.FalseUpdate(update, s.d), seed)
}

// A hospital that contributes a false update in training rounds stops nobody: the
// others skip these, all alike, say so, and know it after a restart.
func TestFalseUpdateSkipsARound(t *testing.T) {
	f := newFederationOf(t, 4, 1, study.Study{Rounds: 4, Scheme: protocol.SchemeMasked, Trainer: "fedsgd"})
	lie := func(cfg *protocol.Config, scheme protocol.Scheme) protocol.Scheme {
		if round := cfg.Description.Round; round == 2 || round == 5 {
			return falseUpdate{scheme, cfg.Description}
		}
		return scheme
	}
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg := f.config(i)
		if i == 3 {
			cfg.Hooks.Round = lie
		}
		return f.run(ctx, cfg, i)
	})
	for i := range 3 {
		cfg := f.config(i)
		n, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		n.Close()
		var rounds []uint64
		for _, r := range n.Skipped() {
			rounds = append(rounds, r.Round)
			if len(r.Included) < 3 || r.Skipped == "" || r.Sum != nil {
				t.Errorf("hospital %d: %+v", i+1, r)
			}
		}
		if !slices.Equal(rounds, []uint64{2, 5}) {
			t.Errorf("hospital %d skipped rounds %v", i+1, rounds)
		}
	}
}

// In the step that opens once the study ends, by name: what was added to a sum
// must not be added to another. The secrets of the round go, and a restart changes
// nothing.
func TestFalseUpdateInTheFirstStep(t *testing.T) {
	f := newFederationOf(t, 4, 1, study.Study{Rounds: 1, Scheme: protocol.SchemeMasked, Trainer: "fedsgd"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := func(hospitals ...int) {
		var all sync.WaitGroup
		for _, i := range hospitals {
			all.Go(func() {
				cfg := f.config(i)
				if cfg.Linger = 5 * time.Second; i == 3 {
					cfg.Hooks.Round = func(cfg *protocol.Config, scheme protocol.Scheme) protocol.Scheme {
						return falseUpdate{scheme, cfg.Description}
					}
				}
				_, err := f.run(ctx, cfg, i)
				if aborted := (*AbortedError)(nil); !errors.As(err, &aborted) || aborted.Round != 0 || !strings.Contains(aborted.Why, "standardise is not repeated") {
					t.Errorf("hospital %d: %v", i+1, err)
				}
				if keys, _ := filepath.Glob(filepath.Join(cfg.Home, "studies", "*", "round-*.key")); len(keys) > 0 {
					t.Errorf("hospital %d keeps %v", i+1, keys)
				}
			})
		}
		all.Wait()
	}
	run(0, 1, 2, 3)
	run(0, 1, 2)
}

// A round in which too few deal comes to nothing, and its step is taken again: two
// of three are there until the third comes, and then all have the same model.
func TestRoundThatComesToNothingIsTakenAgain(t *testing.T) {
	f := newFederation(t, 3, study.Study{Rounds: 2, Deadlines: study.Deadlines{Commit: 5, Deal: 5, Attest: 5, View: 5, Stall: 20}})
	var empty atomic.Int32
	came := make(chan struct{})
	f.runAll(func(ctx context.Context, i int) ([]byte, error) {
		cfg := f.config(i)
		if i == 2 {
			<-came
		}
		cfg.Progress = func(p Progress) {
			if r := p.Finished; r != nil && r.Skipped != "" && len(r.Included) == 0 && i == 0 {
				if empty.Add(1) == 2 {
					close(came)
				}
			}
		}
		return f.run(ctx, cfg, i)
	})
	if empty.Load() < 2 {
		t.Error("no round came to nothing")
	}
}
