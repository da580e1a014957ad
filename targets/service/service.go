// Package service is what the bounded contexts of the reference target have in common: a
// context has a name, an owner, a version and routes, and a handler may return an error,
// which becomes a problem document. The contexts themselves are the folders below; none
// imports another, and each says which dependencies it needs. Nothing here knows a
// database, a cache or another service.
package service

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"plimsoll/targets/middleware"
)

// Context is a bounded context: a part of the business with data, rules and an owner of its own.
type Context struct {
	Name    string
	Owner   string  // the team that answers for it
	Version string  // of its release
	Routes  []Route // every route has exactly one context
}

// Route is one endpoint.
type Route struct {
	Pattern string // as http.ServeMux reads it: "GET /v1/products/{id}"
	Handler Handler
	Shared  bool // answers alike for all clients, so that a cache may keep the answers
}

// Handler answers a request, or returns an error before it has written anything.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Problem is an error that knows how it looks to a client.
type Problem struct {
	Status int
	Detail string
	Err    error // why; may be nil, and is not shown
}

func (p *Problem) Error() string { return p.Detail }

func (p *Problem) Unwrap() error { return p.Err }

// Serve answers with h, and with a problem document if it fails. Refuse knows the errors
// of dependencies; one that it does not know is an internal error, without details.
func (h Handler) Serve(refuse func(error) (middleware.Problem, bool)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		if p, ok := errors.AsType[*Problem](err); ok {
			middleware.Problem{Status: p.Status, Detail: p.Detail}.Write(w, r)
			return
		}
		p, ok := refuse(err)
		if !ok {
			p = middleware.Problem{Status: http.StatusInternalServerError}
		}
		p.Write(w, r)
	})
}

// JSON answers with the value.
func JSON(w http.ResponseWriter, status int, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	Body(w, status, text)
	return nil
}

// Body answers with text that is JSON already.
func Body(w http.ResponseWriter, status int, text []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	w.Write(text) //nolint:errcheck // the client is gone; there is nobody to tell
}

// maxBody is the longest body of a request that is read.
const maxBody = 1 << 20

// Read reads the request's body as JSON into value. A body that is none, has unknown
// fields or is too long is a Problem with status 400 or 413.
func Read(w http.ResponseWriter, r *http.Request, value any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(value)
	if err == nil && d.Decode(&struct{}{}) != io.EOF {
		err = errors.New("there is more than one value")
	}
	if err == nil {
		return nil
	}
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: "the body is longer than 1 MiB"}
	}
	return &Problem{Status: http.StatusBadRequest, Detail: "the body is not the JSON expected: " + err.Error(), Err: err}
}

// Number reads a whole number from the path or the query: text, its name for the message,
// and its bounds. An empty text is otherwise.
func Number(text, name string, otherwise, least, most int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, &Problem{
			Status: http.StatusBadRequest,
			Detail: name + " is not a whole number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most),
		}
	}
	return n, nil
}
