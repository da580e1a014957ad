// Package reply is an HTTP answer that is kept: recorded while a handler writes it, coded
// as bytes for a store, and given again later. It leaves out of a recorded header what
// belongs to one exchange only. It does not decide whether an answer may be kept, or for
// how long.
package reply

import (
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Reply is an answer as a handler gave it. Who shares one must not change it.
type Reply struct {
	Status int
	Fields []Field // sorted by name; fields of one name keep their order
	Body   []byte
}

// Field is one line of a header. Name is in canonical form.
type Field struct{ Name, Value string }

// Get returns the first value of the field, "" if there is none.
func (r *Reply) Get(name string) string {
	for _, f := range r.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Set gives the field one value, in place of all that it had.
func (r *Reply) Set(name, value string) {
	r.Fields = slices.DeleteFunc(r.Fields, func(f Field) bool { return f.Name == name })
	at, _ := slices.BinarySearchFunc(r.Fields, name, func(f Field, name string) int { return strings.Compare(f.Name, name) })
	r.Fields = slices.Insert(r.Fields, at, Field{name, value})
}

// CopyTo puts the fields into h, in place of those of the same name.
func (r *Reply) CopyTo(h http.Header) {
	values := make([]string, len(r.Fields))
	for i := 0; i < len(r.Fields); {
		first := i
		for ; i < len(r.Fields) && r.Fields[i].Name == r.Fields[first].Name; i++ {
			values[i] = r.Fields[i].Value
		}
		h[r.Fields[first].Name] = values[first:i:i]
	}
}

// Write gives the answer: header, status and body. The error is that of the connection.
func (r *Reply) Write(w http.ResponseWriter) error {
	h := w.Header()
	r.CopyTo(h)
	if h["Content-Length"] == nil && len(r.Body) > 0 && hasBody(r.Status) {
		h["Content-Length"] = []string{strconv.Itoa(len(r.Body))}
	}
	w.WriteHeader(r.Status)
	if len(r.Body) == 0 || !hasBody(r.Status) {
		return nil
	}
	_, err := w.Write(r.Body)
	return err
}

func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// errBroken is what Parse returns for bytes that are no reply.
var errBroken = errors.New("not a recorded reply")

// Append appends the reply as bytes: the length of the head, the head (status, then names
// and values, each with its length), the body. Lengths are unsigned varints.
func (r *Reply) Append(b []byte) []byte {
	var head []byte
	head = binary.AppendUvarint(head, uint64(r.Status)) //nolint:gosec // a status is positive
	for _, f := range r.Fields {
		head = binary.AppendUvarint(head, uint64(len(f.Name)))
		head = append(head, f.Name...)
		head = binary.AppendUvarint(head, uint64(len(f.Value)))
		head = append(head, f.Value...)
	}
	b = slices.Grow(b, binary.MaxVarintLen64+len(head)+len(r.Body))
	b = binary.AppendUvarint(b, uint64(len(head)))
	b = append(b, head...)
	return append(b, r.Body...)
}

// Parse reads what Append wrote. The reply shares its body with b.
func Parse(b []byte) (Reply, error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return Reply{}, errBroken
	}
	head, body := string(b[n:n+int(size)]), b[n+int(size):]
	status, head, ok := number(head)
	if !ok || status < 100 || status > 999 {
		return Reply{}, errBroken
	}
	r := Reply{Status: status, Body: body, Fields: make([]Field, 0, 8)}
	for head != "" {
		var f Field
		if f.Name, head, ok = text(head); !ok {
			return Reply{}, errBroken
		}
		if f.Value, head, ok = text(head); !ok {
			return Reply{}, errBroken
		}
		r.Fields = append(r.Fields, f)
	}
	return r, nil
}

// number takes an unsigned varint off the front of s, as binary.Uvarint does of bytes.
func number(s string) (n int, rest string, ok bool) {
	for i := 0; i < len(s) && i < 5; i++ {
		n |= int(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return n, s[i+1:], n >= 0 // five bytes overflow an int of 32 bits
		}
	}
	return 0, "", false
}

// text takes a string with its length off the front of s.
func text(s string) (t, rest string, ok bool) {
	n, s, ok := number(s)
	if !ok || n > len(s) {
		return "", "", false
	}
	return s[:n], s[n:], true
}
