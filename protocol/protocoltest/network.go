package protocoltest

import (
	"cmp"
	"container/heap"
	"slices"

	"consilium/protocol"
)

// event happens to a hospital at a time.
type event struct {
	at       int64
	sequence uint64 // breaks ties
	what     string
	to       protocol.Party
	id       [32]byte // of what is delivered, for the trace
	do       func() error
}

type queue []*event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].sequence < q[j].sequence
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}

func (s *sim) after(delay int64, what string, to protocol.Party, id [32]byte, do func() error) {
	s.sequence++
	heap.Push(&s.queue, &event{at: s.now + delay, sequence: s.sequence, what: what, to: to, id: id, do: do})
}

// connected tells whether two hospitals can reach each other.
func (s *sim) connected(a, b *hospital) bool {
	return a.alive && b.alive && !a.isolated && !b.isolated
}

// delay of one message between two hospitals.
func (s *sim) delay(a, b *hospital) int64 {
	low, high := int64(minDelay), int64(maxDelay)
	if links := s.opt.Links; links != nil {
		low, high = links.Latency, links.Latency+1
	}
	d := s.random.between(low, high)
	if a.slow || b.slow {
		d *= slowdown
	}
	return d
}

// transmit is how long so many bytes of a hospital take to leave it, behind
// those that it is sending already: milliseconds.
func (s *sim) transmit(from *hospital, size int) int64 {
	if s.opt.Links == nil {
		return 0
	}
	from.uplink = max(from.uplink, 1000*s.now) + 8e6*int64(size)/s.opt.Links.Bits
	return from.uplink/1000 - s.now
}

// spite is how much longer an adaptive adversary delays a message: what
// completes a quorum at its recipient, and a leader's proposal to one half.
func (s *sim) spite(to *hospital, m protocol.Message) int64 {
	r := to.session.Round()
	if !s.opt.Adaptive || s.now > spiteful || r == nil {
		return 0
	}
	_, proposal := protocol.ProposedSet(m)
	status := r.Status()
	if status.Needed <= 1 && slices.Contains(status.Waiting, m.From) || proposal && s.plot.dark.Has(to.party) {
		return s.random.between(0, cmp.Or(s.opt.Spite, spiteDelay))
	}
	return 0
}

// An adaptive adversary delays messages by up to spiteDelay, until spiteful. A
// deadline of the commitment is 1000 ms: the lists of commitments are closed
// then, and what comes later is not in the round.
const (
	spiteDelay = 450
	spiteful   = 60_000
)

func (s *sim) lost(a, b *hospital) bool {
	p := s.opt.RandomFaults / 5
	if links := s.opt.Links; links != nil {
		p = max(p, links.Loss)
	}
	if a.lossy || b.lossy {
		p = lossyShare
	}
	return s.random.chance(p)
}

// broadcast sends a message of h to all others, each copy on its own way.
func (s *sim) broadcast(h *hospital, m protocol.Message) {
	for _, to := range s.hospitals[1:] {
		if to == h {
			continue
		}
		copies := 1
		if h.duplicate {
			copies = int(s.random.between(2, 4))
		}
		for range copies {
			if told, ok := s.told(h, to, m); ok {
				s.send(h, to, told)
			}
		}
	}
}

func (s *sim) send(from, to *hospital, m protocol.Message) {
	if !s.connected(from, to) || s.lost(from, to) {
		return
	}
	if from.corrupt && s.random.chance(corruptShare) {
		encoded := m.Encode()
		encoded[s.random.IntN(len(encoded))] ^= byte(1 << s.random.IntN(8))
		damaged, err := protocol.DecodeMessage(encoded)
		if err != nil {
			return // refused before it reaches the round
		}
		m = damaged
	}
	id := [32]byte(m.Signature[protocol.SignatureSize-32:])
	s.after(s.transmit(from, m.Size())+s.delay(from, to)+s.spite(to, m), "message", to.party, id, func() error { return to.deliver(protocol.Received{Message: m}) })
}

// exchange is one pass of anti-entropy: h asks a random other hospital for what
// it has missed.
func (s *sim) exchange(h *hospital) {
	other := s.hospitals[1+s.random.IntN(len(s.hospitals)-1)]
	if other == h || !s.connected(h, other) || s.lost(h, other) {
		return
	}
	query := h.session.Query()
	s.after(s.delay(h, other), "query", other.party, [32]byte{}, func() error {
		if !s.connected(h, other) || other.paused {
			return nil
		}
		answer, err := other.session.Answer(query)
		if err != nil {
			return err
		}
		for _, m := range answer {
			if told, ok := s.told(other, h, m); ok {
				s.send(other, h, told)
			}
		}
		return nil
	})
}

// fetch looks for a part at anybody who serves it, until it is found.
func (s *sim) fetch(h *hospital, want protocol.Want) {
	if want.Count > 0 {
		s.fetchChunks(h, want)
		return
	}
	life := h.life
	s.after(s.delay(h, h), "fetch", h.party, want.Ref.Root, func() error {
		if h.life != life {
			return nil
		}
		if content, ok := h.disk.parts[want.Ref.Root]; ok { // what was wanted in part is never wanted whole
			return h.deliver(protocol.Fetched{Ref: want.Ref, Source: content})
		}
		for _, other := range s.hospitals[1:] {
			content, ok := other.offer(want.Ref.Root, h)
			if !ok || !s.connected(h, other) || other.paused {
				continue
			}
			copied, err := copyOf(content)
			if err != nil {
				return err
			}
			wait := s.transmit(other, int(want.Ref.Size))
			if wait == 0 {
				h.disk.parts[want.Ref.Root] = copied
				return h.deliver(protocol.Fetched{Ref: want.Ref, Source: copied})
			}
			s.after(wait, "fetched", h.party, want.Ref.Root, func() error {
				if h.life != life {
					return nil
				}
				h.disk.parts[want.Ref.Root] = copied
				return h.deliver(protocol.Fetched{Ref: want.Ref, Source: copied})
			})
			return nil
		}
		s.after(retryFetch, "retry", h.party, want.Ref.Root, func() error {
			if h.life == life {
				s.fetch(h, want)
			}
			return nil
		})
		return nil
	})
}

// offer is a part that a hospital has for another: its own, or one that it has
// fetched. Liars serve one half only.
func (h *hospital) offer(root protocol.Hash, to *hospital) (protocol.Source, bool) {
	if h.withholds(to) {
		return nil, false
	}
	content := h.has(root)
	_, some := content.(partial)
	return content, content != nil && !some
}

// has is a part, or what is here of it; nil for nothing.
func (h *hospital) has(root protocol.Hash) protocol.Source {
	for _, here := range []map[protocol.Hash]protocol.Source{h.serving, h.disk.parts, h.disk.before} {
		if content, ok := here[root]; ok {
			return content
		}
	}
	return nil
}

func (h *hospital) withholds(from *hospital) bool {
	return h.sim.liars().Has(h.party) && (h.sim.opt.ServeNobody || h.sim.plot.dark.Has(from.party))
}

func copyOf(s protocol.Source) (protocol.Chunks, error) {
	chunks := make(protocol.Chunks, s.Chunks())
	for i := range chunks {
		chunk, err := s.Chunk(i)
		if err != nil {
			return nil, err
		}
		chunks[i] = append([]byte{}, chunk...)
	}
	return chunks, nil
}
