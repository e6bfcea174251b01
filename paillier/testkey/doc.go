// Package testkey deals threshold keys from primes that are PUBLISHED HERE, with
// randomness from a seed that is published here. Everybody can decrypt whatever
// is encrypted under them: THEY PROTECT NOTHING, whatever their length. They are
// for tests, benchmarks and demonstrations, where a key must be there at once
// and be the same every time.
package testkey
