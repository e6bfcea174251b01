package dishonest

import (
	"fmt"
	"math/big"

	"consilium/paillier"
	"consilium/protocol/spdz"
	"consilium/sharing/wide"
)

// dealt are numbers that each party has encrypted under its own key, with a proof
// of their range that all have verified.
type dealt struct {
	counts      []int                   // of ciphertexts, by party
	own         []wide.Element          // this party's numbers, lane by lane
	ciphertexts []*paillier.Ciphertexts // by party; nil for none
	witness     *paillier.LaneWitness   // of this party's
}

// deal encrypts rows of this party's numbers, a ciphertext each; counts are how
// many rows each party has, known to all.
func (p *party) deal(purpose string, rows [][]wide.Element, counts []int) (*dealt, error) {
	d := &dealt{counts: counts}
	for _, row := range rows {
		own := make([]wide.Element, p.lanes.Count)
		copy(own, row)
		d.own = append(d.own, own...)
	}
	return d, p.pairwise.encrypt(p, purpose, d)
}

// slice is what was dealt from a ciphertext on, where all have dealt as many.
func (p *party) slice(d *dealt, from int) (*dealt, error) {
	count := d.counts[p.self]
	out := &dealt{counts: make([]int, p.n+1), own: d.own[from*p.lanes.Count:]}
	for j := range out.counts {
		out.counts[j] = count - from
	}
	if d.ciphertexts == nil {
		return out, nil
	}
	out.witness, out.ciphertexts = d.witness.Slice(from, count), make([]*paillier.Ciphertexts, p.n+1)
	for j := 1; j <= p.n; j++ {
		var err error
		if out.ciphertexts[j], err = d.ciphertexts[j].Slice(from, count); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// owned are numbers that one party knows, of which every other holds a key: tag =
// key + Δ_j·number, and the owner has the tag (Bendlin and others 2011).
type owned struct {
	owner int
	value []wide.Element   // the owner's; zeros elsewhere
	tags  [][]wide.Element // the owner's, by party
	key   []wide.Element   // of the others
}

// tag authenticates what was dealt, lane by lane, by party.
func (p *party) tag(purpose string, d *dealt) ([]*owned, error) {
	list := make([]*owned, p.n+1)
	most := 0
	for j := 1; j <= p.n; j++ {
		most = max(most, d.counts[j])
		list[j] = &owned{owner: j, value: make([]wide.Element, d.counts[j]*p.lanes.Count), tags: make([][]wide.Element, p.n+1)}
	}
	copy(list[p.self].value, d.own)
	for from := 0; from < most; from += paillier.MaxLaneProof {
		terms := make([][][]paillier.AffineTerm, p.n+1)
		for j := 1; j <= p.n; j++ {
			for k := from; k < min(from+paillier.MaxLaneProof, d.counts[j]); k++ {
				terms[j] = append(terms[j], []paillier.AffineTerm{{Ciphertext: k}})
			}
		}
		got, masks, err := p.pairwise.answers(p, fmt.Sprintf("tag %s from %d on", purpose, from), d, p.deltas, terms)
		if err != nil {
			return nil, err
		}
		for j := 1; j <= p.n; j++ {
			if j != p.self {
				list[p.self].tags[j] = append(list[p.self].tags[j], got[j]...)
				list[j].key = append(list[j].key, masks[j]...)
			}
		}
	}
	return list, nil
}

// sharesOf is what this party holds of the numbers from…to−1: the owner has them
// all, and MACs are Δ_owner·x + Σ tags − Σ keys = Δ·x.
func (p *party) sharesOf(o *owned, from, to int) spdz.Shares {
	s := p.shares(to - from)
	if o.owner != p.self {
		wide.SubTo(s.MAC, o.key[from:to])
		return s
	}
	copy(s.Value, o.value[from:to])
	wide.Accumulate(s.MAC, p.delta, s.Value)
	for j, tags := range o.tags {
		if j > 0 && j != p.self {
			wide.AddTo(s.MAC, tags[from:to])
		}
	}
	return s
}

// sum adds up what all parties own at the same places.
func (p *party) sum(list []*owned, from, to int) spdz.Shares {
	s := p.sharesOf(list[1], from, to)
	for _, o := range list[2:] {
		addTo(s, p.sharesOf(o, from, to))
	}
	return s
}

func addTo(a, b spdz.Shares) {
	wide.AddTo(a.Value, b.Value)
	wide.AddTo(a.MAC, b.MAC)
}

// accumulate adds factor·b to a.
func accumulate(a spdz.Shares, factor wide.Element, b spdz.Shares) {
	wide.Accumulate(a.Value, factor, b.Value)
	wide.Accumulate(a.MAC, factor, b.MAC)
}

func part(s spdz.Shares, from, to int) spdz.Shares {
	return spdz.Shares{Value: s.Value[from:to], MAC: s.MAC[from:to]}
}

func bigs(list []wide.Element) []*big.Int {
	out := make([]*big.Int, len(list))
	for i, v := range list {
		encoded := wide.Append(nil, []wide.Element{v})
		for a, b := 0, len(encoded)-1; a < b; a, b = a+1, b-1 {
			encoded[a], encoded[b] = encoded[b], encoded[a]
		}
		out[i] = new(big.Int).SetBytes(encoded)
	}
	return out
}

var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), wide.Bits), big.NewInt(1))

// elements are all lanes mod p.
func elements(rows [][]*big.Int) []wide.Element {
	var out []wide.Element
	rest := new(big.Int)
	for _, row := range rows {
		for _, v := range row {
			bytes := rest.Mod(v, prime).FillBytes(make([]byte, wide.Size))
			var e wide.Element
			for _, b := range bytes[:8] {
				e.Hi = e.Hi<<8 | uint64(b)
			}
			for _, b := range bytes[8:] {
				e.Lo = e.Lo<<8 | uint64(b)
			}
			out = append(out, e)
		}
	}
	return out
}
