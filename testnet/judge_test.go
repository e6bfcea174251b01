package testnet

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"consilium/protocol"
)

// What the checks are for: whatever one hospital holds that the others do not,
// some check fails and says where.
func TestJudgeFindsDifferences(t *testing.T) {
	s, err := prepare(DemoOptions{Seed: 1, Rounds: 2})
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.perform(t.Context(), Options{Logger: slog.New(slog.DiscardHandler), Tell: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		damage     func() (repair func())
	}{
		{"nothing", "", func() func() { return func() {} }},
		{"a sum", "a sum of round 1 differs from the plain one by 1", func() func() {
			sum := n.rounds[1].sums[2]
			sum[0]++
			return func() { sum[0]-- }
		}},
		{"a shorter sum", "a sum of round 2 differs from the plain one", func() func() {
			r := n.rounds[2]
			whole := r.sums[1]
			r.sums[1] = whole[1:]
			return func() { r.sums[1] = whole }
		}},
		{"a set", "two hospitals opened different sets in round 0", func() func() {
			r := n.rounds[0]
			set := r.sets[3]
			r.sets[3] = protocol.Hash{1}
			return func() { r.sets[3] = set }
		}},
		{"who is in the sum", "a sum of round 1 differs", func() func() {
			r := n.rounds[1]
			included := r.included
			r.included = included[:3]
			return func() { r.included = included }
		}},
		{"a round without a sum", "nobody finished round 3", func() func() {
			r := n.rounds[3]
			delete(n.rounds, 3)
			return func() { n.rounds[3] = r }
		}},
		{"another model", "south ends with another model", func() func() {
			h := n.hospitals[2]
			state, before := h.state, slices.Clone(n.hospitals[1].state)
			before[len(before)-1] ^= 1
			h.state = before
			return func() { h.state = state }
		}},
		{"no model", "west: ", func() func() {
			h := n.hospitals[4]
			state := h.state
			h.state = nil
			return func() { h.state = state }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			repair := c.damage()
			defer repair()
			v, err := n.judge()
			if err != nil {
				t.Fatal(err)
			}
			var failed []string
			for _, check := range v.checks {
				if !check.OK {
					failed = append(failed, check.Detail)
				}
			}
			if got := strings.Join(failed, "; "); !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
				t.Fatalf("failed checks %q, want %q", got, c.want)
			}
		})
	}
}
