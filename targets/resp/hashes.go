package resp

import (
	"strconv"

	"github.com/tidwall/redcon"
)

// put sets a field of a hash and tells whether it is new.
func (t *Tx) put(e *entry, field, value string) (isNew bool) {
	old, had := e.hash[field]
	if !had {
		t.data.grow(e, int64(len(field))+2*elementBytes)
	}
	t.data.grow(e, int64(len(value)-len(old)))
	e.hash[field] = value
	return !had
}

func hsetCommand(t *Tx, out []byte, args [][]byte) []byte {
	if len(args)%2 != 0 {
		return fail(out, arityError("hset"))
	}
	e, wrong := t.writeOrAdd(args[1], aHash)
	if wrong {
		return fail(out, errWrongType)
	}
	added := 0
	for pair := args[2:]; len(pair) > 0; pair = pair[2:] {
		if t.put(e, string(pair[0]), string(pair[1])) {
			added++
		}
	}
	t.settle(e)
	return redcon.AppendInt(out, int64(added))
}

func hsetnxCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.writeOrAdd(args[1], aHash)
	if wrong {
		return fail(out, errWrongType)
	}
	if _, had := e.hash[string(args[2])]; had {
		return redcon.AppendInt(out, 0)
	}
	t.put(e, string(args[2]), string(args[3]))
	t.settle(e)
	return redcon.AppendInt(out, 1)
}

func hgetCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.read(args[1], aHash)
	if wrong {
		return fail(out, errWrongType)
	}
	return appendField(out, e, args[2])
}

// appendField appends a field's value, null if there is no entry or no field.
func appendField(out []byte, e *entry, field []byte) []byte {
	if e != nil {
		if value, ok := e.hash[string(field)]; ok {
			return redcon.AppendBulkString(out, value)
		}
	}
	return redcon.AppendNull(out)
}

func hmgetCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.read(args[1], aHash)
	if wrong {
		return fail(out, errWrongType)
	}
	out = redcon.AppendArray(out, len(args)-2)
	for _, field := range args[2:] {
		out = appendField(out, e, field)
	}
	return out
}

// hgetallCommand answers in the order of the fields, so that answers do not differ from run to run.
func hgetallCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.read(args[1], aHash)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendArray(out, 0)
	}
	out = redcon.AppendArray(out, 2*len(e.hash))
	for _, field := range sorted(e.hash) {
		out = redcon.AppendBulkString(out, field)
		out = redcon.AppendBulkString(out, e.hash[field])
	}
	return out
}

func hexistsCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.read(args[1], aHash)
	if wrong {
		return fail(out, errWrongType)
	}
	had := false
	if e != nil {
		_, had = e.hash[string(args[2])]
	}
	return appendBool(out, had)
}

func hincrbyCommand(t *Tx, out []byte, args [][]byte) []byte {
	by, ok := integer(args[3])
	if !ok {
		return fail(out, errNotInteger)
	}
	e, wrong := t.write(args[1], aHash)
	if wrong {
		return fail(out, errWrongType)
	}
	n := int64(0)
	if e != nil {
		if old, had := e.hash[string(args[2])]; had {
			if n, ok = integer([]byte(old)); !ok {
				return fail(out, errHashInteger)
			}
		}
	}
	if overflows(n, by) {
		return fail(out, errOverflow)
	}
	if e == nil {
		e = t.data.add(args[1], aHash)
	}
	t.put(e, string(args[2]), strconv.FormatInt(n+by, 10))
	t.settle(e)
	return redcon.AppendInt(out, n+by)
}

func hdelCommand(t *Tx, out []byte, args [][]byte) []byte {
	e, wrong := t.write(args[1], aHash)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendInt(out, 0)
	}
	gone := 0
	for _, field := range args[2:] {
		value, had := e.hash[string(field)]
		if !had {
			continue
		}
		delete(e.hash, string(field))
		t.data.grow(e, -int64(len(field)+len(value))-2*elementBytes)
		gone++
	}
	if gone > 0 {
		t.settle(e)
	}
	return redcon.AppendInt(out, int64(gone))
}
