package paillier

import (
	"errors"
	"fmt"
	"math/big"
)

// Ciphertexts is a list of ciphertexts under one key. Their order is part of
// what they say.
type Ciphertexts struct {
	key    *PublicKey
	values batch
}

// DecodeCiphertexts reads ciphertexts of CiphertextSize bytes each, big-endian.
// It refuses 0 and whatever else has no inverse mod N, and values ≥ N².
func (k *PublicKey) DecodeCiphertexts(data []byte) (*Ciphertexts, error) {
	c := &Ciphertexts{key: k}
	if err := c.Extend(data); err != nil {
		return nil, err
	}
	return c, nil
}

// Extend decodes a chunk as DecodeCiphertexts does, and appends it. A chunk holds
// whole ciphertexts. After an error c is as it was.
func (c *Ciphertexts) Extend(chunk []byte) error {
	values, err := c.key.modulus.decode(chunk)
	if err != nil {
		return fmt.Errorf("open ciphertexts from number %d on: %w", c.Len(), err)
	}
	c.values = c.key.modulus.join(c.values, values)
	return nil
}

// Len is the number of ciphertexts.
func (c *Ciphertexts) Len() int { return c.values.len() }

// Append appends the canonical encoding of ciphertexts from…to−1 to dst:
// CiphertextSize bytes each, big-endian. A chunk of a body is one such range.
func (c *Ciphertexts) Append(dst []byte, from, to int) []byte {
	return c.key.modulus.appendTo(dst, c.values, from, to)
}

// Encode is the canonical encoding of all ciphertexts.
func (c *Ciphertexts) Encode() []byte { return c.Append(nil, 0, c.Len()) }

// Add returns encryptions of the sums mod N of what c and other encrypt. The sum
// of fresh ciphertexts is as well hidden as they are.
func (c *Ciphertexts) Add(other *Ciphertexts) (*Ciphertexts, error) {
	sum := &Ciphertexts{c.key, c.values}
	if err := sum.AddTo(other); err != nil {
		return nil, err
	}
	return sum, nil
}

// AddTo adds other to c, place by place: folding a set of hospitals' ciphertexts
// is AddTo on each but the first.
func (c *Ciphertexts) AddTo(other *Ciphertexts) error {
	switch {
	case !c.key.Equal(other.key):
		return errors.New("add ciphertexts: they are under different keys")
	case c.Len() != other.Len():
		return fmt.Errorf("add ciphertexts: %d and %d of them", c.Len(), other.Len())
	}
	c.values = c.key.modulus.mulVarTime(c.values, other.values)
	return nil
}

// MulSmallVarTime returns encryptions of w times what c encrypts, mod N, for a
// public weight w ≥ 1. It hides nothing that c does not: rerandomise what is to
// look fresh.
func (c *Ciphertexts) MulSmallVarTime(w uint64) (*Ciphertexts, error) {
	if w == 0 {
		return nil, errors.New("weight ciphertexts: a weight of 0 gives encryptions of 0 that everybody can read; leave them out")
	}
	return &Ciphertexts{c.key, c.key.modulus.expVarTime(c.values, new(big.Int).SetUint64(w))}, nil
}
