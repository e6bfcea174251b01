package model

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// parseNumber reads a decimal number as people and programs write it into
// tables. It refuses what Go would accept beyond that: NaN, Inf, hexadecimal
// and underscores.
func parseNumber(text string) (float64, error) {
	if text == "" {
		return 0, fmt.Errorf("the field is empty; expected a number")
	}
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, fmt.Errorf("%s is not a number", quoteField(text))
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%s is not a number", quoteField(text))
	}
	return x, nil
}

// quoteField shows a field in an error, shortened: a field can be a megabyte.
func quoteField(text string) string {
	const longest = 40
	if len(text) <= longest {
		return strconv.Quote(text)
	}
	return strconv.Quote(text[:longest]) + "…"
}

// sameValue compares two numbers as numbers ("1" is "1.0"), anything else as
// text.
func sameValue(a, b string) bool {
	if a == b {
		return true
	}
	x, errA := parseNumber(a)
	y, errB := parseNumber(b)
	return errA == nil && errB == nil && x == y
}

func matchesAny(text string, values []string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return sameValue(text, v) })
}

// missing says whether a field of this column stands for "no value".
func (f Feature) missing(field string, everywhere []string) bool {
	return slices.Contains(everywhere, field) || matchesAny(field, f.Missing)
}

// encode appends the features of one field, which is not missing.
func (f Feature) encode(row []float64, field string) ([]float64, error) {
	if f.Kind == Category {
		return f.encodeLevel(row, field)
	}
	x, err := parseNumber(field)
	if err != nil {
		return nil, fmt.Errorf("%w; expected a number from %v to %v", err, f.Min, f.Max)
	}
	if x < f.Min || x > f.Max {
		return nil, fmt.Errorf("%v is outside the declared range %v to %v; correct the row, or the range in the task file of all hospitals", x, f.Min, f.Max)
	}
	return append(row, x), nil
}

// encodeLevel is one-hot with the first level dropped: all zeros stand for it.
func (f Feature) encodeLevel(row []float64, field string) ([]float64, error) {
	found := slices.IndexFunc(f.Levels, func(level string) bool { return sameValue(field, level) })
	if found < 0 {
		return nil, fmt.Errorf("%s is not a declared level; expected one of %s", quoteField(field), strings.Join(f.Levels, ", "))
	}
	for level := 1; level < len(f.Levels); level++ {
		if level == found {
			row = append(row, 1)
		} else {
			row = append(row, 0)
		}
	}
	return row, nil
}

// encode turns the label's field into 0 or 1, or into a number.
func (l Label) encode(r rule, field string) (float64, error) {
	x, err := parseNumber(field)
	if err != nil {
		return 0, fmt.Errorf("%w; the label must be a number", err)
	}
	if !l.Binary() {
		if x < l.Min || x > l.Max {
			return 0, fmt.Errorf("%v is outside the label's declared range %v to %v", x, l.Min, l.Max)
		}
		return x, nil
	}
	if r.positive(x) {
		return 1, nil
	}
	return 0, nil
}
