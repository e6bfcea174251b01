package node

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"consilium/model"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/node/study"
	"consilium/protocol"
)

// federation is a handful of homes on loopback.
type federation struct {
	t      *testing.T
	homes  []string
	roster *roster.Roster
	study  *study.Study
	splits []model.Split
}

func newFederation(t *testing.T, n int, s study.Study) *federation {
	t.Helper()
	f := &federation{t: t}
	var ids []*identity.Identity
	var cards []roster.Card
	hospitals, err := model.Generate(1, n)
	if err != nil {
		t.Fatal(err)
	}
	s.Task = "synthetic"
	if s.Tick == "" {
		s.Tick = "20ms"
	}
	if f.study, err = study.New(s); err != nil {
		t.Fatal(err)
	}
	for i, h := range hospitals {
		home := t.TempDir()
		id, err := identity.Generate(home)
		if err != nil {
			t.Fatal(err)
		}
		card, err := roster.NewCard(id, h.Name, nil)
		if err != nil {
			t.Fatal(err)
		}
		train, test, err := h.Data.Split(*f.study.TestFraction, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		f.homes, ids, cards = append(f.homes, home), append(ids, id), append(cards, card)
		f.splits = append(f.splits, model.Split{Train: train, Test: test})
	}
	if f.roster, err = roster.New("test", cards, 0, protocol.MostDropouts(n, 0)); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := f.roster.Sign(id); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *federation) config(i int) Config {
	level := slog.LevelWarn
	if os.Getenv("VERBOSE") != "" {
		level = slog.LevelDebug
	}
	return Config{
		Home: f.homes[i], Roster: f.roster, Study: f.study, Work: f.work(i),
		Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Linger: 5 * time.Second,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("node", f.roster.Members[i].Name),
	}
}

func (f *federation) work(i int) Training {
	program, err := f.study.Program(f.roster.Thresholds())
	if err != nil {
		f.t.Fatal(err)
	}
	return Training{Program: program, Train: f.splits[i].Train, Test: f.splits[i].Test}
}

func TestFourHospitalsTrain(t *testing.T) {
	f := newFederation(t, 4, study.Study{Rounds: 5})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	nodes := make([]*Node, 4)
	for i := range nodes {
		cfg := f.config(i)
		cfg.Dial = func(p protocol.Party) []string { return nodes[p-1].Addresses() }
		cfg.Progress = func(p Progress) {
			if os.Getenv("VERBOSE") != "" {
				fmt.Println(time.Now().Format("05.000"), i+1, p.Round, p.Phase, p.Status.Waiting, p.Finished)
			}
		}
		var err error
		if nodes[i], err = New(cfg); err != nil {
			t.Fatal(err)
		}
	}
	states := make([][]byte, 4)
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			var err error
			if states[i], err = n.Run(ctx); err != nil {
				t.Errorf("hospital %d: %v", i+1, err)
			}
		})
	}
	wg.Wait()
	for i := range states {
		if !bytes.Equal(states[i], states[0]) {
			t.Errorf("hospital %d ends with another model", i+1)
		}
	}
}
