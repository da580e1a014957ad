package resp

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/tidwall/redcon"
)

// The errors of Redis, word for word: clients tell some of them apart by their text.
const (
	errWrongType   = "WRONGTYPE Operation against a key holding the wrong kind of value"
	errSyntax      = "ERR syntax error"
	errNotInteger  = "ERR value is not an integer or out of range"
	errNotFloat    = "ERR value is not a valid float"
	errOverflow    = "ERR increment or decrement would overflow"
	errHashInteger = "ERR hash value is not an integer"
	errMinMax      = "ERR min or max is not a float"
	errOutOfRange  = "ERR value is out of range, must be positive"
	errMemory      = "OOM command not allowed when used memory > 'maxmemory'."
	errNoScript    = "NOSCRIPT No matching script. Please use EVAL."
	errAborted     = "EXECABORT Transaction discarded because of previous errors."
)

// serverError is an error as it is sent, with its prefix.
type serverError string

// Error returns the text.
func (e serverError) Error() string { return string(e) }

func fail(out []byte, text string) []byte { return redcon.AppendError(out, text) }

func appendBool(out []byte, b bool) []byte {
	if b {
		return redcon.AppendInt(out, 1)
	}
	return redcon.AppendInt(out, 0)
}

// appendScore appends a number as Redis writes scores: shortest, without an exponent below 1e21.
func appendScore(out []byte, f float64) []byte {
	var b [32]byte
	text := b[:0]
	switch {
	case math.IsInf(f, 1):
		text = append(text, "inf"...)
	case math.IsInf(f, -1):
		text = append(text, "-inf"...)
	case math.Abs(f) < 1e21:
		text = strconv.AppendFloat(text, f, 'f', -1, 64)
	default:
		text = strconv.AppendFloat(text, f, 'g', -1, 64)
	}
	return redcon.AppendBulk(out, text)
}

// appendAny appends a Go value as a reply.
func appendAny(out []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return redcon.AppendNull(out)
	case error:
		return fail(out, prefixed(v.Error()))
	case Status:
		return redcon.AppendString(out, string(v))
	case string:
		return redcon.AppendBulkString(out, v)
	case []byte:
		return redcon.AppendBulk(out, v)
	case int:
		return redcon.AppendInt(out, int64(v))
	case int64:
		return redcon.AppendInt(out, v)
	case bool:
		return appendBool(out, v)
	case float64:
		return appendScore(out, v)
	case []string:
		out = redcon.AppendArray(out, len(v))
		for _, s := range v {
			out = redcon.AppendBulkString(out, s)
		}
		return out
	case []any:
		out = redcon.AppendArray(out, len(v))
		for _, e := range v {
			out = appendAny(out, e)
		}
		return out
	}
	return fail(out, "ERR a reply of a kind that cannot be sent")
}

// prefixed puts ERR in front of an error that does not begin with a word in upper case.
func prefixed(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if word == "" || strings.ContainsFunc(word, func(c rune) bool { return c < 'A' || c > 'Z' }) {
		return "ERR " + text
	}
	return text
}

// decode returns the first reply in b and how long it is: nil, int64, string, Status,
// []any or a serverError. It reads only what this package wrote.
func decode(b []byte) (n int, v any) {
	n, r := redcon.ReadNextRESP(b)
	switch r.Type {
	case redcon.Integer:
		return n, r.Int()
	case redcon.String:
		return n, Status(r.Data)
	case redcon.Error:
		return n, serverError(r.Data)
	case redcon.Bulk:
		if bytes.HasPrefix(r.Raw, []byte("$-1")) {
			return n, nil
		}
		return n, string(r.Data)
	case redcon.Array:
		if bytes.HasPrefix(r.Raw, []byte("*-1")) {
			return n, nil
		}
		list, rest := make([]any, r.Count), r.Data
		for i := range list {
			var size int
			size, list[i] = decode(rest)
			rest = rest[size:]
		}
		return n, list
	}
	return n, nil
}

// integer reads a whole number as strictly as Redis: no plus, no leading zero.
func integer(b []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, false
	}
	var text [20]byte
	return n, bytes.Equal(strconv.AppendInt(text[:0], n, 10), b)
}

// float reads a number; inf and -inf are numbers, nan is none.
func float(b []byte) (float64, bool) {
	f, err := strconv.ParseFloat(string(b), 64)
	return f, err == nil && !math.IsNaN(f)
}

// is tells whether the argument is the word, in either case. The word is upper case.
func is(arg []byte, word string) bool {
	if len(arg) != len(word) {
		return false
	}
	for i, c := range arg {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
