package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"plimsoll/targets/middleware"
)

// longestKey is up to what length a key stands as it is; a longer one is replaced by its
// SHA-256, because clients choose how long their URLs and headers are.
const longestKey = 512

// Key returns the key of a request under the policy: its method, path and query, with the
// parameters sorted by name, and what key_vary names. user is who asks, segment the header
// X-Segment, locale the header Accept-Language without spaces and capitals. Other names
// are headers.
func (p *Policy) Key(r *http.Request) string { return p.keyOf(r, r.Method) }

func (p *Policy) keyOf(r *http.Request, method string) string {
	path, query := r.URL.EscapedPath(), sortedQuery(r.URL.RawQuery)
	if len(p.Vary) == 0 {
		if query == "" {
			return shorten(method + " " + path)
		}
		return shorten(method + " " + path + "?" + query)
	}
	var b strings.Builder
	b.WriteString(method)
	b.WriteByte(' ')
	b.WriteString(path)
	if query != "" {
		b.WriteByte('?')
		b.WriteString(query)
	}
	for _, name := range p.Vary {
		b.WriteByte('\n') // stands in no URL and no header
		b.WriteString(variant(r, name))
	}
	return shorten(b.String())
}

func variant(r *http.Request, name string) string {
	switch name {
	case "user":
		return middleware.From(r.Context()).Client
	case "segment":
		return r.Header.Get("X-Segment")
	case "locale":
		text := strings.Join(r.Header["Accept-Language"], ",")
		return strings.ToLower(strings.Join(strings.Fields(text), ""))
	}
	return strings.Join(r.Header.Values(name), ",")
}

// covers tells whether the key holds every field that a Vary header names.
func (p *Policy) covers(vary string) bool {
	for field := range strings.SplitSeq(vary, ",") {
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		if !slices.ContainsFunc(p.Vary, func(name string) bool {
			switch name {
			case "user":
				return false
			case "segment":
				name = "X-Segment"
			case "locale":
				name = "Accept-Language"
			}
			return strings.EqualFold(name, field)
		}) {
			return false
		}
	}
	return true
}

// sortedQuery sorts parameters by name. Those of one name keep their order, which counts.
func sortedQuery(raw string) string {
	if !strings.Contains(raw, "&") {
		return raw
	}
	pairs := strings.Split(raw, "&")
	slices.SortStableFunc(pairs, func(a, b string) int {
		a, _, _ = strings.Cut(a, "=")
		b, _, _ = strings.Cut(b, "=")
		return strings.Compare(a, b)
	})
	return strings.Join(pairs, "&")
}

func shorten(key string) string {
	if len(key) <= longestKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256 " + hex.EncodeToString(sum[:])
}
