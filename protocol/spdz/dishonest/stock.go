package dishonest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"consilium/paillier"
	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// maskKind is what truncation masks are like: r below 2^bits, of which shift bits
// go.
type maskKind struct{ bits, shift int }

// mask hides a number that is to be truncated: r and r≫shift of each party, added
// up. Low bits of each are truncated for themselves, so the sum of r≫shift is
// below that of r by up to n units of the last place.
type mask struct {
	whole, high spdz.Shares // one number each
	used        bool
}

// stock is what was made beforehand, and what was taken. What is taken is gone:
// nothing is used twice.
type stock struct {
	triples   map[shape][]*triple
	masks     map[maskKind][]*mask
	taken     map[shape]int // since the last Refill
	takenMask map[maskKind]int
}

func newStock() stock {
	return stock{triples: map[shape][]*triple{}, masks: map[maskKind][]*mask{}, taken: map[shape]int{}, takenMask: map[maskKind]int{}}
}

// errReused is no matter of others: this party's program is wrong.
var errReused = errors.New("a triple or a mask was to be used a second time; both uses together would show what it hides")

// take marks a triple as used.
func (t *triple) take() error {
	if t.used {
		return errReused
	}
	t.used = true
	return nil
}

func (m *mask) take() error {
	if m.used {
		return errReused
	}
	m.used = true
	return nil
}

// blocks cuts a product so that a triple for each part fits one proof.
func (p *party) blocks(s shape) (rows, inner int, err error) {
	if s.cols > paillier.MaxLaneProof/2 {
		return 0, 0, fmt.Errorf("a product with %d columns, at most %d", s.cols, paillier.MaxLaneProof/2)
	}
	most := paillier.MaxLaneProof / s.cols // groups of lanes in an answer's column, and numbers of b
	return min(s.rows, max(1, most*p.lanes.Count/2)), min(s.inner, most), nil
}

// needTriples makes what is not there of these shapes, all of which fit a proof.
func (p *party) needTriples(shapes []shape) error {
	missing := map[shape]int{}
	for _, s := range shapes {
		missing[s]++
		p.stock.taken[s]++
	}
	for s := range missing {
		missing[s] -= len(p.stock.triples[s])
	}
	return p.moreTriples(missing)
}

// moreTriples makes triples, as many at once as fit the proofs.
func (p *party) moreTriples(missing map[shape]int) error {
	var list []shape
	for _, s := range sortedKeys(missing, func(a, b shape) int {
		return cmp.Or(cmp.Compare(a.rows, b.rows), cmp.Compare(a.inner, b.inner), cmp.Compare(a.cols, b.cols))
	}) {
		for range missing[s] {
			list = append(list, s)
		}
	}
	for len(list) > 0 {
		count := 1
		for count < len(list) {
			_, _, answers, factors := p.layouts(list[:count+1])
			if max(answers, (factors+p.lanes.Count-1)/p.lanes.Count) > paillier.MaxLaneProof {
				break
			}
			count++
		}
		made, err := p.makeTriples(list[:count])
		if err != nil {
			return fmt.Errorf("make triples: %w", err)
		}
		for _, t := range made {
			p.stock.triples[t.shape] = append(p.stock.triples[t.shape], t)
		}
		list = list[count:]
	}
	return nil
}

// sortedKeys are in one order everywhere.
func sortedKeys[K comparable](m map[K]int, compare func(a, b K) int) []K {
	var keys []K
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// takeTriple gives one away.
func (p *party) takeTriple(s shape) (*triple, error) {
	list := p.stock.triples[s]
	t := list[0]
	p.stock.triples[s] = list[1:]
	return t, t.take()
}

// masksAtOnce bounds the messages.
const masksAtOnce = 200

func (p *party) needMasks(count int, kind maskKind) error {
	p.stock.takenMask[kind] += count
	return p.moreMasks(count-len(p.stock.masks[kind]), kind)
}

func (p *party) moreMasks(count int, kind maskKind) error {
	for count > 0 {
		batch := min(count, masksAtOnce)
		if err := p.makeMasks(batch, kind); err != nil {
			return fmt.Errorf("make masks: %w", err)
		}
		count -= batch
	}
	return nil
}

// makeMasks: each party draws numbers below 2^bits and authenticates their parts,
// the low shift bits and the rest, with a proof that these are in range. So r and
// r≫shift belong together by construction.
func (p *party) makeMasks(count int, kind maskKind) error {
	widths := []int{kind.shift, kind.bits - kind.shift}
	numbers, counts := make([]wide.Element, 2*count), make([]int, p.n+1)
	for i := range numbers {
		numbers[i] = p.expander.Below(widths[i%2])
	}
	for j := range counts {
		counts[j] = 2 * count
	}
	dealt, err := p.dealDigits("masks", numbers, counts, widths)
	if err != nil {
		return err
	}
	sum := p.shares(2 * count)
	for _, s := range dealt[1:] {
		addTo(sum, s)
	}
	for i := range count {
		whole, high := p.shares(1), part(sum, 2*i+1, 2*i+2)
		addTo(whole, part(sum, 2*i, 2*i+1))
		accumulate(whole, wide.PowerOfTwo(kind.shift), high)
		p.stock.masks[kind] = append(p.stock.masks[kind], &mask{whole: whole, high: high})
	}
	return nil
}

func (p *party) takeMask(kind maskKind) (*mask, error) {
	list := p.stock.masks[kind]
	m := list[0]
	p.stock.masks[kind] = list[1:]
	return m, m.take()
}

// Refill makes ready times as much as was taken since the last call.
func (p *party) Refill(times int) error {
	taken, masks := p.stock.taken, p.stock.takenMask
	p.stock.taken, p.stock.takenMask = map[shape]int{}, map[maskKind]int{}
	if times < 1 {
		return nil
	}
	for s := range taken {
		taken[s] *= times
	}
	if err := p.moreTriples(taken); err != nil {
		return err
	}
	for _, kind := range sortedKeys(masks, func(a, b maskKind) int {
		return cmp.Or(cmp.Compare(a.bits, b.bits), cmp.Compare(a.shift, b.shift))
	}) {
		if err := p.moreMasks(times*masks[kind], kind); err != nil {
			return err
		}
	}
	return nil
}
