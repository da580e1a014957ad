package middleware

import (
	"io"
	"net/http"
)

// Identify is the layer that begins a request: it puts a Request into the context and
// answers with X-Request-Id and Server-Timing. Without a route it takes the pattern of
// the mux that it is behind. It does not enforce the deadline.
func Identify(route, service string, trustPriority bool) Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pattern := route
			if pattern == "" {
				pattern = r.Pattern
			}
			answer := &answer{ResponseWriter: w}
			answer.request.begin(r, pattern, service, trustPriority)
			next.ServeHTTP(answer, r.WithContext(With(r.Context(), &answer.request)))
			answer.stamp(http.StatusOK)
		})
	}
}

// answer adds the header fields just before the header is sent, when the time that went
// by is known.
type answer struct {
	http.ResponseWriter
	request Request
	stamped bool
	values  [2]string // the fields' values, without a slice for each
}

func (a *answer) stamp(status int) {
	informational := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	if a.stamped || informational {
		return
	}
	a.stamped = true
	h := a.Header()
	a.values[0] = a.request.ID
	h["X-Request-Id"] = a.values[0:1:1]
	var buffer [256]byte
	text := a.request.Timing.Append(buffer[:0])
	if len(text) == 0 {
		return
	}
	a.values[1] = string(text)
	if earlier := h["Server-Timing"]; len(earlier) > 0 { // of a hop behind this one
		h["Server-Timing"] = append(earlier, a.values[1])
		return
	}
	h["Server-Timing"] = a.values[1:2:2]
}

// WriteHeader adds the fields and sends the header.
func (a *answer) WriteHeader(status int) {
	a.stamp(status)
	a.ResponseWriter.WriteHeader(status)
}

// Write adds the fields if the header has not been sent.
func (a *answer) Write(b []byte) (int, error) {
	a.stamp(http.StatusOK)
	return a.ResponseWriter.Write(b)
}

// ReadFrom keeps the way open for the kernel to copy a file.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	a.stamp(http.StatusOK)
	return io.Copy(a.ResponseWriter, r)
}

// Flush sends what has been written.
func (a *answer) Flush() {
	a.stamp(http.StatusOK)
	http.NewResponseController(a.ResponseWriter).Flush() //nolint:errcheck // one that cannot flush sends later
}

// Unwrap lets http.ResponseController reach the rest.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
