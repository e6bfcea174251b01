package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"consilium/internal/durable"
	"consilium/protocol"
)

// Parts keeps parts of bodies in a folder, each in a file under its root: the
// chunks' lengths and Merkle leaves, then the chunks. So a vector of ten million
// values is read chunk by chunk and never stands in memory as a whole.
type Parts struct{ dir string }

// OpenParts opens the folder, and makes it when it is not there.
func OpenParts(dir string) (*Parts, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Parts{dir}, nil
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

// DecodeIndex decodes the index of the part that ref names and checks it
// against that name.
func DecodeIndex(ref protocol.Ref, data []byte) (Index, error) {
	if uint64(len(data)) != uint64(ref.Chunks)*leafSize {
		return Index{}, fmt.Errorf("an index of %d bytes for %d chunks", len(data), ref.Chunks)
	}
	x := Index{make([]uint32, ref.Chunks), make([]protocol.Hash, ref.Chunks)}
	size := uint64(0)
	for i := range x.Leaves {
		x.Lengths[i] = binary.BigEndian.Uint32(data[i*leafSize:])
		copy(x.Leaves[i][:], data[i*leafSize+4:])
		size += uint64(x.Lengths[i])
	}
	if size != ref.Size || protocol.Root(x.Leaves) != ref.Root {
		return Index{}, errors.New("an index that does not match the name of the part")
	}
	return x, nil
}

// Part is a stored part. It implements protocol.Source.
type Part struct {
	file    *os.File
	index   Index
	offsets []int64
}

var _ protocol.Source = (*Part)(nil)

// Chunks is how many chunks the part has.
func (p *Part) Chunks() int { return len(p.index.Leaves) }

// Chunk reads chunk i and checks it against its leaf.
func (p *Part) Chunk(i int) ([]byte, error) {
	if i < 0 || i >= p.Chunks() {
		return nil, fmt.Errorf("read chunk %d of %d", i, p.Chunks())
	}
	chunk := make([]byte, p.index.Lengths[i])
	if _, err := p.file.ReadAt(chunk, p.offsets[i]); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.file.Name(), err)
	}
	if protocol.Leaf(chunk) != p.index.Leaves[i] {
		return nil, fmt.Errorf("%s is damaged in chunk %d", p.file.Name(), i)
	}
	return chunk, nil
}

// Index describes the part's chunks.
func (p *Part) Index() Index { return p.index }

// Close closes the part's file.
func (p *Part) Close() error { return p.file.Close() }

func newPart(f *os.File, x Index) *Part {
	p := &Part{file: f, index: x, offsets: make([]int64, len(x.Lengths))}
	at := int64(4 + leafSize*len(x.Lengths))
	for i, n := range x.Lengths {
		p.offsets[i] = at
		at += int64(n)
	}
	return p
}

func (s *Parts) name(root protocol.Hash) string { return filepath.Join(s.dir, root.String()) }

// Open opens a part, or returns fs.ErrNotExist.
func (s *Parts) Open(root protocol.Hash) (*Part, error) {
	f, err := os.Open(s.name(root))
	if err != nil {
		return nil, err
	}
	p, err := readPart(f, root)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", s.name(root), err)
	}
	return p, nil
}

func readPart(f *os.File, root protocol.Hash) (*Part, error) {
	var count [4]byte
	if _, err := f.ReadAt(count[:], 0); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	chunks := binary.BigEndian.Uint32(count[:])
	index := int64(chunks) * leafSize
	if info.Size() < 4+index {
		return nil, errShort
	}
	data := make([]byte, index)
	if _, err := f.ReadAt(data, 4); err != nil {
		return nil, err
	}
	x, err := DecodeIndex(protocol.Ref{Root: root, Chunks: chunks, Size: uint64(info.Size() - 4 - index)}, data)
	if err != nil {
		return nil, err
	}
	return newPart(f, x), nil
}

// Put stores a part that this hospital can make again. It need not survive a
// crash.
func (s *Parts) Put(ref protocol.Ref, content protocol.Source) error {
	if _, err := os.Stat(s.name(ref.Root)); err == nil {
		return nil
	}
	x := Index{make([]uint32, ref.Chunks), make([]protocol.Hash, ref.Chunks)}
	for i := range x.Leaves {
		chunk, err := content.Chunk(i)
		if err != nil {
			return err
		}
		x.Lengths[i], x.Leaves[i] = uint32(len(chunk)), protocol.Leaf(chunk)
	}
	w, err := s.Create(ref, x)
	if err != nil {
		return err
	}
	for i := range x.Leaves {
		chunk, err := content.Chunk(i)
		if err == nil {
			err = w.Write(chunk)
		}
		if err != nil {
			w.Abort()
			return err
		}
	}
	p, err := w.finish(false)
	if err != nil {
		return err
	}
	return p.Close()
}

// Writer receives the chunks of a part in order.
type Writer struct {
	parts *Parts
	ref   protocol.Ref
	part  *Part
	next  int
}

// Create begins to receive the part that ref names.
func (s *Parts) Create(ref protocol.Ref, x Index) (*Writer, error) {
	f, err := os.CreateTemp(s.dir, ".part-*")
	if err != nil {
		return nil, fmt.Errorf("store a part: %w", err)
	}
	w := &Writer{parts: s, ref: ref, part: newPart(f, x)}
	head := append(binary.BigEndian.AppendUint32(nil, ref.Chunks), x.Encode()...)
	if _, err := f.Write(head); err != nil {
		w.Abort()
		return nil, fmt.Errorf("store a part: %w", err)
	}
	return w, nil
}

// Next is the number of the next chunk; Done tells that there is none.
func (w *Writer) Next() int { return w.next }

// Done tells whether all chunks are here.
func (w *Writer) Done() bool { return w.next == w.part.Chunks() }

// Length is the length of the next chunk.
func (w *Writer) Length() int { return int(w.part.index.Lengths[w.next]) }

// Write takes the next chunk; it refuses one that does not match its leaf, and
// then still waits for the right one.
func (w *Writer) Write(chunk []byte) error {
	if w.Done() || protocol.Leaf(chunk) != w.part.index.Leaves[w.next] {
		return fmt.Errorf("chunk %d does not match the name of the part", w.next)
	}
	if _, err := w.part.file.Write(chunk); err != nil {
		return fmt.Errorf("store a part: %w", err)
	}
	w.next++
	return nil
}

// Finish makes the part durable under its name.
func (w *Writer) Finish() (*Part, error) { return w.finish(true) }

func (w *Writer) finish(sync bool) (*Part, error) {
	temporary := w.part.file.Name()
	err := error(nil)
	if sync {
		err = w.part.file.Sync()
	}
	if err == nil {
		err = os.Rename(temporary, w.parts.name(w.ref.Root))
	}
	if err == nil && sync {
		err = durable.SyncDir(w.parts.dir)
	}
	if err != nil {
		w.Abort()
		return nil, fmt.Errorf("store a part: %w", err)
	}
	return w.part, nil
}

// Abort drops what was received.
func (w *Writer) Abort() {
	w.part.file.Close()
	os.Remove(w.part.file.Name())
}

// Clear removes all parts but those to keep.
func (s *Parts) Clear(keep map[protocol.Hash]bool) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for root := range keep {
		kept[root.String()] = true
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
