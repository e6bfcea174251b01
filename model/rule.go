package model

import (
	"fmt"
	"strings"
)

// rule is a parsed label rule such as "num > 0".
type rule struct {
	column   string
	operator string
	bound    float64
}

// operators in the order in which they are tried: a longer one before its
// prefix.
var operators = [...]string{">=", "<=", "==", "!=", ">", "<"}

func parseRule(text string) (rule, error) {
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return rule{}, fmt.Errorf(`label rule %q has no operator; write it as "column > number" with one of >, >=, <, <=, ==, !=`, text)
	}
	for _, operator := range operators {
		rest, ok := strings.CutPrefix(text[at:], operator)
		if !ok {
			continue
		}
		r := rule{column: strings.TrimSpace(text[:at]), operator: operator}
		if r.column == "" {
			return rule{}, fmt.Errorf("label rule %q names no column before %q", text, operator)
		}
		bound, err := parseNumber(strings.TrimSpace(rest))
		if err != nil {
			return rule{}, fmt.Errorf("label rule %q: after %q: %w", text, operator, err)
		}
		r.bound = bound
		return r, nil
	}
	return rule{}, fmt.Errorf("label rule %q has an unknown operator; use one of >, >=, <, <=, ==, !=", text)
}

// positive says whether a label value counts as a positive row.
func (r rule) positive(value float64) bool {
	switch r.operator {
	case ">":
		return value > r.bound
	case ">=":
		return value >= r.bound
	case "<":
		return value < r.bound
	case "<=":
		return value <= r.bound
	case "==":
		return value == r.bound
	case "!=":
		return value != r.bound
	}
	panic("model: label rule with operator " + r.operator)
}
