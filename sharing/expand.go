package sharing

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// SeedSize is the length of a seed in bytes: an AES-256 key.
const SeedSize = 32

// Expander turns a seed into uniform field elements: AES-256 in counter mode
// (NIST SP 800-38A), 61 bits of every 8 bytes, and p itself skipped. The same
// seed and stream give the same elements everywhere.
type Expander struct {
	keystream cipher.Stream
	buffer    [expansion]byte
	used      int
}

// expansion is how many bytes of keystream are made at a time: enough that the
// call does not count, and few enough to stay in the first-level cache.
const expansion = 4096

// zeros is what a keystream is laid over.
var zeros [expansion]byte

// NewExpander expands one of the 2⁶⁴ independent streams of a seed. A stream
// gives up to 2⁶⁴ blocks of 16 bytes.
func NewExpander(seed [SeedSize]byte, stream uint64) *Expander {
	block, err := aes.NewCipher(seed[:])
	if err != nil {
		panic("sharing: " + err.Error()) // the key length is fixed by the type
	}
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[:], stream)
	x := &Expander{keystream: cipher.NewCTR(block, iv[:])}
	x.used = len(x.buffer)
	return x
}

// Read fills p with the stream's bytes, for whoever wants bytes and not elements.
// A stream is for one of Read and Fill.
func (x *Expander) Read(p []byte) (int, error) {
	clear(p)
	x.keystream.XORKeyStream(p, p)
	return len(p), nil
}

// Fill sets every entry of dst to a uniform element.
func (x *Expander) Fill(dst []Element) {
	for len(dst) > 0 {
		if x.used == len(x.buffer) {
			x.keystream.XORKeyStream(x.buffer[:], zeros[:])
			x.used = 0
		}
		made, used := unpack(dst, x.buffer[x.used:])
		dst, x.used = dst[made:], x.used+used
	}
}

// unpack fills dst from keystream, as far as that goes, and tells how many
// elements it made of how many bytes. p is drawn once in 2⁶¹ and then drawn
// anew.
func unpack(dst []Element, keystream []byte) (made, used int) {
	dst = dst[:min(len(dst), len(keystream)/8)]
	drawn, rest, bytes := uint64(0), dst, keystream
	for ; len(rest) >= 4 && len(bytes) >= 32; rest, bytes = rest[4:], bytes[32:] {
		a := binary.LittleEndian.Uint64(bytes) & Prime
		b := binary.LittleEndian.Uint64(bytes[8:]) & Prime
		c := binary.LittleEndian.Uint64(bytes[16:]) & Prime
		d := binary.LittleEndian.Uint64(bytes[24:]) & Prime
		rest[0], rest[1], rest[2], rest[3] = Element(a), Element(b), Element(c), Element(d)
		drawn |= (a + 1) | (b + 1) | (c + 1) | (d + 1)
	}
	for i := range rest {
		v := binary.LittleEndian.Uint64(bytes[8*i:]) & Prime
		rest[i] = Element(v)
		drawn |= v + 1
	}
	if drawn <= Prime {
		return len(dst), 8 * len(dst)
	}
	for ; used < 8*len(dst); used += 8 {
		if v := binary.LittleEndian.Uint64(keystream[used:]) & Prime; v != Prime {
			dst[made] = Element(v)
			made++
		}
	}
	return made, used
}
