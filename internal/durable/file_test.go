package durable

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFileLeavesNoTraceOfAFailure(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "state")
	if err := WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "no such folder", "state"), nil, 0o600); err == nil {
		t.Fatal("a folder that is not there")
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "taken"), []byte("new"), 0o600); err == nil {
		t.Fatal("a folder was replaced by a file")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("left behind: %v, %v", entries, err)
	}
}
