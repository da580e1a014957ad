package resp

import "github.com/tidwall/redcon"

// end is one of the two of a list.
type end uint8

const (
	front end = iota
	back
)

// deque is a list that grows and shrinks at both ends, in a ring.
type deque struct {
	ring  []string // its length is 0 or a power of two
	first int
	used  int
}

func (d *deque) len() int { return d.used }

func (d *deque) at(i int) string { return d.ring[(d.first+i)&(len(d.ring)-1)] }

func (d *deque) push(at end, s string) {
	if d.used == len(d.ring) {
		ring := make([]string, max(4, 2*len(d.ring)))
		for i := range d.used {
			ring[i] = d.at(i)
		}
		d.ring, d.first = ring, 0
	}
	mask := len(d.ring) - 1
	if at == front {
		d.first = (d.first - 1) & mask
		d.ring[d.first] = s
	} else {
		d.ring[(d.first+d.used)&mask] = s
	}
	d.used++
}

func (d *deque) pop(from end) string {
	d.used--
	mask := len(d.ring) - 1
	at := (d.first + d.used) & mask
	if from == front {
		at = d.first
		d.first = (d.first + 1) & mask
	}
	s := d.ring[at]
	d.ring[at] = ""
	return s
}

// pushCommand is LPUSH and RPUSH.
func pushCommand(at end) func(*Tx, []byte, [][]byte) []byte {
	return func(t *Tx, out []byte, args [][]byte) []byte {
		e, wrong := t.writeOrAdd(args[1], aList)
		if wrong {
			return fail(out, errWrongType)
		}
		for _, a := range args[2:] {
			e.list.push(at, string(a))
			t.data.grow(e, int64(len(a))+elementBytes)
		}
		t.settle(e)
		return redcon.AppendInt(out, int64(e.list.len()))
	}
}

// popCommand is LPOP and RPOP, of one element or of a count.
func popCommand(from end) func(*Tx, []byte, [][]byte) []byte {
	return func(t *Tx, out []byte, args [][]byte) []byte {
		count := int64(1)
		switch {
		case len(args) > 3:
			return fail(out, arityError(lower(args[0])))
		case len(args) == 3:
			var ok bool
			if count, ok = integer(args[2]); !ok || count < 0 {
				return fail(out, errOutOfRange)
			}
		}
		e, wrong := t.write(args[1], aList)
		switch {
		case wrong:
			return fail(out, errWrongType)
		case e == nil && len(args) == 3:
			return append(out, "*-1\r\n"...)
		case e == nil:
			return redcon.AppendNull(out)
		}
		n := int(min(count, int64(e.list.len())))
		if len(args) == 3 {
			out = redcon.AppendArray(out, n)
		}
		for range n {
			s := e.list.pop(from)
			t.data.grow(e, -int64(len(s))-elementBytes)
			out = redcon.AppendBulkString(out, s)
		}
		if n > 0 {
			t.settle(e)
		}
		return out
	}
}

func lrangeCommand(t *Tx, out []byte, args [][]byte) []byte {
	start, okStart := integer(args[2])
	stop, okStop := integer(args[3])
	if !okStart || !okStop {
		return fail(out, errNotInteger)
	}
	e, wrong := t.read(args[1], aList)
	switch {
	case wrong:
		return fail(out, errWrongType)
	case e == nil:
		return redcon.AppendArray(out, 0)
	}
	from, to := window(start, stop, e.list.len())
	out = redcon.AppendArray(out, to-from)
	for i := from; i < to; i++ {
		out = redcon.AppendBulkString(out, e.list.at(i))
	}
	return out
}

// window turns the first and last index of a range, negative ones counted from the end,
// into a half-open one within n elements.
func window(start, stop int64, n int) (from, to int) {
	size := int64(n)
	if start < 0 {
		start = max(start+size, 0)
	}
	if stop < 0 {
		stop += size
	}
	stop = min(stop, size-1)
	if start > stop {
		return 0, 0
	}
	return int(start), int(stop + 1)
}
