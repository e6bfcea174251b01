package wide

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// SeedSize is the length of a seed in bytes: an AES-256 key.
const SeedSize = 32

// Expander turns a seed into random numbers: AES-256 in counter mode (NIST SP
// 800-38A). The same seed and stream give the same numbers everywhere, and no
// number is given twice.
type Expander struct {
	keystream cipher.Stream
	buffer    [4096]byte
	used      int
}

// NewExpander expands one of the 2⁶⁴ independent streams of a seed.
func NewExpander(seed [SeedSize]byte, stream uint64) *Expander {
	x := new(Expander)
	x.Reset(seed, stream)
	return x
}

// Reset makes an expander one of another seed or stream.
func (x *Expander) Reset(seed [SeedSize]byte, stream uint64) {
	block, err := aes.NewCipher(seed[:])
	if err != nil {
		panic("wide: " + err.Error()) // the key length is fixed by the type
	}
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[:], stream)
	x.keystream = cipher.NewCTR(block, iv[:])
	x.used = len(x.buffer)
}

func (x *Expander) refill() {
	clear(x.buffer[:])
	x.keystream.XORKeyStream(x.buffer[:], x.buffer[:])
	x.used = 0
}

// Element draws an element; zero is more likely than another by 2⁻¹²⁷.
func (x *Expander) Element() Element { return x.Below(Bits) }

// Below draws an integer below 2ⁿ, 1 ≤ n ≤ 127.
func (x *Expander) Below(n int) Element {
	if x.used == len(x.buffer) {
		x.refill()
	}
	lo := binary.LittleEndian.Uint64(x.buffer[x.used:])
	hi := binary.LittleEndian.Uint64(x.buffer[x.used+8:])
	x.used += 16
	if n <= 64 {
		return Element{Lo: lo >> (64 - n)}
	}
	return reduce(lo, hi>>(128-n))
}

// Fill sets every entry of dst to a random element.
func (x *Expander) Fill(dst []Element) {
	for i := range dst {
		dst[i] = x.Element()
	}
}

// Words fills dst with random bits.
func (x *Expander) Words(dst []uint64) {
	for i := range dst {
		if x.used == len(x.buffer) {
			x.refill()
		}
		dst[i] = binary.LittleEndian.Uint64(x.buffer[x.used:])
		x.used += 8
		// Elements are read 16 bytes at a time.
	}
	x.used += x.used & 8
}

// Bytes fills p with random bytes.
func (x *Expander) Bytes(p []byte) {
	clear(p)
	x.used = len(x.buffer)
	x.keystream.XORKeyStream(p, p)
}
