package testnet

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"consilium/internal/durable"
	"consilium/node/identity"
	"consilium/node/roster"
	"consilium/protocol"
	"consilium/protocol/spdz"
)

// waitedFor says whether all that are there have finished, and some are away.
func (r *sharesRun) waitedFor() bool {
	return !slices.ContainsFunc(r.cohort.members[1:], func(h *hospital) bool { return !h.away() && !h.finished }) &&
		slices.ContainsFunc(r.cohort.members[1:], func(h *hospital) bool { return h.away() })
}

// settle is called when all others wait for hospitals that are away: those that
// come back do so, and without those that are gone for good the others go on, if
// they are enough. The lock is held.
func (r *sharesRun) settle() error {
	n := r.network
	temporary := false
	for _, h := range n.hospitals[1:] {
		if f := h.current; h.away() && f != nil && f.For > 0 {
			temporary = true
			h.comeBack(f)
		}
	}
	if temporary {
		n.signal()
		return nil
	}
	return r.regroup()
}

// regroup makes a cohort of those who are left.
func (r *sharesRun) regroup() error {
	n, s := r.network, r.network.scenario
	left := []*hospital{nil}
	for _, h := range r.cohort.members[1:] {
		if !h.goneForGood() {
			left = append(left, h)
		}
	}
	if len(left) == len(r.cohort.members) {
		return nil
	}
	threshold, err := spdz.ThresholdAfter(len(left)-1, r.cohort.plan.Threshold, r.cohort.plan.Least, r.cohort.plan.Passive)
	if paused := (*spdz.PausedError)(nil); errors.As(err, &paused) {
		return nil // until enough are back, or patience ends
	}
	c := &cohort{members: left, before: r.cohort, over: make(chan struct{}), file: filepath.Join(r.folder.dir, fmt.Sprintf("roster-%d.toml", len(left)-1))}
	if c.plan, err = s.study.SharesPlan(s.program, len(left)-1); err != nil {
		return err
	}
	if c.roster, err = r.folder.rosterOf(left[1:], c.file); err != nil {
		return fmt.Errorf("make a roster of those who are left: %w", err)
	}
	close(r.cohort.over)
	r.cohort, n.lacking = c, time.Time{}
	for _, h := range n.hospitals[1:] {
		h.status = protocol.Status{} // whom it waits for is to be seen
	}
	n.emit(Event{Round: n.furthest, What: Regrouped, Detail: fmt.Sprintf("%s: any %s nothing", strings.Join(c.names(), ", "), LearnTogether(threshold))})
	n.signal()
	return nil
}

// rosterOf is a roster of some of the hospitals, signed, and in a file.
func (f *folder) rosterOf(some []*hospital, file string) (*roster.Roster, error) {
	var ids []*identity.Identity
	var cards []roster.Card
	for _, h := range some {
		id, err := identity.Load(f.homes[h.party-1])
		if err != nil {
			return nil, err
		}
		card, err := roster.NewCard(id, h.name, f.roster.Members[h.party-1].Addresses)
		if err != nil {
			return nil, err
		}
		ids, cards = append(ids, id), append(cards, card)
	}
	made, err := roster.New("testnet", cards, 0, protocol.MostDropouts(len(some), 0))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := made.Sign(id); err != nil {
			return nil, err
		}
	}
	text, err := made.Encode()
	if err != nil {
		return nil, err
	}
	return made, durable.WriteFile(file, text, 0o600)
}
