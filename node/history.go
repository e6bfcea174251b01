package node

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// historyFile, in the folder of a study, has a line for each round that this
// hospital finished.
const historyFile = "history.jsonl"

// appendHistory keeps who was in which sum.
func (n *Node) appendHistory(r RoundReport) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(n.dir, historyFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if r.Skipped != "" {
		n.board.Lock()
		n.skipped = append(n.skipped, r)
		n.board.Unlock()
	}
	return errors.Join(err, f.Close())
}

// Skipped are the rounds of the study that this hospital finished without using
// their sum, since it first began.
func (n *Node) Skipped() []RoundReport {
	n.board.Lock()
	defer n.board.Unlock()
	return slices.Clone(n.skipped)
}

// recallSkipped finds them after a restart. The last line may be cut off: its
// round is finished again, and the line must not end up in that of another.
func (n *Node) recallSkipped() error {
	data, err := os.ReadFile(filepath.Join(n.dir, historyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read which rounds were skipped: %w", err)
	}
	if whole := bytes.LastIndexByte(data, '\n') + 1; whole < len(data) {
		if err := os.Truncate(filepath.Join(n.dir, historyFile), int64(whole)); err != nil {
			return fmt.Errorf("read which rounds were skipped: %w", err)
		}
		data = data[:whole]
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var r RoundReport
		known := func(s RoundReport) bool { return s.Round == r.Round }
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Skipped != "" && !slices.ContainsFunc(n.skipped, known) {
			n.skipped = append(n.skipped, r)
		}
	}
	return lines.Err()
}
