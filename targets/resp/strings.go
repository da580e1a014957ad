package resp

import (
	"math"
	"strconv"

	"github.com/tidwall/redcon"
)

func getCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.read(args[1], aString)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendNull(out)
	}
	return redcon.AppendBulkString(out, e.text)
}

// setOptions are those of SET.
type setOptions struct {
	nx, xx, get, keep bool
	at                int64 // when it expires in milliseconds; 0: never
}

// readSetOptions reads the options of SET; problem is the error to answer, if any. As with
// Redis, whether the words are in order comes before whether the time is one.
func readSetOptions(args [][]byte, now int64) (o setOptions, problem string) {
	var when []byte
	var unit int64
	var relative bool
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case is(a, "NX"):
			o.nx = true
		case is(a, "XX"):
			o.xx = true
		case is(a, "GET"):
			o.get = true
		case is(a, "KEEPTTL"):
			o.keep = true
		case when == nil && i+1 < len(args) && timeOption(a, &unit, &relative):
			i++
			when = args[i]
		default:
			return o, errSyntax
		}
	}
	if o.nx && o.xx || o.keep && when != nil {
		return o, errSyntax
	}
	if when != nil {
		o.at, problem = lifetime(when, unit, relative, now, "set")
	}
	return o, problem
}

// timeOption reads the name of an option that is followed by a time.
func timeOption(name []byte, unit *int64, relative *bool) bool {
	switch {
	case is(name, "EX"):
		*unit, *relative = inSeconds, fromNow
	case is(name, "PX"):
		*unit, *relative = inMilliseconds, fromNow
	case is(name, "EXAT"):
		*unit, *relative = inSeconds, atTime
	case is(name, "PXAT"):
		*unit, *relative = inMilliseconds, atTime
	default:
		return false
	}
	return true
}

// lifetime reads when a new value expires, which has to be a time above 0.
func lifetime(arg []byte, unit int64, relative bool, now int64, command string) (at int64, problem string) {
	n, ok := integer(arg)
	if !ok {
		return 0, errNotInteger
	}
	at, ok = moment(n, unit, relative, now)
	if n <= 0 || !ok {
		return 0, "ERR invalid expire time in '" + command + "' command"
	}
	return at, ""
}

func setCommand(t *Tx, out []byte, args [][]byte) []byte {
	o, problem := readSetOptions(args[3:], t.now)
	if problem != "" {
		return fail(out, problem)
	}
	e := t.data.look(args[1], t.now)
	if o.get && e != nil && e.kind != aString {
		return fail(out, errWrongType)
	}
	refused := o.nx && e != nil || o.xx && e == nil
	switch {
	case o.get && e != nil:
		out = redcon.AppendBulkString(out, e.text)
	case o.get, refused:
		out = redcon.AppendNull(out)
	default:
		out = redcon.AppendOK(out)
	}
	if !refused {
		t.store(args[1], args[2], o)
	}
	return out
}

// store sets the text of a key, and when it expires.
func (t *Tx) store(key, text []byte, o setOptions) {
	e := t.set(key, string(text))
	if !o.keep {
		t.data.expireAt(e, o.at)
	}
}

func setnxCommand(t *Tx, out []byte, args [][]byte) []byte {
	if t.data.look(args[1], t.now) != nil {
		return redcon.AppendInt(out, 0)
	}
	t.store(args[1], args[2], setOptions{})
	return redcon.AppendInt(out, 1)
}

func setexCommand(unit int64) func(*Tx, []byte, [][]byte) []byte {
	return func(t *Tx, out []byte, args [][]byte) []byte {
		at, problem := lifetime(args[2], unit, fromNow, t.now, lower(args[0]))
		if problem != "" {
			return fail(out, problem)
		}
		t.store(args[1], args[3], setOptions{at: at})
		return redcon.AppendOK(out)
	}
}

func getsetCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.read(args[1], aString)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		out = redcon.AppendNull(out)
	default:
		out = redcon.AppendBulkString(out, e.text)
	}
	t.store(args[1], args[2], setOptions{})
	return out
}

func getdelCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.read(args[1], aString)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendNull(out)
	}
	out = redcon.AppendBulkString(out, e.text)
	t.data.remove(e)
	return out
}

func mgetCommand(t *Tx, out []byte, args [][]byte) []byte {
	out = redcon.AppendArray(out, len(args)-1)
	for _, key := range args[1:] {
		if e, _ := t.read(key, aString); e != nil {
			out = redcon.AppendBulkString(out, e.text)
		} else {
			out = redcon.AppendNull(out)
		}
	}
	return out
}

func msetCommand(t *Tx, out []byte, args [][]byte) []byte {
	if len(args)%2 == 0 {
		return fail(out, arityError("mset"))
	}
	for pair := args[1:]; len(pair) > 0; pair = pair[2:] {
		t.store(pair[0], pair[1], setOptions{})
	}
	return redcon.AppendOK(out)
}

func appendCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.writeOrAdd(args[1], aString)
	if wrong {
		return fail(out, errWrongType)
	}
	t.rewrite(e, e.text+string(args[2]))
	return redcon.AppendInt(out, int64(len(e.text)))
}

func strlenCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.read(args[1], aString)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendInt(out, 0)
	}
	return redcon.AppendInt(out, int64(len(e.text)))
}

// countCommand is INCR and DECR.
func countCommand(by int64) func(*Tx, []byte, [][]byte) []byte {
	return func(t *Tx, out []byte, args [][]byte) []byte { return t.count(out, args[1], by) }
}

// countByCommand is INCRBY and DECRBY.
func countByCommand(sign int64) func(*Tx, []byte, [][]byte) []byte {
	return func(t *Tx, out []byte, args [][]byte) []byte {
		by, ok := integer(args[2])
		switch {
		case !ok:
			return fail(out, errNotInteger)
		case sign < 0 && by == math.MinInt64:
			return fail(out, "ERR decrement would overflow")
		}
		return t.count(out, args[1], sign*by)
	}
}

// count adds to the number that a key holds, 0 if there is none.
func (t *Tx) count(out, key []byte, by int64) []byte {
	e, wrong := t.write(key, aString)
	if wrong {
		return fail(out, errWrongType)
	}
	n := int64(0)
	if e != nil {
		var ok bool
		if n, ok = integer([]byte(e.text)); !ok {
			return fail(out, errNotInteger)
		}
	}
	if overflows(n, by) {
		return fail(out, errOverflow)
	}
	t.set(key, strconv.FormatInt(n+by, 10))
	return redcon.AppendInt(out, n+by)
}

func overflows(n, by int64) bool {
	return by > 0 && n > math.MaxInt64-by || by < 0 && n < math.MinInt64-by
}
