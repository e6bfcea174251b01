package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"consilium/protocol"
)

var binding = protocol.Hash{1, 2, 3}

func message(payload string) protocol.Record {
	return protocol.Record{Message: &protocol.Message{Round: 1, From: 2, Payload: []byte(payload), Signature: make([]byte, protocol.SignatureSize)}}
}

func secret(text string) protocol.Record { return protocol.Record{Secret: []byte(text)} }

func open(t *testing.T, dir string) (*Log, []protocol.Record) {
	t.Helper()
	l, kept, err := OpenLog(dir, 1, binding)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, kept.Records
}

// filled is a log with a few records, closed.
func filled(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	l, _ := open(t, dir)
	for _, batch := range [][]protocol.Record{{secret("the update"), message("one")}, {message("two")}} {
		if err := l.Append(batch, true); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	return dir
}

func TestLogGivesBackWhatWasAppended(t *testing.T) {
	dir := filled(t)
	_, records := open(t, dir)
	if len(records) != 3 || string(records[0].Secret) != "the update" || string(records[2].Message.Payload) != "two" {
		t.Fatalf("got %+v", records)
	}
}

// "Round secrets encrypted and erased at the end."
func TestSecretsAreNotInTheLogAndGoWithTheKey(t *testing.T) {
	dir := filled(t)
	data, err := os.ReadFile(logName(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("the update")) {
		t.Fatal("the log holds a secret in the clear")
	}
	if err := EndRounds(dir, 2); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
}

func TestEndRoundsKeepsTheCurrentOne(t *testing.T) {
	dir := filled(t)
	if err := EndRounds(dir, 1); err != nil {
		t.Fatal(err)
	}
	if _, records := open(t, dir); len(records) != 3 {
		t.Fatalf("the current round lost records: %d left", len(records))
	}
}

// A record that the machine was writing when it stopped was never acknowledged:
// it goes, at whatever byte it ends, and the others stay.
func TestTornTailIsCutOff(t *testing.T) {
	dir := filled(t)
	whole, err := os.ReadFile(logName(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	l, _ := open(t, dir)
	if err := l.Append([]protocol.Record{message("three")}, false); err != nil {
		t.Fatal(err)
	}
	l.Close()
	torn, err := os.ReadFile(logName(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	for size := len(whole); size < len(torn); size++ {
		if err := os.WriteFile(logName(dir, 1), torn[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		l, records := open(t, dir)
		if len(records) != 3 || l.size != int64(len(whole)) {
			t.Fatalf("%d of %d bytes: %d records, %d bytes kept", size, len(torn), len(records), l.size)
		}
		if err := l.Append([]protocol.Record{message("four")}, true); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, records := open(t, dir); len(records) != 4 {
			t.Fatalf("after a cut at %d bytes %d records", size, len(records))
		}
		head := binary.BigEndian.AppendUint64(nil, uint64(len(whole)))
		if err := os.WriteFile(headName(dir, 1), head, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// "A truncated store": whoever has forgotten what it signed must not go on.
func TestTruncatedLogIsRefused(t *testing.T) {
	dir := filled(t)
	whole, err := os.ReadFile(logName(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	for size := range whole {
		if err := os.WriteFile(logName(dir, 1), whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := OpenLog(dir, 1, binding)
		var damaged *DamagedError
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), "round-000001.log is damaged at byte") {
			t.Fatalf("%d of %d bytes: %v", size, len(whole), err)
		}
	}
	if err := os.Remove(logName(dir, 1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenLog(dir, 1, binding); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Fatalf("without its log: %v", err)
	}
}

func TestDamagedLogIsRefused(t *testing.T) {
	dir := filled(t)
	whole, err := os.ReadFile(logName(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := append([]byte{}, whole...)
		bad[i] ^= 0x40
		if err := os.WriteFile(logName(dir, 1), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		l, _, err := OpenLog(dir, 1, binding)
		if err == nil {
			l.Close()
			t.Fatalf("byte %d of %d was changed unnoticed", i, len(whole))
		}
	}
}

func TestLogOfAnotherRoundIsRefused(t *testing.T) {
	dir := filled(t)
	if _, _, err := OpenLog(dir, 1, protocol.Hash{9}); err == nil || !strings.Contains(err.Error(), "another round") {
		t.Fatal(err)
	}
	if err := os.Remove(keyName(dir, 1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenLog(dir, 1, binding); err == nil || !strings.Contains(err.Error(), "key of the round is missing") {
		t.Fatal(err)
	}
}

// "A full disk": the append fails, nothing half-written stays, and the log takes
// nothing more.
func TestFailedAppendLeavesTheLogAsItWas(t *testing.T) {
	dir := filled(t)
	l, _ := open(t, dir)
	readOnly, err := os.Open(logName(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	whole := l.file
	l.file = readOnly // writing to it fails, as on a full disk
	if err := l.Append([]protocol.Record{message("three")}, true); err == nil {
		t.Fatal("an append that failed was reported as done")
	}
	l.file = whole
	if err := l.Append([]protocol.Record{message("three")}, true); err == nil {
		t.Fatal("a broken log took another record")
	}
	l.Close()
	if _, records := open(t, dir); len(records) != 3 {
		t.Fatalf("%d records", len(records))
	}
}

func TestSecondStartIsRefused(t *testing.T) {
	home := t.TempDir()
	first, err := LockHome(home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockHome(home); !errors.Is(err, ErrInUse) {
		t.Fatalf("a second start on one home: %v", err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := LockHome(home)
	if err != nil {
		t.Fatal(err)
	}
	again.Unlock()
}

func TestStateRoundTripAndDamage(t *testing.T) {
	dir := t.TempDir()
	if _, _, found, err := ReadState(dir); found || err != nil {
		t.Fatalf("an empty folder: %v, %v", found, err)
	}
	if err := WriteState(dir, 7, []byte("weights")); err != nil {
		t.Fatal(err)
	}
	round, state, found, err := ReadState(dir)
	if err != nil || !found || round != 7 || string(state) != "weights" {
		t.Fatalf("round %d, %q, %v, %v", round, state, found, err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	for size := range whole {
		if err := os.WriteFile(filepath.Join(dir, "state"), whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := ReadState(dir); err == nil {
			t.Fatalf("%d of %d bytes were accepted", size, len(whole))
		}
	}
}

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

// A small part that was fetched is in the log when the next message is.
func TestLogKeepsSmallParts(t *testing.T) {
	dir := filled(t)
	l, _ := open(t, dir)
	part := protocol.Chunks{[]byte("key"), {}, []byte("content")}
	if err := l.Keep(part); err != nil {
		t.Fatal(err)
	}
	if err := l.Append([]protocol.Record{message("three")}, true); err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, kept, err := OpenLog(dir, 1, binding)
	if err != nil || len(kept.Records) != 4 || len(kept.Parts) != 1 {
		t.Fatalf("%+v, %v", kept, err)
	}
	want, _ := protocol.RefOf(part)
	if got, err := protocol.RefOf(kept.Parts[0]); err != nil || got != want {
		t.Fatalf("another part came back: %v", err)
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

// Many records are as durable as one, and are written as they come.
func TestLogTakesManyRecords(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir)
	var records []protocol.Record
	for i := range 40 {
		records = append(records, protocol.Record{Secret: bytes.Repeat([]byte{byte(i)}, 64<<10)})
	}
	if err := l.Append(records, true); err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, kept, err := OpenLog(dir, 1, binding)
	if err != nil || len(kept.Records) != 40 {
		t.Fatalf("%d records, %v", len(kept.Records), err)
	}
	for i, record := range kept.Records {
		if !bytes.Equal(record.Secret, records[i].Secret) {
			t.Errorf("record %d is another", i)
		}
	}
}

func FuzzIndex(f *testing.F) {
	leaf := protocol.Leaf([]byte("x"))
	x := Index{[]uint32{1}, []protocol.Hash{leaf}}
	f.Add(uint32(1), uint64(1), x.Encode())
	f.Fuzz(func(t *testing.T, chunks uint32, size uint64, data []byte) {
		ref := protocol.Ref{Root: protocol.Root([]protocol.Hash{leaf}), Chunks: chunks, Size: size}
		if x, err := DecodeIndex(ref, data); err == nil && !bytes.Equal(x.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, x.Encode())
		}
	})
}

// Whatever is in the file, opening it neither panics nor runs out of memory.
func FuzzLog(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 1})
	f.Add(append([]byte(logMagic), binding[:]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(keyName(dir, 1), make([]byte, 32), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(logName(dir, 1), append(append([]byte(logMagic), binding[:]...), data...), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, _, err := OpenLog(dir, 1, binding); err == nil {
			l.Close()
		}
	})
}

func TestPostsOutliveTheirRoundByOne(t *testing.T) {
	dir := t.TempDir()
	want := Posts{
		Messages: []protocol.Message{{Round: 3, From: 1, Payload: []byte("a"), Signature: make([]byte, protocol.SignatureSize)},
			{Round: 3, From: 2, Payload: []byte("b"), Signature: make([]byte, protocol.SignatureSize)}},
		Parts: []protocol.Chunks{{[]byte("one"), []byte("two")}},
	}
	if err := WritePosts(dir, 3, want); err != nil {
		t.Fatal(err)
	}
	for _, before := range []uint64{3, 4, 5} {
		if err := EndRounds(dir, before); err != nil {
			t.Fatal(err)
		}
		got, err := ReadPosts(dir, 3)
		if err != nil {
			t.Fatal(err)
		}
		if gone := before == 5; gone && len(got.Messages) > 0 || !gone && !reflect.DeepEqual(got, want) {
			t.Errorf("when round %d begins: %+v", before, got)
		}
	}
	if err := WritePosts(dir, 3, want); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(postsName(dir, 3))
	if err != nil {
		t.Fatal(err)
	}
	for at := range data {
		broken := bytes.Clone(data)
		broken[at] ^= 1
		if err := os.WriteFile(postsName(dir, 3), broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPosts(dir, 3); !errors.As(err, new(*DamagedError)) {
			t.Fatalf("byte %d of %d changed: %v", at, len(data), err)
		}
	}
}

// Whatever is in the file, reading it neither panics nor runs out of memory.
func FuzzPosts(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 1})
	f.Add([]byte{0, 0, 0, 1, 0x8d, 0xc5, 0x67, 0x1e, kindSecret})
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(postsName(dir, 1), append([]byte(postsMagic), data...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPosts(dir, 1); err != nil && !errors.As(err, new(*DamagedError)) {
			t.Fatal(err)
		}
	})
}
