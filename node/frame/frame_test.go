package frame

import (
	"bytes"
	"io"
	"testing"

	"consilium/protocol"
)

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	for _, text := range []string{"first", "", "third"} {
		if err := Write(&b, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"first", "", "third"} {
		if got, err := Read(&b, 5); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if _, err := Read(&b, 5); err != io.EOF {
		t.Fatal(err)
	}
	if err := Write(&b, []byte("too long")); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(&b, 5); err == nil {
		t.Fatal("a frame above the limit was read")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 1, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Read(bytes.NewReader(data), 1<<16)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Write(&again, got); err != nil || !bytes.HasPrefix(data, again.Bytes()) {
			t.Fatalf("%x was read as %x", data, got)
		}
	})
}

func FuzzPartRequest(f *testing.F) {
	f.Add(PartRequest{Root: protocol.Hash{1}, What: PartChunks, First: 7, Count: 2}.Encode())
	f.Add(PartRequest{Root: protocol.Hash{1}, What: PartHeld}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if q, err := DecodePartRequest(data); err == nil && !bytes.Equal(q.Encode(), data) {
			t.Fatalf("%x decodes and encodes to %x", data, q.Encode())
		}
	})
}

func FuzzHeld(f *testing.F) {
	f.Add(uint16(11), []byte{0xff, 0x05})
	f.Fuzz(func(t *testing.T, count uint16, data []byte) {
		held, err := DecodeHeld(int(count), data)
		if err != nil {
			return
		}
		if again := EncodeHeld(int(count), func(i int) bool { return held[i] }); !bytes.Equal(again, data) {
			t.Fatalf("%x decodes and encodes to %x", data, again)
		}
	})
}
