package wide

import (
	"encoding/binary"
	"fmt"
)

// Size is the length of an encoded element in bytes.
const Size = 16

// Append appends the canonical encoding of v to dst: 16 bytes each, least
// significant first.
func Append(dst []byte, v []Element) []byte {
	for _, e := range v {
		dst = binary.LittleEndian.AppendUint64(dst, e.Lo)
		dst = binary.LittleEndian.AppendUint64(dst, e.Hi)
	}
	return dst
}

// Decode fills dst from its canonical encoding. It refuses another length, and
// any number that is not below p.
func Decode(dst []Element, data []byte) error {
	if len(data) != Size*len(dst) {
		return fmt.Errorf("decode shares: %d bytes for %d elements of %d", len(data), len(dst), Size)
	}
	for i := range dst {
		e := Element{binary.LittleEndian.Uint64(data[Size*i:]), binary.LittleEndian.Uint64(data[Size*i+8:])}
		if e.Hi > topHi || e.Hi == topHi && e.Lo == 1<<64-1 {
			return fmt.Errorf("decode shares: element %d is not below 2^127-1", i)
		}
		dst[i] = e
	}
	return nil
}
