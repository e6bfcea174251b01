package testnet

import (
	"fmt"
	"strings"
	"time"

	"consilium/protocol"
)

// Event is something that happened, for people who watch.
type Event struct {
	Time     time.Time
	Hospital string
	Round    uint64
	Step     string
	Phase    protocol.Phase
	What     string
	Detail   string
	Included []string
	Seconds  float64
	Bytes    int64
	Rounds   uint64 // the last round of the study
	AtMost   bool   // the study may end before that
}

// What happens. Hospital, Round and Phase say to whom, and where it was.
const (
	Start     = "start"     // of everything
	Up        = "up"        // a hospital has started, for the first time or again
	Begin     = "begin"     // everybody who is there begins a round
	Enter     = "enter"     // a hospital enters a phase
	Strike    = "fault"     // a fault strikes; Detail is its kind
	Miss      = "miss"      // a hospital waits for others that are away; Detail names them
	Certify   = "certify"   // a hospital is the first to know the certified set
	Finish    = "finish"    // a hospital holds the round's sum
	RoundDone = "round"     // the first hospital holds the round's sum, over Included; Detail says why it is not used, if it is not
	Waiting   = "waiting"   // a quorum is missing; Detail names who is away
	Back      = "back"      // a fault is over
	Recover   = "recovered" // a hospital that was away is where the others are, after Seconds
	Shared    = "shared"    // training on shares has come to Step, or is Round epochs on; Bytes were sent so far
	Resumed   = "resumed"   // training on shares goes on from the checkpoint before Round, or from the beginning; Detail names who
	Regrouped = "regrouped" // without hospitals that are gone for good; Detail names who goes on
	Complete  = "complete"  // a hospital has finished the study
)

// emit tells of an event and keeps it for the timeline. The network's lock is
// held.
func (n *network) emit(e Event) {
	e.Time, e.Rounds, e.AtMost = n.now(), n.scenario.lastRound(), n.scenario.program.EndsByItself()
	n.timeline = append(n.timeline, e)
	n.tell(e)
}

// QuorumError says that too few hospitals are left to go on.
type QuorumError struct {
	Round   uint64
	Phase   protocol.Phase
	Missing []string
}

func (e *QuorumError) Error() string {
	return fmt.Sprintf("quorum not reached in phase %s of round %d: missing %s", e.Phase, e.Round, strings.Join(e.Missing, ", "))
}
