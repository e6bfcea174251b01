package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// Hash is a SHA-256 digest.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Short is the beginning of h, for people.
func (h Hash) Short() string { return hex.EncodeToString(h[:6]) }

// digest hashes fields under a domain, each behind its length, so that no two
// different lists of fields and no two domains give the same bytes to hash.
func digest(domain string, fields ...[]byte) Hash {
	d := newDigest(domain)
	for _, f := range fields {
		d.field(f)
	}
	return Hash(d.Sum(nil))
}

// digester is a digest whose fields come one after the other.
type digester struct{ hash.Hash }

func newDigest(domain string) digester {
	d := digester{sha256.New()}
	d.field([]byte(domain))
	return d
}

// begin begins a field; its bytes are written next.
func (d digester) begin(length int) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(length))
	d.Write(b[:])
}

func (d digester) field(b []byte) {
	d.begin(len(b))
	d.Write(b)
}
