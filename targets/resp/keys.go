package resp

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/tidwall/redcon"
)

// How long a command's number of time units is in milliseconds, and from when it counts.
const (
	inMilliseconds = 1
	inSeconds      = 1000

	fromNow = true
	atTime  = false
)

// sorted returns the keys of a map in order, so that answers do not differ from run to run.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func pingCommand(_ *Tx, out []byte, args [][]byte) []byte {
	switch len(args) {
	case 1:
		return redcon.AppendString(out, "PONG")
	case 2:
		return redcon.AppendBulk(out, args[1])
	}
	return fail(out, arityError("ping"))
}

func echoCommand(_ *Tx, out []byte, args [][]byte) []byte { return redcon.AppendBulk(out, args[1]) }

// timeCommand answers the seconds and microseconds, the same all through a script.
func timeCommand(t *Tx, out []byte, _ [][]byte) []byte {
	return appendAny(out, []string{strconv.FormatInt(t.micros/1e6, 10), strconv.FormatInt(t.micros%1e6, 10)})
}

func delCommand(t *Tx, out []byte, args [][]byte) []byte {
	n := 0
	for _, key := range args[1:] {
		if e := t.data.look(key, t.now); e != nil {
			t.data.remove(e)
			n++
		}
	}
	return redcon.AppendInt(out, int64(n))
}

func existsCommand(t *Tx, out []byte, args [][]byte) []byte {
	n := 0
	for _, key := range args[1:] {
		if t.data.look(key, t.now) != nil {
			n++
			t.data.counts.hits++
		} else {
			t.data.counts.misses++
		}
	}
	return redcon.AppendInt(out, int64(n))
}

func typeCommand(t *Tx, out []byte, args [][]byte) []byte {
	e := t.data.look(args[1], t.now)
	if e == nil {
		return redcon.AppendString(out, "none")
	}
	return redcon.AppendString(out, e.kind.String())
}

// expireCommand is EXPIRE and its like, with the options NX, XX, GT and LT.
func expireCommand(unit int64, relative bool) func(*Tx, []byte, [][]byte) []byte {
	return func(t *Tx, out []byte, args [][]byte) []byte {
		may, problem := expireOptions(args[3:])
		if problem != "" {
			return fail(out, problem)
		}
		n, ok := integer(args[2])
		if !ok {
			return fail(out, errNotInteger)
		}
		at, ok := moment(n, unit, relative, t.now)
		if !ok {
			return fail(out, "ERR invalid expire time in '"+lower(args[0])+"' command")
		}
		e := t.data.look(args[1], t.now)
		if e == nil || !may(e.expires, at) {
			return redcon.AppendInt(out, 0)
		}
		if at <= t.now {
			t.data.remove(e)
		} else {
			t.data.expireAt(e, at)
			t.data.changed(e.key)
		}
		return redcon.AppendInt(out, 1)
	}
}

// expireOptions reads when an expiry may be set, given the one there is (0: none) and the new.
func expireOptions(args [][]byte) (may func(old, at int64) bool, problem string) {
	var nx, xx, gt, lt bool
	for _, a := range args {
		switch {
		case is(a, "NX"):
			nx = true
		case is(a, "XX"):
			xx = true
		case is(a, "GT"):
			gt = true
		case is(a, "LT"):
			lt = true
		default:
			return nil, "ERR Unsupported option " + string(a)
		}
	}
	switch {
	case nx && (xx || gt || lt):
		return nil, "ERR NX and XX, GT or LT options at the same time are not compatible"
	case gt && lt:
		return nil, "ERR GT and LT options at the same time are not compatible"
	}
	return func(old, at int64) bool {
		switch {
		case nx:
			return old == 0
		case xx && old == 0, gt && (old == 0 || at <= old), lt && old != 0 && at >= old:
			return false
		}
		return true
	}, ""
}

// moment returns the time in milliseconds that a number of units stands for.
func moment(n, unit int64, relative bool, now int64) (at int64, ok bool) {
	if n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, false
	}
	at = n * unit
	if relative {
		if at > math.MaxInt64-now {
			return 0, false
		}
		at += now
	}
	return at, true
}

func lower(name []byte) string {
	b := make([]byte, len(name))
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[i] = c
	}
	return string(b)
}

// left returns the milliseconds that a key has left: -2 without a key, -1 without an expiry.
func (t *Tx) left(key []byte) int64 {
	e := t.data.look(key, t.now)
	switch {
	case e == nil:
		return -2
	case e.expires == 0:
		return -1
	}
	return e.expires - t.now
}

func ttlCommand(t *Tx, out []byte, args [][]byte) []byte {
	ms := t.left(args[1])
	if ms >= 0 {
		ms = (ms + 500) / 1000
	}
	return redcon.AppendInt(out, ms)
}

func pttlCommand(t *Tx, out []byte, args [][]byte) []byte {
	return redcon.AppendInt(out, t.left(args[1]))
}

func persistCommand(t *Tx, out []byte, args [][]byte) []byte {
	e := t.data.look(args[1], t.now)
	if e == nil || e.expires == 0 {
		return redcon.AppendInt(out, 0)
	}
	t.data.expireAt(e, 0)
	t.data.changed(e.key)
	return redcon.AppendInt(out, 1)
}

// matching returns the keys that match, in order.
func (t *Tx) matching(pattern string) []string {
	t.data.sweep(t.now, -1)
	var keys []string
	for _, key := range sorted(t.data.entries) {
		if glob(pattern, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func keysCommand(t *Tx, out []byte, args [][]byte) []byte {
	return appendAny(out, t.matching(string(args[1])))
}

// scanCommand answers every key at once, whatever COUNT hints: then no key can be missed.
func scanCommand(t *Tx, out []byte, args [][]byte) []byte {
	if _, ok := integer(args[1]); !ok {
		return fail(out, "ERR invalid cursor")
	}
	pattern, only := "*", ""
	for rest := args[2:]; len(rest) > 0; rest = rest[2:] {
		switch {
		case len(rest) < 2:
			return fail(out, errSyntax)
		case is(rest[0], "MATCH"):
			pattern = string(rest[1])
		case is(rest[0], "TYPE"):
			only = lower(rest[1])
		case is(rest[0], "COUNT"):
			n, ok := integer(rest[1])
			if !ok {
				return fail(out, errNotInteger)
			}
			if n < 1 {
				return fail(out, errSyntax)
			}
		default:
			return fail(out, errSyntax)
		}
	}
	keys := t.matching(pattern)
	if only != "" {
		keys = slices.DeleteFunc(keys, func(key string) bool { return t.data.entries[key].kind.String() != only })
	}
	return appendAny(out, []any{"0", keys})
}

func dbsizeCommand(t *Tx, out []byte, _ [][]byte) []byte {
	t.data.sweep(t.now, -1)
	return redcon.AppendInt(out, int64(len(t.data.entries)))
}

func flushCommand(t *Tx, out []byte, args [][]byte) []byte {
	if len(args) > 2 || len(args) == 2 && !is(args[1], "ASYNC") && !is(args[1], "SYNC") {
		return fail(out, errSyntax)
	}
	t.data.flush()
	return redcon.AppendOK(out)
}

// sizeCommand is HLEN, LLEN and ZCARD.
func sizeCommand(of kind) func(*Tx, []byte, [][]byte) []byte {
	return func(t *Tx, out []byte, args [][]byte) []byte {
		e, wrong := t.read(args[1], of)
		switch {
		case wrong:
			return fail(out, errWrongType)
		case e == nil:
			return redcon.AppendInt(out, 0)
		}
		return redcon.AppendInt(out, int64(e.size()))
	}
}
