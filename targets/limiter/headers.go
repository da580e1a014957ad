package limiter

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

// The fields, as net/http spells them.
const (
	fieldPolicy    = "Ratelimit-Policy"
	fieldLimit     = "Ratelimit"
	xRateLimit     = "X-Ratelimit-Limit"
	xRateRemaining = "X-Ratelimit-Remaining"
	xRateReset     = "X-Ratelimit-Reset"
)

// appendPolicy appends an item of RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11
// §3): "default";q=100;w=60.
func appendPolicy(b []byte, name string, r *Rule) []byte {
	q, w := r.Quota()
	b = appendString(b, name)
	b = strconv.AppendInt(append(b, ";q="...), q, 10)
	return strconv.AppendInt(append(b, ";w="...), w, 10)
}

// appendLimit appends an item of RateLimit (same draft, §4): "default";r=50;t=30. Of a
// refusal t is when the next request may come; otherwise it is when the whole quota is
// there again, within which r requests may be spread.
func appendLimit(b []byte, name string, d *Decision) []byte {
	b = appendString(b, name)
	b = strconv.AppendInt(append(b, ";r="...), d.Remaining, 10)
	return strconv.AppendInt(append(b, ";t="...), window(d), 10)
}

// window returns the effective window in seconds.
func window(d *Decision) int64 {
	if !d.Allowed {
		return ceilSeconds(d.RetryAfter)
	}
	return ceilSeconds(d.ResetAfter)
}

// appendString appends a String of structured fields (RFC 9651 §4.1.6).
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// appendPartition appends the parameter pk, a Byte Sequence (RFC 9651 §4.1.8).
func appendPartition(b []byte, k Key) []byte {
	b = append(b, ";pk=:"...)
	b = base64.StdEncoding.AppendEncode(b, k.digest())
	return append(b, ':')
}

// headers tells the client what remains.
func (c *call) headers(h http.Header, now time.Time) {
	p := c.plan
	if p.Headers == "draft11" || p.Headers == "both" {
		c.draft11(h)
	}
	if p.Headers != "legacy" && p.Headers != "both" {
		return
	}
	d := c.strictest()
	h[xRateLimit] = []string{strconv.FormatInt(d.Limit, 10)}
	h[xRateRemaining] = []string{strconv.FormatInt(d.Remaining, 10)}
	// Seconds since 1970, as GitHub and express-rate-limit have it.
	reset := now.Add(time.Duration(window(d)) * time.Second).Unix()
	h[xRateReset] = []string{strconv.FormatInt(reset, 10)}
}

// draft11 sets RateLimit-Policy and RateLimit, an item for each policy.
func (c *call) draft11(h http.Header) {
	var room [256]byte
	b := room[:0]
	policies := c.plan.header
	if c.plan.PartitionKey {
		for i := range c.policies() {
			b = appendSeparator(b)
			b = appendPolicy(b, c.plan.policies[i].name, &c.plan.policies[i].rule)
			b = appendPartition(b, c.asks[i].Key)
		}
		policies, b = string(b), b[:0]
	}
	for i := range c.policies() {
		b = appendSeparator(b)
		b = appendLimit(b, c.plan.policies[i].name, &c.out[i])
		if c.plan.PartitionKey {
			b = appendPartition(b, c.asks[i].Key)
		}
	}
	values := [...]string{policies, string(b)}
	h[fieldPolicy], h[fieldLimit] = values[:1:1], values[1:2:2]
}

func appendSeparator(b []byte) []byte {
	if len(b) > 0 {
		b = append(b, ", "...)
	}
	return b
}
