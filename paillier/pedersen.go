package paillier

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"

	"filippo.io/bigmod"
)

// Pedersen are ring-Pedersen parameters s and t mod N of whoever verifies:
// s^x·t^r hides x from it, and binds whoever does not know the factors of N
// (CGGMP21, ePrint 2021/060, section 2.2; Damgård, Fujisaki 2002). FactorProof
// commits with them.
//
// N is the verifier's Paillier modulus, without safe primes: binding assumes, as
// the proof of decryption here does, that nobody without the factors finds an
// element of low order but ±1, beside the strong RSA assumption.
type Pedersen struct {
	key  *PublicKey
	s, t []byte // of the length of N
	hash []byte // of the proof that s is a power of t
	z    [][]byte
}

// NewPedersen draws parameters t = r² and s = t^λ, with Π_prm of CGGMP21 (figure
// 17) that s is a power of t, without which a commitment may show the secret:
//
//	A_i = t^a_i, a_i mod φ(N); e = 128 bits of hash(N, s, t, A, context); z_i = a_i + e_i·λ mod φ(N)
//
// of which (e's hash, z) is kept. Who has an s that is none passes with probability
// 2⁻¹²⁸ a try of the hash. It reads (|N|/8+16)·130 bytes from random.
func (k *PrivateKey) NewPedersen(random io.Reader, context []byte) (*Pedersen, error) {
	r, err := k.public.drawRoots(random, 1)
	if err != nil {
		return nil, fmt.Errorf("draw Pedersen parameters: %w", err)
	}
	order := k.order()
	exponents := make([]*bigmod.Nat, proofRows+1) // λ and all a
	encoded := make([][]byte, len(exponents))
	for i := range exponents {
		wide, err := read(random, k.public.size+16)
		if err != nil {
			return nil, fmt.Errorf("draw Pedersen parameters: %w", err)
		}
		exponents[i] = reduced(wide, order)
		encoded[i] = exponents[i].Bytes(order)
	}
	m := k.public.modulus
	t := natOf(r[0], k.n)
	p := &Pedersen{key: k.public, t: t.Mul(natOf(r[0], k.n), k.n).Bytes(k.n)}
	powers := k.public.modN(batch(m.exp(m.hideBytes(repeated(p.t, len(encoded))), encoded)))
	p.s = powers[0]
	p.hash = p.challenge(powers[1:], context)
	for i, row := range exponents[1:] {
		if bit(p.hash, i) == 1 {
			row.Add(exponents[0], order)
		}
		p.z = append(p.z, padded(row.Bytes(order), k.public.size))
	}
	return p, nil
}

// order is φ(N).
func (k *PrivateKey) order() *bigmod.Modulus {
	p, q := new(big.Int).SetBytes(k.p.minusOne), new(big.Int).SetBytes(k.q.minusOne)
	return modulusOf(p.Mul(p, q))
}

func repeated(b []byte, count int) [][]byte {
	out := make([][]byte, count)
	for i := range out {
		out[i] = b
	}
	return out
}

// padded puts zeros before b.
func padded(b []byte, size int) []byte { return append(make([]byte, size-len(b)), b...) }

func (p *Pedersen) challenge(commitments [][]byte, context []byte) []byte {
	return newTranscript("ring-Pedersen parameters", p.key.nBytes(), p.s, p.t, context, bytes.Join(commitments, nil)).expand(digestSize)
}

// Verify reports whether the parameters' proof holds for this context.
func (p *Pedersen) Verify(context []byte) error {
	m, n := p.key.modulus, p.key.n
	powers := m.ints(m.expVarTime(m.of(bigsOf(repeated(p.t, proofRows))...), bigsOf(p.z)...))
	inverse := new(big.Int).ModInverse(new(big.Int).SetBytes(p.s), n)
	commitments := make([][]byte, proofRows)
	for i, power := range powers {
		if bit(p.hash, i) == 1 {
			power.Mul(power, inverse)
		}
		commitments[i] = power.Mod(power, n).FillBytes(make([]byte, p.key.size))
	}
	if !bytes.Equal(p.challenge(commitments, context), p.hash) {
		return errors.New("verify Pedersen parameters: s is not shown to be a power of t")
	}
	return nil
}

// PedersenSize is the length of encoded parameters with their proof in bytes.
func (k *PublicKey) PedersenSize() int { return (proofRows+2)*k.size + digestSize }

// Encode is the canonical encoding: s, t, the hash and all z.
func (p *Pedersen) Encode() []byte {
	out := append(append([]byte(nil), p.s...), p.t...)
	return append(append(out, p.hash...), bytes.Join(p.z, nil)...)
}

// DecodePedersen reads Encode's encoding, and refuses another length, what is no
// unit mod N, and s or t that are ±1. Verify is the next thing to do.
func (k *PublicKey) DecodePedersen(data []byte) (*Pedersen, error) {
	if len(data) != k.PedersenSize() {
		return nil, fmt.Errorf("open Pedersen parameters: %d bytes, not %d", len(data), k.PedersenSize())
	}
	f, p := fields{data}, &Pedersen{key: k}
	st, err := f.roots(k, 2)
	if err != nil {
		return nil, fmt.Errorf("open Pedersen parameters: %w", err)
	}
	p.s, p.t = st[0], st[1]
	for _, v := range bigsOf(st) {
		if v.Cmp(one) == 0 || v.Add(v, one).Cmp(k.n) == 0 {
			return nil, errors.New("open Pedersen parameters: s or t is ±1")
		}
	}
	p.hash = f.take(digestSize)
	for range proofRows {
		z := f.take(k.size)
		if new(big.Int).SetBytes(z).Cmp(k.n) >= 0 {
			return nil, errors.New("open Pedersen parameters: an exponent is not below N")
		}
		p.z = append(p.z, z)
	}
	return p, nil
}
