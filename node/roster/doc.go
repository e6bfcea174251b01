// Package roster is who belongs to a federation: cards of hospitals, and the
// roster that they sign. Both are TOML files that people read, and pass on by
// whatever way they trust. The package knows no network.
package roster
