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
	buffer    [2048]byte
	used      int
}

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
	for i := 0; i < len(dst); {
		if x.used == len(x.buffer) {
			clear(x.buffer[:])
			x.keystream.XORKeyStream(x.buffer[:], x.buffer[:])
			x.used = 0
		}
		v := Element(binary.LittleEndian.Uint64(x.buffer[x.used:]) & Prime)
		x.used += 8
		dst[i] = v
		if v != Prime { // p is drawn once in 2⁶¹ and then drawn anew
			i++
		}
	}
}
