package paillier

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"

	"filippo.io/bigmod"
)

// Encryptor encrypts with short randomness and a table (Damgård, Jurik, Nielsen
// 2010): c = (1+m·N)·hᴺ^r mod N², with hᴺ = h^N mod N² and
// h = −y² mod N, y from a hash that nobody chose.
//
// All encryptors of one round have the same key, context and exponent length, so
// that each can verify the others' proofs. Safe for concurrent use.
type Encryptor struct {
	key          *PublicKey
	context      []byte
	exponentBits int
	base         batch      // h^N, one residue
	table        *fixedBase // for exponents of the proofs, which are the longer ones
}

// DefaultExponentBits is half the length of N. It assumes that powers of hᴺ with
// such exponents cannot be told from powers with uniform ones. Goldreich and
// Rosen (Journal of Cryptology, 2003) derive that from factoring for a random
// base modulo a product of two primes; h = −y² is taken to be as good.
func DefaultExponentBits(key *PublicKey) int { return key.Bits() / 2 }

// minExponentBits is four times the security level of N: below it, square-root
// methods on the exponent (Pollard's kangaroo) would come near to factoring N.
func minExponentBits(key *PublicKey) int {
	switch {
	case key.Bits() >= DefaultBits:
		return 512
	case key.Bits() >= MinBits:
		return 448
	default:
		return 256 // test keys
	}
}

// NewEncryptor makes the table for exponents r of exponentBits bits, a multiple
// of 8; DefaultExponentBits in doubt. A shorter r, from 448 bits at 2048 and 512
// at 3072 up, is faster and assumes more: that powers of hᴺ with an exponent of
// this length, over four times the security level, look uniform (the short
// exponent assumption of van Oorschot and Wiener 1996, mod N).
//
// context says what the encryptions are for, the hash of a round's description
// for example; h comes from it and N. h generates a subgroup of the elements of
// Jacobi symbol 1: with the safe primes of the paper almost surely all of them,
// with other Blum primes one of small index, and decisional composite
// residuosity is assumed there.
//
// The table takes (exponentBits+424)/5·32 residues, since it serves the proofs,
// too: 6 MB at 2048 bits, 12 MB at 3072, by default.
func NewEncryptor(key *PublicKey, context []byte, exponentBits int) (*Encryptor, error) {
	if exponentBits%8 != 0 || exponentBits < minExponentBits(key) || exponentBits > key.Bits()+128 {
		return nil, fmt.Errorf("new encryptor: an exponent of %d bits is not a multiple of 8 in %d…%d",
			exponentBits, minExponentBits(key), key.Bits()+128)
	}
	wide := newTranscript("encryption base", key.nBytes(), context).expand(key.size + 16)
	y := new(big.Int).SetBytes(wide)
	h := y.Mul(y, y)
	h.Mod(h.Neg(h), key.n)
	if new(big.Int).GCD(nil, nil, h, key.n).Cmp(one) != 0 {
		return nil, errors.New("new encryptor: the hash has found a factor of N; make a new key")
	}
	e := newEncryptor(key, h, exponentBits)
	e.context = append([]byte(nil), context...)
	return e, nil
}

func newEncryptor(key *PublicKey, h *big.Int, exponentBits int) *Encryptor {
	base := key.modulus.expVarTime(key.modulus.of(h), key.n) // all public
	e := &Encryptor{key: key, exponentBits: exponentBits, base: base}
	e.table = key.modulus.newFixedBase(base, 8*e.exponentSize())
	return e
}

// Key is the key that it encrypts under.
func (e *Encryptor) Key() *PublicKey { return e.key }

// Witness is what its maker knows of ciphertexts: messages and exponents. It is
// secret, and never printed.
type Witness struct {
	messages  [][]byte // each of the length of N
	exponents [][]byte // each of exponentBits
}

// Len is the number of ciphertexts.
func (w *Witness) Len() int { return len(w.messages) }

// Encrypt encrypts messages 0 ≤ m < N. The witness is for ProvePlaintexts.
//
// It reads exponentBits/8 bytes for each message from random, in order; these
// are r, big-endian. So two calls on one reader give what one call on both lists
// gives, and equal arguments give equal ciphertexts. Never encrypt two lists
// under one seed: the quotient of the ciphertexts would show the difference.
func (e *Encryptor) Encrypt(random io.Reader, messages []*big.Int) (*Ciphertexts, *Witness, error) {
	encoded, err := e.key.encodeMessages(messages)
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt: %w", err)
	}
	exponents, err := e.drawExponents(random, len(messages))
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt: %w", err)
	}
	m := e.key.modulus
	c := m.publish(m.mul(m.onePlus(encoded), e.table.exp(exponents)))
	return &Ciphertexts{e.key, c}, &Witness{encoded, exponents}, nil
}

// Rerandomise returns other, fresh-looking encryptions of the same messages. It
// reads random as Encrypt does.
func (e *Encryptor) Rerandomise(random io.Reader, c *Ciphertexts) (*Ciphertexts, error) {
	if !e.key.Equal(c.key) {
		return nil, errors.New("rerandomise: the ciphertexts are under another key")
	}
	exponents, err := e.drawExponents(random, c.Len())
	if err != nil {
		return nil, fmt.Errorf("rerandomise: %w", err)
	}
	m := e.key.modulus
	return &Ciphertexts{c.key, m.publish(m.mul(m.hide(c.values), e.table.exp(exponents)))}, nil
}

func (e *Encryptor) drawExponents(random io.Reader, count int) ([][]byte, error) {
	out := make([][]byte, count)
	for i := range out {
		var err error
		if out[i], err = read(random, e.exponentBits/8); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// combine returns the messages' combination mod N and the exponents' over the
// integers, with public weights of weightSize bytes each.
func (w *Witness) combine(weights []byte, n *bigmod.Modulus, z *integers) (message, exponent *bigmod.Nat) {
	message, exponent = natOf(nil, n), z.from(nil)
	for i := range w.messages {
		weight := weights[i*weightSize : (i+1)*weightSize]
		message.Add(natOf(weight, n).Mul(natOf(w.messages[i], n), n), n)
		exponent = z.mulAdd(z.from(weight), z.from(w.exponents[i]), exponent)
	}
	return message, exponent
}

// Format hides the witness from every verb of fmt.
func (Witness) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue hides the witness from slog.
func (Witness) LogValue() slog.Value { return slog.StringValue(redacted) }
