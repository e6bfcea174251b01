package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Hash is a SHA-256 digest.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Short is the beginning of h, for people.
func (h Hash) Short() string { return hex.EncodeToString(h[:6]) }

// digest hashes fields under a domain, each behind its length, so that no two
// different lists of fields and no two domains give the same bytes to hash.
func digest(domain string, fields ...[]byte) Hash {
	d := sha256.New()
	write := func(b []byte) {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(b)))
		d.Write(length[:])
		d.Write(b)
	}
	write([]byte(domain))
	for _, f := range fields {
		write(f)
	}
	return Hash(d.Sum(nil))
}
