package store

import (
	"bytes"
	"encoding/binary"
	"errors"
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
