package cache

import (
	"net/http"
	"strings"
	"time"
)

// Precondition evaluates the conditional fields of a request against what there is (RFC
// 9110 §13.2.2): etag is its entity tag as in the ETag field, "" if it has none, modified
// when it last changed, zero if that is not known. It returns 304, 412, or 0 to go on.
func Precondition(r *http.Request, etag string, modified time.Time) int {
	h := r.Header
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if lines := h["If-Match"]; len(lines) > 0 {
		if !matches(lines, etag, true) {
			return http.StatusPreconditionFailed
		}
	} else if since, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && !modified.IsZero() {
		if modified.Truncate(time.Second).After(since) {
			return http.StatusPreconditionFailed
		}
	}
	if lines := h["If-None-Match"]; len(lines) > 0 {
		switch {
		case !matches(lines, etag, false):
			return 0
		case reads:
			return http.StatusNotModified
		}
		return http.StatusPreconditionFailed
	}
	if since, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && reads && !modified.IsZero() {
		if !modified.Truncate(time.Second).After(since) {
			return http.StatusNotModified
		}
	}
	return 0
}

// matches tells whether one of the entity tags in the lines is etag. The strong comparison
// matches no weak ones, the weak one takes no notice of weakness (RFC 9110 §8.8.3.2).
func matches(lines []string, etag string, strong bool) bool {
	for _, line := range lines {
		if strings.TrimSpace(line) == "*" {
			return true
		}
		for tag, rest := nextTag(line); tag != ""; tag, rest = nextTag(rest) {
			if strong {
				if tag == etag && !weak(tag) {
					return true
				}
			} else if strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
				return true
			}
		}
	}
	return false
}

func weak(tag string) bool { return strings.HasPrefix(tag, "W/") }

// nextTag returns the first entity tag of a list and what follows; "" if there is none.
func nextTag(list string) (tag, rest string) {
	list = strings.TrimLeft(list, " \t,")
	start := 0
	if weak(list) {
		start = len("W/")
	}
	if len(list) <= start || list[start] != '"' {
		return "", ""
	}
	end := strings.IndexByte(list[start+1:], '"')
	if end < 0 {
		return "", ""
	}
	end += start + 2
	return list[:end], list[end:]
}
