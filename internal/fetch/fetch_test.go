package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// published is a file long enough to be cut.
var published = bytes.Repeat([]byte("1,2,3,4\n"), 10_000)

// server answers each request with the next of its handlers, and the last one
// for ever. It notes the ranges that were asked for.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	handlers []http.HandlerFunc
	ranges   []string
}

func serve(t *testing.T, handlers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{handlers: handlers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.ranges = append(s.ranges, r.Header.Get("Range"))
		handler := s.handlers[0]
		if len(s.handlers) > 1 {
			s.handlers = s.handlers[1:]
		}
		s.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ranges
}

func (s *server) file() File {
	return File{Name: "table.csv", URL: s.URL + "/table.csv", SHA256: hash(published)}
}

// honest serves a file with a version, ranges and all.
func honest(content []byte, tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// cut sends the head of a whole file and some of its bytes, and hangs up.
func cut(content []byte, tag string, after int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:after])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
}

func testClient(t *testing.T) *Client {
	t.Helper()
	c := NewClient()
	c.Stall, c.Backoff, c.Retries = 5*time.Second, time.Millisecond, 2
	t.Cleanup(c.Close)
	return c
}

// nothingIn checks that a folder holds no file but hidden parts.
func nothingIn(t *testing.T, dir string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "[^.]*"))
	if err != nil || len(found) > 0 {
		t.Errorf("left in the folder: %v, %v", found, err)
	}
}

// arrived checks that the file is in its place and nothing beside it.
func arrived(t *testing.T, dir string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "table.csv"))
	if err != nil || !bytes.Equal(content, published) {
		t.Errorf("%d bytes arrived, want %d: %v", len(content), len(published), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left beside the file: %v", entries)
	}
}

func TestServersThatMisbehaveAndGetBetter(t *testing.T) {
	const tag = `"a"`
	stall := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Length", fmt.Sprint(len(published)))
		w.Write(published[:30_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	ignoresRanges := func(w http.ResponseWriter, _ *http.Request) { w.Write(published) }
	wrongRange := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(published)-1, len(published)))
		w.WriteHeader(http.StatusPartialContent)
		w.Write(published)
	}
	cases := []struct {
		name     string
		handlers []http.HandlerFunc
		ranges   []string // that are asked for
	}{
		{"honest", []http.HandlerFunc{honest(published, tag)}, []string{""}},
		{"cut twice", []http.HandlerFunc{cut(published, tag, 50_000), cut(published, tag, 60_000), honest(published, tag)}, []string{"", "bytes=50000-", "bytes=60000-"}},
		{"cut, without a version", []http.HandlerFunc{cut(published, "", 50_000), honest(published, "")}, []string{"", ""}},
		{"cut, with a weak version", []http.HandlerFunc{cut(published, `W/"a"`, 50_000), honest(published, "")}, []string{"", ""}},
		{"cut, then another file", []http.HandlerFunc{cut(bytes.ToUpper([]byte(strings.Repeat("old,", 20_000))), `"old"`, 50_000), honest(published, tag)}, []string{"", "bytes=50000-"}},
		{"cut, then no ranges", []http.HandlerFunc{cut(published, tag, 50_000), ignoresRanges}, []string{"", "bytes=50000-"}},
		{"cut, then the wrong range", []http.HandlerFunc{cut(published, tag, 50_000), wrongRange, honest(published, tag)}, []string{"", "bytes=50000-", ""}},
		{"cut, then a range that is refused", []http.HandlerFunc{cut(published, tag, 50_000), status(416), honest(published, tag)}, []string{"", "bytes=50000-", ""}},
		{"stalled", []http.HandlerFunc{stall, honest(published, tag)}, []string{"", "bytes=30000-"}},
		{"overloaded", []http.HandlerFunc{status(503), status(429), honest(published, tag)}, []string{"", "", ""}},
		{"hangs up", []http.HandlerFunc{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, honest(published, tag)}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.handlers...)
			client, dir := testClient(t), filepath.Join(t.TempDir(), "new")
			if c.name == "stalled" {
				client.Stall = 100 * time.Millisecond
			}
			result, err := client.Get(t.Context(), s.file(), dir)
			if err != nil {
				t.Fatal(err)
			}
			if result.Cached || result.Bytes != int64(len(published)) || result.SHA256 != hash(published) {
				t.Errorf("%+v", result)
			}
			arrived(t, dir)
			if got := s.asked(); c.ranges != nil && fmt.Sprint(got) != fmt.Sprint(c.ranges) {
				t.Errorf("asked for %q, want %q", got, c.ranges)
			}
		})
	}
}

// Every try gets a little further: as many as it takes are made.
func TestProgressIsNotARetry(t *testing.T) {
	var handlers []http.HandlerFunc
	for after := 10_000; after < 80_000; after += 10_000 {
		handlers = append(handlers, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"a"`)
			w.Header().Set("Content-Length", fmt.Sprint(len(published)))
			if from := r.Header.Get("Range"); from != "" {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", after-10_000, len(published)-1, len(published)))
				w.Header().Set("Content-Length", fmt.Sprint(len(published)-after+10_000))
				w.WriteHeader(http.StatusPartialContent)
			}
			w.Write(published[after-10_000 : after])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
	}
	s := serve(t, append(handlers, honest(published, `"a"`))...)
	dir := t.TempDir()
	if _, err := testClient(t).Get(t.Context(), s.file(), dir); err != nil {
		t.Fatal(err)
	}
	arrived(t, dir)
	if len(s.asked()) != 8 {
		t.Errorf("%d requests", len(s.asked()))
	}
}

func TestServersThatStayBad(t *testing.T) {
	wrong := bytes.Replace(published, []byte("3"), []byte("8"), 1)
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write(published)
		}
	}
	cases := []struct {
		name     string
		handler  http.HandlerFunc
		want     string
		is       func(error) bool
		requests int
	}{
		{"corrupt", honest(wrong, `"a"`), "table.csv is not the file that the task was written for: SHA-256 " + hash(wrong) + ", expected " + hash(published) + "; nothing was kept", is[*MismatchError], 1},
		{"empty", honest(nil, ""), "SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, expected", is[*MismatchError], 1},
		{"cut at the same place for ever", cut(published, "", 50_000), "the connection was cut after 50000 of 80000 bytes: unexpected EOF", is[*CutError], 4},
		{"silent", silent, "nothing came for 50ms", is[*StalledError], 3},
		{"not found", status(404), "the server answers 404 Not Found", is[*StatusError], 1},
		{"broken", status(500), "the server answers 500 Internal Server Error", is[*StatusError], 3},
		{"too long", honest(bytes.Repeat([]byte("x"), 200_000), ""), "the file has more than 100000 bytes", is[*SizeError], 1},
		{"endless", endless, "the file has more than 100000 bytes", is[*SizeError], 1},
		{"in circles", redirect("/again"), "more than 5 redirects", is[*RedirectError], 6},
		{"away from the web", redirect("file:///etc/passwd"), "redirect to file:///etc/passwd, which is not a web address", is[*RedirectError], 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.handler)
			client, dir := testClient(t), t.TempDir()
			client.MaxBytes = 100_000
			if c.name == "silent" {
				client.Stall = 50 * time.Millisecond
			}
			_, err := client.Get(t.Context(), s.file(), dir)
			if err == nil || !strings.Contains(err.Error(), c.want) || !c.is(err) {
				t.Errorf("%v, want %q", err, c.want)
			}
			nothingIn(t, dir)
			if got := len(s.asked()); got != c.requests {
				t.Errorf("%d requests, want %d", got, c.requests)
			}
		})
	}
}

func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func TestNobodyThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	_, err = testClient(t).Get(t.Context(), File{Name: "table.csv", URL: "http://user:secret@" + address + "/table.csv"}, dir)
	if err == nil || !is[*ConnectError](err) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestRedirects(t *testing.T) {
	s := serve(t, honest(published, `"a"`))
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.URL+"/elsewhere.csv", http.StatusMovedPermanently)
	})
	dir := t.TempDir()
	if _, err := testClient(t).Get(t.Context(), plain.file(), dir); err != nil {
		t.Fatal(err)
	}
	arrived(t, dir)

	// Never from https to http.
	secure := httptest.NewTLSServer(http.RedirectHandler(s.URL, http.StatusFound))
	defer secure.Close()
	client := testClient(t)
	trusting := secure.Client()
	trusting.CheckRedirect = checkRedirect
	client.http = trusting
	_, err := client.Get(t.Context(), File{Name: "table.csv", URL: secure.URL, SHA256: hash(published)}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "redirect from https to "+s.URL) || !is[*RedirectError](err) {
		t.Errorf("%v", err)
	}
}

// A download that was interrupted goes on where it was, in another process.
func TestResumeAfterAnInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"a"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(published)))
		w.Write(published[:40_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}, honest(published, `"a"`))
	dir := t.TempDir()
	client := testClient(t)
	client.Tell = func(p Progress) {
		if p.Bytes == 40_000 {
			cancel()
		}
	}
	if _, err := client.Get(ctx, s.file(), dir); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	nothingIn(t, dir)
	if _, err := testClient(t).Get(t.Context(), s.file(), dir); err != nil {
		t.Fatal(err)
	}
	arrived(t, dir)
	if got := s.asked(); fmt.Sprint(got) != "[ bytes=40000-]" {
		t.Errorf("asked for %q", got)
	}
}

// A part whose bytes were damaged on the disk is found out at the end, and the
// next try begins anew.
func TestDamagedPart(t *testing.T) {
	s := serve(t, honest(published, `"a"`))
	dir := t.TempDir()
	path := filepath.Join(dir, ".table.csv.part")
	for name, content := range map[string]string{path: "damaged", path + ".version": `"a"`} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := testClient(t).Get(t.Context(), s.file(), dir); !is[*MismatchError](err) {
		t.Fatal(err)
	}
	if _, err := testClient(t).Get(t.Context(), s.file(), dir); err != nil {
		t.Fatal(err)
	}
	arrived(t, dir)
}

func TestFilesThatAreThere(t *testing.T) {
	s := serve(t, honest(published, `"a"`))
	dir := t.TempDir()
	place := filepath.Join(dir, "table.csv")
	if err := os.WriteFile(place, published, 0o644); err != nil {
		t.Fatal(err)
	}
	result, err := testClient(t).Get(t.Context(), s.file(), dir)
	if err != nil || !result.Cached || len(s.asked()) != 0 {
		t.Errorf("%+v, %v, %d requests", result, err, len(s.asked()))
	}
	if err := os.WriteFile(place, []byte("my own"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = testClient(t).Get(t.Context(), s.file(), dir)
	if !is[*ExistsError](err) || !strings.Contains(err.Error(), place+" exists and is another file") {
		t.Errorf("%v", err)
	}
	if content, _ := os.ReadFile(place); string(content) != "my own" {
		t.Error("another file was replaced")
	}
}

func TestProgressIsTold(t *testing.T) {
	s := serve(t, cut(published, `"a"`, 50_000), honest(published, `"a"`))
	var told []Progress
	client := testClient(t)
	client.Tell = func(p Progress) { told = append(told, p) }
	if _, err := client.Get(t.Context(), s.file(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	troubles := 0
	for i, p := range told {
		if p.Trouble != nil {
			troubles++
		} else if p.Total != int64(len(published)) || p.File != "table.csv" || i > 0 && p.Bytes < told[i-1].Bytes {
			t.Errorf("%+v", p)
		}
	}
	if last := told[len(told)-1]; troubles != 1 || !last.Done || last.Bytes != int64(len(published)) || last.Fresh != 30_000 {
		t.Errorf("%d troubles, at last %+v", troubles, last)
	}
}
