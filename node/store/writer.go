package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"consilium/internal/durable"
	"consilium/protocol"
)

// Writer receives the chunks of a part in any order. What is there can be read
// at the same time: a hospital passes on what it is still fetching. It is used
// by several goroutines.
type Writer struct {
	parts *Parts
	ref   protocol.Ref
	part  *Part

	mu   sync.Mutex
	has  []bool
	left int
}

// Create begins to receive the part that ref names, or goes on with what is on
// the disk of it. x is its index, checked against that name. One writer at a time
// receives a part.
func (s *Parts) Create(ref protocol.Ref, x Index) (*Writer, error) {
	w := &Writer{parts: s, ref: ref, part: &Part{index: x}, has: make([]bool, len(x.Leaves)), left: len(x.Leaves)}
	if ref.Size <= smallPart {
		w.part.content = make(protocol.Chunks, len(x.Leaves))
		return w, nil
	}
	f, err := os.OpenFile(s.name(ref.Root)+unfinished, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store a part: %w", err)
	}
	w.part = newPart(f, x)
	if err := w.recall(); err != nil {
		w.Abort()
		return nil, err
	}
	s.mu.Lock()
	s.begun[ref.Root] = w
	s.mu.Unlock()
	return w, nil
}

const (
	temporary  = ".part-*"
	unfinished = ".unfinished" // behind the root
)

// recall looks what an earlier start left in the file. Only chunks that match
// their leaves count, so that it need not have been durable.
func (w *Writer) recall() error {
	info, err := w.part.file.Stat()
	if err != nil {
		return fmt.Errorf("store a part: %w", err)
	}
	room := make([]byte, 0, protocol.ChunkSize)
	for i, length := range w.part.index.Lengths {
		if w.part.offsets[i]+int64(length) > info.Size() || length == 0 {
			continue
		}
		if _, err := w.part.ChunkInto(i, room); err == nil {
			w.has[i] = true
			w.left--
		}
	}
	return writeHead(w.part.file, w.part.index)
}

func writeHead(f *os.File, x Index) error {
	head := append(binary.BigEndian.AppendUint32(nil, uint32(len(x.Leaves))), x.Encode()...)
	if _, err := f.WriteAt(head, 0); err != nil {
		return fmt.Errorf("store a part: %w", err)
	}
	return nil
}

// Index describes the part's chunks.
func (w *Writer) Index() Index { return w.part.index }

// Has tells whether chunk i is here.
func (w *Writer) Has(i int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return i >= 0 && i < len(w.has) && w.has[i]
}

// Missing is how many chunks are not here.
func (w *Writer) Missing() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left
}

// Done tells whether all chunks are here.
func (w *Writer) Done() bool { return w.Missing() == 0 }

// ErrMismatch says that a chunk is not of the part.
var ErrMismatch = errors.New("a chunk does not match the name of the part")

// Write takes chunk i, and leaves its bytes to the caller; ErrMismatch refuses one
// that does not match its leaf. A chunk that is here already is ignored.
func (w *Writer) Write(i int, chunk []byte) error {
	if i < 0 || i >= len(w.has) || len(chunk) != int(w.part.index.Lengths[i]) || protocol.Leaf(chunk) != w.part.index.Leaves[i] {
		return ErrMismatch
	}
	if w.Has(i) {
		return nil
	}
	if w.part.file != nil {
		if _, err := w.part.file.WriteAt(chunk, w.part.offsets[i]); err != nil {
			return fmt.Errorf("store a part: %w", err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.part.file == nil {
		w.part.content[i] = bytes.Clone(chunk)
	}
	if !w.has[i] {
		w.has[i] = true
		w.left--
	}
	return nil
}

// begun is what is here of a part that is being received.
type begun struct{ *Writer }

// ChunkInto reads chunk i.
func (b begun) ChunkInto(i int, room []byte) ([]byte, error) {
	if !b.Has(i) {
		return nil, fmt.Errorf("chunk %d is not here yet", i)
	}
	return b.part.ChunkInto(i, room)
}

// Close does nothing: whoever receives the part closes it.
func (b begun) Close() error { return nil }

// Finish puts the part under its name; a large one is durable then.
func (w *Writer) Finish() (*Part, error) {
	if !w.Done() {
		return nil, errors.New("store a part: chunks are missing")
	}
	if w.part.file == nil {
		w.parts.keepSmall(w.ref.Root, w.part)
		return w.part, nil
	}
	err := w.part.file.Sync()
	if err == nil {
		err = os.Rename(w.part.file.Name(), w.parts.name(w.ref.Root))
	}
	if err == nil {
		err = durable.SyncDir(w.parts.dir)
	}
	if err != nil {
		w.Abort()
		return nil, fmt.Errorf("store a part: %w", err)
	}
	w.end()
	return w.part, nil
}

// end lets nobody read from the writer any more.
func (w *Writer) end() {
	w.parts.mu.Lock()
	defer w.parts.mu.Unlock()
	if w.parts.begun[w.ref.Root] == w {
		delete(w.parts.begun, w.ref.Root)
	}
}

// Suspend leaves on the disk what was received of a large part.
func (w *Writer) Suspend() {
	w.end()
	if w.part.file != nil {
		w.part.file.Close()
	}
}

// Abort drops what was received.
func (w *Writer) Abort() {
	w.Suspend()
	if w.part.file != nil {
		os.Remove(w.part.file.Name())
	}
}

func (s *Parts) keepSmall(root protocol.Hash, p *Part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.small[root] = p
}

// Put stores a part that this hospital can make again. It need not survive a
// crash.
func (s *Parts) Put(ref protocol.Ref, content protocol.Source) error {
	if p, err := s.Open(ref.Root); err == nil {
		return p.Close()
	}
	parts, err := s.Spool([]protocol.Source{content})
	if err != nil {
		return err
	}
	if parts[0].Ref != ref {
		return errors.New("store a part: its content is not what its name says")
	}
	return parts[0].Source.(*Part).Close()
}

// Spool stores parts that this hospital can make again, and names them: it is a
// protocol.Spool. Whoever asks for the parts closes them.
func (s *Parts) Spool(sources []protocol.Source) (parts []protocol.Part, err error) {
	writers := make([]*spooler, len(sources))
	defer func() {
		for _, w := range writers {
			if w != nil && err != nil {
				w.abort()
			}
		}
	}()
	longest := 0
	for i, source := range sources {
		writers[i] = &spooler{dir: s.dir, chunks: source.Chunks()}
		longest = max(longest, source.Chunks())
	}
	for c := range longest {
		for i, w := range writers {
			if c >= w.chunks {
				continue
			}
			chunk, err := sources[i].Chunk(c)
			if err == nil {
				err = w.add(chunk)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for _, w := range writers {
		part, err := w.finish(s)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// spooler receives the chunks of a part in order, without knowing its name.
type spooler struct {
	dir     string
	chunks  int
	index   Index
	content protocol.Chunks // while it is small
	file    *os.File
	size    uint64
}

func (w *spooler) add(chunk []byte) error {
	w.index.Lengths = append(w.index.Lengths, uint32(len(chunk)))
	w.index.Leaves = append(w.index.Leaves, protocol.Leaf(chunk))
	w.content = append(w.content, chunk)
	w.size += uint64(len(chunk))
	if w.size <= smallPart {
		return nil
	}
	if w.file == nil {
		var err error
		if w.file, err = os.CreateTemp(w.dir, temporary); err != nil {
			return fmt.Errorf("store a part: %w", err)
		}
	}
	at := int64(4+leafSize*w.chunks) + int64(w.size)
	for i := len(w.content) - 1; i >= 0; i-- { // all that is still in memory, from its end
		at -= int64(len(w.content[i]))
		if _, err := w.file.WriteAt(w.content[i], at); err != nil {
			return fmt.Errorf("store a part: %w", err)
		}
	}
	clear(w.content)
	w.content = w.content[:0]
	return nil
}

func (w *spooler) finish(s *Parts) (protocol.Part, error) {
	ref := protocol.Ref{Root: protocol.Root(w.index.Leaves), Chunks: uint32(w.chunks), Size: w.size}
	if w.file == nil {
		p := &Part{index: w.index, content: w.content}
		s.keepSmall(ref.Root, p)
		return protocol.Part{Ref: ref, Source: p}, nil
	}
	if err := writeHead(w.file, w.index); err != nil {
		return protocol.Part{}, err
	}
	if err := os.Rename(w.file.Name(), s.name(ref.Root)); err != nil {
		return protocol.Part{}, fmt.Errorf("store a part: %w", err)
	}
	p := newPart(w.file, w.index)
	return protocol.Part{Ref: ref, Source: p}, nil
}

func (w *spooler) abort() {
	if w.file != nil {
		w.file.Close()
		os.Remove(w.file.Name())
	}
}
