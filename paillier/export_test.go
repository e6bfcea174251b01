package paillier

// What the benchmarks, which use the test keys and so live outside the package,
// need to know.

// Kernel names the kernel that computes.
func (k *PublicKey) Kernel() string { return k.modulus.kernel.Kernel() }

// PartialExponentBits is the length of the exponent of a partial decryption.
func (k *ThresholdKey) PartialExponentBits() int { return k.exponentBits() + 1 }

// Partials are partial decryptions without their proof.
func (k *ThresholdKey) Partials(s *KeyShare, c *Ciphertexts) *Partials { return k.partials(s, c) }

// Prove is the proof alone.
func (k *ThresholdKey) Prove(s *KeyShare, c *Ciphertexts, p *Partials) *DecryptionProof {
	return k.prove(nil, s, c, p, nil, nil)
}
