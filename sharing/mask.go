package sharing

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// Ring says in how many bits vectors are masked: 32 or 64. A vector is the bytes
// of its lanes, least significant first, and is added up modulo 2³² or 2⁶⁴.
type Ring int

// The rings.
const (
	Ring32 Ring = 32
	Ring64 Ring = 64
)

// Size is the length of a lane in bytes.
func (r Ring) Size() int { return int(r) / 8 }

// MaskKeySize is the length of the key of a mask in bytes: AES-128. Keys come
// from a group of 2²⁵² elements, which is no stronger.
const MaskKeySize = 16

// Mask is a pseudorandom vector: the keystream of AES-128 in counter mode (NIST
// SP 800-38A).
type Mask struct {
	block    cipher.Block
	negative bool
}

// NewMask is the mask with this key, to be added, or subtracted when it is
// negative.
func NewMask(key [MaskKeySize]byte, negative bool) Mask {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("sharing: " + err.Error()) // the key length is fixed by the type
	}
	return Mask{block, negative}
}

// maskTile is how many bytes of masks are made at a time: four of them and what
// they are added to stay in the first-level cache.
const maskTile = expansion

// Masker adds masks to vectors; it is the room that this takes.
type Masker struct{ keystream [4][maskTile]byte }

// Add adds the masks to a stretch of a vector that begins at byte offset, a
// multiple of 16. The stretch has whole lanes.
func (m *Masker) Add(r Ring, lanes []byte, offset int, masks []Mask) {
	m.add(r, lanes, offset, masks, false)
	m.add(r, lanes, offset, masks, true)
}

// add is Add for the masks of one sign.
func (m *Masker) add(r Ring, lanes []byte, offset int, masks []Mask, negative bool) {
	var streams [len(m.keystream)]cipher.Stream
	used := 0
	for i, mask := range masks {
		if mask.negative == negative {
			streams[used] = mask.stream(offset)
			used++
		}
		if used == len(streams) || used > 0 && i == len(masks)-1 {
			m.addStreams(r, lanes, streams[:used], negative)
			used = 0
		}
	}
}

func (m *Masker) addStreams(r Ring, lanes []byte, streams []cipher.Stream, negative bool) {
	for len(lanes) > 0 {
		part := lanes[:min(maskTile, len(lanes))]
		for i, stream := range streams {
			stream.XORKeyStream(m.keystream[i][:len(part)], zeros[:len(part)])
		}
		if len(streams) == 4 {
			k := &m.keystream
			r.addFour(part, k[0][:], k[1][:], k[2][:], k[3][:], negative)
		} else {
			for i := range streams {
				r.AddTo(part, m.keystream[i][:len(part)], negative)
			}
		}
		lanes = lanes[len(part):]
	}
}

// stream is the keystream from a byte on.
func (m Mask) stream(offset int) cipher.Stream {
	if offset%aes.BlockSize != 0 {
		panic("sharing: a mask is made from the beginning of a block")
	}
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(offset/aes.BlockSize))
	return cipher.NewCTR(m.block, iv[:])
}

// AddTo adds b to a, or subtracts it, lane by lane. They are equally long and
// have whole lanes.
//
// Two lanes of 32 bits are added up in one word of 64, the upper ones apart so
// that the lower ones do not carry into them. Subtraction is addition between
// two complements: a−b = ¬(¬a+b).
func (r Ring) AddTo(a, b []byte, subtract bool) {
	flip := complement(subtract)
	word := r.word()
	for len(a) >= 8 && len(b) >= 8 {
		x, y := binary.LittleEndian.Uint64(a)^flip, binary.LittleEndian.Uint64(b)
		low, high := x+y, x&^word+y&^word
		binary.LittleEndian.PutUint64(a, (low&word|high)^flip)
		a, b = a[8:], b[8:]
	}
	if len(a) == 4 && len(b) >= 4 {
		x := binary.LittleEndian.Uint32(a) ^ uint32(flip)
		binary.LittleEndian.PutUint32(a, (x+binary.LittleEndian.Uint32(b))^uint32(flip))
	}
}

func (r Ring) addFour(sum, a, b, c, d []byte, subtract bool) {
	flip := complement(subtract)
	word := r.word()
	for len(sum) >= 8 && len(a) >= 8 && len(b) >= 8 && len(c) >= 8 && len(d) >= 8 {
		v := binary.LittleEndian.Uint64(sum) ^ flip
		w, x := binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b)
		y, z := binary.LittleEndian.Uint64(c), binary.LittleEndian.Uint64(d)
		low := v + w + x + y + z
		high := v&^word + w&^word + x&^word + y&^word + z&^word
		binary.LittleEndian.PutUint64(sum, (low&word|high)^flip)
		sum, a, b, c, d = sum[8:], a[8:], b[8:], c[8:], d[8:]
	}
	if len(sum) == 4 {
		for _, b := range [][]byte{a, b, c, d} {
			r.AddTo(sum, b[:4], subtract)
		}
	}
}

// word selects the bits of a word of 64 that are its lowest lane.
func (r Ring) word() uint64 {
	if r == Ring32 {
		return 1<<32 - 1
	}
	return 1<<64 - 1
}

func complement(subtract bool) uint64 {
	if subtract {
		return 1<<64 - 1
	}
	return 0
}

// Put writes signed values into lanes, modulo the ring.
func (r Ring) Put(lanes []byte, values []int64) {
	if r == Ring32 {
		for i, v := range values {
			binary.LittleEndian.PutUint32(lanes[4*i:], uint32(v))
		}
		return
	}
	for i, v := range values {
		binary.LittleEndian.PutUint64(lanes[8*i:], uint64(v))
	}
}

// Values reads lanes as signed values: the least residues of magnitude.
func (r Ring) Values(values []int64, lanes []byte) {
	if r == Ring32 {
		for i := range values {
			values[i] = int64(int32(binary.LittleEndian.Uint32(lanes[4*i:])))
		}
		return
	}
	for i := range values {
		values[i] = int64(binary.LittleEndian.Uint64(lanes[8*i:]))
	}
}

// Fits reports whether the sum of n values of magnitude up to limit is one that
// Values gives back. At most 60 bits of the wide ring are used, as many as the
// prime field has.
func (r Ring) Fits(n int, limit uint64) bool {
	most := uint64(1<<60 - 1)
	if r == Ring32 {
		most = 1<<31 - 1
	}
	return n > 0 && limit <= most/uint64(n)
}
