// Package dishonest is SPDZ proper: secret shares of which any n−1 of n parties
// learn nothing, whatever they send. It is a spdz.Backend, so the same training
// runs on it as on Shamir's sharing. Who deviates is caught before anything opens,
// and all stop (security with abort): anybody can make it fail.
//
// A number is the sum of one share of each party, in the field of package
// sharing/wide, and beside it are shares of its MAC, the number times a key Δ,
// itself a sum of which each party knows its part (Damgård, Pastro, Smart,
// Zakarias, "Multiparty computation from somewhat homomorphic encryption", Crypto
// 2012; with the MACs of "Practical covertly secure MPC for dishonest majority",
// ESORICS 2013). There is no dealer. Products of what two parties know come from
// Paillier, pairwise, as in Bendlin, Damgård, Orlandi, Zakarias, "Semi-homomorphic
// encryption and multiparty computation" (Eurocrypt 2011): one sends ciphertexts of
// its numbers, the other multiplies them by its own and adds a mask. Ciphertexts
// and answers are proved (paillier.LaneProof, paillier.AffineProof).
//
// It is slow: a product of two numbers costs each pair of parties several powers
// modulo 4096 bits beforehand.
package dishonest
