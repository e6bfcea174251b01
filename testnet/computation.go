package testnet

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"consilium/node"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/protocol"
	"consilium/protocol/interactive"
)

// parties are hospitals in this process that compute with each other over real
// connections on loopback.
type parties struct {
	dir    string
	meshes []*node.Mesh // by party
}

// openParties makes as many hospitals as there are names, with keys of their
// own and a roster that all have signed. Close ends them.
func openParties(names []string, logger *slog.Logger) (_ *parties, err error) {
	p := &parties{meshes: make([]*node.Mesh, len(names)+1)}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.dir, err = os.MkdirTemp("", "consilium-parties-"); err != nil {
		return nil, err
	}
	var ids []*identity.Identity
	var cards []roster.Card
	for _, name := range names {
		home := filepath.Join(p.dir, name)
		if err := os.Mkdir(home, 0o700); err != nil {
			return nil, err
		}
		id, err := identity.Generate(home)
		if err != nil {
			return nil, err
		}
		card, err := roster.NewCard(id, name, nil)
		if err != nil {
			return nil, err
		}
		ids, cards = append(ids, id), append(cards, card)
	}
	signed, err := roster.New("computation", cards, 0, protocol.MostDropouts(len(names), 0))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := signed.Sign(id); err != nil {
			return nil, err
		}
	}
	for i, id := range ids {
		p.meshes[i+1], err = node.OpenMesh(node.MeshConfig{
			Identity: id, Roster: signed, Listen: []string{loopback(0)}, Logger: logger,
			Dial: func(party protocol.Party) []string { return p.meshes[party].Addresses() },
		})
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *parties) close() {
	for _, m := range p.meshes {
		if m != nil {
			m.Close()
		}
	}
	os.RemoveAll(p.dir)
}

// compute runs a program at every party, and returns what it cost each of them,
// by party, and the first error; why the context ended, if it did.
func (p *parties) compute(parent context.Context, name string, program func(party int) interactive.Program) ([]node.ComputeReport, error) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	reports := make([]node.ComputeReport, len(p.meshes))
	var first error
	var once sync.Once
	var all sync.WaitGroup
	for party := 1; party < len(p.meshes); party++ {
		all.Go(func() {
			var err error
			if reports[party], err = p.meshes[party].Compute(ctx, name, program(party)); err != nil {
				once.Do(func() { first = fmt.Errorf("party %d: %w", party, err) })
				cancel()
			}
		})
	}
	all.Wait()
	if first != nil && parent.Err() != nil {
		first = context.Cause(parent)
	}
	return reports, first
}
