package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/protocol"
	"consilium/protocol/interactive"
)

// parties are the meshes of a roster on loopback.
type parties struct {
	t      testing.TB
	homes  []string
	ids    []*identity.Identity
	roster *roster.Roster
	listen string
	host   hostMaker // nil: real ones

	mu     sync.Mutex
	meshes []*Mesh // by party
}

func newParties(t testing.TB, n int) *parties {
	t.Helper()
	p := &parties{t: t, meshes: make([]*Mesh, n+1), listen: "/ip4/127.0.0.1/tcp/0"}
	var cards []roster.Card
	for i := range n {
		home := t.TempDir()
		id, err := identity.Generate(home)
		if err != nil {
			t.Fatal(err)
		}
		card, err := roster.NewCard(id, fmt.Sprintf("h%d", i+1), nil)
		if err != nil {
			t.Fatal(err)
		}
		p.homes = append(p.homes, home)
		p.ids, cards = append(p.ids, id), append(cards, card)
	}
	var err error
	if p.roster, err = roster.New("test", cards, 0, protocol.MostDropouts(n, 0)); err != nil {
		t.Fatal(err)
	}
	for _, id := range p.ids {
		if err := p.roster.Sign(id); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		var all sync.WaitGroup
		for party := range p.meshes {
			all.Go(func() { p.end(party) })
		}
		all.Wait()
	})
	return p
}

// begin starts the process of a party.
func (p *parties) begin(party int) *Mesh {
	p.t.Helper()
	level := slog.LevelError
	if os.Getenv("VERBOSE") != "" {
		level = slog.LevelDebug
	}
	listen := p.listen
	if p.host != nil {
		listen = virtualAddress(party)
	}
	m, err := OpenMesh(MeshConfig{
		Identity: p.ids[party-1], Roster: p.roster, Listen: []string{listen}, Dial: p.addresses, NewHost: p.host,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("mesh", party),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.meshes[party] = m
	p.mu.Unlock()
	return m
}

func (p *parties) end(party int) {
	p.mu.Lock()
	m := p.meshes[party]
	p.meshes[party] = nil
	p.mu.Unlock()
	if m != nil {
		if err := m.Close(); err != nil {
			p.t.Errorf("close mesh %d: %v", party, err)
		}
	}
}

// kill ends a process without a last word.
func (p *parties) kill(party int) {
	p.mu.Lock()
	m := p.meshes[party]
	p.mu.Unlock()
	m.stop()
	p.end(party)
}

func (p *parties) addresses(party protocol.Party) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.meshes[party]; m != nil {
		return m.Addresses()
	}
	return nil
}

// run runs a program at every party.
func (p *parties) run(name string, program func(party int) interactive.Program) ([]ComputeReport, []error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 60*time.Second)
	defer cancel()
	reports, errs := make([]ComputeReport, len(p.meshes)), make([]error, len(p.meshes))
	var all sync.WaitGroup
	for party := 1; party < len(p.meshes); party++ {
		all.Go(func() { reports[party], errs[party] = p.meshes[party].Compute(ctx, name, program(party)) })
	}
	all.Wait()
	return reports, errs
}

func all(t testing.TB, n int) *parties {
	p := newParties(t, n)
	for party := 1; party <= n; party++ {
		p.begin(party)
	}
	return p
}

// counting tells everybody a number per round, checks that everybody else told
// the same, and that nothing is lost, repeated or out of order.
func counting(rounds, size int, each func(round int)) interactive.Program {
	return func(c *interactive.Channel) error {
		for round := range rounds {
			if each != nil {
				each(round)
			}
			body := make([]byte, size)
			binary.BigEndian.PutUint32(body, uint32(round))
			from, err := c.Tell(body)
			if err != nil {
				return err
			}
			for party, body := range from[1:] {
				if len(body) != size || binary.BigEndian.Uint32(body) != uint32(round) {
					return fmt.Errorf("round %d: party %d says %x (%d bytes)", round, party+1, body[:4], len(body))
				}
			}
		}
		return nil
	}
}

func TestComputations(t *testing.T) {
	p := all(t, 4)
	for _, size := range []int{4, 1 << 10, 300 << 10} {
		reports, errs := p.run("count", func(int) interactive.Program { return counting(20, size, nil) })
		for party := 1; party <= 4; party++ {
			r := reports[party]
			if errs[party] != nil || r.Rounds != 20 || r.Messages != 60 || r.BytesReceived != int64(60*size) {
				t.Errorf("party %d, %d bytes: %+v, %v", party, size, r, errs[party])
			}
			if extra := r.BytesSent - int64(60*size); extra > 60*8+300 {
				t.Errorf("party %d, %d bytes: %d bytes more than the bodies", party, size, extra)
			}
		}
	}
}

func BenchmarkComputeRounds(b *testing.B) {
	for _, listen := range []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"} {
		for _, size := range []int{32, 1 << 20} {
			name := "tcp"
			if listen[len(listen)-1] == '1' {
				name = "quic"
			}
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				p := newParties(b, 3)
				p.listen = listen
				for party := 1; party <= 3; party++ {
					p.begin(party)
				}
				p.run("warm", func(int) interactive.Program { return counting(1, 4, nil) })
				b.SetBytes(int64(3 * 2 * size))
				b.ResetTimer()
				_, errs := p.run("count", func(int) interactive.Program { return counting(b.N, size, nil) })
				b.StopTimer()
				if err := errors.Join(errs...); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
