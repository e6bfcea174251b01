package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"consilium/internal/durable"
)

const stateMagic = "consilium state 1\n"

// WriteState keeps the state that a round starts from. It replaces the one of
// the round before in one go.
func WriteState(dir string, round uint64, state []byte) error {
	b := binary.BigEndian.AppendUint64([]byte(stateMagic), round)
	b = append(b, state...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return durable.WriteFile(filepath.Join(dir, "state"), b, 0o600)
}

// ReadState returns the round to run and the state that it starts from; found is
// false when nothing was kept.
func ReadState(dir string) (round uint64, state []byte, found bool, err error) {
	name := filepath.Join(dir, "state")
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, false, nil
	}
	if err != nil {
		return 0, nil, false, err
	}
	end := len(b) - 4
	if end < len(stateMagic)+8 || !bytes.HasPrefix(b, []byte(stateMagic)) || crc32.Checksum(b[:end], castagnoli) != binary.BigEndian.Uint32(b[end:]) {
		return 0, nil, false, &DamagedError{name, int64(len(b)), "the checksum does not match"}
	}
	return binary.BigEndian.Uint64(b[len(stateMagic):]), b[len(stateMagic)+8 : end], true, nil
}
