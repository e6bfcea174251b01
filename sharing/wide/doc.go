// Package wide is the arithmetic of training on shares: the prime field
// 2¹²⁷−1, sums of products reduced once, matrices without an allocation per
// element, seeded randomness, canonical encoding, and Lagrange's coefficients.
//
// The field of package sharing holds sums of updates and has 61 bits. Here a
// product of fixed-point numbers must hide behind a random number that is 2⁶⁴
// times larger, so the field has 127. 2⁸⁹−1 would send 12 bytes for 16, and
// leave 2⁴⁰ for hiding and 14 bits before the point: too little for a run that
// opens 10⁸ masked numbers.
package wide
