package learning

import (
	"errors"
	"testing"

	"consilium/protocol/protocoltest/interactivetest"
)

func dishonestSettings() Settings {
	return Settings{Majority: DishonestMajority, KeyBits: 768, Insecure: true}
}

// The whole study runs where all but one may deviate, and ends with the weights of
// the training in the clear.
func TestStudyOfADishonestMajority(t *testing.T) {
	c := newCohort(t, 3, 2)
	for i := range c.splits {
		c.splits[i].Train = c.splits[i].Train.Select([]int{0, 1, 2})
	}
	p := c.plan(3, dishonestSettings())
	if p.Threshold != 2 {
		t.Errorf("the threshold is %d", p.Threshold)
	}
	results, report := c.run(p, []int{0, 1, 2}, nil, interactivetest.Options{Seed: 1})
	if err := errors.Join(report.Errors...); err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.State.Hash() != results[0].State.Hash() || r.State.Metrics == nil {
			t.Error("hospitals end with different models")
		}
	}
	c.checkWeights(p, results[0])
}

func TestPlansOfADishonestMajorityThatCannotRunAreRefused(t *testing.T) {
	c := newCohort(t, 3, 5)
	for name, change := range map[string]func(*Settings){
		"passive":           func(s *Settings) { s.Passive = true },
		"a threshold":       func(s *Settings) { s.Threshold = 1 },
		"a least threshold": func(s *Settings) { s.Least = 1 },
		"clipping":          func(s *Settings) { s.Guard = GuardClip },
		"short keys":        func(s *Settings) { s.Insecure = false },
		"very short keys":   func(s *Settings) { s.KeyBits = 512 },
		"odd keys":          func(s *Settings) { s.KeyBits = 2049 },
		"another majority":  func(s *Settings) { s.Majority = "most" },
		"keys of an honest": func(s *Settings) { s.Majority = HonestMajority },
	} {
		s := dishonestSettings()
		change(&s)
		if _, err := NewPlan(c.program, 3, s); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			t.Log(err)
		}
	}
}
