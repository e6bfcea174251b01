package strict

import (
	"strings"
	"testing"
)

type file struct {
	Name  string `toml:"name"`
	Links []link `toml:"link"`
	Limit limit  `toml:"limit"`
}

type link struct {
	To string `toml:"to"`
}

type limit struct {
	Bytes int `toml:"bytes"`
}

func TestTOML(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"name = \"a\"\n[[link]]\nto = \"b\"\n[limit]\nbytes = 3\n", ""},
		{"nmae = \"a\"\n", `line 1: unknown key "nmae"; did you mean "name"?`},
		{"name = \"a\"\n\n[limit]\nbites = 3\n", `line 4: unknown key "limit.bites"; did you mean "limit.bytes"?`},
		{"Name = \"a\"\n", `line 1: unknown key "Name"; did you mean "name"?`},
		{"[[link]]\nto = \"b\"\n[[link]]\nfrom = \"c\"\n", `line 4: unknown key "link.from"; did you mean "link.to"?`},
		{"zzzzzzzzzzzzzzzz = 1\n", `line 1: unknown key "zzzzzzzzzzzzzzzz"`},
		{"name = \n", "line 1 (last key \"name\"): "},
		{"name = 3\n", "name"},
	} {
		var f file
		err := TOML([]byte(c.text), &f)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.text, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	cases := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"rate", "rate", 0}, {"ab", "ba", 1}, {"sede", "seed", 1}, {"nwe", "new", 1}}
	for _, c := range cases {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("distance of %q and %q is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
