package paillier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
)

// MaxHolders bounds the holders of a key: the exponents of partial decryptions
// and of their combination grow with n!.
const MaxHolders = 16

// ThresholdKey is the public part of a key that n holders share: it encrypts,
// verifies partial decryptions and combines any k of them. Holders are numbered
// 1…n. Safe for concurrent use.
type ThresholdKey struct {
	*PublicKey
	holders, threshold int
	shareBits          int // length of a share f(i)
	theta              *big.Int
	base               batch // V = H(N)², one residue
	verification       batch // v_i = V^(n!·f(i)), of holder i at i−1
	digest             [digestSize]byte
}

// newThresholdKey computes what follows from the other fields.
func newThresholdKey(key *PublicKey, n, k, shareBits int, theta *big.Int, verification batch) *ThresholdKey {
	t := &ThresholdKey{PublicKey: key, holders: n, threshold: k, shareBits: shareBits,
		theta: theta, base: verificationBase(key), verification: verification}
	digest := newTranscript("threshold key", t.Encode())
	copy(t.digest[:], digest.expand(digestSize))
	return t
}

// verificationBase is V = H(N)² mod N²: a square whose order nobody chose.
func verificationBase(key *PublicKey) batch {
	wide := newTranscript("verification base", key.nBytes()).expand(2*key.size + 16)
	v := new(big.Int).SetBytes(wide)
	v.Mul(v, v)
	return key.modulus.of(v.Mod(v, key.modulus.square))
}

// Holders is n.
func (k *ThresholdKey) Holders() int { return k.holders }

// Threshold is k: so many holders decrypt, and one fewer learn nothing.
func (k *ThresholdKey) Threshold() int { return k.threshold }

// Digest is a hash of the whole key, to name it in a round's description.
func (k *ThresholdKey) Digest() [digestSize]byte { return k.digest }

func checkThreshold(n, k int) error {
	if n > MaxHolders || k < 2 || k > n {
		return fmt.Errorf("a threshold of %d among %d holders is not 2 ≤ k ≤ n ≤ %d", k, n, MaxHolders)
	}
	return nil
}

// factorial is n!, which fits: 16! < 2⁴⁵.
func factorial(n int) uint64 {
	f := uint64(1)
	for i := 2; i <= n; i++ {
		f *= uint64(i)
	}
	return f
}

// Lengths of secret exponents in bits.
func (k *ThresholdKey) exponentBits() int { return k.shareBits + bits.Len64(factorial(k.holders)) }
func (k *ThresholdKey) proofNoiseBits() int {
	// Rounded up to whole bytes: the nonce is read as bytes.
	return 8 * bytesFor(k.exponentBits()+challengeBits+hidingBits)
}

// maxShareBits bounds what a decoded key may say of its shares: what Deal makes,
// and the 384 bits that a key made without a dealer may have on top.
func maxShareBits(key *PublicKey, n, k int) int { return dealtShareBits(key, n, k) + 384 }

// Encode is the canonical encoding, big-endian: the public key, n, k (one byte
// each), the length of a share in bits (two bytes), θ (as long as N), and
// v_1…v_n (twice as long as N each).
func (k *ThresholdKey) Encode() []byte {
	out := append(k.PublicKey.Encode(), byte(k.holders), byte(k.threshold))
	out = binary.BigEndian.AppendUint16(out, uint16(k.shareBits))
	out = append(out, k.theta.FillBytes(make([]byte, k.size))...)
	return k.modulus.appendTo(out, k.verification, 0, k.holders)
}

// DecodeThresholdKey reads Encode's encoding and nothing else, and checks N as
// NewPublicKey does. It cannot check that the shares fit: a trial decryption by
// the holders does.
func DecodeThresholdKey(data []byte, minBits int) (*ThresholdKey, error) {
	if len(data) > 2+MaxBits/8*(2+2*MaxHolders)+4 {
		return nil, fmt.Errorf("open threshold key: %d bytes are too many", len(data))
	}
	key, rest, err := decodePublicKey(data, minBits)
	if err != nil {
		return nil, err
	}
	if len(rest) < 4 {
		return nil, errors.New("open threshold key: it is cut short")
	}
	n, k, shareBits := int(rest[0]), int(rest[1]), int(binary.BigEndian.Uint16(rest[2:]))
	rest = rest[4:]
	if err := checkThreshold(n, k); err != nil {
		return nil, fmt.Errorf("open threshold key: %w", err)
	}
	switch {
	case shareBits%8 != 0 || shareBits < key.Bits() || shareBits > maxShareBits(key, n, k):
		return nil, fmt.Errorf("open threshold key: shares of %d bits", shareBits)
	case len(rest) != key.size*(1+2*n):
		return nil, fmt.Errorf("open threshold key: %d bytes for %d holders", len(rest), n)
	}
	theta := new(big.Int).SetBytes(rest[:key.size])
	if theta.Cmp(key.n) >= 0 || new(big.Int).GCD(nil, nil, theta, key.n).Cmp(one) != 0 {
		return nil, errors.New("open threshold key: θ is not a unit mod N")
	}
	verification, err := key.modulus.decode(rest[key.size:])
	if err != nil {
		return nil, fmt.Errorf("open threshold key: %w", err)
	}
	return newThresholdKey(key, n, k, shareBits, theta, verification), nil
}
