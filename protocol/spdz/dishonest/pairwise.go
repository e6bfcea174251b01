package dishonest

import (
	"fmt"
	"math/big"

	"consilium/paillier"
	"consilium/sharing/wide"
)

// pairwise is how two parties multiply what they know.
type pairwise interface {
	// encrypt tells all others this party's numbers, hidden, and proved to be in
	// range.
	encrypt(p *party, purpose string, d *dealt) error
	// answers asks every other party to multiply: each pair has terms of its own
	// ciphertexts c and the other's multipliers b. got[j] are the lanes of what
	// party j answered to this party's terms, masks[j] those of the masks that this
	// party has added to its answers to j.
	answers(p *party, purpose string, c, b *dealt, terms [][][]paillier.AffineTerm) (got, masks [][]wide.Element, err error)
}

// byPaillier is the only one but for tests.
type byPaillier struct{}

func (byPaillier) encrypt(p *party, purpose string, d *dealt) error {
	d.ciphertexts = make([]*paillier.Ciphertexts, p.n+1)
	rows := p.packed(d.own)
	lanes := make([][]*big.Int, len(rows))
	for i, row := range rows {
		lanes[i] = bigs(row)
	}
	var body []byte
	if len(rows) > 0 {
		c, w, err := p.keys[p.self].EncryptLanes(p.Random, p.lanes, lanes)
		if err != nil {
			return err
		}
		d.ciphertexts[p.self], d.witness = c, w
		body = c.Encode()
		for from := 0; from < c.Len(); from += paillier.MaxLaneProof {
			to := min(from+paillier.MaxLaneProof, c.Len())
			part, err := c.Slice(from, to)
			if err != nil {
				return err
			}
			proof, err := p.keys[p.self].ProveLanes(p.Random, p.lanes, part, w.Slice(from, to), laneContext(p.digest, purpose, p.self, from))
			if err != nil {
				return err
			}
			body = append(body, p.keys[p.self].EncodeLaneProof(p.lanes, proof)...)
		}
	}
	before := p.digest
	heard, err := p.broadcast(purpose, body)
	if err != nil {
		return err
	}
	for j := 1; j <= p.n; j++ {
		if j == p.self || d.counts[j] == 0 {
			continue
		}
		if d.ciphertexts[j], err = p.openDealt(before, purpose, j, d.counts[j], heard[j]); err != nil {
			return cheat(j, "sent ciphertexts that are not proved to be in range", err)
		}
	}
	return nil
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

func (byPaillier) answers(p *party, purpose string, c, b *dealt, terms [][][]paillier.AffineTerm) (got, masks [][]wide.Element, err error) {
	to, asked := make([][]byte, p.n+1), make([]*paillier.Affine, p.n+1)
	got, masks = make([][]wide.Element, p.n+1), make([][]wide.Element, p.n+1)
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

func (p *party) answer(a *paillier.Affine, b *paillier.LaneWitness) (body []byte, masks []wide.Element, err error) {
	w, err := a.Answer(p.Random, b)
	if err != nil {
		return nil, nil, err
	}
	proof, err := a.Prove(p.Random, b, w)
	if err != nil {
		return nil, nil, err
	}
	return append(a.Answers.Encode(), a.EncodeProof(proof)...), elements(w.Masks()), nil
}

func (p *party) openAnswer(a *paillier.Affine, body []byte) ([]wide.Element, error) {
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
	lanes, err := p.private.DecryptLanes(p.lanes, a.Answers)
	return elements(lanes), err
}
