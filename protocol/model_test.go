package protocol

import (
	"fmt"
	"testing"
)

// A model of the agreement on two sets, A and B, over a few views. f liars vote
// for both at once, and every message reaches whom an adversary wants, when it
// wants. Honest hospitals that are locked alike are alike, so a state counts
// them. What one of them does is asked of the code (ruleTable); the model only
// chooses who sees what.
type modelState struct {
	locked [1 + 2*modelViews]uint8 // honest hospitals by lock: none, A or B at a view
	polka  [modelViews][2]bool     // a quorum of prevotes can be shown
	decide [2]bool                 // a quorum of precommits can be shown
}

const modelViews = 3

type model struct {
	t     Thresholds
	rules ruleTable
	seen  map[modelState]bool
	split bool
}

// ruleTable is what an honest hospital does in a view, as the code has it.
type ruleTable struct {
	// prevotes[view][lock][value][lean]: lean 0 is a fresh proposal, 1+w one with
	// a quorum of prevotes in view w.
	prevotes  [modelViews][1 + 2*modelViews][2][modelViews]bool
	precommit func(prevotes int) bool // with so many prevotes for a proposal
	decides   func(precommits int) bool
}

func (m *model) explore(s modelState, view int) {
	if m.split || view == modelViews || m.seen[s] {
		return
	}
	honest := m.t.Parties - m.t.Liars
	var only [2]int
	both := 0
	for lock, count := range s.locked {
		may := [2]bool{m.mayPrevote(s, view, lock, 0), m.mayPrevote(s, view, lock, 1)}
		switch {
		case may[0] && may[1]:
			both += int(count)
		case may[0]:
			only[0] += int(count)
		case may[1]:
			only[1] += int(count)
		}
	}
	m.seen[s] = true
	m.explore(s, view+1) // nothing comes of this view
	for a := range honest + 1 {
		for b := range honest + 1 - a {
			if max(0, a-only[0])+max(0, b-only[1]) > both || a > only[0]+both || b > only[1]+both {
				continue
			}
			polka := [2]bool{m.rules.precommit(a + m.t.Liars), m.rules.precommit(b + m.t.Liars)}
			if polka == ([2]bool{}) {
				continue
			}
			next := s
			next.polka[view] = polka
			m.explore(next, view+1) // prevotes that are shown later
			m.precommits(next, view, 0, [2]int{})
		}
	}
}

func (m *model) mayPrevote(s modelState, view, lock, value int) bool {
	if m.rules.prevotes[view][lock][value][0] {
		return true
	}
	for w := range view {
		if s.polka[w][value] && m.rules.prevotes[view][lock][value][1+w] {
			return true
		}
	}
	return false
}

// precommits chooses who of every kind precommits A and B in a view.
func (m *model) precommits(s modelState, view, lock int, cast [2]int) {
	if lock == 1+2*view { // all kinds that there can be
		for value := range 2 {
			s.decide[value] = s.decide[value] || m.rules.decides(cast[value]+m.t.Liars)
		}
		m.split = m.split || s.decide[0] && s.decide[1]
		m.explore(s, view+1)
		return
	}
	for a := range s.locked[lock] + 1 {
		for b := range s.locked[lock] - a + 1 {
			if a > 0 && !s.polka[view][0] || b > 0 && !s.polka[view][1] {
				continue
			}
			next := s
			next.locked[lock] -= a + b
			next.locked[1+2*view] += a
			next.locked[2+2*view] += b
			m.precommits(next, view, lock+1, [2]int{cast[0] + int(a), cast[1] + int(b)})
		}
	}
}

// modelWorld is one hospital whose ballot is in a view and holds a lock.
func modelBallot(t *testing.T, th Thresholds, view, lock int) (*ballot, [2]*proposalState) {
	t.Helper()
	d := testDescription(th.Parties)
	d.Thresholds, d.Scheme = th, "model"
	r, err := NewRound(Config{Self: 1, Description: d, Signer: nullSigner{}, Sealer: testSealer{}, Random: &counter{}}, modelScheme{})
	if err != nil {
		t.Fatal(err)
	}
	b := r.ballot
	var values [2]*proposalState
	for i := range values {
		c := choice{Holders: NewSet(Party(i + 1))}
		values[i] = &proposalState{payload: proposalPayload{Choice: c}, id: c.id(r.hash), checked: true, ok: true}
	}
	if lock > 0 {
		slot := Slot{Phase: Agree, View: uint32(lock-1) / 2, Step: stepPrecommit}
		if err := r.say(slot, votePayload{values[(lock-1)%2].id}.encode()); err != nil {
			t.Fatal(err)
		}
	}
	b.started = true
	b.enter(uint32(view))
	return b, values
}

func cast(b *ballot, view int, step uint8, id Hash, votes int) {
	for p := range votes {
		b.at(uint32(view)).votes[step][b.r.t.Parties-p] = []Hash{id}
	}
}

func rulesOfTheCode(t *testing.T, th Thresholds) ruleTable {
	var rules ruleTable
	for view := range modelViews {
		for lock := range 1 + 2*view {
			for value := range 2 {
				for lean := range 1 + view {
					b, values := modelBallot(t, th, view, lock)
					p := values[value]
					if p.payload.ValidView = uint32(lean); lean > 0 {
						cast(b, lean-1, stepPrevote, p.id, th.Quorum())
					}
					b.at(uint32(view)).proposals = []*proposalState{p}
					if err := b.prevote(b.at(uint32(view))); err != nil {
						t.Fatal(err)
					}
					mine := b.at(uint32(view)).votes[stepPrevote][1]
					rules.prevotes[view][lock][value][lean] = len(mine) > 0 && mine[0] == p.id
				}
			}
		}
	}
	rules.precommit = func(prevotes int) bool {
		b, values := modelBallot(t, th, 0, 0)
		b.at(0).proposals = values[:1]
		cast(b, 0, stepPrevote, values[0].id, min(prevotes, th.Parties))
		if len(b.at(0).votes[stepPrevote][1]) == 0 {
			b.at(0).votes[stepPrevote][1] = []Hash{{}}
		}
		if err := b.precommit(b.at(0)); err != nil {
			t.Fatal(err)
		}
		mine := b.at(0).votes[stepPrecommit][1]
		return len(mine) > 0 && mine[0] == values[0].id
	}
	rules.decides = func(precommits int) bool {
		b, values := modelBallot(t, th, 0, 0)
		b.at(0).proposals = values[:1]
		cast(b, 0, stepPrecommit, values[0].id, min(precommits, th.Parties))
		return b.decide()
	}
	return rules.cached(th.Parties)
}

// cached asks the code once for every number of votes.
func (r ruleTable) cached(n int) ruleTable {
	precommit, decides := make([]bool, 2*n), make([]bool, 2*n)
	for votes := range precommit {
		precommit[votes], decides[votes] = r.precommit(votes), r.decides(votes)
	}
	r.precommit = func(votes int) bool { return precommit[votes] }
	r.decides = func(votes int) bool { return decides[votes] }
	return r
}

func splits(th Thresholds, rules ruleTable) bool {
	m := &model{t: th, rules: rules, seen: map[modelState]bool{}}
	var s modelState
	s.locked[0] = uint8(th.Parties - th.Liars)
	m.explore(s, 0)
	return m.split
}

// "For n ≤ 10 and every (n, f, c): no schedule opens two sets." A set is opened
// by hospitals that have decided it, so it is enough that no two are decided.
// A model that finds nothing may be blind: without a rule it finds the split.
func TestNoScheduleDecidesTwoSets(t *testing.T) {
	for n := 3; n <= 10; n++ {
		for f := 0; 3*f < n; f++ {
			th := Thresholds{Parties: n, Liars: f} // dropouts are schedules too
			rules := rulesOfTheCode(t, th)
			if splits(th, rules) {
				t.Errorf("n %d, f %d: two sets are decided", n, f)
			}
			unlocked := rules
			for view := range unlocked.prevotes {
				for lock := range unlocked.prevotes[view] {
					unlocked.prevotes[view][lock] = unlocked.prevotes[view][0]
				}
			}
			if !splits(th, unlocked) {
				t.Errorf("n %d, f %d: the model does not see that locks are needed", n, f)
			}
			if low := th.Quorum() - 1; 2*low <= n+f {
				few := rules
				few.precommit = func(votes int) bool { return votes >= low }
				few.decides = few.precommit
				if !splits(th, few) {
					t.Errorf("n %d, f %d: the model does not see that quorums must intersect", n, f)
				}
			}
			for c := 0; c <= MostDropouts(n, f); c++ {
				// Even with two certificates: who is honest opens one set, and k−f honest
				// openings of each would take more hospitals than there are.
				if k := (Thresholds{n, f, c}).Openings(); 2*(k-f) <= n-f {
					t.Errorf("n %d, f %d, c %d: two sets find k openings", n, f, c)
				}
			}
		}
	}
}

type nullSigner struct{}

func (nullSigner) Sign([]byte) []byte                { return make([]byte, SignatureSize) }
func (nullSigner) Verify(Party, []byte, []byte) bool { return true }

type modelScheme struct{ Scheme }

func (modelScheme) Name() string            { return "model" }
func (modelScheme) PartSize() uint64        { return 100 }
func (modelScheme) MostAnswers() int        { return 0 }
func (modelScheme) Check(Party, Body) error { return nil }
func (modelScheme) Openers() (Set, int)     { return AllOf(4), 3 }

func (m modelState) String() string { return fmt.Sprint(m.locked, m.polka, m.decide) }
