package middleware

import (
	"math/rand/v2"
	"net/url"
	"strings"
)

// Caps on what is forwarded: W3C Trace Context §3.3.1.1 and W3C Baggage §3.3.2.
const (
	maxStateMembers   = 32
	maxBaggageMembers = 64
	maxBaggageBytes   = 8192
)

// parentLength is the length of a traceparent of version 00:
// version "-" trace-id "-" parent-id "-" trace-flags.
const parentLength = 2 + 1 + 32 + 1 + 16 + 1 + 2

// ID returns the trace id, 32 hexadecimal digits, or "" when there is no trace.
func (t Trace) ID() string {
	if len(t.Parent) < parentLength {
		return ""
	}
	return t.Parent[3:35]
}

// Span returns the id of this hop's span, 16 hexadecimal digits, or "".
func (t Trace) Span() string {
	if len(t.Parent) < parentLength {
		return ""
	}
	return t.Parent[36:52]
}

// Sampled tells whether the caller may have recorded the trace.
func (t Trace) Sampled() bool {
	return len(t.Parent) >= parentLength && unhex(t.Parent[54])&1 == 1
}

// Child returns the same trace with a new parent id, for one more hop.
func (t Trace) Child() Trace {
	if len(t.Parent) < parentLength {
		return t
	}
	t.Parent = newParent(t.Parent[3:35], t.Parent[53:55])
	return t
}

// ParseTrace reads the header fields traceparent and tracestate (W3C Trace Context). An
// invalid traceparent, or more than one, starts a new trace; an invalid tracestate is
// dropped. The trace that comes back has a parent id of its own.
func ParseTrace(parents, states []string) Trace {
	if len(parents) != 1 || !validParent(parents[0]) {
		return NewTrace()
	}
	// Of the flags those are kept that have a meaning: sampled and random-trace-id.
	flags := [2]byte{'0', "0123"[unhex(parents[0][54])&3]}
	return Trace{Parent: newParent(parents[0][3:35], string(flags[:])), State: ParseState(states)}
}

// NewTrace starts a trace that is sampled.
func NewTrace() Trace {
	var b [parentLength]byte
	copy(b[:], "00-")
	putID(b[3:19])
	putID(b[19:35])
	b[35] = '-'
	putID(b[36:52])
	copy(b[52:], "-01")
	return Trace{Parent: string(b[:])}
}

// validParent tells whether a traceparent can be continued. Of later versions the first
// four fields are read, and whatever follows them after a dash is not.
func validParent(s string) bool {
	if len(s) < parentLength || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	switch {
	case !isHex(s[:2]) || s[:2] == "ff":
		return false
	case len(s) > parentLength && (s[:2] == "00" || s[parentLength] != '-'):
		return false
	}
	return isID(s[3:35]) && isID(s[36:52]) && isHex(s[53:55])
}

// newParent writes a traceparent with a new parent id.
func newParent(id, flags string) string {
	var b [parentLength]byte
	copy(b[:], "00-")
	copy(b[3:], id)
	b[35], b[52] = '-', '-'
	putID(b[36:52])
	copy(b[53:], flags)
	return string(b[:])
}

// putID writes 16 random hexadecimal digits that are not all zero.
func putID(b []byte) {
	n := rand.Uint64()
	for n == 0 {
		n = rand.Uint64()
	}
	for i := range b[:16] {
		b[i] = "0123456789abcdef"[n>>60]
		n <<= 4
	}
}

// isID tells whether it is lower-case hexadecimal and not all zero.
func isID(s string) bool { return isHex(s) && strings.Trim(s, "0") != "" }

func isHex(s string) bool {
	for i := range len(s) {
		if unhex(s[i]) < 0 {
			return false
		}
	}
	return true
}

// unhex returns the value of a lower-case hexadecimal digit, or a negative number.
func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// ParseState reads tracestate, whose fields combine in order. It returns "" unless all of
// its members are valid and there are at most 32.
func ParseState(states []string) string {
	combined := strings.Join(states, ",")
	members := 0
	for member := range strings.SplitSeq(combined, ",") {
		member = strings.Trim(member, " \t")
		if member == "" {
			continue
		}
		key, value, ok := strings.Cut(member, "=")
		if members++; !ok || members > maxStateMembers || !stateKey(key) || !stateValue(value) {
			return ""
		}
	}
	if members == 0 {
		return ""
	}
	return combined
}

// stateKey holds to §3.3.1.3.1: a simple key, or tenant@system.
func stateKey(key string) bool {
	tenant, system, multi := strings.Cut(key, "@")
	if !multi {
		return len(key) <= 256 && keyChars(key) && isLower(key[0])
	}
	return len(tenant) <= 241 && len(system) <= 14 && keyChars(tenant) && keyChars(system) && isLower(system[0])
}

// keyChars tells whether it begins with a lower-case letter or a digit and goes on with
// what a key may hold.
func keyChars(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := isLower(c) || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.Contains("_-*/", s[i:i+1])) {
			return false
		}
	}
	return s != ""
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

// stateValue holds to §3.3.1.3.2: up to 256 printable characters without comma and equals
// sign, the last no blank.
func stateValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '=' {
			return false
		}
	}
	return s != "" && len(s) <= 256 && s[len(s)-1] != ' '
}

// FilterBaggage returns what of the baggage is forwarded (W3C Baggage): valid members whose
// key is on the list, or all of them when the list has "*", up to 64 members and 8192
// bytes. A member that is malformed or does not fit is skipped.
func FilterBaggage(baggage string, allow []string) string {
	if baggage == "" || len(allow) == 0 {
		return ""
	}
	var kept strings.Builder
	members := 0
	for member := range strings.SplitSeq(baggage, ",") {
		key, ok := baggageKey(member)
		if !ok || !allowed(key, allow) {
			continue
		}
		member = strings.Trim(member, " \t")
		if members == maxBaggageMembers || kept.Len()+1+len(member) > maxBaggageBytes {
			continue
		}
		if members++; members > 1 {
			kept.WriteByte(',')
		}
		kept.WriteString(member)
	}
	return kept.String()
}

// BaggageValue returns the value of a key, percent-decoded, or "" when there is none.
// Keys are never decoded.
func BaggageValue(baggage, key string) string {
	for member := range strings.SplitSeq(baggage, ",") {
		if k, ok := baggageKey(member); !ok || k != key {
			continue
		}
		_, value, _ := strings.Cut(member, "=")
		value, _, _ = strings.Cut(value, ";")
		decoded, err := url.PathUnescape(strings.Trim(value, " \t"))
		if err != nil {
			return ""
		}
		return decoded
	}
	return ""
}

func allowed(key string, allow []string) bool {
	for _, a := range allow {
		if a == key || a == "*" {
			return true
		}
	}
	return false
}

// baggageKey returns the key of a member: key OWS "=" OWS value *( OWS ";" OWS property ).
func baggageKey(member string) (key string, ok bool) {
	first, properties, _ := strings.Cut(member, ";")
	key, value, ok := strings.Cut(first, "=")
	key, value = strings.Trim(key, " \t"), strings.Trim(value, " \t")
	if !ok || !isToken(key) || !baggageOctets(value) {
		return "", false
	}
	for properties != "" {
		var property string
		property, properties, _ = strings.Cut(properties, ";")
		name, value, _ := strings.Cut(property, "=")
		if !isToken(strings.Trim(name, " \t")) || !baggageOctets(strings.Trim(value, " \t")) {
			return "", false
		}
	}
	return key, true
}

// baggageOctets holds to §3.2.1.3: printable ASCII without blank, quote, comma, semicolon
// and backslash.
func baggageOctets(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == ',' || c == ';' || c == '\\' {
			return false
		}
	}
	return true
}

// isToken holds to RFC 9110 §5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', isLower(c):
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// newID returns a new request id of 32 hexadecimal digits.
func newID() string {
	var b [32]byte
	putID(b[:16])
	putID(b[16:])
	return string(b[:])
}
