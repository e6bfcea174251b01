package fetch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// ConnectError says that a server could not be reached.
type ConnectError struct{ Cause error }

func (e *ConnectError) Error() string { return fmt.Sprintf("cannot connect: %v", e.Cause) }
func (e *ConnectError) Unwrap() error { return e.Cause }

// StalledError says that a server sent nothing for too long.
type StalledError struct{ After time.Duration }

func (e *StalledError) Error() string { return fmt.Sprintf("nothing came for %v", e.After) }

// CutError says that a server ended a file too early.
type CutError struct {
	Bytes, Total int64 // Total is -1 when the server did not say
	Cause        error
}

func (e *CutError) Error() string {
	if e.Total < 0 {
		return fmt.Sprintf("the connection was cut after %d bytes: %v", e.Bytes, e.Cause)
	}
	return fmt.Sprintf("the connection was cut after %d of %d bytes: %v", e.Bytes, e.Total, e.Cause)
}

func (e *CutError) Unwrap() error { return e.Cause }

// StatusError is an answer other than the file.
type StatusError struct{ Status int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answers %d %s", e.Status, http.StatusText(e.Status))
}

// RedirectError says that a redirect was not followed.
type RedirectError struct{ Why string }

func (e *RedirectError) Error() string { return e.Why }

// SizeError says that a file is larger than any of the data sets.
type SizeError struct{ Limit int64 }

func (e *SizeError) Error() string { return fmt.Sprintf("the file has more than %d bytes", e.Limit) }

// MismatchError says that a file is not the one that was expected.
type MismatchError struct{ URL, Got, Want string }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is not the file that the task was written for: SHA-256 %s, expected %s; nothing was kept", redacted(e.URL), e.Got, e.Want)
}

// ExistsError says that another file has the name.
type ExistsError struct{ Path, Got, Want string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s exists and is another file: SHA-256 %s, expected %s; move it away, or name another folder", e.Path, e.Got, e.Want)
}

// errChanged says that a server now has another file than the part is of.
var errChanged = errors.New("the file changed on the server; beginning anew")

// worthAnotherTry tells what may pass from what will not.
func worthAnotherTry(err error) bool {
	status, cut, stalled, connect := (*StatusError)(nil), (*CutError)(nil), (*StalledError)(nil), (*ConnectError)(nil)
	switch {
	case errors.As(err, &status):
		return status.Status >= 500 || status.Status == http.StatusTooManyRequests || status.Status == http.StatusRequestTimeout
	case errors.As(err, &cut), errors.As(err, &stalled), errors.As(err, &connect):
		return true
	}
	return errors.Is(err, errChanged)
}

// requestError sorts what ended a request before its answer.
func requestError(err error) error {
	if redirect := (*RedirectError)(nil); errors.As(err, &redirect) {
		return redirect
	}
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err // without the address, which the caller names
	}
	if errors.Is(err, io.EOF) {
		return &CutError{Total: -1, Cause: errors.New("the server hung up without an answer")}
	}
	return &ConnectError{err}
}
