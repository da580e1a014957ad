// Package idempotency carries out a request once however often it is sent: the layer for
// the Idempotency-Key field (draft-ietf-httpapi-idempotency-key-header-07). The first
// request with a key is carried out and its answer kept; a repetition gets the same answer
// again, 409 while the first is under way, and 422 if it is another request. Answers that
// ask to be tried again are not kept. A key belongs to one client. The package does not
// undo what a handler has done before its worker died: after the lease the request is
// carried out again.
package idempotency

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"plimsoll/targets/middleware"
	"plimsoll/targets/reply"
)

// Guard holds what is known of keys, for any number of routes.
type Guard struct {
	client   Client
	memory   *memory
	setup    atomic.Pointer[setup]
	counters counters
}

type setup struct {
	cfg   Config
	store store
}

// New returns a guard. Without a client answers are kept in memory, whatever the settings
// say.
func New(cfg Config, client Client) *Guard {
	g := &Guard{client: client, memory: newMemory()}
	g.Configure(cfg)
	return g
}

// Configure changes the settings under load. A request under way ends in the store that it
// began in; another store does not know of what the one before holds.
func (g *Guard) Configure(cfg Config) {
	g.memory.configure(cfg)
	s := &setup{cfg: cfg, store: g.memory}
	if cfg.Store == "redis" && g.client != nil {
		s.store = &shared{client: g.client, cfg: cfg}
	}
	g.setup.Store(s)
}

// Layer guards POST and PATCH requests of a route.
func (g *Guard) Layer() middleware.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := g.setup.Load()
			if !s.cfg.Enabled || r.Method != http.MethodPost && r.Method != http.MethodPatch {
				next.ServeHTTP(w, r)
				return
			}
			g.serve(s, next, w, r)
		})
	}
}

func (g *Guard) serve(s *setup, next http.Handler, w http.ResponseWriter, r *http.Request) {
	lines := r.Header["Idempotency-Key"]
	if len(lines) == 0 {
		if s.cfg.Required {
			g.counters.missing.Add(1)
			refuse(w, r, http.StatusBadRequest, "Idempotency-Key is missing")
			return
		}
		next.ServeHTTP(w, r)
		return
	}
	key, err := parseKey(lines, s.cfg.Mode == "strict")
	if err != nil {
		g.counters.invalid.Add(1)
		refuse(w, r, http.StatusBadRequest, "Idempotency-Key: "+err.Error())
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.cfg.MaxBody)))
	if err != nil {
		g.counters.invalid.Add(1)
		status := http.StatusBadRequest
		if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, r, status, "read the body: "+err.Error())
		return
	}
	ctx := r.Context()
	r = r.WithContext(ctx) // a copy: the caller's keeps its body
	r.Body = io.NopCloser(bytes.NewReader(body))
	p := fingerprint(r, body)
	c, known, err := s.store.claim(ctx, identify(r, key), p)
	switch {
	case err != nil && ctx.Err() != nil: // the client is gone
	case err != nil:
		g.unknown(s, next, w, r)
	case c != nil:
		g.execute(s, next, w, r, c)
	default:
		g.repeat(w, r, &known, p)
	}
}

// unknown answers while the store fails.
func (g *Guard) unknown(s *setup, next http.Handler, w http.ResponseWriter, r *http.Request) {
	g.counters.storeErrors.Add(1)
	if s.cfg.OnError == "open" {
		next.ServeHTTP(w, r)
		return
	}
	middleware.Problem{
		Type: middleware.ReducedCapacity, Status: http.StatusServiceUnavailable, RetryAfter: time.Second,
		Detail: "it cannot be told whether this request was carried out before",
	}.Write(w, r)
}

// repeat answers a request whose key is known.
func (g *Guard) repeat(w http.ResponseWriter, r *http.Request, known *record, p imprint) {
	switch {
	case known.print != p:
		g.counters.mismatched.Add(1)
		refuse(w, r, http.StatusUnprocessableEntity, "Idempotency-Key was used for another request")
		return
	case known.state == claimed:
		g.counters.conflicts.Add(1)
		middleware.Problem{
			Status: http.StatusConflict, RetryAfter: time.Second, Detail: "the request with this Idempotency-Key is under way",
		}.Write(w, r)
		return
	case known.state == unkept:
		g.counters.conflicts.Add(1)
		refuse(w, r, http.StatusConflict, "the request was carried out, but its answer was too long to keep")
		return
	}
	answer, err := known.answer()
	if err != nil {
		g.counters.storeErrors.Add(1)
		refuse(w, r, http.StatusConflict, "the request was carried out, but its answer is lost")
		return
	}
	g.counters.replayed.Add(1)
	w.Header()["Idempotent-Replayed"] = []string{"true"}
	answer.Write(w) //nolint:errcheck // the client is gone; there is nobody to tell
}

// execute carries out a request and keeps the answer before the client sees it.
func (g *Guard) execute(s *setup, next http.Handler, w http.ResponseWriter, r *http.Request, c *claim) {
	g.counters.executed.Add(1)
	settled := context.WithoutCancel(r.Context()) // whether or not the client is still there
	done := false
	defer func() {
		if !done { // it panicked, or there is nothing to keep
			g.counters.released.Add(1)
			g.note(s.store.release(settled, c))
		}
	}()
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Lease)
	defer cancel()
	rec := reply.NewRecorder(int(s.cfg.MaxBody), w)
	next.ServeHTTP(rec, r.WithContext(ctx))
	if rec.Status() == 0 && ctx.Err() != nil {
		refuse(w, r, http.StatusServiceUnavailable, "the request did not end in its time")
		return
	}
	known := record{state: unkept, print: c.print}
	if !rec.TooLong() {
		answer := rec.Reply()
		known.state, known.reply = finished, answer.Append(nil)
	}
	if !again(rec.Status()) {
		done = true
		g.note(s.store.finish(settled, c, known))
	}
	rec.Forward(w) //nolint:errcheck // the client is gone; there is nobody to tell
}

// again tells whether a status asks to send the request again: then nothing was carried
// out, or it is not known, and a repetition has to be.
func again(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

func (g *Guard) note(err error) {
	switch {
	case errors.Is(err, errLost):
		g.counters.lost.Add(1)
	case err != nil:
		g.counters.storeErrors.Add(1)
	}
}

func refuse(w http.ResponseWriter, r *http.Request, status int, detail string) {
	middleware.Problem{Status: status, Detail: detail}.Write(w, r)
}

// identify returns the name under which a key of a client is kept.
func identify(r *http.Request, key string) string {
	p := digest([]byte(middleware.From(r.Context()).Client), []byte(key))
	return string(p[:])
}

// fingerprint returns what the same request has the same: method, path and query, the type
// and bytes of the body, and, as the key is the client's, who asks.
func fingerprint(r *http.Request, body []byte) imprint {
	return digest([]byte(r.Method), []byte(r.URL.RequestURI()), []byte(r.Header.Get("Content-Type")), body)
}

// digest returns the SHA-256 of parts, each after its length.
func digest(parts ...[]byte) (p imprint) {
	h := sha256.New()
	var size [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	h.Sum(p[:0])
	return p
}
