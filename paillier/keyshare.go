package paillier

import (
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"math/bits"
)

// KeyShare is one holder's share f(i) of a threshold key. It is secret, and
// never printed.
type KeyShare struct {
	holder int // 1…n
	key    [digestSize]byte
	value  []byte // big-endian, of the key's share length
}

// Holder is the number i of the holder, 1…n.
func (s *KeyShare) Holder() int { return s.holder }

// Encode is the canonical encoding: the holder's number in one byte, the key's
// digest, and the share. It is as secret as the share.
func (s *KeyShare) Encode() []byte {
	out := append([]byte{byte(s.holder)}, s.key[:]...)
	return append(out, s.value...)
}

// DecodeKeyShare reads Encode's encoding of a share of this key, and nothing
// else. CheckShare tells whether the share is right.
func (k *ThresholdKey) DecodeKeyShare(data []byte) (*KeyShare, error) {
	if len(data) <= 1+digestSize {
		return nil, fmt.Errorf("open key share: %d bytes are too few", len(data))
	}
	s := &KeyShare{holder: int(data[0])}
	copy(s.key[:], data[1:])
	s.value = append([]byte(nil), data[1+digestSize:]...)
	if err := k.owns(s); err != nil {
		return nil, fmt.Errorf("open key share: %w", err)
	}
	return s, nil
}

// CheckShare compares a share with the key's verification value: v_i =
// V^(n!·f(i)). A holder does so when the share arrives.
func (k *ThresholdKey) CheckShare(s *KeyShare) error {
	if err := k.owns(s); err != nil {
		return fmt.Errorf("check key share: %w", err)
	}
	m := k.modulus
	v := m.publish(m.exp(m.hide(k.base), [][]byte{scaled(s.value, factorial(k.holders))}))
	if m.ints(v)[0].Cmp(m.ints(k.verification)[s.holder-1]) != 0 {
		return errors.New("check key share: it is not the share that the key was dealt with; ask for it again")
	}
	return nil
}

// ErrOtherKey says that a share is of another key.
var ErrOtherKey = errors.New("it is of another key")

// owns reports whether a share says that it is of this key.
func (k *ThresholdKey) owns(s *KeyShare) error {
	switch {
	case s.key != k.digest:
		return ErrOtherKey
	case s.holder < 1 || s.holder > k.holders:
		return fmt.Errorf("holder %d is not in 1…%d", s.holder, k.holders)
	case len(s.value) != k.shareBits/8:
		return errors.New("it is of another length")
	}
	return nil
}

// scaled is value·factor in big-endian bytes, in constant time for value: factor
// is public and at least 2.
func scaled(value []byte, factor uint64) []byte {
	z := newIntegers(8*len(value) + bits.Len64(factor))
	return z.bytes(z.mulAdd(z.from(value), z.fromBig(new(big.Int).SetUint64(factor)), z.from(nil)))
}

// Format hides the share from every verb of fmt.
func (KeyShare) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue hides the share from slog.
func (KeyShare) LogValue() slog.Value { return slog.StringValue(redacted) }
