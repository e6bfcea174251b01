package testnet

import (
	"strings"
	"time"
)

// Happening is one entry of a timeline.
type Happening struct {
	Seconds  float64 `json:"seconds"` // since the start
	Hospital string  `json:"hospital,omitempty"`
	Round    uint64  `json:"round"`
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
		h := Happening{Seconds: e.Time.Sub(start).Seconds(), Hospital: e.Hospital, Round: e.Round, What: e.What, Detail: e.Detail}
		switch e.What {
		case Enter, Strike, Miss, Certify, Waiting:
			h.Phase = e.Phase.String()
		case Finish, RoundDone:
			h.Detail = strings.Join(e.Included, ", ")
		case Begin, Up, Back, Recover, Complete, Start:
		}
		list = append(list, h)
	}
	return list
}

// TimelineHTML draws a report's timeline as a page of its own.
func TimelineHTML(r *Report) []byte { return nil }
