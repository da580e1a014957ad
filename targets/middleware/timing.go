package middleware

import (
	"strconv"
	"time"
)

// Timing collects where the time of a request went, for the Server-Timing header (W3C
// Server Timing). The zero value is ready for use and allocates nothing.
type Timing struct {
	marks [8]mark
	used  int
}

type mark struct {
	name string
	span time.Duration
	desc string
}

// Add adds a span under a name: q (queueing), pool, svc (service), db, redis, a
// dependency's name. Spans of one name add up. Past eight names a further one is left out.
func (t *Timing) Add(name string, span time.Duration) {
	for i := range t.marks[:t.used] {
		if t.marks[i].name == name {
			t.marks[i].span += span
			return
		}
	}
	if t.used < len(t.marks) {
		t.marks[t.used] = mark{name: name, span: span}
		t.used++
	}
}

// Say adds a description without a span: cfg "v17", cache "hit". The text has to be an
// HTTP token.
func (t *Timing) Say(name, desc string) {
	t.Add(name, 0)
	for i := range t.marks[:t.used] {
		if t.marks[i].name == name {
			t.marks[i].desc = desc
		}
	}
}

// Of returns the span under the name, 0 if there is none.
func (t *Timing) Of(name string) time.Duration {
	for i := range t.marks[:t.used] {
		if t.marks[i].name == name {
			return t.marks[i].span
		}
	}
	return 0
}

// Append appends the header's value, "q;dur=1.2, db;dur=53, cfg;desc=v17", in milliseconds
// to three digits after the point.
func (t *Timing) Append(b []byte) []byte {
	for i, m := range t.marks[:t.used] {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, m.name...)
		if m.desc != "" {
			b = append(b, ";desc="...)
			b = append(b, m.desc...)
		}
		if m.span > 0 || m.desc == "" {
			b = append(b, ";dur="...)
			b = strconv.AppendFloat(b, float64(m.span.Microseconds())/1e3, 'f', -1, 64)
		}
	}
	return b
}
