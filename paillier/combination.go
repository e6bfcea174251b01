package paillier

import (
	"errors"
	"fmt"
	"io"
	"math/big"
)

// Term is a place in a list of ciphertexts and a public weight, of any sign.
type Term struct {
	Index  int
	Weight *big.Int
}

// CombineVarTime returns encryptions of Σ weight·m over the terms of each row, mod
// N. An empty row gives the encryption of 0 that everybody can read. It hides
// nothing that c does not.
func (c *Ciphertexts) CombineVarTime(rows [][]Term) (*Ciphertexts, error) {
	m := c.key.modulus
	longest, negative := 0, false
	for i, row := range rows {
		longest = max(longest, len(row))
		for _, t := range row {
			if t.Index < 0 || t.Index >= c.Len() {
				return nil, fmt.Errorf("combine ciphertexts: row %d names number %d of %d", i, t.Index, c.Len())
			}
			negative = negative || t.Weight.Sign() < 0
		}
	}
	inverses := c.values
	if negative {
		inverses = m.inverseVarTime(c.values)
	}
	sum := m.repeatOne(len(rows))
	for at := range longest {
		bases, weights := m.repeatOne(len(rows)), make([]*big.Int, len(rows))
		for i, row := range rows {
			if weights[i] = one; at >= len(row) {
				continue
			}
			t := row[at]
			if weights[i] = new(big.Int).Abs(t.Weight); t.Weight.Sign() < 0 {
				bases.put(i, inverses, t.Index)
			} else {
				bases.put(i, c.values, t.Index)
			}
		}
		sum = m.mulVarTime(sum, m.expVarTime(bases, weights...))
	}
	return &Ciphertexts{c.key, sum}, nil
}

// repeatOne is a batch of ones.
func (m *modulus) repeatOne(count int) batch {
	ones, single := m.empty(count), m.of(one)
	for i := range count {
		ones.put(i, single, 0)
	}
	return ones
}

// Constants are the encryptions of messages 0 ≤ m < N without randomness: numbers
// that everybody knows, to be added.
func (k *PublicKey) Constants(messages []*big.Int) (*Ciphertexts, error) {
	encoded, err := k.encodeMessages(messages)
	if err != nil {
		return nil, fmt.Errorf("encode constants: %w", err)
	}
	return &Ciphertexts{k, k.modulus.publish(k.modulus.onePlus(encoded))}, nil
}

// SecretTerm is a place in a list of ciphertexts and a secret factor that is not
// negative, big-endian. All factors of a call have one length.
type SecretTerm struct {
	Index  int
	Factor []byte
}

// Multiply returns fresh-looking encryptions of Σ factor·m over the terms of each
// row, mod N, and reads random as Encrypt does for each row. Its time depends on
// the rows' shape and the factors' length only.
func (e *Encryptor) Multiply(random io.Reader, c *Ciphertexts, rows [][]SecretTerm) (*Ciphertexts, error) {
	if !e.key.Equal(c.key) {
		return nil, errors.New("multiply ciphertexts: they are under another key")
	}
	longest, length := 0, 1
	for i, row := range rows {
		longest = max(longest, len(row))
		for _, t := range row {
			if t.Index < 0 || t.Index >= c.Len() {
				return nil, fmt.Errorf("multiply ciphertexts: row %d names number %d of %d", i, t.Index, c.Len())
			}
			length = max(length, len(t.Factor))
		}
	}
	exponents, err := e.drawExponents(random, len(rows))
	if err != nil {
		return nil, fmt.Errorf("multiply ciphertexts: %w", err)
	}
	m := e.key.modulus
	sum := e.table.exp(exponents)
	for at := range longest {
		bases, factors := m.repeatOne(len(rows)), make([][]byte, len(rows))
		for i, row := range rows {
			factors[i] = make([]byte, length)
			if at < len(row) {
				bases.put(i, c.values, row[at].Index)
				copy(factors[i][length-len(row[at].Factor):], row[at].Factor)
			}
		}
		sum = m.mul(sum, m.exp(m.hide(bases), factors))
	}
	return &Ciphertexts{c.key, m.publish(sum)}, nil
}

// PartialDecryptUnproved is PartialDecrypt without the proof, for computations
// among parties that follow the protocol: a wrong one gives wrong messages, or an
// error of Combine that does not say whose it is.
func (k *ThresholdKey) PartialDecryptUnproved(s *KeyShare, c *Ciphertexts) (*Partials, error) {
	if err := k.owns(s); err != nil {
		return nil, fmt.Errorf("decrypt partially: %w", err)
	}
	if !k.PublicKey.Equal(c.key) || c.Len() == 0 {
		return nil, errors.New("decrypt partially: the ciphertexts are under another key, or there are none")
	}
	return k.partials(s, c), nil
}

// Join is c, then other.
func (c *Ciphertexts) Join(other *Ciphertexts) (*Ciphertexts, error) {
	if !c.key.Equal(other.key) {
		return nil, errors.New("join ciphertexts: they are under different keys")
	}
	return &Ciphertexts{c.key, c.key.modulus.join(c.values, other.values)}, nil
}

// Slice is a copy of ciphertexts from…to−1.
func (c *Ciphertexts) Slice(from, to int) (*Ciphertexts, error) {
	if from < 0 || to < from || to > c.Len() {
		return nil, fmt.Errorf("slice ciphertexts: %d to %d of %d", from, to, c.Len())
	}
	out := c.key.modulus.empty(to - from)
	for i := range out.count {
		out.put(i, c.values, from+i)
	}
	return &Ciphertexts{c.key, out}, nil
}
