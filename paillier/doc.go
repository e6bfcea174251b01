// Package paillier is the threshold Paillier cryptosystem: keys, encryption,
// addition of ciphertexts, packing of many numbers into one plaintext, and
// decryption by k of n key holders with proofs. Arithmetic only: the round that
// uses it lives in package protocol. docs/paillier.md says what is proved, with
// which sizes and under which assumptions.
//
// N = p·q with p ≡ q ≡ 3 mod 4. A ciphertext of m ∈ [0, N) is
// (1+m·N)·(N-th power) mod N². All lists of numbers mod N² are batches, and all
// arithmetic on them is in arithmetic.go and powers.go.
//
// Randomness is handed in as an io.Reader and read in a documented order with
// no retries (key generation apart), so that a hospital that crashed makes the
// very same bytes again from its seed. A proof's nonce is derived from what was
// read, the secret and the statement together: the same seed under another
// statement gives another nonce, and no reader can make two proofs share one.
//
// Whatever depends on a key share, a factor or a plaintext takes the same time
// for all values, except where a name says VarTime. Go's memory is not wiped.
//
// Papers: Paillier (Eurocrypt 1999); Damgård, Jurik (PKC 2001); Damgård, Jurik,
// Nielsen (International Journal of Information Security, 2010) for the short
// randomness; Friedman et al., Tiresias (ePrint 2023/998) for the proof without
// safe primes.
package paillier
