package frame

import (
	"encoding/binary"
	"fmt"
	"io"

	"consilium/protocol"
)

// Write writes one frame.
func Write(w io.Writer, data []byte) error {
	head := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(data)), uint32(len(data)))
	_, err := w.Write(append(head, data...))
	return err
}

// Read reads one frame of at most limit bytes. Memory is taken for what the
// limit allows and not for what the peer says.
func Read(r io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if uint64(size) > uint64(limit) {
		return nil, fmt.Errorf("a frame of %d bytes, at most %d", size, limit)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("read a frame of %d bytes: %w", size, err)
	}
	return data, nil
}

// PartRequest asks for the chunks of a part from one on.
type PartRequest struct {
	Root  protocol.Hash
	First uint32
}

// Encode is the canonical encoding of q.
func (q PartRequest) Encode() []byte {
	return binary.BigEndian.AppendUint32(append([]byte{}, q.Root[:]...), q.First)
}

// DecodePartRequest is the inverse of Encode; it accepts nothing else.
func DecodePartRequest(data []byte) (q PartRequest, err error) {
	if len(data) != len(q.Root)+4 {
		return q, fmt.Errorf("decode request for a part: %d bytes", len(data))
	}
	copy(q.Root[:], data)
	q.First = binary.BigEndian.Uint32(data[len(q.Root):])
	return q, nil
}
