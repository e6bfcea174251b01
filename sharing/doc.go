// Package sharing holds the local steps of secret sharing: prime field
// arithmetic, Shamir sharing of vectors, plain and packed, seeded expansion of
// randomness, pseudorandom masks over rings of 32 and 64 bits, and canonical
// encodings. It knows no network, no clock and no protocol: every function works
// on what one hospital holds.
//
// Abscissae are the roster's numbers 1…n. One secret sits at 0, packed secrets
// at −1…−l.
package sharing
