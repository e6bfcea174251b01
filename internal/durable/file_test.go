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

// What was in an erased file is gone also for whoever holds it by another name.
func TestErase(t *testing.T) {
	name, link := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "link")
	if err := os.WriteFile(name, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(name, link); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is none
		if err := Erase(name); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadFile(link); err != nil || string(left) != "\x00\x00\x00\x00\x00\x00" {
		t.Errorf("%q is left, %v", left, err)
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
}
