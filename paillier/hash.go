package paillier

import (
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"io"
)

// digestSize is the length of a statement's digest in bytes.
const digestSize = 32

// transcript hashes fields under a domain with SHAKE256, each behind its length,
// so that no two different lists of fields and no two domains are hashed alike.
type transcript struct{ shake *sha3.SHAKE }

func newTranscript(domain string, fields ...[]byte) transcript {
	t := transcript{sha3.NewSHAKE256()}
	t.field([]byte("consilium/paillier/1/" + domain))
	for _, f := range fields {
		t.field(f)
	}
	return t
}

func (t transcript) field(b []byte) {
	t.length(len(b))
	t.write(b)
}

func (t transcript) number(v int) { t.field(binary.BigEndian.AppendUint64(nil, uint64(v))) }

// batch adds a list of residues as one field.
func (t transcript) batch(m *modulus, b batch) {
	t.length(b.len() * m.size)
	var buffer []byte
	for i := 0; i < b.len(); i += 64 {
		buffer = m.appendTo(buffer[:0], b, i, min(i+64, b.len()))
		t.write(buffer)
	}
}

func (t transcript) length(n int) { t.write(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func (t transcript) write(b []byte) {
	if _, err := t.shake.Write(b); err != nil {
		panic("paillier: hash: " + err.Error()) // a SHAKE never refuses input before output
	}
}

// expand ends the transcript and returns its next bytes.
func (t transcript) expand(length int) []byte {
	out := make([]byte, length)
	if _, err := t.shake.Read(out); err != nil {
		panic("paillier: hash: " + err.Error())
	}
	return out
}

// read takes exactly length bytes of randomness.
func read(random io.Reader, length int) ([]byte, error) {
	out := make([]byte, length)
	if _, err := io.ReadFull(random, out); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return out, nil
}
