// Package tally counts requests by route and by how they were answered, in memory that
// all workers share and that outlives the one that counts: what a worker had begun when
// it was killed is begun for ever. It takes no times and knows no client.
package tally

import (
	"fmt"
	"net/http"
	"strconv"

	"plimsoll/targets/middleware"
	"plimsoll/targets/shm"
)

// Count is what became of the requests of one route.
type Count struct {
	Begun    uint64            `json:"begun"`    // reached the route
	Answered map[string]uint64 `json:"answered"` // by status; "other" of one that is rare
	Aborted  uint64            `json:"aborted"`  // ended without an answer, by a panic or a fault
}

// Total returns how many were answered, whatever the status.
func (c Count) Total() (n uint64) {
	for _, answered := range c.Answered {
		n += answered
	}
	return n
}

// Less returns what was counted since earlier.
func (c Count) Less(earlier Count) Count {
	d := Count{Begun: c.Begun - earlier.Begun, Aborted: c.Aborted - earlier.Aborted, Answered: map[string]uint64{}}
	for status, n := range c.Answered {
		if since := n - earlier.Answered[status]; since > 0 {
			d.Answered[status] = since
		}
	}
	return d
}

// statuses are those with a counter of their own.
func statuses() []int {
	return []int{
		200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429,
		500, 501, 502, 503, 504,
	}
}

// PerRoute is how many counters the memory needs for each route.
const PerRoute = 27

const (
	begun   = "begun"
	aborted = "aborted"
	other   = "other"
)

// Route counts the requests of one route.
type Route struct {
	begun, aborted, other shm.Counter
	byStatus              [600]shm.Counter // other where there is none of its own
}

// Open returns the counts of a route, which all processes with this memory share.
func Open(memory *shm.Memory, route string) (*Route, error) {
	r := &Route{}
	var err error
	counter := func(what string) (c shm.Counter) {
		if err == nil {
			if c, err = memory.Counter(route + " " + what); err != nil {
				err = fmt.Errorf("count the requests of %s: %w", route, err)
			}
		}
		return c
	}
	r.begun, r.aborted, r.other = counter(begun), counter(aborted), counter(other)
	for status := range r.byStatus {
		r.byStatus[status] = r.other
	}
	for _, status := range statuses() {
		r.byStatus[status] = counter(strconv.Itoa(status))
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Count returns what was counted so far.
func (r *Route) Count() Count {
	c := Count{Begun: uint64(r.begun.Load()), Aborted: uint64(r.aborted.Load()), Answered: map[string]uint64{}}
	add := func(status string, n int64) {
		if n > 0 {
			c.Answered[status] = uint64(n)
		}
	}
	for _, status := range statuses() {
		add(strconv.Itoa(status), r.byStatus[status].Load())
	}
	add(other, r.other.Load())
	return c
}

// Layer counts each request of a handler.
func (r *Route) Layer() middleware.Middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			r.begun.Add(1)
			a := &answer{ResponseWriter: w, status: http.StatusOK}
			done := false
			defer func() {
				if !done { // a panic passes through
					r.aborted.Add(1)
				}
			}()
			next.ServeHTTP(a, q)
			done = true
			if a.hijacked {
				r.aborted.Add(1)
				return
			}
			r.of(a.status).Add(1)
		})
	}
}

func (r *Route) of(status int) shm.Counter {
	if status < 0 || status >= len(r.byStatus) {
		return r.other
	}
	return r.byStatus[status]
}
