package fetch

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

func TestMirrored(t *testing.T) {
	f := File{Name: "a b.csv", URL: "https://example.org/x", Canonical: bytes.ToUpper}
	got, err := f.Mirrored("http://mirror.example:8080/data/", "heart")
	if err != nil || got.URL != "http://mirror.example:8080/data/heart/a%20b.csv" || got.Canonical != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, base := range []string{"", "mirror", "ftp://mirror/", "http://", "http://a b/"} {
		if _, err := f.Mirrored(base, "heart"); err == nil {
			t.Errorf("mirror %q is accepted", base)
		}
	}
}

// What is published, made from the canonical form, comes back as that.
func TestCanonicalForms(t *testing.T) {
	var root string
	for _, dir := range []string{os.Getenv("HOSPITAL_NODE_DATA"), filepath.Join("..", "..", "..", "shared", "data")} {
		if _, err := os.Stat(filepath.Join(dir, "heart")); dir != "" && err == nil {
			root = dir
		}
	}
	if root == "" {
		t.Skip("no real data: set HOSPITAL_NODE_DATA to the folder that holds heart, pima and diabetes442")
	}
	for _, name := range Names() {
		files, _ := Set(name)
		for _, f := range files {
			canonical, err := os.ReadFile(filepath.Join(root, name, f.Name))
			if err != nil {
				t.Fatal(err)
			}
			if hash(canonical) != f.SHA256 {
				t.Errorf("%s: the data set here has another SHA-256", f.Name)
			}
			_, rows, _ := bytes.Cut(canonical, []byte("\n"))
			forms := [][]byte{canonical}
			switch name {
			case "pima":
				forms = append(forms, rows, append(bytes.Clone(rows), '\n'), bytes.ReplaceAll(rows, []byte("\n"), []byte("\r\n")))
			case "diabetes442":
				tabs := append([]byte("AGE\tSEX\tBMI\tBP\tS1\tS2\tS3\tS4\tS5\tS6\tY\n"), bytes.ReplaceAll(rows, []byte(","), []byte("\t"))...)
				forms = append(forms, tabs, bytes.TrimRight(tabs, "\n"), bytes.ReplaceAll(tabs, []byte("\n"), []byte("\r\n")))
			}
			for i, form := range forms {
				s := serve(t, honest(form, ""))
				f.URL = s.URL
				if _, err := testClient(t).Get(t.Context(), f, t.TempDir()); err != nil {
					t.Errorf("%s, form %d: %v", f.Name, i, err)
				}
			}
		}
	}
}

func TestSets(t *testing.T) {
	for _, name := range Names() {
		files, ok := Set(name)
		if !ok || len(files) == 0 {
			t.Errorf("no data set %s", name)
		}
		for _, f := range files {
			u, err := url.Parse(f.URL)
			if err != nil || u.Scheme != "https" || len(f.SHA256) != 64 {
				t.Errorf("%s: %s, %v", name, f.URL, err)
			}
		}
	}
	if _, ok := Set("nosuch"); ok {
		t.Error(`there is a data set "nosuch"`)
	}
}
