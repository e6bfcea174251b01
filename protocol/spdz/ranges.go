package spdz

import (
	"fmt"
	"math"
)

// Range says how much of the field an intermediate result uses.
type Range struct {
	Name      string  `json:"name"`
	Reach     float64 `json:"reach"`     // no |value| is larger
	Fraction  int     `json:"fraction"`  // bits behind the point before truncation
	Needed    int     `json:"needed"`    // bits in front of the point and behind
	Available int     `json:"available"` // of them
}

// RangeError says that a result could be too large for the field. Nothing was
// sent.
type RangeError struct{ Range }

func (e *RangeError) Error() string {
	return fmt.Sprintf("%s may reach %.3g with %d bits behind the point, which takes %d bits of %d; use fewer fraction bits, a smaller interval or smaller weights",
		e.Name, e.Reach, e.Fraction, e.Needed, e.Available)
}

// rangeTable keeps the widest range of each name, in order of appearance.
type rangeTable struct {
	list  []Range
	index map[string]int
}

// Name calls the results of the next operations so in the table of ranges.
func (e *Engine) Name(name string) { e.name = name }

// Ranges lists what was computed so far.
func (e *Engine) Ranges() []Range { return e.ranges.list }

// fit refuses a result that is too large.
func (e *Engine) fit(reach float64, fraction int) error {
	needed := bitsOfReach(reach, fraction)
	r := Range{Name: e.name, Reach: reach, Fraction: fraction, Needed: needed, Available: e.magnitude}
	if r.Name == "" {
		r.Name = "a product"
	}
	if needed > e.magnitude || math.IsNaN(reach) {
		return &RangeError{r}
	}
	t := &e.ranges
	if t.index == nil {
		t.index = map[string]int{}
	}
	at, known := t.index[r.Name]
	switch {
	case !known:
		t.index[r.Name] = len(t.list)
		t.list = append(t.list, r)
	case needed > t.list[at].Needed:
		t.list[at] = r
	}
	return nil
}
