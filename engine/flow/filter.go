package flow

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"unicode/utf8"
)

// filter says how a value is written where it stands.
type filter int

const (
	raw        filter = iota // as it is
	toURL                    // percent-encoded
	toJSON                   // as a quoted JSON string
	toNumber                 // as it is, and it must be a JSON number
	toJSONText               // escaped for the inside of a JSON string
)

func filterNames() []string {
	return []string{"raw", "url", "json", "number", "json text"}
}

func (f filter) String() string { return filterNames()[f] }

func (f filter) append(dst []byte, s string) ([]byte, error) {
	switch f {
	case toURL:
		return appendPercent(dst, s), nil
	case toJSON:
		return append(appendJSONText(append(dst, '"'), s), '"'), nil
	case toJSONText:
		return appendJSONText(dst, s), nil
	case toNumber:
		if !isNumber(s) {
			return dst, fmt.Errorf("%s is not a number", strconv.Quote(abbreviate(s)))
		}
	}
	return append(dst, s...), nil
}

const upperHex = "0123456789ABCDEF"

// appendPercent encodes all but the unreserved characters of RFC 3986, section 2.3, which
// is right in a path segment, a query and a form alike.
func appendPercent(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			c == '-', c == '.', c == '_', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// appendJSONText escapes s for the inside of a JSON string (RFC 8259, section 7). What is
// not UTF-8 becomes U+FFFD, as JSON cannot hold it.
func appendJSONText(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', upperHex[r>>4], upperHex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// isNumber reports whether s is a number of JSON, which 007, 0x1f and NaN are not.
func isNumber(s string) bool {
	if s == "" || s[0] != '-' && !isDigit(s[0]) || !isDigit(s[len(s)-1]) {
		return false // what is left can only be a number, or nothing at all
	}
	return json.Valid([]byte(s))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// abbreviate cuts a value for a message.
func abbreviate(s string) string {
	const limit = 40
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}

// appendUUID writes a UUID of version 4 (RFC 9562, section 5.4).
func appendUUID(dst []byte, rng *rand.Rand) []byte {
	hi, lo := rng.Uint64()&^0xf000|0x4000, rng.Uint64()&^(3<<62)|2<<62
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	for i, n := range [...]int{4, 2, 2, 2, 6} {
		if i > 0 {
			dst = append(dst, '-')
		}
		from := [...]int{0, 4, 6, 8, 10}[i]
		dst = hex.AppendEncode(dst, b[from:from+n])
	}
	return dst
}
