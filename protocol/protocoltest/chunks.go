package protocoltest

import (
	"fmt"

	"consilium/protocol"
)

// partial is what a hospital has of a part of which it wants some chunks only.
type partial map[int][]byte

// Chunks is not known of what is partial.
func (p partial) Chunks() int { return len(p) }

// Chunk returns a chunk that is here.
func (p partial) Chunk(i int) ([]byte, error) {
	chunk, ok := p[i]
	if !ok {
		return nil, fmt.Errorf("chunk %d is not here", i)
	}
	return chunk, nil
}

// fetchChunks looks for chunks of a part at everybody, until all are found.
func (s *sim) fetchChunks(h *hospital, want protocol.Want) {
	life := h.life
	s.after(s.delay(h, h), "fetch", h.party, want.Ref.Root, func() error {
		if h.life != life {
			return nil
		}
		if s.opt.FalseHolders && s.liars().Has(h.party) {
			return h.deliver(protocol.Fetched{Ref: want.Ref, First: want.First, Count: want.Count, Source: nothing(want.Each)})
		}
		here := h.disk.partial(want.Ref.Root)
		wait, found := int64(0), len(here)
		for _, other := range s.hospitals[1:] {
			if other == h || !s.connected(h, other) || other.paused {
				continue
			}
			size := 0
			for i := int(want.First); i < int(want.First+want.Count); i++ {
				if chunk := other.offerChunk(want, i, h); here[i] == nil && chunk != nil {
					here[i] = append([]byte{}, chunk...)
					size += len(chunk)
				}
			}
			if size > 0 {
				wait = max(wait, s.transmit(other, size))
			}
		}
		complete := true
		for i := int(want.First); i < int(want.First+want.Count); i++ {
			complete = complete && here[i] != nil
		}
		s.res.Fetched += int64(len(here)-found) * int64(want.Each)
		if !complete {
			wait = retryFetch
		}
		s.after(wait, "fetched", h.party, want.Ref.Root, func() error {
			if h.life != life {
				return nil
			}
			if !complete {
				s.fetchChunks(h, want)
				return nil
			}
			return h.deliver(protocol.Fetched{Ref: want.Ref, First: want.First, Count: want.Count, Source: here})
		})
		return nil
	})
}

// nothing is what a hospital has that only says it has something.
type nothing int

func (n nothing) Chunks() int { return 0 }

func (n nothing) Chunk(int) ([]byte, error) { return make([]byte, n), nil }

// partial is what is on the disk of a part.
func (d *disk) partial(root protocol.Hash) partial {
	here, ok := d.parts[root].(partial)
	if !ok {
		here = partial{}
		d.parts[root] = here
	}
	return here
}

// offerChunk is a chunk that a hospital has for another; nil when it has none that
// is as long as wanted.
func (h *hospital) offerChunk(want protocol.Want, i int, to *hospital) []byte {
	withholds := h.withholds(to)
	if hide := h.sim.opt.Withhold; hide != nil {
		withholds = h.sim.liars().Has(h.party) && hide(h.party, want.From, to.party, i)
	}
	content := h.has(want.Ref.Root)
	if withholds || content == nil {
		return nil
	}
	chunk, err := content.Chunk(i)
	last := want.Ref.Size - uint64(want.Ref.Chunks-1)*uint64(want.Each)
	if err != nil || len(chunk) != int(want.Each) && !(i == int(want.Ref.Chunks)-1 && len(chunk) == int(last)) {
		return nil
	}
	return chunk
}
