package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// try sends one request, and appends what comes to the part.
func (c *Client) try(ctx context.Context, f File, part *part) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(c.Stall, func() { cancel(&StalledError{c.Stall}) })
	defer watch.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return err
	}
	if part.size > 0 && part.version != "" { // RFC 9110, 13.1.5 and 14.2
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", part.size))
		request.Header.Set("If-Range", part.version)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return stalledOr(ctx, requestError(err))
	}
	defer answer.Body.Close()
	total, err := c.begin(answer, part)
	if err != nil {
		return err
	}
	body := &watchedBody{client: c, file: f.Name, body: answer.Body, part: part, total: total, watch: watch, began: time.Now()}
	if err := body.copy(); err != nil {
		return stalledOr(ctx, err)
	}
	c.Tell(body.progress(true))
	return nil
}

// stalledOr is why the request's context ended, or the error.
func stalledOr(ctx context.Context, err error) error {
	if stalled := (*StalledError)(nil); errors.As(context.Cause(ctx), &stalled) {
		return stalled
	}
	return err
}

// begin looks at the head of an answer: it is the rest of the part's file, or a
// file from its beginning. total is the length of the whole file, or -1.
func (c *Client) begin(answer *http.Response, part *part) (total int64, err error) {
	switch answer.StatusCode {
	case http.StatusOK:
		if err := part.restart(version(answer.Header)); err != nil {
			return 0, err
		}
	case http.StatusPartialContent:
		from := fmt.Sprintf("bytes %d-", part.size)
		of := version(answer.Header)
		if !strings.HasPrefix(answer.Header.Get("Content-Range"), from) || of != "" && of != part.version {
			return 0, errors.Join(errChanged, part.restart(""))
		}
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, errors.Join(errChanged, part.restart(""))
	default:
		return 0, &StatusError{answer.StatusCode}
	}
	total = -1
	if answer.ContentLength >= 0 {
		total = part.size + answer.ContentLength
	}
	if total > c.MaxBytes {
		return 0, errors.Join(&SizeError{c.MaxBytes}, part.restart(""))
	}
	return total, nil
}

// version names what the server sends: a strong entity tag, or a date.
func version(h http.Header) string {
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	return h.Get("Last-Modified")
}

// watchedBody is a body on its way into a part.
type watchedBody struct {
	client *Client
	file   string
	body   io.Reader
	part   *part
	fresh  int64
	total  int64
	watch  *time.Timer
	began  time.Time
}

func (b *watchedBody) copy() error {
	buffer := make([]byte, 16<<10)
	for {
		n, err := b.body.Read(buffer)
		if n > 0 {
			b.watch.Reset(b.client.Stall)
			if b.part.size+int64(n) > b.client.MaxBytes {
				return errors.Join(&SizeError{b.client.MaxBytes}, b.part.restart(""))
			}
			if _, err := b.part.Write(buffer[:n]); err != nil {
				return err
			}
			b.fresh += int64(n)
			b.client.Tell(b.progress(false))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &CutError{b.part.size, b.total, err}
		}
	}
}

func (b *watchedBody) progress(done bool) Progress {
	return Progress{File: b.file, Bytes: b.part.size, Fresh: b.fresh, Total: b.total, Elapsed: time.Since(b.began), Done: done}
}
