package paillier

import (
	"errors"
	"fmt"
	"io"
	"math/big"
)

// Partials are one holder's partial decryptions c^(2·n!·f(i)) of a list of
// ciphertexts.
type Partials struct {
	key    *ThresholdKey
	holder int
	values batch
}

// PartialDecrypt makes holder i's partial decryptions of c, and one proof of
// them all. round and set say what they are for: the hashes of the round's
// description and of the agreed set. A holder opens one set a round.
//
// It reads 32 bytes from random, for the proof.
func (k *ThresholdKey) PartialDecrypt(random io.Reader, s *KeyShare, c *Ciphertexts, round, set []byte) (*Partials, *DecryptionProof, error) {
	if err := k.owns(s); err != nil {
		return nil, nil, fmt.Errorf("decrypt partially: %w", err)
	}
	if !k.PublicKey.Equal(c.key) || c.Len() == 0 {
		return nil, nil, errors.New("decrypt partially: the ciphertexts are under another key, or there are none")
	}
	seed, err := read(random, 32)
	if err != nil {
		return nil, nil, fmt.Errorf("decrypt partially: %w", err)
	}
	p := k.partials(s, c)
	return p, k.prove(seed, s, c, p, round, set), nil
}

// partials are c^(2·n!·f(i)).
func (k *ThresholdKey) partials(s *KeyShare, c *Ciphertexts) *Partials {
	m := k.modulus
	exponent := scaled(s.value, 2*factorial(k.holders))
	return &Partials{k, s.holder, m.publish(m.exp(m.hide(c.values), [][]byte{exponent}))}
}

// DecodePartials reads a holder's partial decryptions as DecodeCiphertexts reads
// ciphertexts.
func (k *ThresholdKey) DecodePartials(holder int, data []byte) (*Partials, error) {
	if holder < 1 || holder > k.holders {
		return nil, fmt.Errorf("open partial decryptions: holder %d is not in 1…%d", holder, k.holders)
	}
	p := &Partials{key: k, holder: holder}
	if err := p.Extend(data); err != nil {
		return nil, err
	}
	return p, nil
}

// Extend decodes a chunk of whole partial decryptions and appends it. After an
// error p is as it was.
func (p *Partials) Extend(chunk []byte) error {
	values, err := p.key.modulus.decode(chunk)
	if err != nil {
		return fmt.Errorf("open partial decryptions from number %d on: %w", p.Len(), err)
	}
	p.values = p.key.modulus.join(p.values, values)
	return nil
}

// Holder is the number of the holder, 1…n.
func (p *Partials) Holder() int { return p.holder }

// Len is the number of partial decryptions.
func (p *Partials) Len() int { return p.values.len() }

// Append appends the canonical encoding of numbers from…to−1 to dst:
// CiphertextSize bytes each, big-endian.
func (p *Partials) Append(dst []byte, from, to int) []byte {
	return p.key.modulus.appendTo(dst, p.values, from, to)
}

// Encode is the canonical encoding of all. The holder's number and the proof
// travel apart from it.
func (p *Partials) Encode() []byte { return p.Append(nil, 0, p.Len()) }

// Combine opens ciphertexts from the verified partial decryptions of k different
// holders; of more it takes the first k. The caller has verified each with
// VerifyPartials: a wrong one gives wrong messages, or an error that does not
// say whose it is.
//
// With λ_i = n!·∏_(j≠i) j/(j−i), an integer, ∏ c_i^(2λ_i) = c^(4·n!²·f(0)) =
// 1 + 4·n!²·θ·m·N (Damgård, Jurik 2001, section 4.1).
func (k *ThresholdKey) Combine(partials []*Partials) ([]*big.Int, error) {
	if len(partials) < k.threshold {
		return nil, fmt.Errorf("combine: %d partial decryptions; %d are needed", len(partials), k.threshold)
	}
	partials = partials[:k.threshold]
	positive, negative, err := k.sortBySign(partials)
	if err != nil {
		return nil, fmt.Errorf("combine: %w", err)
	}
	m := k.modulus
	opened := m.powersVarTime(positive.bases, positive.exponents)
	if len(negative.bases) > 0 {
		opened = m.mulVarTime(opened, m.inverseVarTime(m.powersVarTime(negative.bases, negative.exponents)))
	}
	messages, err := m.logarithmsVarTime(opened)
	if err != nil {
		return nil, errors.New("combine: the partial decryptions do not fit together; verify each")
	}
	scale := new(big.Int).SetUint64(factorial(k.holders))
	scale.Mul(scale, scale)
	scale.Mul(scale.Lsh(scale, 2), k.theta)
	scale.ModInverse(scale.Mod(scale, k.n), k.n)
	for _, message := range messages {
		message.Mod(message.Mul(message, scale), k.n)
	}
	return messages, nil
}

// powers are bases of batches and an exponent for each.
type powers struct {
	bases     []batch
	exponents []*big.Int
}

// sortBySign checks the partial decryptions and separates those with a positive
// coefficient 2λ_i from those with a negative one. One at least is positive:
// that of the lowest holder.
func (k *ThresholdKey) sortBySign(partials []*Partials) (positive, negative powers, err error) {
	holders := make([]int, len(partials))
	for i, p := range partials {
		switch {
		case p.key.digest != k.digest:
			return positive, negative, fmt.Errorf("holder %d decrypted under another key", p.holder)
		case p.Len() != partials[0].Len():
			return positive, negative, fmt.Errorf("holder %d decrypted %d ciphertexts, holder %d %d",
				p.holder, p.Len(), partials[0].holder, partials[0].Len())
		}
		for _, other := range holders[:i] {
			if other == p.holder {
				return positive, negative, fmt.Errorf("holder %d is there twice", p.holder)
			}
		}
		holders[i] = p.holder
	}
	for i, p := range partials {
		exponent := lagrange(holders, i, k.holders)
		side := &positive
		if exponent.Sign() < 0 {
			side = &negative
		}
		side.bases = append(side.bases, p.values)
		side.exponents = append(side.exponents, exponent.Lsh(exponent.Abs(exponent), 1))
	}
	return positive, negative, nil
}

// lagrange returns λ_i = n!·∏_(j≠i) j/(j−i) for the i-th of the holders.
func lagrange(holders []int, i, n int) *big.Int {
	numerator := new(big.Int).SetUint64(factorial(n))
	denominator := big.NewInt(1)
	for j, holder := range holders {
		if j != i {
			numerator.Mul(numerator, big.NewInt(int64(holder)))
			denominator.Mul(denominator, big.NewInt(int64(holder-holders[i])))
		}
	}
	return numerator.Quo(numerator, denominator)
}
