package node

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"consilium/model"
	"consilium/protocol/spdz/learning"
)

// A hospital's process dies in the middle of training on shares and starts
// again: all go on from a checkpoint, and end with one model; then nothing of
// the rows is left on any disk.
func TestSharesSurviveARestart(t *testing.T) {
	task, _ := model.Embedded("synthetic")
	program, err := model.NewProgram(model.Plan{Task: task, Rounds: 40, Hospitals: 3})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := learning.NewPlan(program, 3, learning.Settings{Passive: true})
	if err != nil {
		t.Fatal(err)
	}
	p := newParties(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	var mu sync.Mutex
	resumed, results, dirs := map[int]bool{}, make([]*learning.Result, 4), make([]string, 4)
	die, dead := make(chan struct{}), sync.Once{}
	part := func(m *Mesh, party int, fresh bool) learning.Study {
		h, err := model.GenerateHospital(1, party-1, 3)
		if err != nil {
			t.Fatal(err)
		}
		return learning.Study{Plan: plan, Train: h.Data.Select([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), Tell: func(at learning.Progress) {
			mu.Lock()
			defer mu.Unlock()
			resumed[party] = resumed[party] || at.Step == "resume"
			if party == 2 && fresh && at.Epoch == 15 {
				dead.Do(func() { close(die) })
				mu.Unlock()
				<-m.life.Done()
				mu.Lock()
			}
		}}
	}
	learn := func(m *Mesh, party int, fresh bool) error {
		result, _, err := m.LearnOnShares(ctx, "study", dirs[party], part(m, party, fresh))
		if err == nil {
			mu.Lock()
			results[party] = result
			mu.Unlock()
		}
		return err
	}
	var all sync.WaitGroup
	for party := 1; party <= 3; party++ {
		dirs[party] = t.TempDir() + "/shares"
		m := p.begin(party)
		all.Go(func() {
			if err := learn(m, party, true); err != nil && party != 2 {
				t.Errorf("party %d: %v", party, err)
			}
		})
	}
	<-die
	p.kill(2)
	if err := learn(p.begin(2), 2, false); err != nil {
		t.Error(err)
	}
	all.Wait()
	for party := 1; party <= 3; party++ {
		if results[party] == nil || !resumed[party] {
			t.Fatalf("party %d: result %v, went on from a checkpoint: %v", party, results[party] != nil, resumed[party])
		}
		if results[party].State.Hash() != results[1].State.Hash() {
			t.Errorf("party %d ends with another model", party)
		}
		if _, err := os.Stat(dirs[party]); !os.IsNotExist(err) {
			t.Errorf("party %d keeps its shares: %v", party, err)
		}
	}
}

// Whoever dies when all have the result, and starts again when the others are
// gone, has it from its own disk; who dies before has the others with it.
func TestSharesSurviveARestartInTheEnd(t *testing.T) {
	task, _ := model.Embedded("synthetic")
	program, err := model.NewProgram(model.Plan{Task: task, Rounds: 5, Hospitals: 3})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := learning.NewPlan(program, 3, learning.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	for _, phase := range []string{learning.PhaseOpen, learning.PhaseCombine} {
		t.Run(phase, func(t *testing.T) {
			p := newParties(t, 3)
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			results, dirs := make([]*learning.Result, 4), make([]string, 4)
			learn := func(m *Mesh, party int, before func(learning.Moment) error) error {
				h, err := model.GenerateHospital(1, party-1, 3)
				if err != nil {
					return err
				}
				part := learning.Study{Plan: plan, Train: h.Data.Select([]int{0, 1, 2, 3, 4, 5}), Before: before}
				results[party], _, err = m.LearnOnShares(ctx, "study", dirs[party], part)
				return err
			}
			var killed, others sync.WaitGroup
			die := make(chan struct{})
			for party := 1; party <= 3; party++ {
				dirs[party] = t.TempDir() + "/shares"
				m, before := p.begin(party), func(learning.Moment) error { return nil }
				if party == 2 {
					before = func(at learning.Moment) error {
						if at.Round == 6 && at.Phase == phase {
							close(die)
							<-m.life.Done()
						}
						return nil
					}
				}
				group := &others
				if party == 2 {
					group = &killed
				}
				group.Go(func() {
					if err := learn(m, party, before); err != nil && party != 2 {
						t.Errorf("party %d: %v", party, err)
					}
				})
			}
			<-die
			if phase == learning.PhaseCombine {
				others.Wait() // they have it, and are gone
				p.kill(1)
				p.kill(3)
			}
			p.kill(2)
			killed.Wait()
			if err := learn(p.begin(2), 2, nil); err != nil {
				t.Fatal(err)
			}
			others.Wait()
			for party := 1; party <= 3; party++ {
				if results[party] == nil || results[party].State.Hash() != results[1].State.Hash() {
					t.Errorf("party %d has another model: %v", party, results[party] != nil)
				}
				if _, err := os.Stat(dirs[party]); !os.IsNotExist(err) {
					t.Errorf("party %d keeps its shares: %v", party, err)
				}
			}
		})
	}
}
