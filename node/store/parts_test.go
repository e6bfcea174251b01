package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"consilium/protocol"
)

func TestParts(t *testing.T) {
	s, err := OpenParts(filepath.Join(t.TempDir(), "parts"))
	if err != nil {
		t.Fatal(err)
	}
	content := protocol.Chunks{bytes.Repeat([]byte{1}, 1000), bytes.Repeat([]byte{2}, 10), {}}
	ref, err := protocol.RefOf(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ref, content); err != nil {
		t.Fatal(err)
	}
	p, err := s.Open(ref.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if again, err := protocol.RefOf(p); err != nil || again != ref {
		t.Fatalf("read back as %+v, %v", again, err)
	}
	if _, err := p.Chunk(3); err == nil {
		t.Fatal("a chunk beyond the last")
	}
	if err := s.Clear(map[protocol.Hash]bool{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(ref.Root); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// Large parts lie in files, and are checked when they are read back.
func TestLargeParts(t *testing.T) {
	s, err := OpenParts(filepath.Join(t.TempDir(), "parts"))
	if err != nil {
		t.Fatal(err)
	}
	content := protocol.Chunks{bytes.Repeat([]byte{1}, smallPart), bytes.Repeat([]byte{2}, 10)}
	ref, err := protocol.RefOf(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ref, content); err != nil {
		t.Fatal(err)
	}
	p, err := s.Open(ref.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if again, err := protocol.RefOf(p); err != nil || again != ref || p.InMemory() != nil {
		t.Fatalf("read back as %+v, %v", again, err)
	}
	data, err := os.ReadFile(s.name(ref.Root))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(s.name(ref.Root), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if damaged, err := s.Open(ref.Root); err != nil {
		t.Fatal(err)
	} else if _, err := damaged.Chunk(1); err == nil {
		t.Fatal("a damaged chunk was read")
	}
	if err := s.Clear(map[protocol.Hash]bool{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(ref.Root); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestWriterRefusesWrongChunks(t *testing.T) {
	s, err := OpenParts(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	content := protocol.Chunks{[]byte("first"), []byte("second")}
	ref, err := protocol.RefOf(content)
	if err != nil {
		t.Fatal(err)
	}
	x := Index{[]uint32{5, 6}, []protocol.Hash{protocol.Leaf(content[0]), protocol.Leaf(content[1])}}
	if _, err := DecodeIndex(protocol.Ref{Root: protocol.Hash{1}, Chunks: 2, Size: 11}, x.Encode()); err == nil {
		t.Fatal("an index of another part was accepted")
	}
	w, err := s.Create(ref, x)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{-1, 0, 1, 2} {
		if err := w.Write(i, []byte("wrong")); !errors.Is(err, ErrMismatch) {
			t.Fatalf("a wrong chunk %d was accepted: %v", i, err)
		}
	}
	if _, err := w.Finish(); err == nil {
		t.Fatal("a part without its chunks was finished")
	}
	for _, i := range []int{1, 0, 1} {
		if err := w.Write(i, content[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !w.Done() {
		t.Fatal("all chunks are here")
	}
	p, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if again, err := s.Open(ref.Root); err != nil {
		t.Fatal(err)
	} else {
		again.Close()
	}
}

// once is a source that can be read once, in order and beside others.
type once struct {
	t       *testing.T
	content protocol.Chunks
	next    *int
	at      *int // which chunk all sources are at
}

func (o once) Chunks() int { return len(o.content) }

func (o once) Chunk(i int) ([]byte, error) {
	if i != *o.next || i < *o.at {
		o.t.Errorf("chunk %d is read after %d, while others are at %d", i, *o.next, *o.at)
	}
	*o.next, *o.at = i+1, max(i, *o.at)
	return o.content[i], nil
}

// Parts are read once, side by side: whoever makes them makes them once.
func TestSpoolReadsOnce(t *testing.T) {
	s, err := OpenParts(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	var sources []protocol.Source
	for _, count := range []int{0, 1, 4, 5, 20} { // 5 chunks are more than stay in memory
		content := protocol.Chunks{}
		for i := range count {
			content = append(content, bytes.Repeat([]byte{byte(count), byte(i)}, protocol.ChunkSize/2))
		}
		sources = append(sources, once{t, content, new(int), &at})
	}
	parts, err := s.Spool(sources)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range parts {
		want, err := protocol.RefOf(sources[i].(once).content)
		if err != nil || part.Ref != want {
			t.Fatalf("part %d is named %v, not %v, %v", i, part.Ref, want, err)
		}
		if again, err := protocol.RefOf(part.Source); err != nil || again != want {
			t.Fatalf("part %d is read back as %v, %v", i, again, err)
		}
		if large := part.Source.(*Part).file != nil; large != (want.Size > smallPart) {
			t.Errorf("part %d of %d bytes: on disk %v", i, want.Size, large)
		}
		held, err := s.Held(want.Root)
		if err != nil {
			t.Fatal(err)
		}
		held.Close()
		part.Source.(*Part).Close()
	}
	failing := failingSource{}
	if _, err := s.Spool([]protocol.Source{sources[4].(once).content, failing}); !errors.Is(err, errFailing) {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(s.dir, ".part-*")); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

var errFailing = errors.New("cannot be read")

type failingSource struct{}

func (failingSource) Chunks() int { return 7 }

func (failingSource) Chunk(i int) ([]byte, error) {
	if i < 6 {
		return make([]byte, protocol.ChunkSize), nil
	}
	return nil, errFailing
}

// What is here of a part is served before the rest has come.
func TestPiecesOfAPartAreHeld(t *testing.T) {
	s, err := OpenParts(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var content protocol.Chunks
	var x Index
	for i := range 10 {
		chunk := bytes.Repeat([]byte{byte(i)}, protocol.ChunkSize)
		content, x.Lengths, x.Leaves = append(content, chunk), append(x.Lengths, protocol.ChunkSize), append(x.Leaves, protocol.Leaf(chunk))
	}
	ref, err := protocol.RefOf(content)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Create(ref, x)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{7, 2} {
		if err := w.Write(i, content[i]); err != nil {
			t.Fatal(err)
		}
	}
	held, err := s.Held(ref.Root)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		chunk, err := held.ChunkInto(i, nil)
		if here := i == 7 || i == 2; held.Has(i) != here || (err == nil) != here || here && !bytes.Equal(chunk, content[i]) {
			t.Errorf("chunk %d: held %v, %v", i, held.Has(i), err)
		}
	}
	if _, err := s.Open(ref.Root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part with missing chunks was opened: %v", err)
	}
	w.Abort()
	if _, err := s.Held(ref.Root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
}

// What came of a part outlives a crash as far as it is right, and goes when the
// part is no longer wanted; but not while it is being received.
func TestPiecesOfAPartOutliveACrash(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenParts(dir)
	if err != nil {
		t.Fatal(err)
	}
	var content protocol.Chunks
	var x Index
	for i := range 10 {
		chunk := bytes.Repeat([]byte{byte(i + 1)}, protocol.ChunkSize)
		content, x.Lengths, x.Leaves = append(content, chunk), append(x.Lengths, protocol.ChunkSize), append(x.Leaves, protocol.Leaf(chunk))
	}
	ref, err := protocol.RefOf(content)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Create(ref, x)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{7, 2, 4} {
		if err := w.Write(i, content[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Clear(nil); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, ref.Root.String()+unfinished)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("a part was removed while it was being received: %v", err)
	}
	if _, err := f.WriteAt([]byte{99}, w.part.offsets[4]+1000); err != nil { // damaged, as a page that was never written
		t.Fatal(err)
	}
	f.Close()
	if s, err = OpenParts(dir); err != nil { // w is left behind, as by a crash
		t.Fatal(err)
	}
	if _, err := s.Held(ref.Root); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an unfinished part is served without its index: %v", err)
	}
	if w, err = s.Create(ref, x); err != nil {
		t.Fatal(err)
	}
	for i := range content {
		if w.Has(i) != (i == 7 || i == 2) {
			t.Errorf("chunk %d: here %v", i, w.Has(i))
		}
		if err := w.Write(i, content[i]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	if got, err := protocol.RefOf(part); err != nil || got != ref {
		t.Fatalf("another part: %v", err)
	}
	if w, err = s.Create(ref, x); err != nil {
		t.Fatal(err)
	}
	w.Suspend()
	if err := s.Clear(nil); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}
