package idempotency

import (
	"errors"
	"strings"

	"github.com/dunglas/httpsfv"
)

// longestKey is how many characters a key may have.
const longestKey = 255

// parseKey reads the lines of an Idempotency-Key field: one Item that is a String (RFC 9651
// §3.3.3). Unless strict, a bare text without spaces, quotes, commas and semicolons is
// taken as it is.
func parseKey(lines []string, strict bool) (string, error) {
	item, err := httpsfv.UnmarshalItem(lines)
	if err == nil { // on an error the item is of no use
		if text, ok := item.Value.(string); ok {
			return bounded(text)
		}
	}
	if strict || len(lines) != 1 || !bare(strings.TrimSpace(lines[0])) {
		return "", errors.New(`it has to be one string in quotes, like "8e03978e-40d5-43dd-bc93-6894a57f9324"`)
	}
	return bounded(strings.TrimSpace(lines[0]))
}

func bounded(key string) (string, error) {
	if key == "" || len(key) > longestKey {
		return "", errors.New("it has to have 1 to 255 characters")
	}
	return key, nil
}

func bare(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || strings.IndexByte(`",;\`, c) >= 0 {
			return false
		}
	}
	return true
}
