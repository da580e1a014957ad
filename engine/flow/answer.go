package flow

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/ohler55/ojg"
	"github.com/ohler55/ojg/jp"
	"github.com/ohler55/ojg/oj"
)

// answer is a response while it is judged. Its body is decoded at most once.
type answer struct {
	resp    *Response
	latency time.Duration
	decoded bool
	valid   bool // doc holds the body
	doc     any
}

// values returns the values of a header field, one after the other.
func (r *Response) values(name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range r.Header {
			f := &r.Header[i]
			if len(f.Name) == len(name) && strings.EqualFold(string(f.Name), name) && !yield(f.Value) {
				return
			}
		}
	}
}

// find returns the values at a path of the body, none if the body is not JSON.
func (a *answer) find(path jp.Expr) []any {
	if !a.decoded {
		a.decoded = true
		a.doc, a.valid = decodeJSON(a.resp.Body)
	}
	if !a.valid {
		return nil
	}
	return follow(path, a.doc)
}

// follow returns what stands at a path. The library panics where a filter meets a value
// that it did not expect, such as a null in place of an array; nothing is found then.
func follow(path jp.Expr, doc any) (values []any) {
	defer func() {
		if recover() != nil {
			values = nil
		}
	}()
	return path.Get(doc)
}

// maxDepth bounds the nesting of a document, as encoding/json does: paths are followed
// recursively, and an answer must not be able to exhaust the stack.
const maxDepth = 10000

func decodeJSON(body []byte) (doc any, ok bool) {
	if len(bytes.TrimSpace(body)) == 0 || depth(body) > maxDepth {
		return nil, false
	}
	doc, err := oj.Parse(body)
	return doc, err == nil
}

// depth returns how deep brackets nest, at most; outside strings if the body is JSON.
func depth(body []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
			if c == '\\' {
				i++
			}
		case c == '[' || c == '{':
			now++
			deepest = max(deepest, now)
		case c == ']' || c == '}':
			now--
		}
	}
	return deepest
}

// valueText writes a decoded value as text: strings without quotes, objects and arrays as
// JSON with sorted keys, numbers in their shortest form.
func valueText(v any) []byte {
	switch v := v.(type) {
	case string:
		return []byte(v)
	case int64:
		return strconv.AppendInt(nil, v, 10)
	case float64:
		text, _ := json.Marshal(v) // what came from JSON can go back
		return text
	case bool:
		return strconv.AppendBool(nil, v)
	case nil:
		return []byte("null")
	}
	return []byte(oj.JSON(v, &ojg.Options{Sort: true}))
}
