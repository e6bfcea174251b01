package model

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// checkKeys refuses the first key of a task file that [Task] does not have.
// The decoder alone is not strict enough: it matches keys without regard to
// case, so that of "rate" and "Rate" in one file either could win.
func checkKeys(keys []toml.Key, data []byte) error {
	known := tomlKeys(reflect.TypeFor[Task](), nil)
	for _, key := range keys {
		path := strings.Join(key, ".")
		if slices.Contains(known, path) {
			continue
		}
		message := fmt.Sprintf("unknown key %q", path)
		if nearest := nearestText(path, known); nearest != "" {
			message += fmt.Sprintf("; did you mean %q?", nearest)
		}
		if line := keyLine(string(data), key); line > 0 {
			message = fmt.Sprintf("line %d: %s", line, message)
		}
		return fmt.Errorf("%s", message)
	}
	return nil
}

// tomlKeys lists the dotted keys of a struct with toml tags, in field order.
func tomlKeys(t reflect.Type, prefix []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("toml")
		if tag == "-" {
			continue
		}
		path := append(slices.Clone(prefix), tag)
		keys = append(keys, strings.Join(path, "."))
		keys = append(keys, tomlKeys(t.Field(i).Type, path)...)
	}
	return keys
}

// keyLine finds the line, from 1, where a key or table first stands, or that
// of its table when the key is within an inline table; 0 when it finds
// neither. It serves messages only: the decoder does not tell.
func keyLine(text string, key []string) int {
	if len(key) == 0 {
		return 0
	}
	want := strings.Join(key, ".")
	table := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if header, ok := strings.CutPrefix(line, "["); ok {
			header, _, _ = strings.Cut(strings.TrimPrefix(header, "["), "]")
			table = unquoteKey(header)
			if table == want {
				return i + 1
			}
			continue
		}
		name, _, isKey := strings.Cut(line, "=")
		if isKey && strings.TrimPrefix(table+"."+unquoteKey(name), ".") == want {
			return i + 1
		}
	}
	return keyLine(text, key[:len(key)-1])
}

func unquoteKey(name string) string {
	return strings.Trim(strings.TrimSpace(name), `"'`)
}

// nearestText returns the candidate with the smallest edit distance, the first
// of equals, or "" when none is nearer than half the text's length.
func nearestText(text string, candidates []string) string {
	best, bestDistance := "", len(text)/2+1
	for _, c := range candidates {
		if d := editDistance(text, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// editDistance is Levenshtein's: the fewest insertions, deletions and
// replacements of bytes that turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
