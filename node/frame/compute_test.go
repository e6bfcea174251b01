package frame

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"consilium/protocol"
)

func encodeItem(i Item) []byte { return append(i.AppendHead(nil), i.Body...) }

func TestItems(t *testing.T) {
	items := []Item{
		{Kind: Begin, ID: 1, Run: 3, Incarnations: [8]byte{1, 2}, Name: "keygen/batch-17"},
		{Kind: Message, ID: 1, Depth: 5, Body: []byte("body")},
		{Kind: Message, ID: 1, Depth: MaxDepth, Body: bytes.Repeat([]byte{7}, 3*piece+11)},
		{Kind: Message, ID: 900, Body: []byte{}},
		{Kind: End, ID: 1, Ending: 5},
	}
	var all []byte
	for _, i := range items {
		all = append(all, encodeItem(i)...)
	}
	r := bufio.NewReader(bytes.NewReader(all))
	for n, want := range items {
		got, err := ReadItem(r)
		if err != nil || !bytes.Equal(encodeItem(got), encodeItem(want)) {
			t.Fatalf("item %d: %v", n, err)
		}
	}
	if _, err := ReadItem(r); err != io.EOF {
		t.Fatal(err)
	}
	deep := Item{Kind: Message, ID: 1, Depth: MaxDepth + 1}
	if got, err := ReadItem(bufio.NewReader(bytes.NewReader(encodeItem(deep)))); err != nil || got.Depth != MaxDepth {
		t.Errorf("a depth above the largest travels as %d, %v", got.Depth, err)
	}
}

func TestItemsThatAreRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"kind 3":                 {1<<2 | 3, 0},
		"computation 0":          {byte(Message), 0, 0},
		"a long number":          {1<<2 | byte(End), 0x80, 0},
		"an endless number":      bytes.Repeat([]byte{0xff}, 11),
		"a body of 65 MiB":       {1<<2 | byte(Message), 0, 0x80, 0x80, 0x80, 0x21},
		"an empty name":          append([]byte{1<<2 | byte(Begin), 1}, make([]byte, 9)...),
		"run 0":                  append(append([]byte{1<<2 | byte(Begin), 0}, make([]byte, 8)...), 1, 'a'),
		"a name that is no text": append(append([]byte{1<<2 | byte(Begin), 1}, make([]byte, 8)...), 1, 0xff),
	} {
		_, err := ReadItem(bufio.NewReader(bytes.NewReader(data)))
		if form := (*FormError)(nil); !errors.As(err, &form) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if CheckName(strings.Repeat("a", MaxName+1)) == nil {
		t.Error("a name of 129 bytes")
	}
}

// Memory is taken for what came, not for what is announced.
func TestAnnouncedBodiesTakeNoMemory(t *testing.T) {
	head := Item{Kind: Message, ID: 1, Body: make([]byte, MaxBody)}.AppendHead(nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ReadItem(bufio.NewReader(bytes.NewReader(head))); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 2*piece {
		t.Errorf("%d bytes for a body that never came", taken)
	}
}

func FuzzItem(f *testing.F) {
	f.Add(encodeItem(Item{Kind: Begin, ID: 1, Run: 1, Name: "sum"}))
	f.Add(encodeItem(Item{Kind: Message, ID: 1, Depth: 300, Body: []byte("body")}))
	f.Add(encodeItem(Item{Kind: End, ID: 200, Ending: 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := ReadItem(bufio.NewReader(bytes.NewReader(data)))
		if err == nil && !bytes.HasPrefix(data, encodeItem(i)) {
			t.Fatalf("%x is read as %+v", data, i)
		}
	})
}

func FuzzHello(f *testing.F) {
	f.Add(Hello{protocol.Hash{1}, 7}.Encode())
	f.Add(Welcome{3, 4}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := DecodeHello(data); err == nil && !bytes.Equal(h.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, h.Encode())
		}
		if w, err := DecodeWelcome(data); err == nil && !bytes.Equal(w.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, w.Encode())
		}
	})
}
