package middleware

import (
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Problem types that the registry of HTTP problem types lists (RFC 9457 §4.2).
const (
	QuotaExceeded   = "https://iana.org/assignments/http-problem-types#quota-exceeded"
	ReducedCapacity = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
	AbnormalUsage   = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected"
)

// Problem is a refusal or an error as application/problem+json (RFC 9457).
type Problem struct {
	Type       string        // a URI; "": about:blank, and the title is the status phrase
	Status     int           // the HTTP status
	Title      string        // what kind of problem; "": the status phrase
	Detail     string        // what is wrong this time
	RetryAfter time.Duration // when to try again, rounded up to seconds; 0: nothing is said
	NoRetry    bool          // tell callers upstream not to repeat: X-No-Retry
	More       map[string]any
}

// Write answers with the problem. The instance is the request's id.
func (p Problem) Write(w http.ResponseWriter, r *http.Request) {
	body := map[string]any{"type": p.Type, "title": p.Title, "status": p.Status}
	if p.Type == "" {
		body["type"] = "about:blank"
	}
	if p.Title == "" {
		body["title"] = http.StatusText(p.Status)
	}
	if p.Detail != "" {
		body["detail"] = p.Detail
	}
	if id := From(r.Context()).ID; id != "" {
		body["instance"] = "urn:request:" + id
	}
	maps.Copy(body, p.More)
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if p.NoRetry {
		h.Set("X-No-Retry", "1")
	}
	text, err := json.Marshal(body)
	if err != nil { // More holds something that is no JSON
		text = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
		p.Status = http.StatusInternalServerError
	}
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(p.Status)
	w.Write(text) //nolint:errcheck // the client is gone; there is nobody to tell
}
