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
	ciphertexts []*paillier.Ciphertexts // by party; nil for none
	witness     *paillier.LaneWitness   // of this party's
	own         []wide.Element          // this party's numbers, lane by lane
}

// deal encrypts rows of this party's numbers, a ciphertext each; counts are how
// many rows each party has, known to all.
func (p *party) deal(purpose string, rows [][]wide.Element, counts []int) (*dealt, error) {
	d := &dealt{ciphertexts: make([]*paillier.Ciphertexts, p.n+1)}
	lanes := make([][]*big.Int, len(rows))
	for i, row := range rows {
		own := make([]wide.Element, p.lanes.Count)
		copy(own, row)
		d.own = append(d.own, own...)
		lanes[i] = bigs(row)
	}
	var body []byte
	if len(rows) > 0 {
		c, w, err := p.keys[p.self].EncryptLanes(p.Random, p.lanes, lanes)
		if err != nil {
			return nil, err
		}
		d.ciphertexts[p.self], d.witness = c, w
		body = c.Encode()
		for from := 0; from < c.Len(); from += paillier.MaxLaneProof {
			to := min(from+paillier.MaxLaneProof, c.Len())
			part, err := c.Slice(from, to)
			if err != nil {
				return nil, err
			}
			proof, err := p.keys[p.self].ProveLanes(p.Random, p.lanes, part, w.Slice(from, to), laneContext(p.digest, purpose, p.self, from))
			if err != nil {
				return nil, err
			}
			body = append(body, p.keys[p.self].EncodeLaneProof(p.lanes, proof)...)
		}
	}
	before := p.digest
	heard, err := p.broadcast(purpose, body)
	if err != nil {
		return nil, err
	}
	for j := 1; j <= p.n; j++ {
		if j == p.self || counts[j] == 0 {
			continue
		}
		if d.ciphertexts[j], err = p.openDealt(before, purpose, j, counts[j], heard[j]); err != nil {
			return nil, cheat(j, "sent ciphertexts that are not proved to be in range", err)
		}
	}
	return d, nil
}

func laneContext(d digest, purpose string, from, at int) []byte {
	return d.context(fmt.Sprintf("%s lanes from %d on", purpose, at), from, 0)
}

func (p *party) openDealt(before digest, purpose string, from, count int, body []byte) (*paillier.Ciphertexts, error) {
	key := p.keys[from]
	proofs, size := (count+paillier.MaxLaneProof-1)/paillier.MaxLaneProof, key.LaneProofSize(p.lanes)
	if want := count*key.CiphertextSize() + proofs*size; len(body) != want {
		return nil, fmt.Errorf("%d bytes, not %d", len(body), want)
	}
	c, err := key.DecodeCiphertexts(body[:count*key.CiphertextSize()])
	if err != nil {
		return nil, err
	}
	body = body[count*key.CiphertextSize():]
	for at := 0; at < count; at += paillier.MaxLaneProof {
		part, err := c.Slice(at, min(at+paillier.MaxLaneProof, count))
		if err != nil {
			return nil, err
		}
		proof, err := key.DecodeLaneProof(p.lanes, body[:size])
		if err != nil {
			return nil, err
		}
		if err := key.VerifyLanes(p.lanes, part, proof, laneContext(before, purpose, from, at)); err != nil {
			return nil, err
		}
		body = body[size:]
	}
	return c, nil
}

// answers asks every other party to multiply: each pair has terms of its own
// ciphertexts c and the other's multipliers b. got[j][k] are the lanes of what
// party j answered to the list k of this party's terms, masks[j][k] those of the
// mask that this party has added to its answer to j.
func (p *party) answers(purpose string, c, b *dealt, terms [][][]paillier.AffineTerm) (got, masks [][][]*big.Int, err error) {
	to, asked := make([][]byte, p.n+1), make([]*paillier.Affine, p.n+1)
	got, masks = make([][][]*big.Int, p.n+1), make([][][]*big.Int, p.n+1)
	for j := 1; j <= p.n; j++ {
		if j == p.self {
			continue
		}
		if len(terms[j]) > 0 {
			a := p.affine(purpose, c, b, j, p.self, terms[j])
			if to[j], masks[j], err = p.answer(a, b.witness); err != nil {
				return nil, nil, err
			}
		}
		asked[j] = p.affine(purpose, c, b, p.self, j, terms[p.self])
	}
	from, err := p.exchange(to)
	if err != nil {
		return nil, nil, err
	}
	for j := 1; j <= p.n; j++ {
		if j == p.self || len(terms[p.self]) == 0 {
			continue
		}
		if got[j], err = p.openAnswer(asked[j], from[j]); err != nil {
			return nil, nil, cheat(j, "sent an answer that is not proved to be one", err)
		}
	}
	return got, masks, nil
}

// affine is what answerer does for asker.
func (p *party) affine(purpose string, c, b *dealt, asker, answerer int, terms [][]paillier.AffineTerm) *paillier.Affine {
	return &paillier.Affine{Lanes: p.lanes, Key: p.keys[asker], Ciphertexts: c.ciphertexts[asker],
		Own: p.keys[answerer], Multipliers: b.ciphertexts[answerer], Terms: terms, Context: p.digest.context(purpose, answerer, asker)}
}

func (p *party) answer(a *paillier.Affine, b *paillier.LaneWitness) (body []byte, masks [][]*big.Int, err error) {
	w, err := a.Answer(p.Random, b)
	if err != nil {
		return nil, nil, err
	}
	proof, err := a.Prove(p.Random, b, w)
	if err != nil {
		return nil, nil, err
	}
	return append(a.Answers.Encode(), a.EncodeProof(proof)...), w.Masks(), nil
}

func (p *party) openAnswer(a *paillier.Affine, body []byte) ([][]*big.Int, error) {
	size := len(a.Terms) * a.Key.CiphertextSize()
	if len(body) != size+a.ProofSize() {
		return nil, fmt.Errorf("%d bytes, not %d", len(body), size+a.ProofSize())
	}
	var err error
	if a.Answers, err = a.Key.DecodeCiphertexts(body[:size]); err != nil {
		return nil, err
	}
	proof, err := a.DecodeProof(body[size:])
	if err != nil {
		return nil, err
	}
	if err := a.Verify(proof); err != nil {
		return nil, err
	}
	return p.private.DecryptLanes(p.lanes, a.Answers)
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
		most = max(most, d.count(j))
		list[j] = &owned{owner: j, value: make([]wide.Element, d.count(j)*p.lanes.Count), tags: make([][]wide.Element, p.n+1)}
	}
	copy(list[p.self].value, d.own)
	for from := 0; from < most; from += paillier.MaxLaneProof {
		terms := make([][][]paillier.AffineTerm, p.n+1)
		for j := 1; j <= p.n; j++ {
			for k := from; k < min(from+paillier.MaxLaneProof, d.count(j)); k++ {
				terms[j] = append(terms[j], []paillier.AffineTerm{{Ciphertext: k}})
			}
		}
		got, masks, err := p.answers(fmt.Sprintf("tag %s from %d on", purpose, from), d, p.deltas, terms)
		if err != nil {
			return nil, err
		}
		for j := 1; j <= p.n; j++ {
			if j != p.self {
				list[p.self].tags[j] = append(list[p.self].tags[j], elements(got[j])...)
				list[j].key = append(list[j].key, elements(masks[j])...)
			}
		}
	}
	return list, nil
}

// count is how many ciphertexts a party has dealt.
func (d *dealt) count(j int) int {
	if d.ciphertexts[j] == nil {
		return 0
	}
	return d.ciphertexts[j].Len()
}

// shares are what this party holds of the numbers from…to−1: the owner has them
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
