package paillier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// Lengths of N in bits.
const (
	DefaultBits = 3072 // about 128-bit security
	MinBits     = 2048 // about 112-bit security; the shortest outside tests
	MaxBits     = 8192

	// InsecureTestBits is given in place of MinBits by tests and simulations that
	// want speed and protect nothing. Below it the challenges of 128 bits would no
	// longer be shorter than the factors by a margin.
	InsecureTestBits = 512

	// InsecureCeremonyBits is the same for tests of the making of keys, of which they
	// want thousands: its factors are no longer than the challenges.
	InsecureCeremonyBits = 256
)

// PublicKey is N. It encrypts and adds. Safe for concurrent use.
type PublicKey struct {
	n       *big.Int
	size    int // bytes of N
	modulus *modulus
}

// NewPublicKey takes N from somebody else, and refuses what cannot be a product
// of two primes ≡ 3 mod 4 of the right length: fewer than minBits bits (MinBits,
// InsecureTestBits or InsecureCeremonyBits by name), more than MaxBits, a length that is no multiple
// of 64, N ≢ 1 mod 4, a prime, a square, a factor below 1000. It cannot tell
// whether N has more or other factors (CVE-2023-33241): take no N but one that
// its group has made, or a dealer whom the group trusts.
func NewPublicKey(n *big.Int, minBits int) (*PublicKey, error) {
	if err := checkBits(n.BitLen(), minBits); err != nil {
		return nil, fmt.Errorf("open public key: %w", err)
	}
	switch {
	case n.Sign() <= 0 || n.Bit(0) != 1 || n.Bit(1) != 0:
		return nil, errors.New("open public key: N is not a product of two primes that are 3 mod 4")
	case n.ProbablyPrime(0):
		return nil, errors.New("open public key: N is prime")
	}
	if root := new(big.Int).Sqrt(n); root.Mul(root, root).Cmp(n) == 0 {
		return nil, errors.New("open public key: N is a square")
	}
	for f := int64(3); f < 1000; f += 2 {
		if new(big.Int).Mod(n, big.NewInt(f)).Sign() == 0 {
			return nil, fmt.Errorf("open public key: N is divisible by %d", f)
		}
	}
	return newPublicKey(n), nil
}

// newPublicKey takes any odd N, also that of a textbook.
func newPublicKey(n *big.Int) *PublicKey {
	n = new(big.Int).Set(n)
	return &PublicKey{n: n, size: bytesFor(n.BitLen()), modulus: newModulus(n)}
}

func checkBits(bits, minBits int) error {
	switch {
	case minBits < InsecureCeremonyBits:
		return fmt.Errorf("the least length of N is given as %d bits; MinBits is %d", minBits, MinBits)
	case bits < minBits || bits > MaxBits:
		return fmt.Errorf("N of %d bits is not in %d…%d", bits, minBits, MaxBits)
	case bits%64 != 0:
		return fmt.Errorf("N of %d bits is not a multiple of 64 bits", bits)
	}
	return nil
}

// N is a copy of the modulus.
func (k *PublicKey) N() *big.Int { return new(big.Int).Set(k.n) }

// Bits is the length of N in bits.
func (k *PublicKey) Bits() int { return k.n.BitLen() }

// PlaintextSize is the length of N in bytes.
func (k *PublicKey) PlaintextSize() int { return k.size }

// CiphertextSize is the length of a ciphertext, and of a partial decryption, in
// bytes: twice that of N.
func (k *PublicKey) CiphertextSize() int { return 2 * k.size }

// Equal reports whether both keys have the same N.
func (k *PublicKey) Equal(other *PublicKey) bool { return k.n.Cmp(other.n) == 0 }

// Encode is the canonical encoding: the length of N in bytes as two bytes, then
// N, all big-endian.
func (k *PublicKey) Encode() []byte {
	out := binary.BigEndian.AppendUint16(nil, uint16(k.size))
	return append(out, k.nBytes()...)
}

// DecodePublicKey reads Encode's encoding and nothing else, and checks N as
// NewPublicKey does.
func DecodePublicKey(data []byte, minBits int) (*PublicKey, error) {
	k, rest, err := decodePublicKey(data, minBits)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("open public key: %d bytes too many", len(rest))
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

func decodePublicKey(data []byte, minBits int) (*PublicKey, []byte, error) {
	if len(data) < 2 {
		return nil, nil, errors.New("open public key: it is cut short")
	}
	size := int(binary.BigEndian.Uint16(data))
	if size > MaxBits/8 || len(data) < 2+size {
		return nil, nil, fmt.Errorf("open public key: N of %d bytes in %d", size, len(data))
	}
	n := new(big.Int).SetBytes(data[2 : 2+size])
	if n.BitLen() != 8*size { // one encoding only, and NewPublicKey wants whole words
		return nil, nil, errors.New("open public key: N begins with zeros")
	}
	k, err := NewPublicKey(n, minBits)
	return k, data[2+size:], err
}

// Encrypt is the textbook's encryption (1+m·N)·r^N of messages 0 ≤ m < N, with r
// uniform modulo N: it needs no assumption beyond Paillier's. An Encryptor is
// seven times as fast and can prove that it knows the messages.
//
// It reads ⌈|N|/8⌉+16 bytes for each message from random, in order; r is their
// value mod N, at most 2⁻¹²⁸ away from uniform.
func (k *PublicKey) Encrypt(random io.Reader, messages []*big.Int) (*Ciphertexts, error) {
	encoded, err := k.encodeMessages(messages)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	noise := make([][]byte, len(messages))
	for i := range noise {
		if noise[i], err = read(random, k.size+16); err != nil {
			return nil, fmt.Errorf("encrypt: %w", err)
		}
	}
	return k.encryptWith(encoded, noise), nil
}

// encryptWith returns (1+m·N)·r^N for encoded m and r < N². r^N mod N² is the
// same for all r that are the same mod N.
func (k *PublicKey) encryptWith(messages, noise [][]byte) *Ciphertexts {
	m := k.modulus
	powers := m.expPublicVarTime(m.hideBytes(noise), k.n)
	return &Ciphertexts{k, m.publish(m.mul(m.onePlus(messages), powers))}
}

// encodeMessages checks the range of messages and gives each k.size bytes. Its
// time depends on how many of a message's highest words are zero or those of N.
func (k *PublicKey) encodeMessages(messages []*big.Int) ([][]byte, error) {
	out := make([][]byte, len(messages))
	for i, m := range messages {
		if m.Sign() < 0 || m.Cmp(k.n) >= 0 {
			return nil, fmt.Errorf("message %d is not in [0, N)", i)
		}
		out[i] = m.FillBytes(make([]byte, k.size))
	}
	return out, nil
}

func (k *PublicKey) nBytes() []byte { return k.n.FillBytes(make([]byte, k.size)) }
