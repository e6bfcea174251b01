package testnet

import (
	"math"
	"strings"
	"time"
)

// Happening is one entry of a timeline.
type Happening struct {
	Seconds  float64 `json:"seconds"` // since the start
	Hospital string  `json:"hospital,omitempty"`
	Round    uint64  `json:"round"`
	Step     string  `json:"step,omitempty"` // of the round
	Phase    string  `json:"phase,omitempty"`
	What     string  `json:"what"`
	Detail   string  `json:"detail,omitempty"`
}

// happenings are the events as others may read them.
func (n *network) happenings() []Happening {
	list := []Happening{}
	var start time.Time
	for _, e := range n.timeline {
		if e.What == Start {
			start = e.Time
		}
		seconds := math.Round(e.Time.Sub(start).Seconds()*1e4) / 1e4
		h := Happening{Seconds: seconds, Hospital: e.Hospital, Round: e.Round, What: e.What, Detail: e.Detail}
		switch e.What {
		case Enter, Strike, Miss, Certify, Waiting:
			h.Phase = e.Phase.String()
		case Finish, RoundDone:
			h.Step = e.Step
			h.Detail = strings.Join(e.Included, ", ")
		}
		list = append(list, h)
	}
	return list
}
