// Package primitive answers under /x/ with one simple behaviour per path: at once, after
// a time, with so many bytes, with a status, with what was sent, or with a freeze. They
// are what a measurement can be held against, because what they do is known in advance.
// It models no service, holds no state between requests and opens no port.
package primitive

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"plimsoll/targets/alarm"
)

// Limits on what a request may ask for, so that no request holds the host down.
const (
	MaxBytes = 64 << 20    // longest answer of bytes
	MaxEcho  = 8 << 20     // longest body that echo sends back
	MaxPause = time.Minute // longest time any path waits

	MaxEvents = 10_000 // most events of one stream
)

const text = "text/plain; charset=utf-8"

// primitives is the state behind the paths.
type primitives struct {
	started time.Time // stalls are counted from here
	alarm   alarm.Alarm
	await   Await
}

// Await lets others run while a handler waits. Its error is that of wait.
type Await func(ctx context.Context, wait func(context.Context) error) error

// Routes returns the handlers of the paths by their patterns, as http.ServeMux reads them:
//
//	/x/ok                       answers ok at once
//	/x/io?ms=5                  waits, as for a disk or another service, without using the processor
//	/x/bytes/{n}                answers with n bytes
//	/x/status/{code}            answers with the status, 200 … 599
//	/x/echo                     answers with the body and its type
//	/x/stall?every_s=10&for_s=1 freezes: of every ten seconds since Routes was called, the last
//	/x/sse?n=10&every_ms=100    sends n server-sent events, one at a time
//
// A parameter that is wrong or past its limit is answered with 400 and the reason. What io
// and sse wait for they await, unless await is nil; a freeze is one of the handler too.
func Routes(await Await) map[string]http.Handler {
	if await == nil {
		await = func(ctx context.Context, wait func(context.Context) error) error { return wait(ctx) }
	}
	p := &primitives{started: time.Now(), await: await}
	routes := map[string]http.Handler{}
	for pattern, answer := range map[string]func(http.ResponseWriter, *http.Request) error{
		"/x/ok":            p.ok,
		"/x/io":            p.io,
		"/x/bytes/{n}":     p.bytes,
		"/x/status/{code}": p.status,
		"/x/echo":          p.echo,
		"/x/stall":         p.stall,
		"/x/sse":           p.sse,
	} {
		routes[pattern] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := answer(w, r); err != nil {
				http.Error(w, r.URL.Path+": "+err.Error(), http.StatusBadRequest)
			}
		})
	}
	return routes
}

func (p *primitives) ok(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", text)
	io.WriteString(w, "ok\n") //nolint:errcheck // the client is gone; there is nobody to tell
	return nil
}

func (p *primitives) io(w http.ResponseWriter, r *http.Request) error {
	d, err := Span(r, "ms", 10, time.Millisecond)
	if err != nil {
		return err
	}
	p.wait(r, d)
	return p.ok(w, r)
}

// wait ends early when the client is gone, who gets no answer either way.
func (p *primitives) wait(r *http.Request, d time.Duration) {
	p.await(r.Context(), func(ctx context.Context) error { return p.alarm.Wait(ctx, d) }) //nolint:errcheck // the context says it
}

func (p *primitives) stall(w http.ResponseWriter, r *http.Request) error {
	every, err := Span(r, "every_s", 10, time.Second)
	if err != nil {
		return err
	}
	frozen, err := Span(r, "for_s", 1, time.Second)
	if err != nil {
		return err
	}
	if frozen >= every {
		return fmt.Errorf("for_s has to be less than every_s")
	}
	if at := time.Since(p.started) % every; at >= every-frozen {
		p.alarm.Wait(r.Context(), every-at) //nolint:errcheck // a client that is gone gets no answer either way
	}
	return p.ok(w, r)
}

func (p *primitives) bytes(w http.ResponseWriter, r *http.Request) error {
	n, err := number(r.PathValue("n"), 0, MaxBytes)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(n))
	var block [4096]byte
	for i := range block {
		block[i] = 'x'
	}
	for n > 0 && err == nil {
		var sent int
		sent, err = w.Write(block[:min(n, len(block))])
		n -= sent
	}
	return nil
}

func (p *primitives) status(w http.ResponseWriter, r *http.Request) error {
	code, err := number(r.PathValue("code"), 200, 599)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", text)
	w.WriteHeader(code)
	if code != http.StatusNoContent && code != http.StatusNotModified {
		fmt.Fprintf(w, "%d %s\n", code, http.StatusText(code))
	}
	return nil
}

// echo reads all before it answers: a client that sends all before it reads would wait
// for ever on one that did both at once.
func (p *primitives) echo(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxEcho))
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if kind := r.Header.Get("Content-Type"); kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) //nolint:errcheck // the client is gone; there is nobody to tell
	return nil
}

// sse sends events until all are sent or the client has gone.
func (p *primitives) sse(w http.ResponseWriter, r *http.Request) error {
	count := 10
	if s := r.URL.Query().Get("n"); s != "" {
		var err error
		if count, err = number(s, 1, MaxEvents); err != nil {
			return fmt.Errorf("n: %w", err)
		}
	}
	every, err := Span(r, "every_ms", 100, time.Millisecond)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	p.tick(w, r, count, every)
	return nil
}

// tick sends so many events until the client is gone.
func (p *primitives) tick(w http.ResponseWriter, r *http.Request, count int, every time.Duration) {
	out := http.NewResponseController(w)
	for i := range count {
		if i > 0 {
			p.wait(r, every)
		}
		if r.Context().Err() != nil {
			return
		}
		fmt.Fprintf(w, "id: %d\ndata: tick\n\n", i)
		out.Flush() //nolint:errcheck // one that cannot flush sends later
	}
}

// Span reads a parameter that is a time in the given unit, fractions allowed.
func Span(r *http.Request, name string, otherwise float64, unit time.Duration) (time.Duration, error) {
	value := otherwise
	if s := r.URL.Query().Get(name); s != "" {
		var err error
		if value, err = strconv.ParseFloat(s, 64); err != nil {
			return 0, fmt.Errorf("%s=%q is not a number", name, s)
		}
	}
	most := float64(MaxPause) / float64(unit)
	if !(value >= 0 && value <= most) { // also refuses NaN
		return 0, fmt.Errorf("%s=%v is not between 0 and %v", name, value, most)
	}
	return time.Duration(value * float64(unit)), nil
}

func number(s string, least, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	if n < least || n > most {
		return 0, fmt.Errorf("%d is not between %d and %d", n, least, most)
	}
	return n, nil
}
