// Package ceremony is what making a Paillier key together (protocol/keygen) leaves
// in a hospital's home: a checkpoint while it runs, and then the share, the
// signatures on what was said, and the signed roster of the next epoch. It knows
// no network.
package ceremony
