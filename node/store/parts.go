package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"

	"consilium/protocol"
)

// Parts keeps parts of bodies under their roots. Large ones lie in a folder, each
// in a file: the chunks' lengths and Merkle leaves, then the chunks. So a vector
// of ten million values is read chunk by chunk and never stands in memory as a
// whole. Small ones stay in memory, where a hundred of them cost less than as
// many files; whoever needs them after a crash puts them into the round's log.
type Parts struct {
	dir   string
	mu    sync.Mutex
	small map[protocol.Hash]*Part
	begun map[protocol.Hash]*Writer // large ones of which not all is here yet

	sparse map[protocol.Hash]Sparse // of which some chunks are wanted only
}

// smallPart is the largest part that stays in memory.
const smallPart = 256 << 10

// OpenParts opens the folder, and makes it when it is not there.
func OpenParts(dir string) (*Parts, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Parts{dir: dir, small: map[protocol.Hash]*Part{}, begun: map[protocol.Hash]*Writer{}, sparse: map[protocol.Hash]Sparse{}}, nil
}

// leafSize is what the index takes for a chunk.
const leafSize = 4 + 32

// Index describes the chunks of a part.
type Index struct {
	Lengths []uint32
	Leaves  []protocol.Hash
}

// Encode is the canonical encoding of x, without a count.
func (x Index) Encode() []byte {
	b := make([]byte, 0, leafSize*len(x.Leaves))
	for i := range x.Leaves {
		b = binary.BigEndian.AppendUint32(b, x.Lengths[i])
		b = append(b, x.Leaves[i][:]...)
	}
	return b
}

// ErrOtherSize says that an index is of a part with the same root and not as large
// as it was announced: who announced it is to blame.
var ErrOtherSize = errors.New("an index of another size than the part is said to have")

// DecodeIndex decodes the index of the part that ref names and checks it
// against that name.
func DecodeIndex(ref protocol.Ref, data []byte) (Index, error) {
	count := len(data) / leafSize
	if len(data)%leafSize != 0 {
		return Index{}, fmt.Errorf("an index of %d bytes", len(data))
	}
	x := Index{make([]uint32, count), make([]protocol.Hash, count)}
	size := uint64(0)
	for i := range x.Leaves {
		x.Lengths[i] = binary.BigEndian.Uint32(data[i*leafSize:])
		copy(x.Leaves[i][:], data[i*leafSize+4:])
		size += uint64(x.Lengths[i])
	}
	if protocol.Root(x.Leaves) != ref.Root {
		return Index{}, errors.New("an index that does not match the name of the part")
	}
	if size != ref.Size || count != int(ref.Chunks) {
		return Index{}, ErrOtherSize
	}
	return x, nil
}

// Part is a stored part. It implements protocol.Source.
type Part struct {
	index   Index
	content protocol.Chunks // of a small part
	file    *os.File        // of a large one
	offsets []int64         // in the file
}

var _ protocol.Source = (*Part)(nil)

// Chunks is how many chunks the part has.
func (p *Part) Chunks() int { return len(p.index.Leaves) }

// Is tells whether the part, whose root is that of ref, is as large as ref says.
func (p *Part) Is(ref protocol.Ref) bool {
	size := uint64(0)
	for _, length := range p.index.Lengths {
		size += uint64(length)
	}
	return size == ref.Size && p.Chunks() == int(ref.Chunks)
}

// Chunk reads chunk i and checks it against its leaf.
func (p *Part) Chunk(i int) ([]byte, error) { return p.ChunkInto(i, nil) }

// ChunkInto is Chunk into room, as far as that is large enough.
func (p *Part) ChunkInto(i int, room []byte) ([]byte, error) {
	if i < 0 || i >= p.Chunks() {
		return nil, fmt.Errorf("read chunk %d of %d", i, p.Chunks())
	}
	if p.file == nil {
		return p.content[i], nil
	}
	if int(p.index.Lengths[i]) > cap(room) {
		room = make([]byte, p.index.Lengths[i])
	}
	chunk := room[:p.index.Lengths[i]]
	if _, err := p.file.ReadAt(chunk, p.offsets[i]); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.file.Name(), err)
	}
	if protocol.Leaf(chunk) != p.index.Leaves[i] {
		return nil, fmt.Errorf("%s is damaged in chunk %d", p.file.Name(), i)
	}
	return chunk, nil
}

// Has tells whether chunk i is here: all are.
func (p *Part) Has(i int) bool { return i >= 0 && i < p.Chunks() }

// Index describes the part's chunks.
func (p *Part) Index() Index { return p.index }

// InMemory is the content of a small part, nil of a large one.
func (p *Part) InMemory() protocol.Chunks {
	if p.file != nil {
		return nil
	}
	return p.content
}

// Close closes the part's file.
func (p *Part) Close() error {
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}

func newPart(f *os.File, x Index) *Part {
	p := &Part{file: f, index: x}
	p.locate()
	return p
}

// locate finds where the chunks lie in the file.
func (p *Part) locate() {
	p.offsets = make([]int64, len(p.index.Lengths))
	at := p.start()
	for i, n := range p.index.Lengths {
		p.offsets[i] = at
		at += int64(n)
	}
}

// start is where the chunks begin in the file.
func (p *Part) start() int64 { return int64(4 + leafSize*len(p.index.Lengths)) }

func (s *Parts) name(root protocol.Hash) string { return filepath.Join(s.dir, root.String()) }

// Held is a part, or as much of one as is here.
type Held interface {
	Index() Index
	Has(i int) bool
	ChunkInto(i int, room []byte) ([]byte, error)
	Close() error
}

// Held opens what is here of a part, or returns fs.ErrNotExist.
func (s *Parts) Held(root protocol.Hash) (Held, error) {
	s.mu.Lock()
	w, ok := s.begun[root]
	s.mu.Unlock()
	if ok {
		return begun{w}, nil
	}
	if w, err := s.Resume(root); !errors.Is(err, fs.ErrNotExist) {
		return w, err
	}
	return s.Open(root)
}

// Open opens a part, or returns fs.ErrNotExist.
func (s *Parts) Open(root protocol.Hash) (*Part, error) {
	s.mu.Lock()
	p, ok := s.small[root]
	s.mu.Unlock()
	if ok {
		return p, nil
	}
	f, err := os.Open(s.name(root))
	if err != nil {
		return nil, err
	}
	p, err = readPart(f, root)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", s.name(root), err)
	}
	return p, nil
}

func readPart(f *os.File, root protocol.Hash) (*Part, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return readIndex(f, root, info.Size())
}

// readIndex reads a part's index from a file of so many bytes; size < 0 is not
// checked.
func readIndex(f *os.File, root protocol.Hash, size int64) (*Part, error) {
	var count [4]byte
	if _, err := f.ReadAt(count[:], 0); err != nil {
		return nil, err
	}
	chunks := binary.BigEndian.Uint32(count[:])
	index := int64(chunks) * leafSize
	if info, err := f.Stat(); err != nil || info.Size() < 4+index {
		return nil, errors.Join(errShort, err)
	}
	data := make([]byte, index)
	if _, err := f.ReadAt(data, 4); err != nil {
		return nil, err
	}
	ref := protocol.Ref{Root: root, Chunks: chunks, Size: uint64(size - 4 - index)}
	if size < 0 {
		ref.Size = 0
		for i := range int(chunks) {
			ref.Size += uint64(binary.BigEndian.Uint32(data[i*leafSize:]))
		}
	}
	x, err := DecodeIndex(ref, data)
	if err != nil {
		return nil, err
	}
	return newPart(f, x), nil
}

// Clear removes all parts but those to keep, and those that are being received.
func (s *Parts) Clear(keep map[protocol.Hash]bool) error {
	kept := map[string]bool{}
	for root := range keep {
		kept[root.String()], kept[root.String()+sparseSuffix] = true, true
	}
	s.mu.Lock()
	maps.DeleteFunc(s.small, func(root protocol.Hash, _ *Part) bool { return !keep[root] })
	maps.DeleteFunc(s.sparse, func(root protocol.Hash, w Sparse) bool {
		if !keep[root] {
			w.part.file.Close()
		}
		return !keep[root]
	})
	for root := range s.begun {
		kept[root.String()+unfinished] = true
	}
	s.mu.Unlock()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !kept[e.Name()] {
			if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
