package model

import "testing"

func TestRules(t *testing.T) {
	cases := []struct {
		rule  string
		value float64
		want  bool
	}{
		{"num > 0", 0, false}, {"num > 0", 0.5, true}, {"num>=1", 1, true}, {"num >= 1", 0, false},
		{"num < -2.5", -3, true}, {"num <= 3", 3, true}, {"num == 2", 2, true}, {"num == 2", 1, false},
		{"num != 2", 2, false}, {"num != 2", 0, true}, {" a b  > 1e3", 1001, true},
	}
	for _, c := range cases {
		r, err := parseRule(c.rule)
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		if got := r.positive(c.value); got != c.want {
			t.Errorf("%s at %v is %v, want %v", c.rule, c.value, got, c.want)
		}
	}
}

func TestRulesThatAreRefused(t *testing.T) {
	cases := map[string]string{
		"num":         `label rule "num" has no operator; write it as "column > number" with one of >, >=, <, <=, ==, !=`,
		"> 0":         `label rule "> 0" names no column before ">"`,
		"num = 1":     `label rule "num = 1" has an unknown operator; use one of >, >=, <, <=, ==, !=`,
		"num > ":      `label rule "num > ": after ">": the field is empty; expected a number`,
		"num > yes":   `label rule "num > yes": after ">": "yes" is not a number`,
		"num > NaN":   `label rule "num > NaN": after ">": "NaN" is not a number`,
		"num > 1e999": `label rule "num > 1e999": after ">": "1e999" is not a number`,
		"a > 1 > 2":   `label rule "a > 1 > 2": after ">": "1 > 2" is not a number`,
	}
	for rule, want := range cases {
		_, err := parseRule(rule)
		checkError(t, err, want)
	}
}
