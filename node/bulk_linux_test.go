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
	full.Cur = 90 * protocol.ChunkSize
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
	nodes[1].mustFetch(ctx, t, 1, ref)
	inFlight := int64((spansAtOnce*spanLength + 3) * protocol.ChunkSize)
	if sent, useful := nodes[0].Traffic().StreamBytes, int64(ref.Size); sent > useful+useful/20+inFlight {
		t.Errorf("%d bytes were sent for a part of %d: more was lost than what was in flight", sent, useful)
	}
}
