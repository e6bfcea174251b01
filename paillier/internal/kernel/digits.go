package kernel

import (
	"encoding/binary"
	"math/big"
)

// A digit of radix bits begins at bit radix·j, and radix is 64 or at most 57,
// so one load of eight bytes holds all of it.

// digitsOf writes the big-endian number b as digits of radix bits to dst[0],
// dst[stride], … up to the end of dst. It reads and writes the same places
// whatever the number is. b must fit.
func digitsOf(dst []uint64, stride int, b []byte, radix int) {
	const word = 8
	padded := make([]byte, word+len(b))
	copy(padded[word:], b)
	mask := ^uint64(0) >> (64 - radix)
	for i, bit := 0, 0; i < len(dst); i, bit = i+stride, bit+radix {
		end := len(padded) - bit/8
		if end < word {
			dst[i] = 0
			continue
		}
		dst[i] = binary.BigEndian.Uint64(padded[end-word:end]) >> (bit % 8) & mask
	}
	clear(padded)
}

// bytesOf is the opposite of digitsOf: it fills b, big-endian, with the number
// whose digits are src[0], src[stride], … The number must fit into b, and b
// into the digits.
func bytesOf(b []byte, src []uint64, stride, radix int) {
	digit := func(j int) uint64 {
		if j*stride >= len(src) {
			return 0
		}
		return src[j*stride]
	}
	for bit := 0; bit < 8*len(b); bit += 64 {
		j, begun := bit/radix, bit%radix
		word := digit(j)>>begun | digit(j+1)<<(radix-begun) | digit(j+2)<<(2*radix-begun)
		end := len(b) - bit/8
		if end >= 8 {
			binary.BigEndian.PutUint64(b[end-8:end], word)
			continue
		}
		for i := end - 1; i >= 0; i-- {
			b[i] = byte(word)
			word >>= 8
		}
	}
}

// publicDigits writes x ≥ 0 as digits. Only for public numbers: math/big is
// not constant-time.
func publicDigits(dst []uint64, x *big.Int, radix int) {
	digitsOf(dst, 1, x.FillBytes(make([]byte, (x.BitLen()+7)/8)), radix)
}

// negativeInverse returns −1/n mod 2^bits.
func negativeInverse(n *big.Int, bits int) *big.Int {
	r := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	return new(big.Int).Sub(r, new(big.Int).ModInverse(n, r))
}
