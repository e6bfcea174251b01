package sharing

import (
	"encoding/binary"
	"fmt"
)

// Size is the length of an encoded element in bytes.
const Size = 8

// Append appends the canonical encoding of v to dst: 8 bytes each, least
// significant first.
func Append(dst []byte, v []Element) []byte {
	for _, e := range v {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e))
	}
	return dst
}

// Decode fills dst from its canonical encoding. It refuses another length, and
// any number that is not below p: two encodings of one element would let one
// share be posted under two hashes.
func Decode(dst []Element, data []byte) error {
	if len(data) != Size*len(dst) {
		return fmt.Errorf("decode shares: %d bytes for %d elements of %d", len(data), len(dst), Size)
	}
	for i := range dst {
		v := binary.LittleEndian.Uint64(data[Size*i:])
		if v >= Prime {
			return fmt.Errorf("decode shares: element %d is %d, not below 2^61-1", i, v)
		}
		dst[i] = Element(v)
	}
	return nil
}
