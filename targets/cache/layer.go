package cache

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"plimsoll/targets/middleware"
	"plimsoll/targets/reply"
)

// Layer caches whole answers of a route: those to GET and HEAD with status 200, and with
// negative_ttl also 404 and 410. It never keeps answers to a request with Authorization,
// Range or a body, nor those that have Set-Cookie, say no-store, private or no-cache, vary
// by what is not in the key, or are longer than max_body; who waited for such an answer
// gets one of its own. It adds Cache-Status, Age, and an ETag if there is none, and answers
// conditional requests. 500, 502, 503 and 504 are failures of the origin, which
// stale-if-error bridges. An unsafe request that succeeds removes what is kept of its URL.
func (c *Cache) Layer(p Policy) middleware.Middleware {
	return func(next http.Handler) http.Handler {
		return &layer{cache: c, policy: p, next: next}
	}
}

// defaultMaxBody is max_body of a Policy that has none.
const defaultMaxBody = 1 << 20

type layer struct {
	cache  *Cache
	policy Policy
	next   http.Handler
}

func (l *layer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, p := l.cache, &l.policy
	s := c.setup.Load()
	if s.off(p) {
		l.next.ServeHTTP(w, r)
		return
	}
	if why := bypass(r); why != "" {
		l.pass(w, r, hop{fwd: why})
		return
	}
	key, now := p.Key(r), time.Now()
	if e, ok := c.passes.get(key); ok && e.Age(now) < e.TTL {
		l.pass(w, r, hop{fwd: fwdBypass, detail: "pass"})
		return
	}
	if e, v := c.look(s, key, p, now); v == usable {
		l.write(w, r, e, Status{l1: hitOf(e, now)}, now)
	} else {
		l.slow(w, r, s, key, e, v)
	}
}

// slow is apart from ServeHTTP so that a hit does not pay for the closure.
func (l *layer) slow(w http.ResponseWriter, r *http.Request, s *setup, key string, e *Entry, v verdict) {
	a := l.cache.serve(r.Context(), s, v, errand{key: key, policy: l.policy, old: e, load: func(ctx context.Context) (loaded, error) {
		return l.record(r.WithContext(ctx), key)
	}})
	var fail *failure
	var panicked *PanicError
	switch {
	case a.err == nil && a.alone && (!a.led || a.entry.Body == nil):
		say(w.Header(), &a.status)
		l.next.ServeHTTP(w, r)
	case a.err == nil:
		l.write(w, r, &a.entry, a.status, time.Now())
	case errors.As(a.err, &fail) && a.led:
		say(w.Header(), &a.status)
		fail.reply.Write(w) //nolint:errcheck // the client is gone; there is nobody to tell
	case errors.As(a.err, &fail):
		say(w.Header(), &a.status)
		middleware.Problem{
			Status: fail.reply.Status, Detail: "the request that this one waited for failed", RetryAfter: fail.retryAfter(),
		}.Write(w, r)
	case errors.As(a.err, &panicked) && a.led:
		panic(panicked.Value) // whoever recovers outside sees what it would without a cache
	case errors.Is(r.Context().Err(), context.DeadlineExceeded):
		say(w.Header(), &a.status)
		middleware.Problem{Status: http.StatusGatewayTimeout, Detail: "the deadline has passed"}.Write(w, r)
	case r.Context().Err() != nil:
		w.WriteHeader(statusClientGone)
	default:
		say(w.Header(), &a.status)
		status := http.StatusBadGateway
		if panicked != nil {
			status = http.StatusInternalServerError
		}
		middleware.Problem{Status: status, Detail: "the request that this one waited for came to nothing"}.Write(w, r)
	}
}

// statusClientGone is what logs and counts show of a request whose client left; nobody
// reads it (the convention of nginx).
const statusClientGone = 499

// pass lets a request go by the cache.
func (l *layer) pass(w http.ResponseWriter, r *http.Request, why hop) {
	c := l.cache
	c.counters.bypassed.Add(1)
	s := c.setup.Load()
	st := Status{l1: why, l2: why}
	st.l1.on, st.l2.on = s.l1 != nil, s.l2 != nil
	say(w.Header(), &st)
	if why.fwd != fwdMethod || r.Method == http.MethodOptions || r.Method == http.MethodTrace {
		l.next.ServeHTTP(w, r)
		return
	}
	seen := &watcher{ResponseWriter: w}
	l.next.ServeHTTP(seen, r)
	if seen.status < 400 { // RFC 9111 §4.4
		get, head := l.policy.keyOf(r, http.MethodGet), l.policy.keyOf(r, http.MethodHead)
		c.Delete(context.WithoutCancel(r.Context()), get, head) //nolint:errcheck // it is counted, and there is nobody to tell
	}
}

// bypass returns why the cache does not handle a request, "" if it does.
func bypass(r *http.Request) string {
	h := r.Header
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return fwdMethod
	}
	if h["Authorization"] != nil || h["Range"] != nil || h["Upgrade"] != nil || r.ContentLength != 0 {
		return fwdBypass
	}
	for _, line := range h["Cache-Control"] {
		if says(line, "no-store") || says(line, "no-cache") || says(line, "max-age=0") {
			return fwdRequest
		}
	}
	return ""
}

// says tells whether a Cache-Control field has the directive, with or without an argument.
func says(field, directive string) bool {
	for part := range strings.SplitSeq(field, ",") {
		part = strings.TrimSpace(part)
		if len(part) >= len(directive) && strings.EqualFold(part[:len(directive)], directive) &&
			(len(part) == len(directive) || part[len(directive)] == '=') {
			return true
		}
	}
	return false
}

// failure is an answer that says that the origin failed.
type failure struct{ reply reply.Reply }

// Error says with which status it failed.
func (f *failure) Error() string { return fmt.Sprintf("the origin answered %d", f.reply.Status) }

func (f *failure) retryAfter() time.Duration {
	s, err := strconv.ParseUint(f.reply.Get("Retry-After"), 10, 20)
	if err != nil {
		return 0
	}
	return time.Duration(s) * time.Second //nolint:gosec // of 20 bits
}

// record runs the handler and decides about its answer. The handler sees no conditions:
// it is to answer in full.
func (l *layer) record(r *http.Request, key string) (loaded, error) {
	r.Header = maps.Clone(r.Header)
	for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
		delete(r.Header, name)
	}
	limit := l.policy.MaxBody
	if limit == 0 {
		limit = defaultMaxBody
	}
	rec := reply.NewRecorder(int(limit), nil)
	l.next.ServeHTTP(rec, r)
	if rec.TooLong() {
		return l.notKept(key, nil), nil
	}
	if rec.Status() == 0 && r.Context().Err() != nil {
		return loaded{}, context.Cause(r.Context())
	}
	answer := rec.Reply()
	switch answer.Status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return loaded{}, &failure{answer}
	}
	if !l.keeps(r, &answer) {
		return l.notKept(key, answer.Append(nil)), nil
	}
	if answer.Get("Etag") == "" && r.Method == http.MethodGet {
		sum := sha256.Sum256(answer.Body)
		answer.Set("Etag", `"`+base64.RawURLEncoding.EncodeToString(sum[:16])+`"`)
	}
	return loaded{body: answer.Append(nil), negative: answer.Status != http.StatusOK}, nil
}

// notKept remembers for a ttl that answers to the key cannot be kept, so that requests do
// not wait for each other in vain.
func (l *layer) notKept(key string, body []byte) loaded {
	l.cache.passes.set(key, &Entry{Stored: time.Now(), TTL: l.policy.TTL})
	return loaded{body: body, alone: true}
}

// keeps tells whether an answer may be kept.
func (l *layer) keeps(r *http.Request, answer *reply.Reply) bool {
	switch answer.Status {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		if l.policy.Negative == 0 {
			return false
		}
	default:
		return false
	}
	for _, f := range answer.Fields {
		switch f.Name {
		case "Set-Cookie":
			return false
		case "Cache-Control":
			if says(f.Value, "no-store") || says(f.Value, "private") || says(f.Value, "no-cache") {
				return false
			}
		case "Vary":
			if !l.policy.covers(f.Value) {
				return false
			}
		case "Content-Length": // less than it said: the answer is cut short
			if r.Method == http.MethodGet && f.Value != strconv.Itoa(len(answer.Body)) {
				return false
			}
		}
	}
	return true
}

// write answers with an entry.
func (l *layer) write(w http.ResponseWriter, r *http.Request, e *Entry, st Status, now time.Time) {
	middleware.From(r.Context()).Timing.Say("cache", st.word())
	h := w.Header()
	answer, err := reply.Parse(e.Body)
	if err != nil { // another version's, by way of l2
		l.next.ServeHTTP(w, r)
		return
	}
	if st.Hit() || st.Stale() {
		h["Age"] = []string{strconv.FormatInt(int64(e.Age(now)/time.Second), 10)}
	}
	say(h, &st)
	if answer.Status == http.StatusOK {
		modified, _ := http.ParseTime(answer.Get("Last-Modified")) // or zero
		if code := Precondition(r, answer.Get("Etag"), modified); code != 0 {
			l.unmodified(w, r, &answer, code)
			return
		}
	}
	answer.Write(w) //nolint:errcheck // the client is gone; there is nobody to tell
}

// unmodified answers 304 with the fields that it needs (RFC 9110 §15.4.5), or 412.
func (l *layer) unmodified(w http.ResponseWriter, r *http.Request, answer *reply.Reply, code int) {
	if code != http.StatusNotModified {
		middleware.Problem{Status: code}.Write(w, r)
		return
	}
	l.cache.counters.notModified.Add(1)
	for _, f := range answer.Fields {
		switch f.Name {
		case "Cache-Control", "Content-Location", "Etag", "Expires", "Vary":
			w.Header().Add(f.Name, f.Value)
		}
	}
	w.WriteHeader(code)
}

// say appends to Cache-Status.
func say(h http.Header, st *Status) {
	if st.l1.on || st.l2.on {
		h["Cache-Status"] = append(h["Cache-Status"], st.String())
	}
}

// watcher remembers the status that goes by.
type watcher struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the first final status.
func (w *watcher) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find what the writer can do.
func (w *watcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }
