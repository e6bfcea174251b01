package dishonest

import (
	"crypto/sha256"
	"crypto/subtle"
	"hash"

	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// pending is what was opened, or is claimed to be zero, and not yet checked.
type pending struct {
	opened hash.Hash // of all that was opened, ever
	value  []wide.Element
	mac    []wide.Element
	checks uint64
}

// reveal opens numbers to everybody without a check: see check.
func (p *party) reveal(s spdz.Shares) ([]wide.Element, error) {
	sum := append([]wide.Element(nil), s.Value...)
	heard, err := p.tellAll(wide.Append(nil, s.Value))
	if err != nil {
		return nil, err
	}
	other := make([]wide.Element, len(sum))
	for j := 1; j <= p.n; j++ {
		if j == p.self {
			continue
		}
		if err := wide.Decode(other, heard[j]); err != nil {
			return nil, cheat(j, "sent what is no list of shares", err)
		}
		wide.AddTo(sum, other)
	}
	p.pending.opened.Write(wide.Append(nil, sum))
	p.pending.value, p.pending.mac = append(p.pending.value, sum...), append(p.pending.mac, s.MAC...)
	return sum, nil
}

// claimZero has the next check look whether the numbers are zero, without opening
// them.
func (p *party) claimZero(s spdz.Shares) {
	p.pending.value = append(p.pending.value, make([]wide.Element, s.Len())...)
	p.pending.mac = append(p.pending.mac, s.MAC...)
}

// check makes sure that all numbers opened since the last one are those that were
// shared, and the same everywhere: a random combination of (MAC share − Δ_i·value)
// must add up to zero over the parties (Damgård and others 2013, figure 10). All
// commit to their part before anybody shows one. Whoever moved a number by d must
// guess Δ·d: it passes once in 2¹²⁷, or with an unlucky combination.
func (p *party) check() error {
	q := &p.pending
	if len(q.value) == 0 {
		return nil
	}
	q.checks++
	opened := q.opened.Sum(nil)
	coins := p.coins("check", opened, []byte{byte(q.checks), byte(q.checks >> 8), byte(q.checks >> 16), byte(q.checks >> 24)})
	var sigma wide.Element
	for i, v := range q.value {
		sigma = wide.Add(sigma, wide.Mul(p.coefficient(coins), wide.Sub(q.mac[i], wide.Mul(p.delta, v))))
	}
	q.value, q.mac = nil, nil

	var nonce [nonceSize]byte
	p.expander.Bytes(nonce[:])
	shown := append(nonce[:], wide.Append(nil, []wide.Element{sigma})...)
	commitment := p.commitment(p.self, opened, shown)
	commitments, err := p.tellAll(append(commitment, opened...))
	if err != nil {
		return err
	}
	for j := 1; j <= p.n; j++ {
		if len(commitments[j]) != 2*sha256.Size || subtle.ConstantTimeCompare(commitments[j][sha256.Size:], opened) != 1 {
			return cheat(0, "told different parties different shares, as one of them says", nil)
		}
	}
	heard, err := p.tellAll(shown)
	if err != nil {
		return err
	}
	var sum wide.Element
	for j := 1; j <= p.n; j++ {
		var part [1]wide.Element
		if len(heard[j]) != len(shown) || subtle.ConstantTimeCompare(p.commitment(j, opened, heard[j]), commitments[j][:sha256.Size]) != 1 ||
			wide.Decode(part[:], heard[j][nonceSize:]) != nil {
			return cheat(j, "did not show what it had committed to", nil)
		}
		sum = wide.Add(sum, part[0])
	}
	if !sum.IsZero() {
		return cheat(0, "opened a wrong number, or multiplied wrongly", nil)
	}
	return nil
}

func (p *party) commitment(of int, opened, shown []byte) []byte {
	sum := hashOf("commitment", p.digest[:], opened, []byte{byte(of), byte(p.pending.checks), byte(p.pending.checks >> 8), byte(p.pending.checks >> 16)}, shown)
	return sum[:]
}

// Draw gives numbers that nobody knows: each party has drawn a part.
func (p *party) Draw(count int) (spdz.Shares, error) {
	own := make([]wide.Element, count)
	p.expander.Fill(own)
	d, err := p.dealAll("random", p.packed(own))
	if err != nil {
		return spdz.Shares{}, err
	}
	list, err := p.tag("random", d)
	if err != nil {
		return spdz.Shares{}, err
	}
	return p.sum(list, 0, count), nil
}

// Open tells everybody the numbers: what was opened before is checked first, and
// these before they are given away.
func (p *party) Open(s spdz.Shares) ([]wide.Element, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	opened, err := p.reveal(s)
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return opened, nil
}

// OpenTo tells one party the numbers, which it hides from the others by random
// ones of its own; the others get nil.
func (p *party) OpenTo(to int, s spdz.Shares) ([]wide.Element, error) {
	counts := make([]int, p.n+1)
	counts[to] = (s.Len() + p.lanes.Count - 1) / p.lanes.Count
	var hiding []wide.Element
	if to == p.self {
		hiding = make([]wide.Element, s.Len())
		p.expander.Fill(hiding)
	}
	d, err := p.deal("open to one", p.packed(hiding), counts)
	if err != nil {
		return nil, err
	}
	list, err := p.tag("open to one", d)
	if err != nil {
		return nil, err
	}
	masked := p.shares(s.Len())
	addTo(masked, s)
	addTo(masked, p.sharesOf(list[to], 0, s.Len()))
	opened, err := p.Open(masked)
	if err != nil || to != p.self {
		return nil, err
	}
	wide.SubTo(opened, hiding)
	return opened, nil
}
