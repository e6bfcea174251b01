package spdz

import (
	"fmt"

	"consilium/sharing/wide"
)

// Replay is an engine in the clear that rounds as a computation on shares did
// whose parties had these seeds, by party from 1: what it computes is that bit
// for bit. It is for those who know the seeds of all, as tests and demonstrations
// do.
func Replay(seeds [][wide.SeedSize]byte, cfg Config) (*Engine, error) {
	n := len(seeds) - 1
	e, err := newEngine(n, 1, cfg)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	e.plain = true
	drawn := make([][][wide.SeedSize]byte, n+1)
	for party := 1; party <= n; party++ {
		drawn[party] = e.drawSeeds(wide.NewExpander(seeds[party], 0))
	}
	for i := range e.sets {
		var parts [][]byte
		for _, j := range e.sets[i].members {
			parts = append(parts, drawn[j][i][:])
		}
		e.replayed = append(e.replayed, wide.NewExpander(seedOf("set", parts...), streamMasks))
	}
	return e, nil
}

// bounds says whether numbers carry how far a computation on shares may be from
// them.
func (e *Engine) bounds() bool { return e.plain && e.replayed == nil }

// truncate takes bits off in the clear: rounded to the nearest, or as the masks
// of the computation that is replayed made it.
func (e *Engine) truncate(list []wide.Element, shift int) {
	masks, below := make([]wide.Element, len(list)), make([]wide.Element, len(list))
	for _, x := range e.replayed {
		for i := range list {
			r := x.Below(e.magnitude + e.Hiding)
			masks[i], below[i] = wide.Add(masks[i], r), wide.Add(below[i], r.Shift(uint(shift)))
		}
	}
	offset, back := e.offset(shift, len(e.replayed))
	for i, v := range list {
		high := wide.Add(wide.Add(v, masks[i]), offset).Shift(uint(shift))
		list[i] = wide.Sub(wide.Sub(high, back), below[i])
	}
}
