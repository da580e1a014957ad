package fault

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// writer passes everything on; those that embed it do something to the body.
type writer struct{ http.ResponseWriter }

// Unwrap lets http.ResponseController reach the rest.
func (w writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is there for handlers that look for it without a controller.
func (w writer) Flush() {
	http.NewResponseController(w.ResponseWriter).Flush() //nolint:errcheck // a writer that cannot flush has nothing to flush
}

// slowed lets a body out at a rate until the fault ends.
type slowed struct {
	writer
	fault *live
	ctx   context.Context //nolint:containedctx // a writer lives as long as its request
}

// Write writes a twentieth of a second's worth at a time.
func (w *slowed) Write(b []byte) (int, error) {
	rate := w.fault.value.number
	chunk := max(int(min(rate/20, 1<<20)), 1)
	written := 0
	for len(b) > 0 {
		part := b[:min(chunk, len(b))]
		n, err := w.ResponseWriter.Write(part)
		written += n
		if err != nil {
			return written, err
		}
		w.Flush()
		if err := w.fault.wait(w.ctx, time.Duration(float64(n)/rate*float64(time.Second))); err != nil {
			return written, err
		}
		b = b[n:]
		select {
		case <-w.fault.done:
			chunk = max(len(b), 1) // the rest in one go
		default:
		}
	}
	return written, nil
}

// truncated lets the first bytes of a body through and swallows the rest.
type truncated struct {
	writer
	left int64
	over bool
}

func (w *truncated) Write(b []byte) (int, error) {
	kept := b[:min(int64(len(b)), w.left)]
	w.left -= int64(len(kept))
	w.over = w.over || len(kept) < len(b)
	if len(kept) == 0 {
		return len(b), nil
	}
	if n, err := w.ResponseWriter.Write(kept); err != nil {
		return n, err
	}
	return len(b), nil
}

// corrupted inverts bytes of a body at equal distances.
type corrupted struct {
	writer
	every int64
	at    int64 // how far it is to the next one
}

func (w *corrupted) Write(b []byte) (int, error) {
	if w.at >= int64(len(b)) {
		w.at -= int64(len(b))
		return w.ResponseWriter.Write(b)
	}
	wrong := slices.Clone(b)
	for ; w.at < int64(len(wrong)); w.at += w.every {
		wrong[w.at] = ^wrong[w.at]
	}
	w.at -= int64(len(wrong))
	return w.ResponseWriter.Write(wrong)
}
