package flow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// splitURL takes an absolute URL apart; rest is what stands behind the host.
func splitURL(s string) (scheme, host, rest string, err error) {
	scheme, rest, ok := strings.Cut(s, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "http" && scheme != "https" {
		return "", "", "", fmt.Errorf("%q does not begin with http:// or https://", abbreviate(s))
	}
	host = rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	return scheme, host, rest[len(host):], validHost(host)
}

// validHost refuses what cannot be a host with or without a port.
func validHost(s string) error {
	if strings.Contains(s, "@") {
		return errors.New("a user in the URL is not sent; use basic authentication instead")
	}
	name, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		name, port = s[:i], s[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("bad port %q", abbreviate(port))
		}
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		name, ok = strings.CutSuffix(inner, "]")
		if !ok || !strings.Contains(name, ":") || strings.Trim(name, "0123456789abcdefABCDEF:.") != "" {
			return fmt.Errorf("bad address %q", abbreviate(s))
		}
		return nil
	}
	if name == "" {
		return errors.New("no host")
	}
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '.' && c != '-' && c != '_' {
			return fmt.Errorf("bad host %q", abbreviate(s))
		}
	}
	return nil
}

// cleanTarget makes what stands behind the host fit for a request line: it has a path, no
// fragment, and characters beyond ASCII are percent-encoded. Space and control
// characters are refused.
func cleanTarget(s string) (string, error) {
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c == '#' {
			s = s[:i]
			break
		}
		if c <= ' ' || c == 0x7f {
			return "", fmt.Errorf("%q has a space or control character in it", abbreviate(s))
		}
		ascii = ascii && c < 0x80
	}
	if !ascii {
		s = encodeBeyondASCII(s)
	}
	if s == "" || s[0] != '/' {
		s = "/" + s
	}
	return s, nil
}

func encodeBeyondASCII(s string) string {
	var b []byte
	for i := range len(s) {
		if s[i] < 0x80 {
			b = append(b, s[i])
		} else {
			b = appendPercent(b, s[i:i+1])
		}
	}
	return string(b)
}

// validValue refuses what would end a header field early (RFC 9110, section 5.5).
func validValue(s string) error {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("%q has a control character in it", abbreviate(s))
		}
	}
	return nil
}

// isToken reports whether s can be a method or the name of a header field (RFC 9110,
// section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c)
}
