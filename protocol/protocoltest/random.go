package protocoltest

import (
	"encoding/binary"
	"math/rand/v2"
)

// random is the one source of chance in a run.
type random struct{ *rand.Rand }

func newRandom(seed uint64, stream uint64) *random {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], stream)
	return &random{rand.New(rand.NewChaCha8(key))}
}

// Read fills b.
func (r *random) Read(b []byte) (int, error) {
	for i := 0; i < len(b); i += 8 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], r.Uint64())
		copy(b[i:], word[:])
	}
	return len(b), nil
}

// chance is true with probability p.
func (r *random) chance(p float64) bool { return p > 0 && r.Float64() < p }

// between is uniform in [low, high].
func (r *random) between(low, high int64) int64 { return low + r.Int64N(high-low+1) }
