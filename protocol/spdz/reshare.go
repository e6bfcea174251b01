package spdz

import (
	"fmt"
	"slices"

	"consilium/sharing/wide"
)

// Held is a share that a party keeps between two computations. Whoever reads
// t+1 of them reads the secret.
type Held struct {
	Rows, Cols int
	Bits       int
	Reach      float64
	Share      []wide.Element
}

// Hold takes a secret out of its computation.
func (s *Secret) Hold() Held {
	return Held{Rows: s.Rows, Cols: s.Cols, Bits: s.Bits, Reach: s.Reach, Share: slices.Clone(s.share)}
}

// Resume takes shares of an earlier computation of the same parties, with the
// same numbers and threshold, into this one.
func (e *Engine) Resume(list ...Held) []*Secret {
	r := make([]*Secret, len(list))
	for i, h := range list {
		r[i] = e.secret(h.Rows, h.Cols, h.Bits, h.Reach)
		copy(r[i].share, h.Share)
	}
	return r
}

// Reshare takes shares of an earlier computation among more parties to this one:
// before[j] is what party j of now was called then, 0 unused, and threshold was
// t then. Each party deals its share anew; t+1 of them give the secret's new
// shares, and, unless the engine is passive, the others must agree with them.
// The old shares are then to be erased: old and new ones together could be more
// than a threshold counts on (Herzberg and others 1995, "Proactive secret
// sharing").
func (e *Engine) Reshare(before []int, threshold int, list ...Held) ([]*Secret, error) {
	if err := e.checkReshare(before, threshold); err != nil {
		return nil, err
	}
	var all []wide.Element
	for _, h := range list {
		all = append(all, h.Share...)
	}
	dealt := make([]*Secret, e.n+1)
	for party := 1; party <= e.n; party++ {
		dealt[party] = e.secret(len(all), 1, 0, 0)
	}
	if err := e.shareOut(all, dealt); err != nil {
		return nil, fmt.Errorf("share again: %w", err)
	}
	holders := before[1 : threshold+2]
	lambda, err := wide.Lagrange(holders, 0)
	if err != nil {
		return nil, fmt.Errorf("share again: %w", err)
	}
	sum := make([]wide.Element, len(all))
	for i, c := range lambda {
		wide.Accumulate(sum, c, dealt[i+1].share)
	}
	if e.active() {
		if err := e.checkDealers(before, threshold, dealt); err != nil {
			return nil, fmt.Errorf("share again: %w", err)
		}
	}
	var r []*Secret
	for _, h := range list {
		s := e.secret(h.Rows, h.Cols, h.Bits, h.Reach)
		copy(s.share, sum)
		sum = sum[len(s.share):]
		r = append(r, s)
	}
	return r, nil
}

func (e *Engine) checkReshare(before []int, threshold int) error {
	need := threshold + 1
	if e.active() {
		need += e.Threshold // so many shares, and no t of now can lie unnoticed
	}
	switch {
	case len(before) != e.n+1 || !distinct(before[1:]):
		return fmt.Errorf("share again: parties %v of before for %d of now", before, e.n)
	case e.n < need:
		return fmt.Errorf("share again: %d parties hold shares of threshold %d; %d are needed", e.n, threshold, need)
	}
	return nil
}

func distinct(list []int) bool {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return sorted[0] >= 1 && len(slices.Compact(sorted)) == len(list)
}

// checkDealers makes sure that what the parties dealt are shares of one
// polynomial each: a random combination of what each further party dealt, less
// what t+1 others make of it, is zero. Only whether it is opens: a party says
// itself what it was called before, and who names another number than its own
// would read off the difference what the share of that number is.
func (e *Engine) checkDealers(before []int, threshold int, dealt []*Secret) error {
	if err := e.Check(); err != nil { // everybody has heard the same
		return err
	}
	coins, err := e.toss()
	if err != nil {
		return err
	}
	count := len(dealt[1].share)
	factors := make([]wide.Element, count)
	for i := range factors {
		factors[i] = e.coefficient(coins.Element())
	}
	off := e.secret(e.n-threshold-1, 1, 0, 0)
	for i := range off.share {
		party := threshold + 2 + i
		row, err := wide.Lagrange(before[1:threshold+2], before[party])
		if err != nil {
			return err
		}
		off.share[i] = wide.Dot(factors, dealt[party].share)
		for k, c := range row {
			off.share[i] = wide.Sub(off.share[i], wide.Mul(c, wide.Dot(factors, dealt[k+1].share)))
		}
	}
	wrong, err := e.anyNumber(off)
	if err != nil {
		return err
	}
	if wrong {
		return &CheatError{What: "shared another share again than it held"}
	}
	return nil
}
