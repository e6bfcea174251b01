package node

import (
	"os"
	"path/filepath"
	"testing"
)

// A crash may cut off the last line of the history. What is written behind it after
// the restart is found again all the same.
func TestHistoryGoesOnBehindACut(t *testing.T) {
	n := &Node{dir: t.TempDir()}
	for round := range uint64(2) {
		if err := n.appendHistory(RoundReport{Round: round, Skipped: "a false update"}); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(n.dir, historyFile)
	info, err := os.Stat(name)
	if err == nil {
		err = os.Truncate(name, info.Size()-10)
	}
	if err != nil {
		t.Fatal(err)
	}
	again := &Node{dir: n.dir}
	if err := again.recallSkipped(); err != nil || len(again.skipped) != 1 {
		t.Fatalf("it recalls %v, %v", again.skipped, err)
	}
	if err := again.appendHistory(RoundReport{Round: 1, Skipped: "a false update"}); err != nil {
		t.Fatal(err)
	}
	later := &Node{dir: n.dir}
	if err := later.recallSkipped(); err != nil || len(later.skipped) != 2 {
		t.Fatalf("after another restart it recalls %v, %v", later.skipped, err)
	}
}
