package protocol

import "fmt"

// describe opens the round: the description, and a fresh key for boxes.
func (r *Round) describe() error {
	if r.said(Slot{Phase: Describe}) || r.amnesiac {
		return nil
	}
	private, public, err := r.cfg.Sealer.NewKey()
	if err != nil {
		return fmt.Errorf("make a sealing key: %w", err)
	}
	r.private = private
	r.saveSecret(append([]byte{secretKey}, private...))
	return r.say(Slot{Phase: Describe}, describePayload{r.cfg.Description.Encode(), public}.encode())
}

// commit binds this hospital to its deal, once a quorum has described the round
// alike.
func (r *Round) commit() error {
	slot := Slot{Phase: Commit, Step: stepCommitment}
	if r.said(slot) || !(r.trained || r.dealing != nil) || r.amnesiac || r.described.Len() < r.t.Quorum() {
		return nil
	}
	r.began[Commit] = r.tick
	if r.dealing == nil && r.update == nil {
		return r.say(slot, commitPayload{}.encode())
	}
	if r.dealing == nil {
		if err := r.prepare(); err != nil {
			return err
		}
	}
	return r.say(slot, commitPayload{r.dealing.commitment}.encode())
}

// list tells which commitments this hospital holds. A deal counts when its
// commitment is on q lists, and nobody reveals before there are q lists: so
// nobody can commit after seeing another's payload, because a quorum has
// closed its list by then.
func (r *Round) list() error {
	slot := Slot{Phase: Commit, Step: stepList}
	if r.said(slot) || !r.said(Slot{Phase: Commit}) || r.committed.Minus(r.abstained).Len() < r.t.SmallestSet() ||
		!r.ready(r.committed, r.all, r.began[Commit], r.cfg.Description.Deadlines.Commit) {
		return nil
	}
	var held []named
	for _, p := range r.committed.Parties() {
		held = append(held, named{p, r.commits[p].Commitment})
	}
	r.began[Deal] = r.tick
	return r.say(slot, listPayload{held}.encode())
}

// tally counts how many of the lists that are here name a hospital's
// commitments: a liar has several.
type tally struct {
	on  map[Hash]int
	any int // lists that name one
}

// keepList counts a list, the first of its sender.
func (r *Round) keepList(from Party, p listPayload) {
	r.listed.Add(from)
	for _, e := range p.Commitments {
		if e.Hash == (Hash{}) || int(e.Party) >= len(r.lists) {
			continue
		}
		t := &r.lists[e.Party]
		if t.on == nil {
			t.on = map[Hash]int{}
		}
		t.on[e.Hash]++
		t.any++
	}
}

// counted gives the commitment of p that is on q lists, whatever p sent here.
// There is at most one: two quorums share an honest hospital, and its list has
// one.
func (r *Round) counted(p Party) (Hash, bool) {
	for h, on := range r.lists[p].on {
		if on >= r.t.Quorum() {
			return h, true
		}
	}
	return Hash{}, false
}
