package paillier

import (
	"errors"
	"fmt"
	"io"
	"math/big"
)

// AffineTerm is a product in an answer: of a ciphertext, and of a lane of the
// multipliers, number Lanes.Count·ciphertext + lane.
type AffineTerm struct{ Ciphertext, Multiplier int }

// Affine is one party's answer to another's ciphertexts: for each list of terms,
// D = ∏ C^b·(1+N)^R·s^N, which encrypts Σ b·m + R. C is under the key of whom is
// answered, the multipliers b are lanes of ciphertexts of the answering party
// under its own key, R is a mask with lanes. Both sides know all of this.
type Affine struct {
	Lanes       Lanes
	Key         *PublicKey   // of whom is answered
	Ciphertexts *Ciphertexts // C, with a LaneProof that the answering party has verified
	Own         *PublicKey   // of the answering party; it has shown that N and φ(N) have no common factor (ModulusProof)
	Multipliers *Ciphertexts // with a LaneProof that the answered party has verified
	Terms       [][]AffineTerm
	Answers     *Ciphertexts // D
	Context     []byte       // who speaks to whom, where and when
}

// AffineWitness is what the answering party knows of its answers beside the
// multipliers. It is secret, and never printed.
type AffineWitness struct{ LaneWitness }

// Masks are the lanes of each R: what the answering party holds of the products
// is their negative.
func (w *AffineWitness) Masks() [][]*big.Int { return w.lanes }

// Answer computes a.Answers. multipliers is the witness of a.Multipliers. Lanes of
// R are uniform below 2^masked: the products, whoever made C within its proof,
// are shorter by 128 bits. It reads Count·⌈masked/8⌉ and then ⌈|N|/8⌉+16 bytes for
// each answer. Given C = (1+N)^m·r^N for some unit r, which its proof shows, D
// says nothing of b beyond Σ b·m + R, whatever N is: s^N, s uniform, is as likely
// as s^N·∏ r^bN. Time does not depend on b.
func (a *Affine) Answer(random io.Reader, multipliers *LaneWitness) (*AffineWitness, error) {
	if err := a.checkTerms(multipliers.Len()); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	l, m := a.Lanes, a.Key.modulus
	size := bytesFor(l.masked())
	wide, err := read(random, len(a.Terms)*l.Count*size)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	w := &AffineWitness{LaneWitness{lanes: drawBelow(wide, l.masked(), len(a.Terms), l.Count)}}
	if w.roots, err = a.Key.drawRoots(random, len(a.Terms)); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	sum := secretBatch(a.Key.encryptWith(a.Key.messages(l, w.lanes), w.roots).values)
	for at := range longest(a.Terms) {
		bases, factors := m.repeatOne(len(a.Terms)), make([][]byte, len(a.Terms))
		for i, terms := range a.Terms {
			factors[i] = make([]byte, bytesFor(l.Value))
			if at < len(terms) {
				bases.put(i, a.Ciphertexts.values, terms[at].Ciphertext)
				multipliers.lane(terms[at].Multiplier).FillBytes(factors[i])
			}
		}
		sum = m.mul(sum, m.exp(m.hide(bases), factors))
	}
	a.Answers = &Ciphertexts{a.Key, m.publish(sum)}
	return w, nil
}

// lane is lane number i over all ciphertexts.
func (w *LaneWitness) lane(i int) *big.Int {
	count := len(w.lanes[0])
	return w.lanes[i/count][i%count]
}

func longest(terms [][]AffineTerm) int {
	most := 0
	for _, list := range terms {
		most = max(most, len(list))
	}
	return most
}

// checkTerms refuses what no proof covers.
func (a *Affine) checkTerms(multipliers int) error {
	if err := a.Own.provable(a.Multipliers); err != nil {
		return err
	}
	if multipliers != a.Multipliers.Len() || !a.Key.Equal(a.Ciphertexts.key) || len(a.Terms) == 0 || len(a.Terms) > MaxLaneProof {
		return fmt.Errorf("%d answers with %d ciphertexts of multipliers", len(a.Terms), multipliers)
	}
	for _, terms := range a.Terms {
		if len(terms) > MaxLaneProof {
			return fmt.Errorf("%d terms in an answer, at most %d", len(terms), MaxLaneProof)
		}
		for _, t := range terms {
			if t.Ciphertext < 0 || t.Ciphertext >= a.Ciphertexts.Len() || t.Multiplier < 0 || t.Multiplier >= multipliers*a.Lanes.Count {
				return errors.New("a term names what is not there")
			}
		}
	}
	return nil
}

// weighed are Q_h = ∏ C^θ over the terms of multiplier h, 1 where there is none.
func (a *Affine) weighed(theta []*big.Int) batch {
	m := a.Key.modulus
	var exponents []*big.Int
	var multipliers []int
	total := 0
	for _, terms := range a.Terms {
		total += len(terms)
	}
	bases := m.empty(total)
	for k, terms := range a.Terms {
		for _, t := range terms {
			bases.put(len(exponents), a.Ciphertexts.values, t.Ciphertext)
			exponents, multipliers = append(exponents, theta[k]), append(multipliers, t.Multiplier)
		}
	}
	powers := m.expEachVarTime(bases, exponents)
	of := make([][]int, a.Multipliers.Len()*a.Lanes.Count)
	for i, h := range multipliers {
		of[h] = append(of[h], i)
	}
	out := m.repeatOne(len(of))
	parallel(len(of), func(h int) {
		if len(of[h]) > 0 {
			out.put(h, m.product(m.chosen(powers, of[h])), 0)
		}
	})
	return out
}

// expEachVarTime is expVarTime with an exponent for each residue, also for one.
func (m *modulus) expEachVarTime(b batch, exponents []*big.Int) batch {
	if b.count == 0 {
		return b
	}
	return m.expVarTime(b, exponents...)
}

// chosen are the residues at these places.
func (m *modulus) chosen(b batch, places []int) batch {
	out := m.empty(len(places))
	for i, at := range places {
		out.put(i, b, at)
	}
	return out
}
