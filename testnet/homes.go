package testnet

import (
	"fmt"
	"os"
	"path/filepath"

	"consilium/internal/durable"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/protocol"
)

// makeHomes gives every hospital a home with a key of its own, and makes the
// roster that all of them sign. Addresses are found at run time.
func makeHomes(dir string, names []string, t protocol.Thresholds) (homes []string, r *roster.Roster, err error) {
	var ids []*identity.Identity
	var cards []roster.Card
	for _, name := range names {
		home := filepath.Join(dir, name)
		if err := os.MkdirAll(home, 0o700); err != nil {
			return nil, nil, err
		}
		id, err := identity.Generate(home)
		if err != nil {
			return nil, nil, err
		}
		card, err := roster.NewCard(id, name, nil)
		if err != nil {
			return nil, nil, err
		}
		homes, ids, cards = append(homes, home), append(ids, id), append(cards, card)
	}
	if r, err = roster.New("demo", cards, t.Liars, t.Dropouts); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		if err := r.Sign(id); err != nil {
			return nil, nil, err
		}
	}
	text, err := r.Encode()
	if err != nil {
		return nil, nil, err
	}
	if err := durable.WriteFile(filepath.Join(dir, "roster.toml"), text, 0o600); err != nil {
		return nil, nil, fmt.Errorf("keep the roster: %w", err)
	}
	return homes, r, nil
}
