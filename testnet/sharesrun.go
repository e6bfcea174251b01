package testnet

import (
	"context"
	"crypto/rand"
	"errors"

	"consilium/node"
	"consilium/node/identity"
	"consilium/protocol"
	"consilium/protocol/spdz/learning"
	"consilium/sharing/wide"
)

// sharesLife is a hospital in this process.
type sharesLife struct {
	*node.Mesh
	sent int64 // by the computation; the network's lock guards it
}

var _ life = (*sharesLife)(nil)

// Traffic is what the computation has sent. The network's lock is held.
func (l *sharesLife) Traffic() node.Traffic { return node.Traffic{StreamBytes: l.sent} }

// freeze has nothing to do: the program is held already.
func (l *sharesLife) freeze(bool) {}

// liveOnShares runs a study on shares at a hospital in this process.
func (r here) liveOnShares(ctx context.Context, h *hospital, c *cohort) ([]byte, error) {
	n := h.network
	id, err := identity.Load(n.homes[h.party-1])
	if err != nil {
		return nil, err
	}
	if r.alone != nil {
		r.alone <- struct{}{}
	}
	m, err := node.OpenMesh(node.MeshConfig{
		Identity: id, Roster: c.roster, Listen: []string{r.listen(h.party)}, Logger: n.loggerOf(h), NewHost: r.newHost,
		Dial: func(p protocol.Party) []string { return n.addresses(c.members[p].party) },
	})
	if r.alone != nil {
		<-r.alone
	}
	if err != nil {
		return nil, err
	}
	defer m.Close()
	l := &sharesLife{Mesh: m}
	h.up(l)
	part := learning.Study{Plan: c.plan, Train: n.scenario.splits[h.party-1].Train, Test: n.scenario.splits[h.party-1].Test,
		DrawSeed: func() [wide.SeedSize]byte { return n.shares.draw(h) },
		Before: func(at learning.Moment) error {
			n.mu.Lock()
			l.sent = at.Cost.Bytes
			n.mu.Unlock()
			err := n.moment(ctx, h, at)
			if errors.Is(err, errStruck) {
				m.Abandon()
			}
			return err
		}}
	hash := n.scenario.study.Hash().String()
	result, _, err := m.LearnOnShares(ctx, node.SharesName(hash), node.SharesFolder(n.homes[h.party-1], hash), part)
	if err != nil {
		return nil, err
	}
	n.shares.say(sharesOutcome{result.Halvings, result.Ranges})
	return result.State.MarshalBinary()
}

// draw draws a seed, and remembers it for the replay.
func (r *sharesRun) draw(h *hospital) [wide.SeedSize]byte {
	var seed [wide.SeedSize]byte
	rand.Read(seed[:]) // never fails
	r.network.mu.Lock()
	defer r.network.mu.Unlock()
	r.drawn[h] = seed
	return seed
}
