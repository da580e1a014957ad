package http1

import (
	"bytes"
	"errors"
	"fmt"

	"plimsoll/engine/flow"
)

// head is what the head of an answer says about how to go on. Its parser takes a head in
// as many pieces as it comes in.
type head struct {
	at, scanned int // in the buffer: where the next line starts, how far no line end was found
	returns     int // carriage returns at line ends
	status      int
	minor       int   // of the version HTTP/1.minor
	length      int64 // -1: not given
	coding      coding
	chunked     bool
	close       bool
	keepAlive   bool
}

// fields are the header fields that somebody will read, copied out of the buffer so that
// they outlive it. A slice that grows leaves the older ones where they were.
type fields struct {
	all   bool
	list  []flow.HeaderField
	bytes []byte
}

func (f *fields) keep(name, value []byte) {
	n := len(f.bytes)
	f.bytes = append(append(f.bytes, name...), value...)
	kept := f.bytes[n:len(f.bytes):len(f.bytes)]
	f.list = append(f.list, flow.HeaderField{Name: kept[:len(name):len(name)], Value: kept[len(name):]})
}

// The bytes that names and methods are made of (RFC 9110, 5.6.2), a bit for each.
const (
	tokenLow  = 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.' | (1<<10-1)<<'0'
	tokenHigh = (1<<26-1)<<('A'-64) | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | (1<<26-1)<<('a'-64) | 1<<('|'-64) | 1<<('~'-64)
)

func isTokenByte(c byte) bool {
	return c < 64 && uint64(tokenLow)>>c&1 != 0 || c >= 64 && c < 128 && uint64(tokenHigh)>>(c-64)&1 != 0
}

var (
	errBareCR       = errors.New("carriage return within a line")
	errNUL          = errors.New("NUL in the head")
	errFold         = errors.New("folded header line")
	errName         = errors.New("header line without a valid name")
	errStatusLine   = errors.New("status line is not HTTP/1.x")
	errLength       = errors.New("content length is not a number")
	errTwoLengths   = errors.New("two different content lengths")
	errTransfer     = errors.New("transfer coding other than chunked")
	errLengthCoding = errors.New("content length beside a transfer coding")
	errOldChunked   = errors.New("transfer coding in HTTP/1.0")
)

// parse goes on with the head in buf, which starts with the head and has grown since the
// last call. It reports whether the head is complete; then buf[h.at:] is what follows it.
func (h *head) parse(buf []byte, keep *fields) (bool, error) {
	for {
		i := bytes.IndexByte(buf[h.scanned:], '\n')
		if i < 0 {
			h.scanned = len(buf)
			return false, nil
		}
		end := h.scanned + i
		line := buf[h.at:end]
		h.at, h.scanned = end+1, end+1
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
			h.returns++
		}
		var err error
		switch {
		case h.status == 0:
			err = h.statusLine(line)
		case len(line) == 0:
			return true, h.finish(buf[:h.at])
		default:
			err = h.fieldLine(line, keep)
		}
		if err != nil {
			return false, err
		}
	}
}

// statusLine parses "HTTP/1.1 200 OK"; the reason may be missing.
func (h *head) statusLine(line []byte) error {
	const version = "HTTP/1."
	if len(line) < len("HTTP/1.1 200") || string(line[:len(version)]) != version {
		return errStatusLine
	}
	minor, a, b, c := line[7]-'0', line[9]-'0', line[10]-'0', line[11]-'0'
	if minor > 9 || line[8] != ' ' || a < 1 || a > 9 || b > 9 || c > 9 || (len(line) > 12 && line[12] != ' ') {
		return errStatusLine
	}
	h.minor = int(minor)
	h.status = int(a)*100 + int(b)*10 + int(c)
	h.length = -1
	return nil
}

func (h *head) fieldLine(line []byte, keep *fields) error {
	n := 0
	for n < len(line) && isTokenByte(line[n]) {
		n++
	}
	switch {
	case n == 0 && (line[0] == ' ' || line[0] == '\t'):
		return errFold
	case n == 0 || n == len(line) || line[n] != ':':
		return errName
	}
	name, value := line[:n], trim(line[n+1:])
	wanted, err := h.field(name, value)
	if wanted || keep.all {
		keep.keep(name, value)
	}
	return err
}

// field takes in the fields that matter for reading on, and reports whether this is one
// that is kept for the caller in any case.
func (h *head) field(name, value []byte) (wanted bool, err error) {
	switch len(name) {
	case len("location"):
		return equalFold(name, "location"), nil
	case len("connection"): // and set-cookie
		if equalFold(name, "connection") {
			h.connection(value)
			return false, nil
		}
		return equalFold(name, "set-cookie"), nil
	case len("content-length"):
		if equalFold(name, "content-length") {
			return false, h.contentLength(value)
		}
	case len("content-encoding"):
		if equalFold(name, "content-encoding") {
			h.coding = codingOf(value)
		}
	case len("transfer-encoding"):
		if equalFold(name, "transfer-encoding") {
			return false, h.transferCoding(value)
		}
	}
	return false, nil
}

func (h *head) connection(value []byte) {
	if equalFold(value, "keep-alive") { // what most servers say, if anything
		h.keepAlive = true
		return
	}
	h.close = h.close || hasToken(value, "close")
	h.keepAlive = h.keepAlive || hasToken(value, "keep-alive")
}

func (h *head) contentLength(value []byte) error {
	if len(value) == 0 || len(value) > 18 {
		return errLength
	}
	var n int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return errLength
		}
		n = n*10 + int64(c-'0')
	}
	if h.length >= 0 && h.length != n {
		return errTwoLengths
	}
	h.length = n
	return nil
}

func (h *head) transferCoding(value []byte) error {
	if h.chunked || !equalFold(value, "chunked") {
		return fmt.Errorf("%w: %.40q", errTransfer, value)
	}
	h.chunked = true
	return nil
}

// finish looks at the head as a whole. RFC 9112, 6.1 and 6.3, lets a client choose what to
// make of a length beside a transfer coding; as it is a sign of smuggling, it is refused.
func (h *head) finish(whole []byte) error {
	switch {
	case bytes.Count(whole, []byte{'\r'}) != h.returns:
		return errBareCR
	case bytes.IndexByte(whole, 0) >= 0:
		return errNUL
	case h.chunked && h.length >= 0:
		return errLengthCoding
	case h.chunked && h.minor == 0:
		return errOldChunked
	}
	if h.minor == 0 && !h.keepAlive {
		h.close = true
	}
	return nil
}

// bodyless reports whether an answer with this head never has a body (RFC 9112, 6.3).
func (h *head) bodyless() bool {
	return h.status < 200 || h.status == 204 || h.status == 304
}

// equalFold compares a token with a word in lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range len(lower) {
		if c := b[i]; c != lower[i] && (c < 'A' || c > 'Z' || c+('a'-'A') != lower[i]) {
			return false
		}
	}
	return true
}

// hasToken reports whether a comma-separated list holds a word, in any case.
func hasToken(list []byte, lower string) bool {
	for len(list) > 0 {
		item := list
		if i := bytes.IndexByte(list, ','); i >= 0 {
			item, list = list[:i], list[i+1:]
		} else {
			list = nil
		}
		if equalFold(trim(item), lower) {
			return true
		}
	}
	return false
}

// trim cuts the optional white space around a value.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
