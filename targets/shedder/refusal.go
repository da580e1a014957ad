package shedder

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"

	"plimsoll/targets/middleware"
)

// noRetry is the field that tells callers not to repeat a request.
const noRetry = "X-No-Retry"

// refused tells whether a status says that the request was not worked on for now.
func refused(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
}

// Refusal is what a service that refused a request says on trying again.
type Refusal struct {
	NoRetry    bool          // whoever called may not repeat the request, nor may their callers
	RetryAfter time.Duration // how long to wait before; 0: nothing was said
}

// ParseRefusal returns what a refused answer, 429 or 503, says on trying again; !ok: the
// answer is no refusal. A Retry-After that is neither seconds nor a date is ignored.
func ParseRefusal(status int, h http.Header, now time.Time) (r Refusal, ok bool) {
	if !refused(status) {
		return Refusal{}, false
	}
	return Refusal{NoRetry: h.Get(noRetry) != "", RetryAfter: retryAfter(h.Get("Retry-After"), now)}, true
}

// retryAfter reads a Retry-After, in seconds or as a date (RFC 9110, section 10.2.3).
func retryAfter(text string, now time.Time) time.Duration {
	const longest = 1<<31 - 1 // as for delta-seconds elsewhere in HTTP
	if strings.Trim(text, "0123456789") == "" && text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			seconds = longest
		}
		return time.Duration(min(seconds, longest)) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}

// ParsePriority reads the urgency of a Priority field (RFC 9218, section 4.1): what is
// more urgent than most (u=0 to 2) is critical, the default and the next (u=3, 4) are
// normal, and the rest down to background (u=5 to 7) is batch. !ok: the field says nothing.
// Only from a client that is trusted may it be taken at its word.
func ParsePriority(field string) (p middleware.Priority, ok bool) {
	d, err := httpsfv.UnmarshalDictionary([]string{field})
	if err != nil {
		return middleware.Normal, false
	}
	member, _ := d.Get("u")
	item, isItem := member.(httpsfv.Item)
	if !isItem {
		return middleware.Normal, false
	}
	switch u, isInt := item.Value.(int64); {
	case !isInt || u < 0 || u > 7:
		return middleware.Normal, false
	case u < 3:
		return middleware.Critical, true
	case u < 5:
		return middleware.Normal, true
	}
	return middleware.Batch, true
}
