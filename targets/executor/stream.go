package executor

import (
	"context"
	"io"
	"net/http"
)

// buffered is how much net/http keeps of an answer before it writes to the connection.
const buffered = 4 << 10

// writer is an answer that does not hold the loop while a slow client takes it in.
type writer struct {
	http.ResponseWriter
	ctx context.Context //nolint:containedctx // it lives as long as the request, and finds its turn
}

// Write writes as ever, and awaits the end of what does not fit into the buffer.
func (w *writer) Write(p []byte) (n int, err error) {
	if len(p) < buffered {
		return w.ResponseWriter.Write(p)
	}
	err = Await(w.ctx, func(context.Context) error {
		n, err = w.ResponseWriter.Write(p)
		return err
	})
	return n, err
}

// Flush sends what is buffered, if the answer underneath can do that.
func (w *writer) Flush() {
	Await(w.ctx, func(context.Context) error { //nolint:errcheck // a Flusher has no way to tell
		return http.NewResponseController(w.ResponseWriter).Flush()
	})
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// body is a request's body that does not hold the loop while a slow client sends it.
type body struct {
	io.ReadCloser
	ctx context.Context //nolint:containedctx // it lives as long as the request, and finds its turn
}

// Read awaits some bytes.
func (b *body) Read(p []byte) (n int, err error) {
	err = Await(b.ctx, func(context.Context) error {
		n, err = b.ReadCloser.Read(p)
		return err
	})
	return n, err
}
