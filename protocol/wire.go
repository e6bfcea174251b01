package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The canonical encoding: big-endian integers of fixed width, and byte strings
// behind a 32-bit length. There is one encoding of every value, a decoder
// accepts nothing else, and nothing may follow the last field.

var errTruncated = errors.New("message ends early")

func appendBytes(dst, b []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(b)))
	return append(dst, b...)
}

func appendParty(dst []byte, p Party) []byte { return binary.BigEndian.AppendUint16(dst, uint16(p)) }

// reader takes fields off a message; after the first error it returns zeros,
// and end reports that error.
type reader struct {
	data []byte
	err  error
}

func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.data) {
		r.err = errTruncated
		return nil
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func (r *reader) bool() bool {
	b := r.uint8()
	if b > 1 {
		r.fail("a truth value of %d", b)
	}
	return b == 1
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// count reads a 16-bit list length of at most limit.
func (r *reader) count(limit int) int {
	n := int(r.uint16())
	if n > limit {
		r.fail("list of %d entries, at most %d", n, limit)
		return 0
	}
	return n
}

func (r *reader) party() Party {
	p := Party(r.uint16())
	if r.err == nil && p > MaxParties {
		r.fail("party %d is above %d", p, MaxParties)
	}
	return p
}

func (r *reader) hash() (h Hash) {
	copy(h[:], r.take(len(h)))
	return h
}

// bytes reads a byte string of at most limit bytes.
func (r *reader) bytes(limit int) []byte {
	n := r.uint32()
	if r.err == nil && uint64(n) > uint64(limit) {
		r.fail("field of %d bytes, at most %d", n, limit)
	}
	return r.take(int(n))
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) end() error {
	if r.err == nil && len(r.data) > 0 {
		r.fail("%d bytes after the last field", len(r.data))
	}
	return r.err
}
