package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"consilium/internal/durable"
	"consilium/node/store"
	"consilium/protocol"
)

// Status is where a node stands. Nothing in it is secret.
type Status struct {
	Running    bool           `json:"running"`
	Finished   bool           `json:"finished"` // the study
	Name       string         `json:"name"`
	Federation string         `json:"federation"`
	Study      string         `json:"study"`
	Round      uint64         `json:"round"`
	Step       string         `json:"step"`
	Phase      string         `json:"phase"`
	Waiting    []string       `json:"waiting"` // for whose messages
	Connected  []string       `json:"connected"`
	Refused    map[string]int `json:"refused"` // messages, by hospital
	Traffic    Traffic        `json:"traffic"`
	Updated    time.Time      `json:"updated"`
}

const (
	statusFile  = "status.json"
	statusEvery = time.Second
)

// board is where the driver puts its progress for those who want to read it.
type board struct {
	sync.Mutex
	progress Progress
}

// Progress is the latest step.
func (n *Node) Progress() Progress {
	n.board.Lock()
	defer n.board.Unlock()
	return n.board.progress
}

// tell puts a step on the board and passes it on.
func (n *Node) tell(p Progress) {
	n.board.Lock()
	n.board.progress = p
	n.board.Unlock()
	n.cfg.Progress(p)
}

// Status reads where the node stands.
func (n *Node) Status() Status {
	p := n.Progress()
	return Status{
		Running: true, Finished: p.Complete, Name: n.cfg.Roster.Name(n.self), Federation: n.cfg.Roster.Federation, Study: n.cfg.Study.Name,
		Round: p.Round, Step: p.Step, Phase: p.Phase.String(), Waiting: n.others(p.Status.Waiting),
		Connected: n.cfg.Roster.Names(n.peers.connectedParties()), Refused: n.Refusals(), Traffic: n.Traffic(),
		Updated: time.Now().UTC(),
	}
}

// others names hospitals other than this one.
func (n *Node) others(parties []protocol.Party) []string {
	names := []string{}
	for _, p := range parties {
		if p != n.self {
			names = append(names, n.cfg.Roster.Name(p))
		}
	}
	return names
}

// keepStatus writes the status to the home for `hospital-node status`, and once
// more at the end.
func (n *Node) keepStatus(ctx context.Context) {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		n.writeStatus()
		select {
		case <-ctx.Done():
			n.writeStatus()
			return
		case <-tick.C:
		}
	}
}

func (n *Node) writeStatus() {
	data, err := json.MarshalIndent(n.Status(), "", "  ")
	if err == nil {
		err = durable.WriteFile(filepath.Join(n.cfg.Home, statusFile), append(data, '\n'), 0o600)
	}
	if err != nil {
		n.cfg.Logger.Debug("write the status", "error", err)
	}
}

// ReadStatus reads what the node of a home wrote last, and whether it runs now.
func ReadStatus(home string) (Status, error) {
	var s Status
	data, err := os.ReadFile(filepath.Join(home, statusFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("no node has run on %s", home)
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w", filepath.Join(home, statusFile), err)
	}
	lock, err := store.LockHome(home)
	if s.Running = errors.Is(err, store.ErrInUse); err == nil {
		err = lock.Unlock()
	} else if s.Running {
		err = nil
	}
	return s, err
}
