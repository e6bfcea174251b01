// Package sharing holds the local steps of secret sharing: prime field
// arithmetic, Shamir sharing of vectors, seeded expansion of randomness, and
// canonical encodings. It knows no network, no clock and no protocol: every
// function works on what one hospital holds.
//
// Abscissae are the roster's numbers 1…n. The secret sits at 0.
package sharing
