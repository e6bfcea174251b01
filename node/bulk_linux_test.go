package node

import (
	"strings"
	"syscall"
	"testing"

	"consilium/protocol"
)

// A disk that is full in the middle of a body is this hospital's own error, which
// names the file; with room again, only what is missing is asked for.
func TestFullDiskInABody(t *testing.T) {
	ctx, nodes := listening(t, 2)
	content, ref := chunks(t, 100)
	if err := nodes[0].parts.Put(ref, content); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	full := limit
	full.Cur = 40 * protocol.ChunkSize
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Fatal(err)
	}
	_, err := nodes[1].fetcher.fetch(ctx, 1, ref)
	if restored := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); restored != nil {
		t.Fatal(restored)
	}
	if err == nil || !strings.Contains(err.Error(), "store a part: ") || !strings.Contains(err.Error(), ref.Root.String()) {
		t.Fatalf("a full disk: %v", err)
	}
	before := nodes[0].Traffic().StreamBytes
	nodes[1].mustFetch(ctx, t, 1, ref)
	if sent, useful := nodes[0].Traffic().StreamBytes, int64(ref.Size); sent-before >= useful {
		t.Errorf("%d bytes were sent when there was room again: nothing was kept (%d before)", sent-before, before)
	}
}
