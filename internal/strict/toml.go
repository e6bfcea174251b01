package strict

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// TOML decodes data into v, a pointer to a struct with toml tags. Errors begin
// with the line where there is one; the caller adds the file.
func TOML(data []byte, v any) error {
	meta, err := toml.Decode(string(data), v)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "toml: "))
	}
	// The decoder's own list of undecoded keys is not enough: it matches keys
	// without regard to case, so that of "rate" and "Rate" either could win.
	known := keys(reflect.TypeOf(v), nil)
	for _, key := range meta.Keys() {
		if path := strings.Join(key, "."); !slices.Contains(known, path) {
			return unknown(path, key, known, string(data))
		}
	}
	return nil
}

func unknown(path string, key toml.Key, known []string, text string) error {
	message := fmt.Sprintf("unknown key %q", path)
	if nearest := Nearest(path, known); nearest != "" {
		message += fmt.Sprintf("; did you mean %q?", nearest)
	}
	if line := Line(text, key...); line > 0 {
		message = fmt.Sprintf("line %d: %s", line, message)
	}
	return errors.New(message)
}

// keys lists the dotted keys of a struct with toml tags, in field order.
func keys(t reflect.Type, prefix []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var found []string
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("toml"), ",")
		if tag == "-" || tag == "" {
			continue
		}
		path := append(slices.Clone(prefix), tag)
		found = append(found, strings.Join(path, "."))
		found = append(found, keys(t.Field(i).Type, path)...)
	}
	return found
}

// Line finds the line, from 1, where a key or table first stands, or that of
// its table when the key is within an inline table or left out; 0 when it finds
// neither. It serves messages only: the decoder does not tell.
func Line(text string, key ...string) int {
	if len(key) == 0 {
		return 0
	}
	want := strings.Join(key, ".")
	table := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if header, ok := strings.CutPrefix(line, "["); ok {
			header, _, _ = strings.Cut(strings.TrimPrefix(header, "["), "]")
			if table = unquote(header); table == want {
				return i + 1
			}
			continue
		}
		name, _, isKey := strings.Cut(line, "=")
		if isKey && strings.TrimPrefix(table+"."+unquote(name), ".") == want {
			return i + 1
		}
	}
	return Line(text, key[:len(key)-1]...)
}

func unquote(name string) string { return strings.Trim(strings.TrimSpace(name), `"'`) }

// Nearest returns the candidate with the smallest edit distance, the first of
// equals, or "" when none is nearer than half the text's length.
func Nearest(text string, candidates []string) string {
	best, bestDistance := "", len(text)/2+1
	for _, c := range candidates {
		if d := editDistance(text, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// editDistance is the fewest insertions, deletions, replacements and swaps of
// neighbouring bytes that turn a into b (optimal string alignment).
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := 1
			if a[i-1] == b[j-1] {
				replace = 0
			}
			row[j] = min(last[j-1]+replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
