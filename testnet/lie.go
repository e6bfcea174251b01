package testnet

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"

	"consilium/node"
	"consilium/protocol"
	"consilium/protocol/protocoltest"
)

// A hospital that lies is a real node whose round is made of lies
// (protocoltest.Lying), and which tells a second story beside the first. Gossip
// brings both to everybody.

// lying is the hook of a node for what a round is made of.
func (h *hospital) lying(cfg *protocol.Config, scheme protocol.Scheme) protocol.Scheme {
	s := h.network.scenario
	h.network.mu.Lock()
	h.config = cfg
	h.network.mu.Unlock()
	return protocoltest.Lying(cfg, scheme, protocoltest.Lies(s.faults, h.party, cfg.Description.Round), s.study.Seed)
}

// otherStory is what the hospital says besides in the slot of a message, when it
// equivocates.
func (h *hospital) otherStory(data []byte) [][]byte {
	m, err := protocol.DecodeMessage(data)
	if err != nil {
		return nil
	}
	phase, lies := protocoltest.Lies(h.network.scenario.faults, h.party, m.Round)[protocoltest.Equivocate]
	h.network.mu.Lock()
	cfg := h.config
	h.network.mu.Unlock()
	if !lies || m.Slot.Phase < phase || cfg == nil || cfg.Description.Round != m.Round {
		return nil
	}
	other, ok := protocol.Forge(m, cfg.Description, cfg.Signer, rand.Uint64(), protocol.Hash{})
	if !ok {
		return nil
	}
	return [][]byte{other.Encode()}
}

// hasLied tells whether a hospital has told all its lies before this round, or has begun
// to tell them for good.
func (h *hospital) hasLied(round uint64) bool {
	return h.lies() && !slices.ContainsFunc(h.network.scenario.faults, func(f protocoltest.Fault) bool {
		return f.Lie() && f.Party == h.party && f.Round >= round
	})
}

// lies tells whether a hospital ever lies. What becomes of it is nobody's concern.
func (h *hospital) lies() bool { return h.network.scenario.liars().Has(h.party) }

// collectEvidence verifies what the honest hospitals keep against others, as
// anybody can who has the roster.
func (n *network) collectEvidence(homes []string) error {
	for i, home := range homes {
		if n.hospitals[i+1].lies() {
			continue
		}
		files, err := node.EvidenceFiles(home)
		if err != nil {
			return err
		}
		for _, file := range files {
			e, _, err := node.VerifyEvidence(n.roster, file)
			n.convict(e.Liar, err)
		}
	}
	return nil
}

// convict notes that somebody is proved to have lied; an error says that it is
// not.
func (n *network) convict(liar protocol.Party, err error) {
	switch {
	case err != nil:
		n.slander = append(n.slander, "evidence that proves nothing: "+err.Error())
	case !n.hospitals[liar].lies():
		n.slander = append(n.slander, n.hospitals[liar].name+" is named a liar")
	default:
		n.named[n.hospitals[liar].name]++
	}
}

// checkNames: who is named has lied.
func (n *network) checkNames(v *verdict) {
	if n.scenario.t.Liars == 0 && n.slander == nil {
		return
	}
	fine := "nobody"
	if len(n.named) > 0 {
		fine = "the hospitals that lied, and nobody else"
	}
	v.check("whoever is named has lied", n.slander, fine)
}

// loggerOf is a hospital's. What a liar is refused would fill the screen: the report
// counts it.
func (n *network) loggerOf(h *hospital) *slog.Logger {
	l := n.logger.With("at", h.name)
	if n.scenario.liars().Len() > 0 && !l.Enabled(context.Background(), slog.LevelDebug) {
		l = slog.New(errorsOnly{l.Handler()})
	}
	return l
}

type errorsOnly struct{ slog.Handler }

func (errorsOnly) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
