// Package paillier is the room of the threshold Paillier cryptosystem: keys,
// encryption, addition, threshold decryption and packing. Arithmetic only; the
// round that uses it lives in package protocol.
//
// The room is empty in this version: the first scheme is Shamir sharing.
package paillier
