package upstream

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// StatusError is an answer that is an error, and what it says about asking again.
type StatusError struct {
	Status int // 400 and up
	after  time.Duration
	never  bool
}

// Error names the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("answered %d %s", e.Status, http.StatusText(e.Status))
}

// HTTPStatus returns the status.
func (e *StatusError) HTTPStatus() int { return e.Status }

// RetryAfter returns the time that Retry-After asks for; 0: none.
func (e *StatusError) RetryAfter() time.Duration { return e.after }

// NoRetry tells whether X-No-Retry was set.
func (e *StatusError) NoRetry() bool { return e.never }

// CheckStatus returns a *StatusError for an answer of 400 and up, whose body it reads to
// the end, if that is near, and closes. Otherwise it returns nil and leaves the body.
func CheckStatus(answer *http.Response) error {
	if answer.StatusCode < http.StatusBadRequest {
		return nil
	}
	const near = 16 << 10                                  // cheaper to read than a new connection to make
	io.Copy(io.Discard, io.LimitReader(answer.Body, near)) //nolint:errcheck // then it is not used again
	answer.Body.Close()
	return &StatusError{
		Status: answer.StatusCode,
		after:  retryAfter(answer.Header.Get("Retry-After"), time.Now()),
		never:  answer.Header.Get("X-No-Retry") != "",
	}
}

// retryAfter reads the field (RFC 9110 section 10.2.3): seconds or a date. What is neither, or
// lies in the past, is 0.
func retryAfter(value string, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, most)
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(0, date.Sub(now)), most)
}
