package limiter

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// Key says whose quota a request counts against.
type Key struct {
	Policy string // algorithm and policy, "gcra/default"
	Who    string // the client or tenant, "" for all together
	Where  string // the route or service, "" for all together
}

// String returns the key's name in a store with text keys.
func (k Key) String() string {
	return "limit:" + k.Policy + ":" + escape(k.Who) + ":" + escape(k.Where)
}

// escape keeps the parts of a name apart.
func escape(s string) string {
	if !strings.ContainsAny(s, ":%") {
		return s
	}
	return strings.NewReplacer("%", "%25", ":", "%3A").Replace(s)
}

// Hash returns the key's name in a store with numbered cells, the same in all processes
// (FNV-1a, 64 bits).
func (k Key) Hash() uint64 {
	h := uint64(14695981039346656037)
	for _, part := range [...]string{k.Policy, k.Who, k.Where} {
		for i := range len(part) {
			h = (h ^ uint64(part[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211 // no byte of UTF-8 text
	}
	return h
}

// digest returns what tells the key from others of its policy without giving it away.
func (k Key) digest() []byte {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(k.Who)))
	h.Write(n[:])
	h.Write([]byte(k.Who))
	h.Write([]byte(k.Where))
	return h.Sum(nil)[:8]
}

// Ask is a request's question to one policy.
type Ask struct {
	Key  Key
	Rule *Rule
	Cost int64
}
