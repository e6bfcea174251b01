package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"consilium/internal/durable"
)

// Client downloads files. Its zero value is not usable; see [NewClient].
type Client struct {
	Stall    time.Duration // longest wait for the next byte
	Retries  int           // tries in a row that may bring nothing new, after the first
	Backoff  time.Duration // wait before the second of them; doubled for each that follows
	MaxBytes int64         // of a published file
	Tell     func(Progress)

	http *http.Client
}

// Progress is how far a download is.
type Progress struct {
	File    string
	Bytes   int64         // that are here, of earlier tries too
	Fresh   int64         // of this try
	Total   int64         // or -1 when the server does not say
	Elapsed time.Duration // since this try began
	Trouble error         // why a try ended; another follows
	Done    bool
}

// Result is a file that is in its place.
type Result struct {
	File   string `json:"file"` // path
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Source string `json:"source"`
	Cached bool   `json:"already_there"` // it was here before, and right
}

const (
	maxRedirects = 5
	maxTries     = 100
	longestWait  = 30 * time.Second
)

// NewClient is a client with the settings of the command line.
func NewClient() *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // a byte range counts what is sent
	c := &Client{
		Stall: 30 * time.Second, Retries: 4, Backoff: time.Second, MaxBytes: 1 << 20, Tell: func(Progress) {},
		http: &http.Client{Transport: transport, CheckRedirect: checkRedirect},
	}
	return c
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// checkRedirect follows a few redirects, and none that gives up encryption.
func checkRedirect(next *http.Request, via []*http.Request) error {
	switch scheme := next.URL.Scheme; {
	case len(via) > maxRedirects:
		return &RedirectError{fmt.Sprintf("more than %d redirects", maxRedirects)}
	case scheme != "http" && scheme != "https":
		return &RedirectError{fmt.Sprintf("redirect to %s, which is not a web address", next.URL.Redacted())}
	case via[len(via)-1].URL.Scheme == "https" && scheme == "http":
		return &RedirectError{fmt.Sprintf("redirect from https to %s, which anybody on the way could change", next.URL.Redacted())}
	}
	return nil
}

// Mirrored is a file at another web address, in the canonical form: below base,
// in a folder with the data set's name.
func (f File) Mirrored(base, set string) (File, error) {
	u, err := url.Parse(base)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		err = errors.New("it must begin with http:// or https://, and name a host")
	}
	if err != nil {
		return File{}, fmt.Errorf("mirror %q: %w", base, err)
	}
	f.URL, f.Canonical = u.JoinPath(set, f.Name).String(), nil
	return f, nil
}

// Get puts a file into a folder, which it makes when it is not there. A right
// file that is there already stays; any other of that name is refused with an
// [ExistsError].
func (c *Client) Get(ctx context.Context, f File, dir string) (Result, error) {
	result := Result{File: filepath.Join(dir, f.Name), SHA256: f.SHA256, Source: f.URL}
	there, err := os.ReadFile(result.File)
	if err == nil {
		if got := hash(there); got != f.SHA256 {
			return Result{}, &ExistsError{result.File, got, f.SHA256}
		}
		result.Bytes, result.Cached = int64(len(there)), true
		return result, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Result{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Result{}, err
	}
	part, err := openPart(filepath.Join(dir, "."+f.Name+".part"))
	if err != nil {
		return Result{}, err
	}
	defer part.close()
	if err := c.download(ctx, f, part); err != nil {
		if part.size == 0 {
			err = errors.Join(err, part.remove())
		}
		return Result{}, err
	}
	content, err := c.accept(f, part)
	if err != nil {
		return Result{}, err
	}
	if err := durable.WriteFile(result.File, content, 0o644); err != nil {
		return Result{}, err
	}
	result.Bytes = int64(len(content))
	return result, part.remove()
}

// accept brings a download into its canonical form. One that is not what it
// should be is removed: the next try begins anew.
func (c *Client) accept(f File, part *part) ([]byte, error) {
	content, err := part.content()
	if err != nil {
		return nil, err
	}
	got := hash(content)
	if got != f.SHA256 && f.Canonical != nil {
		content = f.Canonical(content)
		got = hash(content)
	}
	if got != f.SHA256 {
		return nil, errors.Join(&MismatchError{f.URL, got, f.SHA256}, part.remove())
	}
	return content, nil
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// download fills the part, with as many tries as that takes and the client
// allows.
func (c *Client) download(ctx context.Context, f File, part *part) error {
	furthest, idle := part.size, 0
	for tries := 1; ; tries++ {
		err := c.try(ctx, f, part)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if part.size > furthest {
			furthest, idle = part.size, 0
		} else {
			idle++
		}
		if !worthAnotherTry(err) || idle > c.Retries || tries >= maxTries {
			return fmt.Errorf("get %s: %w", redacted(f.URL), err)
		}
		c.Tell(Progress{File: f.Name, Bytes: part.size, Total: -1, Trouble: err})
		if err := wait(ctx, min(c.Backoff<<min(idle, 10), longestWait)); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "a malformed address"
	}
	return u.Redacted()
}
