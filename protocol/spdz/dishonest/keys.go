package dishonest

import (
	"fmt"

	"consilium/paillier"
	"consilium/sharing/wide"
)

const nonceSize = 32

// setUp: every party makes its own modulus, and shows the others that it is one:
// two primes that are 3 mod 4, none of them small. Then it encrypts its part of Δ.
func (p *party) setUp() error {
	var nonce [nonceSize]byte
	p.expander.Bytes(nonce[:])
	if _, err := p.broadcast("begin", nonce[:]); err != nil {
		return err
	}
	if p.private = p.Key; p.private == nil {
		var err error
		if p.private, err = paillier.GenerateKey(p.Random, p.Bits, p.LeastBits); err != nil {
			return err
		}
	}
	if p.private.Public().Bits() != p.Bits {
		return fmt.Errorf("the key has %d bits, not %d", p.private.Public().Bits(), p.Bits)
	}
	if err := p.exchangeKeys(); err != nil {
		return err
	}
	if err := p.proveFactors(); err != nil {
		return err
	}
	return p.drawDelta()
}

// exchangeKeys: N, Π_mod, and ring-Pedersen parameters with Π_prm.
func (p *party) exchangeKeys() error {
	proof, err := p.private.ProveModulus(p.Random, p.digest.context("modulus", p.self, 0))
	if err != nil {
		return err
	}
	own, err := p.private.NewPedersen(p.Random, p.digest.context("pedersen", p.self, 0))
	if err != nil {
		return err
	}
	body := append(p.private.Public().Encode(), proof.Encode()...)
	before := p.digest
	heard, err := p.broadcast("key", append(body, own.Encode()...))
	if err != nil {
		return err
	}
	p.keys, p.pairs = make([]*paillier.PublicKey, p.n+1), make([]*paillier.Pedersen, p.n+1)
	for j := 1; j <= p.n; j++ {
		if j == p.self {
			p.keys[j], p.pairs[j] = p.private.Public(), own
			continue
		}
		if p.keys[j], p.pairs[j], err = p.openKey(before, j, heard[j]); err != nil {
			return cheat(j, "sent a key that is none", err)
		}
	}
	for j := 1; j <= p.n; j++ {
		for i := 1; i < j; i++ {
			if p.keys[i].Equal(p.keys[j]) {
				return cheat(0, fmt.Sprintf("took another's key: parties %d and %d have the same", i, j), nil)
			}
		}
	}
	return nil
}

func (p *party) openKey(before digest, from int, body []byte) (*paillier.PublicKey, *paillier.Pedersen, error) {
	size := len(p.private.Public().Encode())
	if len(body) < size {
		return nil, nil, fmt.Errorf("it is cut short")
	}
	key, err := paillier.DecodePublicKey(body[:size], p.LeastBits)
	if err != nil {
		return nil, nil, err
	}
	body = body[size:]
	if key.Bits() != p.Bits || len(body) != key.ModulusProofSize()+key.PedersenSize() {
		return nil, nil, fmt.Errorf("a modulus of %d bits and proofs of %d bytes", key.Bits(), len(body))
	}
	proof, err := key.DecodeModulusProof(body[:key.ModulusProofSize()])
	if err != nil {
		return nil, nil, err
	}
	if err := key.VerifyModulus(proof, before.context("modulus", from, 0)); err != nil {
		return nil, nil, err
	}
	pedersen, err := key.DecodePedersen(body[key.ModulusProofSize():])
	if err != nil {
		return nil, nil, err
	}
	return key, pedersen, pedersen.Verify(before.context("pedersen", from, 0))
}

// proveFactors: Π_fac, to each verifier with its own parameters.
func (p *party) proveFactors() error {
	to := make([][]byte, p.n+1)
	for j := 1; j <= p.n; j++ {
		if j == p.self {
			continue
		}
		proof, err := p.private.ProveFactors(p.Random, p.pairs[j], p.digest.context("factors", p.self, j))
		if err != nil {
			return err
		}
		to[j] = proof.Encode()
	}
	from, err := p.exchange(to)
	if err != nil {
		return err
	}
	for j := 1; j <= p.n; j++ {
		if j == p.self {
			continue
		}
		proof, err := p.keys[j].DecodeFactorProof(p.pairs[p.self], from[j])
		if err == nil {
			err = p.keys[j].VerifyFactors(proof, p.pairs[p.self], p.digest.context("factors", j, p.self))
		}
		if err != nil {
			return cheat(j, "did not show that its key has no small factor", err)
		}
	}
	return nil
}

// drawDelta draws this party's part of Δ and tells its encryption: all MACs are
// made with the very number in it.
func (p *party) drawDelta() error {
	if p.delta = p.expander.Element(); p.challenges > 0 {
		p.delta = p.coefficient(p.expander)
	}
	counts := make([]int, p.n+1)
	for j := range counts {
		counts[j] = 1
	}
	var err error
	p.deltas, err = p.deal("delta", [][]wide.Element{{p.delta}}, counts)
	return err
}
