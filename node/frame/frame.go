package frame

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"consilium/protocol"
)

// rooms are buffers for frames that are being written.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

// Write writes one frame, in one call.
func Write(w io.Writer, data []byte) error {
	room := rooms.Get().(*[]byte)
	defer rooms.Put(room)
	*room = append(binary.BigEndian.AppendUint32((*room)[:0], uint32(len(data))), data...)
	_, err := w.Write(*room)
	return err
}

// Read reads one frame of at most limit bytes. Memory is taken for what the
// limit allows and not for what the peer says.
func Read(r io.Reader, limit int) ([]byte, error) { return ReadInto(r, limit, nil) }

// ReadInto is Read into room, as far as that is large enough.
func ReadInto(r io.Reader, limit int, room []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if uint64(size) > uint64(limit) {
		return nil, fmt.Errorf("a frame of %d bytes, at most %d", size, limit)
	}
	if int(size) > cap(room) {
		room = make([]byte, size)
	}
	data := room[:size]
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("read a frame of %d bytes: %w", size, err)
	}
	return data, nil
}

// What a PartRequest asks for.
const (
	PartIndex  = 0 // lengths and leaves of the chunks
	PartHeld   = 1 // which chunks are here, see EncodeHeld
	PartChunks = 2 // Count chunks from First on
)

// PartRequest asks for something of a part.
type PartRequest struct {
	Root         protocol.Hash
	What         uint8
	First, Count uint32 // of PartChunks, else 0
}

const partRequestSize = 32 + 1 + 4 + 4

// Encode is the canonical encoding of q.
func (q PartRequest) Encode() []byte {
	b := append(append(make([]byte, 0, partRequestSize), q.Root[:]...), q.What)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, q.First), q.Count)
}

// DecodePartRequest is the inverse of Encode; it accepts nothing else.
func DecodePartRequest(data []byte) (q PartRequest, err error) {
	if len(data) != partRequestSize {
		return q, fmt.Errorf("decode request for a part: %d bytes", len(data))
	}
	at := copy(q.Root[:], data)
	q.What, q.First, q.Count = data[at], binary.BigEndian.Uint32(data[at+1:]), binary.BigEndian.Uint32(data[at+5:])
	if q.What > PartChunks || (q.What == PartChunks) != (q.Count > 0) || q.Count == 0 && q.First > 0 {
		return q, fmt.Errorf("decode request for a part: %d chunks from %d in request %d", q.Count, q.First, q.What)
	}
	return q, nil
}

// EncodeHeld is which of count chunks are held: a bit each, chunk 0 in the lowest
// of the first byte.
func EncodeHeld(count int, held func(i int) bool) []byte {
	b := make([]byte, (count+7)/8)
	for i := range count {
		if held(i) {
			b[i/8] |= 1 << (i % 8)
		}
	}
	return b
}

// DecodeHeld is the inverse of EncodeHeld; it accepts nothing else.
func DecodeHeld(count int, data []byte) ([]bool, error) {
	if len(data) != (count+7)/8 || count%8 > 0 && data[count/8]>>(count%8) > 0 {
		return nil, fmt.Errorf("decode the chunks that are held: %d bytes for %d chunks", len(data), count)
	}
	held := make([]bool, count)
	for i := range held {
		held[i] = data[i/8]>>(i%8)&1 == 1
	}
	return held, nil
}
