package tally

import (
	"bufio"
	"net"
	"net/http"
)

// answer sees the status that a handler sets.
type answer struct {
	http.ResponseWriter
	status   int
	set      bool
	hijacked bool // the connection was taken over: there is no answer
}

// WriteHeader takes note of the first final status.
func (a *answer) WriteHeader(status int) {
	if !a.set && status >= http.StatusOK {
		a.status, a.set = status, true
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write takes note that the status is 200 if none was set.
func (a *answer) Write(b []byte) (int, error) {
	a.set = true
	return a.ResponseWriter.Write(b)
}

// Hijack lets a fault take over the connection.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	a.hijacked = err == nil
	return conn, rw, err
}

// Unwrap lets http.ResponseController reach the rest.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
