package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"consilium/internal/durable"
	"consilium/protocol"
)

// Sparse is a part of which this hospital wants some chunks only, such as its
// slices of a masked update. What is here of it can be read, and is served. It
// lies in a file like any large part, with holes, behind whose chunks stands which
// of them are here. It implements protocol.Source. It is used by several
// goroutines, and stays open until it is cleared away.
type Sparse struct{ *Writer }

var (
	_ protocol.Source = Sparse{}
	_ Held            = Sparse{}
)

const sparseSuffix = ".sparse"

// Sparse begins to receive chunks of the part that ref names, or goes on with it.
// x is its index, checked against that name.
func (s *Parts) Sparse(ref protocol.Ref, x Index) (Sparse, error) {
	if w, err := s.Resume(ref.Root); !errors.Is(err, fs.ErrNotExist) {
		return w, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, ok := s.sparse[ref.Root]; ok {
		return w, nil
	}
	f, err := os.OpenFile(s.name(ref.Root)+sparseSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		err = writeHead(f, x)
	}
	if err != nil {
		return Sparse{}, fmt.Errorf("store a part: %w", err)
	}
	w := Sparse{&Writer{parts: s, ref: ref, part: newPart(f, x), has: make([]bool, len(x.Leaves)), left: len(x.Leaves)}}
	s.sparse[ref.Root] = w
	return w, nil
}

// Resume finds what is here of a part that is wanted in part, also from before a
// restart; or returns fs.ErrNotExist.
func (s *Parts) Resume(root protocol.Hash) (Sparse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, ok := s.sparse[root]; ok {
		return w, nil
	}
	f, err := os.OpenFile(s.name(root)+sparseSuffix, os.O_RDWR, 0o600)
	if err != nil {
		return Sparse{}, err
	}
	w, err := s.readSparse(f, root)
	if err != nil { // it was not whole when this hospital crashed, and nothing was said of it
		return Sparse{}, errors.Join(fs.ErrNotExist, f.Close(), os.Remove(f.Name()))
	}
	s.sparse[root] = w
	return w, nil
}

// readSparse reads the index, and verifies the chunks that are said to be here.
func (s *Parts) readSparse(f *os.File, root protocol.Hash) (Sparse, error) {
	p, err := readIndex(f, root, -1)
	if err != nil {
		return Sparse{}, err
	}
	w := Sparse{&Writer{parts: s, part: p, has: make([]bool, p.Chunks()), left: p.Chunks()}}
	w.ref = protocol.Ref{Root: root, Chunks: uint32(p.Chunks()), Size: uint64(w.end() - p.start())}
	bits := make([]byte, (p.Chunks()+7)/8)
	if _, err := f.ReadAt(bits, w.end()); err != nil {
		return w, fs.ErrNotExist
	}
	for i := range w.has {
		if bits[i/8]>>(i%8)&1 == 0 {
			continue
		}
		if _, err := p.Chunk(i); err == nil {
			w.has[i] = true
			w.left--
		}
	}
	return w, nil
}

// end is where the chunks end in the file.
func (w Sparse) end() int64 {
	if n := w.part.Chunks(); n > 0 {
		return w.part.offsets[n-1] + int64(w.part.index.Lengths[n-1])
	}
	return w.part.start()
}

// Sync makes durable what is here.
func (w Sparse) Sync() error {
	w.mu.Lock()
	bits := make([]byte, (len(w.has)+7)/8)
	for i, here := range w.has {
		if here {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	w.mu.Unlock()
	_, err := w.part.file.WriteAt(bits, w.end())
	if err == nil {
		err = w.part.file.Sync()
	}
	if err == nil {
		err = durable.SyncDir(w.parts.dir)
	}
	if err != nil {
		return fmt.Errorf("store a part: %w", err)
	}
	return nil
}

// Chunks is how many the whole part has.
func (w Sparse) Chunks() int { return w.part.Chunks() }

// Chunk reads chunk i and checks it against its leaf; it must be here.
func (w Sparse) Chunk(i int) ([]byte, error) { return w.ChunkInto(i, nil) }

// ChunkInto is Chunk into room, as far as that is large enough.
func (w Sparse) ChunkInto(i int, room []byte) ([]byte, error) {
	if !w.Has(i) {
		return nil, fmt.Errorf("read chunk %d of %s: it is not here", i, w.part.file.Name())
	}
	return w.part.ChunkInto(i, room)
}

// Close does nothing: the part stays open until it is cleared away.
func (w Sparse) Close() error { return nil }
