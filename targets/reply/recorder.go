package reply

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// ErrTooLong is what writing to a Recorder past its limit returns.
var ErrTooLong = errors.New("the answer is longer than what is kept of one")

// Recorder is a http.ResponseWriter that keeps an answer instead of sending it. It belongs
// to one goroutine.
type Recorder struct {
	limit  int
	to     http.ResponseWriter // where a body past the limit goes; nil: nowhere
	header http.Header
	sent   http.Header // the header as it was when the status was written
	status int
	body   []byte
	over   bool
}

// NewRecorder returns a recorder of bodies up to limit bytes. Of an answer that is longer,
// what there is goes to the writer as soon as that shows, and the rest follows straight
// away; without a writer it is refused with ErrTooLong.
func NewRecorder(limit int, to http.ResponseWriter) *Recorder {
	return &Recorder{limit: limit, to: to, header: http.Header{}}
}

// Header returns the header that the answer will have.
func (r *Recorder) Header() http.Header { return r.header }

// WriteHeader sets the status. Only the first counts; informational ones are left out.
func (r *Recorder) WriteHeader(status int) {
	if r.status != 0 || status < 200 {
		return
	}
	r.status, r.sent = status, r.header.Clone()
}

// Write appends to the body.
func (r *Recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if !r.over && len(r.body)+len(b) > r.limit {
		r.over = true
		if err := r.giveUp(); err != nil {
			return 0, err
		}
	}
	switch {
	case !r.over:
		r.body = append(r.body, b...)
		return len(b), nil
	case r.to == nil:
		return 0, ErrTooLong
	}
	return r.to.Write(b)
}

// giveUp sends what was recorded, if there is where to.
func (r *Recorder) giveUp() error {
	body := r.body
	r.body = nil
	if r.to == nil {
		return nil
	}
	return r.forward(r.to, body)
}

func (r *Recorder) forward(w http.ResponseWriter, body []byte) error {
	maps.Copy(w.Header(), r.sent)
	w.WriteHeader(r.status)
	if len(body) == 0 {
		return nil
	}
	_, err := w.Write(body)
	return err
}

// Forward gives the answer to w, all of its header included. One that was too long has gone
// to the recorder's writer already. The error is that of the connection.
func (r *Recorder) Forward(w http.ResponseWriter) error {
	if r.over {
		return nil
	}
	r.WriteHeader(http.StatusOK)
	return r.forward(w, r.body)
}

// Status returns the status that the handler set, 0 if it has written nothing.
func (r *Recorder) Status() int { return r.status }

// TooLong tells whether the answer was longer than the limit, so that there is no Reply.
func (r *Recorder) TooLong() bool { return r.over }

// Reply returns the answer; a handler that wrote nothing answered 200. Left out are the
// fields of one connection or one exchange: hop-by-hop fields (RFC 9110 §7.6.1) and those
// that Connection names, Date, Age, Server-Timing, X-Request-Id and Cache-Status.
func (r *Recorder) Reply() Reply {
	r.WriteHeader(http.StatusOK)
	var drop []string
	for _, line := range r.sent["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			drop = append(drop, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	fields := make([]Field, 0, len(r.sent))
	for name, values := range r.sent {
		if passing(name) || slices.Contains(drop, name) {
			continue
		}
		for _, v := range values {
			fields = append(fields, Field{name, v})
		}
	}
	slices.SortStableFunc(fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	return Reply{Status: r.status, Fields: fields, Body: r.body}
}

// passing tells whether a field says nothing about a later exchange.
func passing(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"Date", "Age", "Server-Timing", "X-Request-Id", "Cache-Status":
		return true
	}
	return strings.HasPrefix(name, "Proxy-Auth") || strings.HasPrefix(name, http.TrailerPrefix)
}
