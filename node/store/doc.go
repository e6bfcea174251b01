// Package store is what a hospital keeps on disk: whole files that are replaced
// in one go, the append-only log of a round with its secrets encrypted, and the
// parts of bodies under their content's name. What was acknowledged is there
// after a crash, and what was secret in a round is unreadable when the round is
// over. It knows no network.
package store
