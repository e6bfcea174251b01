package keygen

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
)

const seedSize = 32

// stream is the bytes that follow from a seed.
type stream struct{ shake *sha3.SHAKE }

func newStream(domain string, fields ...[]byte) *stream {
	s := &stream{sha3.NewSHAKE256()}
	s.write(binary.BigEndian.AppendUint64(nil, uint64(len(domain))))
	s.write([]byte(domain))
	for _, f := range fields {
		s.write(binary.BigEndian.AppendUint64(nil, uint64(len(f))))
		s.write(f)
	}
	return s
}

func (s *stream) write(b []byte) {
	if _, err := s.shake.Write(b); err != nil {
		panic("keygen: hash: " + err.Error()) // a SHAKE never refuses input before output
	}
}

// Read never fails.
func (s *stream) Read(b []byte) (int, error) { return s.shake.Read(b) }

func (s *stream) bytes(n int) []byte {
	b := make([]byte, n)
	if _, err := s.Read(b); err != nil {
		panic("keygen: hash: " + err.Error())
	}
	return b
}

func (s *stream) word() uint64 {
	var b [8]byte
	if _, err := s.Read(b[:]); err != nil {
		panic("keygen: hash: " + err.Error())
	}
	return binary.BigEndian.Uint64(b[:])
}

// integer is a uniform number of a whole number of bytes.
func (s *stream) integer(bits int) *big.Int { return new(big.Int).SetBytes(s.bytes(bits / 8)) }

// below is uniform in [0, n): it draws until a number of n's length is below n.
// How often does not depend on the number that it returns.
func (s *stream) below(n *big.Int) *big.Int {
	size := (n.BitLen() + 7) / 8
	for {
		b := s.bytes(size)
		b[0] &= byte(1<<(8-(8*size-n.BitLen())) - 1)
		if v := new(big.Int).SetBytes(b); v.Cmp(n) < 0 {
			return v
		}
	}
}

// seeds are a party's for one batch, one for each thing that it draws: opening
// some says nothing of the others.
type seeds struct {
	root   []byte   // all follow from it; nil where it is not known
	list   [][]byte // nil where it is not known
	hashes [][sha256.Size]byte
}

// growSeeds derives count seeds of a party in a batch from one.
func growSeeds(root, session []byte, party, batch, count int) *seeds {
	s := &seeds{root: root, list: make([][]byte, count), hashes: make([][sha256.Size]byte, count)}
	grown := newStream("consilium/keygen/1/seeds", root, session, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(party)), uint32(batch)))
	all := grown.bytes(count * seedSize)
	for i := range s.list {
		s.list[i] = all[i*seedSize : (i+1)*seedSize]
		s.hashes[i] = sha256.Sum256(s.list[i])
	}
	return s
}

// at are the seeds at these places.
func (s *seeds) at(places []int) [][]byte {
	out := make([][]byte, len(places))
	for i, place := range places {
		out[i] = s.list[place]
	}
	return out
}

// commitment binds all seeds.
func (s *seeds) commitment() [sha256.Size]byte { return commitmentOf(s.hashes) }

func commitmentOf(hashes [][sha256.Size]byte) (c [sha256.Size]byte) {
	h := sha256.New()
	for _, hash := range hashes {
		h.Write(hash[:])
	}
	return [sha256.Size]byte(h.Sum(c[:0]))
}

// open encodes all seeds but the kept ones, of which it gives the hash; where
// none is kept, it is the root.
func (s *seeds) open(kept map[int]bool) []byte {
	if len(kept) == 0 {
		return s.root
	}
	var out []byte
	for i, seed := range s.list {
		if kept[i] {
			out = append(out, s.hashes[i][:]...)
		} else {
			out = append(out, seed...)
		}
	}
	return out
}

// errNotCommitted says that a party opened something else than it had committed
// to.
var errNotCommitted = errors.New("it opens other seeds than it has committed to")

// decodeSeeds reads what a party's open wrote.
func decodeSeeds(data, session []byte, party, batch, count int, kept map[int]bool, commitment []byte) (*seeds, error) {
	var s *seeds
	switch {
	case len(kept) == 0 && len(data) == seedSize:
		s = growSeeds(data, session, party, batch, count)
	case len(kept) > 0 && len(data) == count*seedSize:
		s = &seeds{list: make([][]byte, count), hashes: make([][sha256.Size]byte, count)}
		for i := range count {
			entry := data[i*seedSize : (i+1)*seedSize]
			if kept[i] {
				s.hashes[i] = [sha256.Size]byte(entry)
			} else {
				s.list[i], s.hashes[i] = entry, sha256.Sum256(entry)
			}
		}
	default:
		return nil, fmt.Errorf("%d bytes open %d seeds", len(data), count)
	}
	if c := s.commitment(); string(c[:]) != string(commitment) {
		return nil, errNotCommitted
	}
	return s, nil
}
