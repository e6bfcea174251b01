package protocol

import (
	"fmt"

	"consilium/sharing"
)

// Slicer is a scheme that adds up slices of the updates one by one.
type Slicer interface {
	// Unmask reconstructs from openings of a set what its sum is still hidden
	// under. Errors are those of Scheme.Combine.
	Unmask(set Certified, openings []Post) (Masks, error)
	// SumSlice adds up one slice of the masked updates of the set, of each of which
	// the chunks of the slice can be read: chunk i of the result is chunk i of the
	// slice. Lanes are as in the updates.
	SumSlice(slice int, updates []Source, masks Masks) Source
	// Values reads chunks of a sum.
	Values(into Vector, lanes []byte)
}

// Masks are what a sum of masked updates is hidden under.
type Masks []sharing.Mask

var _ Slicer = (*Masked)(nil)

// Unmask needs the commitments of all who joined, and no masked update.
func (s *Masked) Unmask(set Certified, openings []Post) (Masks, error) {
	if len(set.Joined) == 0 || len(openings) < s.k {
		return nil, ErrMoreOpenings
	}
	for _, deal := range set.Joined {
		if deal.Body.Parts[0] == nil {
			return nil, ErrMoreOpenings
		}
	}
	return s.leftOver(set, openings[:s.k])
}

// SumSlice makes of the masks what the slice needs.
func (s *Masked) SumSlice(slice int, updates []Source, masks Masks) Source {
	first, count := s.slicing.span(slice)
	return &sliceSum{s: s, updates: updates, masks: masks, first: first, count: count}
}

// Values reads lanes of the ring.
func (s *Masked) Values(into Vector, lanes []byte) { s.ring.Values(into, lanes) }

// sliceSum is added up chunk by chunk when it is read.
type sliceSum struct {
	s            *Masked
	updates      []Source
	masks        Masks
	first, count int
	masker       sharing.Masker
}

func (a *sliceSum) Chunks() int { return a.count }

func (a *sliceSum) Chunk(i int) ([]byte, error) {
	if i < 0 || i >= a.count {
		return nil, fmt.Errorf("add up chunk %d of %d", i, a.count)
	}
	at := a.first + i
	lanes := make([]byte, a.s.slicing.length(at))
	for _, update := range a.updates {
		content, err := update.Chunk(at)
		if err != nil {
			return nil, fmt.Errorf("read a masked update: %w", err)
		}
		if len(content) != len(lanes) {
			return nil, fmt.Errorf("chunk %d of a masked update has %d bytes, not %d", at, len(content), len(lanes))
		}
		a.s.ring.AddTo(lanes, content, false)
	}
	a.masker.Add(a.s.ring, lanes, at*a.s.slicing.chunk, a.masks)
	return lanes, nil
}
