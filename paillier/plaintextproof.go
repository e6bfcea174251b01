package paillier

import (
	"errors"
	"fmt"
	"io"
	"math/big"
)

// Lengths in the proofs.
const (
	challengeBits = 128
	hidingBits    = 128 // statistical distance of a response from one without the secret: 2⁻¹²⁸
	countBits     = 32  // more ciphertexts than fit any memory

	challengeSize = challengeBits / 8
	weightSize    = challengeSize
)

// PlaintextProof is a proof of knowledge of the messages of a list of
// ciphertexts.
//
// With weights ρ_j of 128 bits, hashed from everything that is public, and
// C = ∏ c_j^ρ_j, it shows knowledge of M and R with C = (1+N)^M·hᴺ^R (Schnorr's
// protocol with the Fiat–Shamir transform):
//
//	a = (1+N)^s·hᴺ^t    s uniform mod N, t < 2^(|r|+416)
//	e = hash(statement, a), 128 bits
//	z = s + e·M mod N, w = t + e·R over the integers
//
// and (e, z, w) is accepted when e is the hash of a = (1+N)^z·hᴺ^w·C^−e.
//
// Soundness: two answers to one a give C^(e−e') = (1+N)^(z−z')·(an N-th power),
// because hᴺ is an N-th power whatever w is. 1+N has the known order N, whose
// factors are above 2¹²⁸, so e−e' has an inverse, and (z−z')/(e−e') mod N is
// what C decrypts to. Nothing is assumed of the unknown order of hᴺ, and factors
// −1 or of another low order are N-th powers: they change no message. So
// neither w needs a range nor anything a square. Answers for as many
// independent lists of weights as there are ciphertexts give each message; a
// list of which the sender does not know all messages passes with probability
// 2⁻¹²⁸ a try of the hash.
//
// Zero knowledge: M is hidden perfectly by s. e·R has |r|+128 (weights) + 32
// (their number) + 128 (e) bits, and t has 128 more.
type PlaintextProof struct {
	challenge []byte   // e
	message   *big.Int // z
	exponent  *big.Int // w
}

// noiseBits is the length of t.
func (e *Encryptor) noiseBits() int {
	return e.exponentBits + 8*weightSize + countBits + challengeBits + hidingBits
}

// ProvePlaintexts proves that the maker of c knows its messages. context says
// who speaks where: the sender, the round, and whatever else must differ for the
// proof to be worth nothing elsewhere. w is Encrypt's witness of exactly c.
//
// It reads 32 bytes from random; s and t come from these, the witness and the
// statement.
func (e *Encryptor) ProvePlaintexts(random io.Reader, c *Ciphertexts, w *Witness, context []byte) (*PlaintextProof, error) {
	if !e.key.Equal(c.key) || c.Len() != w.Len() || c.Len() == 0 {
		return nil, errors.New("prove plaintexts: the witness is not of these ciphertexts, or there are none")
	}
	seed, err := read(random, 32)
	if err != nil {
		return nil, fmt.Errorf("prove plaintexts: %w", err)
	}
	n := modulusOf(e.key.n)
	z := newIntegers(e.noiseBits() + 1)
	statement := e.statement(c, context)
	message, exponent := w.combine(plaintextWeights(statement, c.Len()), n, z)

	nonce := newTranscript("plaintext proof nonce", seed, statement, message.Bytes(n), z.bytes(exponent))
	wide := nonce.expand(e.key.size + 16 + e.noiseBits()/8)
	maskMessage := reduced(wide[:e.key.size+16], n)
	maskExponent := wide[e.key.size+16:]
	a := e.commitment(maskMessage.Bytes(n), maskExponent)

	challenge := e.challenge(statement, a)
	message = natOf(challenge, n).Mul(message, n).Add(maskMessage, n)
	exponent = z.mulAdd(z.from(challenge), exponent, z.from(maskExponent))
	return &PlaintextProof{
		challenge: challenge,
		message:   new(big.Int).SetBytes(message.Bytes(n)),
		exponent:  new(big.Int).SetBytes(z.bytes(exponent)),
	}, nil
}

// VerifyPlaintexts reports whether the proof shows, for this context, that its
// maker knows the messages of c.
func (e *Encryptor) VerifyPlaintexts(c *Ciphertexts, p *PlaintextProof, context []byte) error {
	if !e.key.Equal(c.key) || c.Len() == 0 {
		return errors.New("verify plaintexts: the ciphertexts are under another key, or there are none")
	}
	m := e.key.modulus
	statement := e.statement(c, context)
	combination := m.combinationVarTime(c.values, plaintextWeights(statement, c.Len()))
	challenge := new(big.Int).SetBytes(p.challenge)
	a := e.commitment(p.message.Bytes(), p.exponent.Bytes())
	a = m.mulVarTime(a, m.expVarTime(m.inverseVarTime(combination), challenge))
	if string(e.challenge(statement, a)) != string(p.challenge) {
		return errors.New("verify plaintexts: the proof is not of these ciphertexts by this sender")
	}
	return nil
}

// commitment is (1+N)^message·hᴺ^exponent, in constant time.
func (e *Encryptor) commitment(message, exponent []byte) batch {
	m := e.key.modulus
	return m.publish(m.mul(m.onePlus([][]byte{message}), e.table.exp([][]byte{exponent})))
}

// statement is the digest of all that is public.
func (e *Encryptor) statement(c *Ciphertexts, context []byte) []byte {
	t := newTranscript("plaintext proof", e.key.nBytes(), e.context, context)
	t.number(e.exponentBits)
	t.batch(e.key.modulus, e.base)
	t.batch(e.key.modulus, c.values)
	return t.expand(digestSize)
}

func plaintextWeights(statement []byte, count int) []byte {
	return newTranscript("plaintext proof weights", statement).expand(count * weightSize)
}

func (e *Encryptor) challenge(statement []byte, a batch) []byte {
	t := newTranscript("plaintext proof challenge", statement)
	t.batch(e.key.modulus, a)
	return t.expand(challengeSize)
}

// PlaintextProofSize is the length of an encoded proof in bytes.
func (e *Encryptor) PlaintextProofSize() int {
	return challengeSize + e.key.size + e.exponentSize()
}

// exponentSize is the length of w < 2^(noiseBits+1) in bytes.
func (e *Encryptor) exponentSize() int { return bytesFor(e.noiseBits() + 1) }

// EncodePlaintextProof is the canonical encoding: e in 16 bytes, z in as many as
// N, and w in exponentBits/8+53, all big-endian.
func (e *Encryptor) EncodePlaintextProof(p *PlaintextProof) []byte {
	out := append([]byte(nil), p.challenge...)
	out = append(out, p.message.FillBytes(make([]byte, e.key.size))...)
	return append(out, p.exponent.FillBytes(make([]byte, e.exponentSize()))...)
}

// DecodePlaintextProof reads EncodePlaintextProof's encoding and refuses another
// length and numbers that are out of range.
func (e *Encryptor) DecodePlaintextProof(data []byte) (*PlaintextProof, error) {
	if len(data) != e.PlaintextProofSize() {
		return nil, fmt.Errorf("open plaintext proof: %d bytes, not %d", len(data), e.PlaintextProofSize())
	}
	p := &PlaintextProof{challenge: append([]byte(nil), data[:challengeSize]...)}
	p.message = new(big.Int).SetBytes(data[challengeSize : challengeSize+e.key.size])
	p.exponent = new(big.Int).SetBytes(data[challengeSize+e.key.size:])
	if p.message.Cmp(e.key.n) >= 0 || p.exponent.BitLen() > e.noiseBits()+1 {
		return nil, errors.New("open plaintext proof: a number is out of range")
	}
	return p, nil
}
