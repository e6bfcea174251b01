package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"consilium/internal/durable"
	"consilium/node/store"
)

// AbortedError says that a quorum ended a round without a result.
type AbortedError struct {
	Round uint64 `json:"round"`
	Why   string `json:"why"`
}

func (e *AbortedError) Error() string { return fmt.Sprintf("round %d was aborted: %s", e.Round, e.Why) }

// endedFile, in the folder of a study, says that it was ended before its end.
const endedFile = "ended.json"

// abort ends the study as a quorum has. That is durable, and then the round's
// secrets go.
func (n *Node) abort(why string) error {
	n.aborted = &AbortedError{n.number(), why}
	if err := n.keepPosts(); err != nil {
		return err
	}
	data, err := json.Marshal(n.aborted)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(n.dir, endedFile), data, 0o600); err != nil {
		return err
	}
	if n.log != nil {
		err = n.log.Close()
		n.log = nil
	}
	return errors.Join(err, store.EndRounds(n.dir, n.number()+1), n.endStudy())
}

// endStudy stays until the others know, which they do from whoever is there.
func (n *Node) endStudy() error {
	n.finished, n.done = true, time.Now()
	n.cfg.Logger.Error("the study has ended before its end", "why", n.aborted)
	return nil
}

// loadEnd finds out after a restart that the study has ended.
func (n *Node) loadEnd() error {
	data, err := os.ReadFile(filepath.Join(n.dir, endedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		n.aborted = &AbortedError{}
		err = json.Unmarshal(data, n.aborted)
	}
	if err != nil {
		return fmt.Errorf("read why the study has ended: %w", err)
	}
	return nil
}
