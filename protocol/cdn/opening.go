package cdn

import (
	"fmt"
	"io"
	"math"
	"math/big"

	"consilium/paillier"
)

// Opening says how numbers are opened behind masks: |number| < 2^Reach in units of
// the last place, and Drop bits fall off. Reach ≥ Drop.
type Opening struct {
	Drop, Reach int
}

// Need is how many numbers will be opened that way.
type Need struct {
	Opening
	Count int
}

// mask hides Count numbers: h·2^Drop + l, both unknown to any one party but for
// its own part.
type mask struct {
	Need
	own         []*big.Int // this party's h
	high, total *paillier.Ciphertexts
}

// RangeError says that a number would not fit.
type RangeError struct {
	What         string
	Needed, Have int // bits
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("%s needs %d bits; there are %d", e.What, e.Needed, e.Have)
}

// spareBits of N stay above what is masked.
const spareBits = 2

// Prepare makes the masks of openings to come, in their order. One round.
func (e *Engine) Prepare(needs ...Need) error {
	if e.plain {
		return nil
	}
	var messages []*big.Int
	var masks []*mask
	for _, need := range needs {
		bits := need.Reach + e.Hiding
		if room := e.Key.Bits() - spareBits; bits+e.n > room {
			return &RangeError{"a masked number", bits + e.n, room}
		}
		m := &mask{Need: need}
		for range need.Count {
			h, err := draw(e.Random, bits-need.Drop)
			if err != nil {
				return err
			}
			m.own = append(m.own, h)
		}
		messages = append(messages, m.own...)
		for range need.Count {
			l, err := draw(e.Random, need.Drop)
			if err != nil {
				return err
			}
			messages = append(messages, l)
		}
		masks = append(masks, m)
	}
	c, _, err := e.Encryptor.Encrypt(e.Random, messages)
	if err != nil {
		return err
	}
	sum, err := e.tellSum(c)
	if err != nil {
		return fmt.Errorf("prepare masks: %w", err)
	}
	for from, i := 0, 0; i < len(masks); i++ {
		m := masks[i]
		if m.high, err = sum.Slice(from, from+m.Count); err != nil {
			return err
		}
		shift, rows := new(big.Int).Lsh(big.NewInt(1), uint(m.Drop)), make([][]paillier.Term, m.Count)
		for k := range rows {
			rows[k] = []paillier.Term{{Index: from + k, Weight: shift}, {Index: from + m.Count + k, Weight: big.NewInt(1)}}
		}
		if m.total, err = sum.CombineVarTime(rows); err != nil {
			return err
		}
		from += 2 * m.Count
	}
	e.stock = append(e.stock, masks...)
	return nil
}

// draw is a uniform number of so many bits.
func draw(random io.Reader, bits int) (*big.Int, error) {
	buffer := make([]byte, (bits+7)/8)
	if _, err := io.ReadFull(random, buffer); err != nil {
		return nil, fmt.Errorf("draw a mask: %w", err)
	}
	v := new(big.Int).SetBytes(buffer)
	return v.Rsh(v, uint(8*len(buffer)-bits)), nil
}

// Truncated is a vector to be opened behind masks.
type Truncated struct {
	*Vector
	Opening
}

// Truncate drops bits and shares what is left among the parties, and opens the
// numbers of reveal to all as they are. One round, with masks that Prepare made
// for openings of the same shapes in the same order.
func (e *Engine) Truncate(list []Truncated, reveal *Vector) ([]*Vector, []*big.Int, error) {
	if e.plain {
		return e.truncateClear(list, reveal)
	}
	if len(e.stock) < len(list) {
		return nil, nil, fmt.Errorf("truncate: masks for %d openings of %d", len(e.stock), len(list))
	}
	var all *paillier.Ciphertexts
	add := func(c *paillier.Ciphertexts) (err error) {
		if all == nil {
			all = c
			return nil
		}
		all, err = all.Join(c)
		return err
	}
	for i, t := range list {
		m := e.stock[i]
		if m.Opening != t.Opening || m.Count != t.Len() {
			return nil, nil, fmt.Errorf("truncate: opening %d is of another shape than its masks", i+1)
		}
		c, err := e.masked(t, m)
		if err == nil {
			err = add(c)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if reveal != nil {
		if err := add(reveal.encrypted); err != nil {
			return nil, nil, err
		}
	}
	opened, err := e.decrypt(all)
	if err != nil {
		return nil, nil, fmt.Errorf("open behind masks: %w", err)
	}
	results := make([]*Vector, len(list))
	for i, t := range list {
		if results[i], err = e.unmasked(t, e.stock[i], opened[:t.Len()]); err != nil {
			return nil, nil, err
		}
		opened = opened[t.Len():]
	}
	e.stock = e.stock[len(list):]
	return results, e.signed(opened), nil
}

// lift is a multiple of 2^Drop that makes every number positive.
func (o Opening) lift() *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(o.Reach)) }

// bias is what the low parts of n masks add up to on the average, less half a
// unit for rounding down.
func (o Opening) bias(n int) *big.Int {
	b := new(big.Int).Lsh(big.NewInt(int64(n-1)), uint(o.Drop))
	return b.Rsh(b, 1)
}

// masked adds the masks.
func (e *Engine) masked(t Truncated, m *mask) (*paillier.Ciphertexts, error) {
	c, err := t.encrypted.Add(m.total)
	if err != nil {
		return nil, err
	}
	constant := t.lift()
	if t.Drop > 0 {
		constant.Sub(constant, t.bias(e.n))
	}
	constants := make([]*big.Int, t.Len())
	for i := range constants {
		constants[i] = constant
	}
	known, err := e.Key.Constants(e.modN(constants))
	if err != nil {
		return nil, err
	}
	return c.Add(known)
}

// unmasked makes the truncated vector of what was opened.
func (e *Engine) unmasked(t Truncated, m *mask, opened []*big.Int) (*Vector, error) {
	out := &Vector{Bits: t.Bits - t.Drop, shareBits: t.Reach + e.Hiding - t.Drop + e.n}
	lift, constants, rows := t.lift(), make([]*big.Int, len(opened)), make([][]paillier.Term, len(opened))
	lift.Rsh(lift, uint(t.Drop))
	for i, v := range opened {
		if v.BitLen() > t.Reach+e.Hiding+e.n {
			return nil, &RangeError{"a number that was opened", v.BitLen(), t.Reach + e.Hiding + e.n}
		}
		constants[i] = new(big.Int).Rsh(v, uint(t.Drop))
		constants[i].Sub(constants[i], lift)
		share := new(big.Int)
		if e.channel.Self() == 1 {
			share.Set(constants[i])
		}
		out.shares = append(out.shares, share.Sub(share, m.own[i]))
		rows[i] = []paillier.Term{{Index: i, Weight: big.NewInt(-1)}}
	}
	minus, err := m.high.CombineVarTime(rows)
	if err != nil {
		return nil, err
	}
	known, err := e.Key.Constants(e.modN(constants))
	if err != nil {
		return nil, err
	}
	out.encrypted, err = known.Add(minus)
	return out, err
}

func (e *Engine) truncateClear(list []Truncated, reveal *Vector) ([]*Vector, []*big.Int, error) {
	results := make([]*Vector, len(list))
	for i, t := range list {
		out := &Vector{Bits: t.Bits - t.Drop}
		for k, v := range t.clear {
			if reach := math.Log2(absolute(v) + t.off[k] + 1); reach >= float64(t.Reach) {
				return nil, nil, &RangeError{"a number to be opened", int(reach) + 1, t.Reach}
			}
			rounded, off := new(big.Int).Set(v), t.off[k]
			if t.Drop > 0 {
				rounded.Add(rounded, new(big.Int).Lsh(big.NewInt(1), uint(t.Drop-1)))
				rounded.Rsh(rounded, uint(t.Drop))
				off = math.Ldexp(off, -t.Drop) + float64(e.n+1)/2 + 0.5
			}
			out.clear, out.off = append(out.clear, rounded), append(out.off, off)
		}
		results[i] = out
	}
	if reveal == nil {
		return results, nil, nil
	}
	return results, reveal.clear, nil
}

// Open tells everybody the numbers, of any sign. One round.
func (e *Engine) Open(v *Vector) ([]*big.Int, error) {
	if e.plain {
		return v.clear, nil
	}
	opened, err := e.decrypt(v.encrypted)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return e.signed(opened), nil
}

// signed takes numbers above N/2 to be negative.
func (e *Engine) signed(values []*big.Int) []*big.Int {
	n := e.Key.N()
	half := new(big.Int).Rsh(n, 1)
	for _, v := range values {
		if v.Cmp(half) > 0 {
			v.Sub(v, n)
		}
	}
	return values
}
