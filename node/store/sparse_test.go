package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"testing"

	"consilium/protocol"
)

// tenChunks is content, its name and its index.
func tenChunks(t *testing.T) (content protocol.Chunks, ref protocol.Ref, x Index) {
	t.Helper()
	for i := range 10 {
		chunk := bytes.Repeat([]byte{byte(i + 1)}, 100)
		content, x.Lengths, x.Leaves = append(content, chunk), append(x.Lengths, 100), append(x.Leaves, protocol.Leaf(chunk))
	}
	ref, err := protocol.RefOf(content)
	if err != nil {
		t.Fatal(err)
	}
	return content, ref, x
}

func (w Sparse) mustHold(t *testing.T, content protocol.Chunks, here ...int) {
	t.Helper()
	want := map[int]bool{}
	for _, i := range here {
		want[i] = true
	}
	for i := range content {
		chunk, err := w.Chunk(i)
		if w.Has(i) != want[i] || (err == nil) != want[i] || want[i] && !bytes.Equal(chunk, content[i]) {
			t.Errorf("chunk %d: here %v, %v", i, w.Has(i), err)
		}
	}
	if w.Lacks(0, len(content)) != len(content)-len(here) {
		t.Errorf("%d chunks are missing", w.Lacks(0, len(content)))
	}
}

// Chunks of a part survive a restart, and more can come; what was not made
// durable, or is damaged, is not there.
func TestSparsePartsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	parts := func() *Parts {
		s, err := OpenParts(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	content, ref, x := tenChunks(t)
	s := parts()
	if _, err := s.Resume(ref.Root); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a part that was never begun: %v", err)
	}
	w, err := s.Sparse(ref, x)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Sparse(ref, x)
	if err != nil || again.Writer != w.Writer {
		t.Fatalf("two of one part: %v", err)
	}
	for _, i := range []int{3, 4, 9} {
		if err := w.Write(i, content[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write(5, content[6]); !errors.Is(err, ErrMismatch) {
		t.Fatalf("a wrong chunk: %v", err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(0, content[0]); err != nil { // is lost
		t.Fatal(err)
	}
	w.mustHold(t, content, 0, 3, 4, 9)
	if held, err := s.Held(ref.Root); err != nil || !held.Has(3) || held.Has(5) || held.Close() != nil {
		t.Fatalf("it is not served: %v", err)
	}
	if _, err := s.Open(ref.Root); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("it was opened as a whole: %v", err)
	}

	s = parts()
	if w, err = s.Resume(ref.Root); err != nil {
		t.Fatal(err)
	}
	w.mustHold(t, content, 3, 4, 9)
	if err := w.Write(7, content[7]); err != nil {
		t.Fatal(err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	damage(t, s.name(ref.Root)+sparseSuffix, w.part.offsets[4])
	if held, err := parts().Held(ref.Root); err != nil {
		t.Fatal(err)
	} else {
		held.(Sparse).mustHold(t, content, 3, 7, 9)
	}

	if err := s.Clear(map[protocol.Hash]bool{ref.Root: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resume(ref.Root); err != nil {
		t.Fatalf("what was to be kept was not: %v", err)
	}
	if err := s.Clear(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resume(ref.Root); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("what was to go did not: %v", err)
	}
}

func damage(t *testing.T, name string, at int64) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file that a crash left unfinished is begun anew, wherever it ends.
func TestTornSparseParts(t *testing.T) {
	content, ref, x := tenChunks(t)
	dir := t.TempDir()
	s, err := OpenParts(dir)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Sparse(ref, x)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(2, content[2]); err != nil {
		t.Fatal(err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	name := s.name(ref.Root) + sparseSuffix
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for length := range len(whole) {
		if err := os.WriteFile(name, whole[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		fresh, err := OpenParts(dir)
		if err != nil {
			t.Fatal(err)
		}
		again, err := fresh.Sparse(ref, x)
		if err != nil {
			t.Fatalf("of %d bytes: %v", length, err)
		}
		if again.Lacks(0, 10) < 9 {
			t.Fatalf("of %d bytes: %d chunks are missing", length, again.Lacks(0, 10))
		}
		if err := again.Write(2, content[2]); err != nil {
			t.Fatalf("of %d bytes: %v", length, err)
		}
		if err := fresh.Clear(nil); err != nil {
			t.Fatal(err)
		}
	}
}
