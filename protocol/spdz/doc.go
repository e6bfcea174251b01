// Package spdz computes on secret shares: matrices of fixed-point numbers of
// which each party holds a share, and on them the training of a model. It is
// ordinary code over an interactive.Channel.
//
// Sharing is Shamir's with threshold t among n ≥ 2t+1 parties (field: package
// sharing/wide). Sums are local. A product is local too, of degree 2t, and costs
// one reduction: m = xy + r is opened, r random and shared, and [xy] = m − [r].
// Truncation is part of it: (m≫f) − [r≫f] goes on. A dot product of any length
// is one reduction, and all reductions of a step are one round.
//
// What the parties need beforehand comes out of seeds that every set of n−t of
// them shares (pseudo-random secret sharing: Cramer, Damgård, Ishai 2005,
// "Share conversion, pseudorandom secret-sharing and applications to secure
// computation", and their section on bounded integers). So the offline phase
// sends nothing, [r] and [r≫f] belong together by construction whoever lies,
// and no dealer is anywhere. It takes C(n, t) seeds: n is at most 10.
//
// Each element of a Secret knows its fraction bits and how large it may be, and
// an operation whose result would not fit the field is refused before anything
// is sent.
package spdz
