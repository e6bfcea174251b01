// Package cdn computes on numbers that stay encrypted under a threshold Paillier
// key (Cramer, Damgård, Nielsen 2001, "Multiparty computation from threshold
// homomorphic encryption"), and trains a small network whose weights nobody sees.
// It is ordinary code over an interactive.Channel, one engine for each party.
//
// All parties hold the same ciphertexts. Sums and public factors are local. For a
// product, one factor is opened behind masks, one of each party, so that the
// parties hold it as a sum of shares; each raises the encryption of the other
// factor to its share, rerandomises and posts it, and the product of those is the
// product of the factors. The opening also truncates: with masks h·2^d + l, the
// opened number without its low d bits, less Σ h, is the truncated number, up to
// (n+1)/2 units of its last place. One honest party's mask alone is uniform and
// longer by Hiding bits than what it hides: what opens would be as likely, but for
// 2^(1−Hiding), whatever the number. That adds up: 6,300 openings with 64 bits, of
// a training on XOR, tell it apart with 2^−50.
//
// It is for parties that follow the protocol (semi-honest) and may compare notes:
// fewer than the key's threshold learn nothing but what is opened by name. That can
// be much: 50 exact losses are 50 equations for 25 weights. Nothing proves that a
// post is right; a wrong one ruins the result and is not traced.
package cdn
