// Package keygen makes a threshold Paillier key among n parties that trust
// nobody: no party, and no ⌊(n−1)/2⌋ of them together, ever hold its factors. It
// is an interactive.Program (Boneh, Franklin 1997/2001; Nishide, Sakurai 2010;
// the shares over the integers as in paillier/joint.go).
//
// Parties look at batches of candidates. In a batch
//
//   - every party commits to a seed for each thing that it will draw;
//   - sieve: p = Σpᵢ and q = Σqᵢ are made coprime to all primes up to a bound by
//     multiplying the sum, modulo products of small primes, with a random mask and
//     opening the product: where it is a unit, so is the sum;
//   - product: N = p·q is computed by one secure product of degree t' = ⌊(n−1)/2⌋
//     (Ben-Or, Goldwasser, Wigderson 1988) and opened, and divided by all primes
//     below 2¹⁶;
//   - test: g^((N+1−p−q)/4) = ±1 mod N (Boneh, Franklin, section 4), once for each
//     candidate, 80 times for one that passes;
//   - open: the seeds of every candidate but the chosen one. All parties compute
//     what should have been, and name who deviated.
//
// What everybody says is committed to before anybody reveals, so that nobody
// chooses his value after the others'.
//
// # What is promised
//
// Up to t' parties that follow the protocol and compare notes learn nothing about
// the factors; t'+1 can compute them (two of four, five of ten). A party that
// deviates cannot make the others accept an N that is no product of two primes,
// nor a key that does not decrypt, but for chance below 2⁻⁸⁰. It can make the
// ceremony fail. Who broke off is always known; who deviated is known when it was
// in something told to all, and is one of two when it was in a private message,
// which has no witness (CheatError, DisputeError). A deviation during the last
// steps burns the candidate.
//
// A guess that costs its maker his name: a party may deal shares that leave N as
// it is only for some values of the others' secrets, and learn from the outcome
// which it was, a bit at most; with any other value its seeds, opened, convict
// it. It names itself with every wrong guess.
package keygen
