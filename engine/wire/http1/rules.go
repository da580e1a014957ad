package http1

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ConnectTo sends connections that would go to Host:Port to ToHost:ToPort. An empty Host
// or Port fits any, an empty ToHost or ToPort leaves it as it is. The request, its Host
// header and the name on the certificate stay as they are.
type ConnectTo struct{ Host, Port, ToHost, ToPort string }

// ParseConnectTo reads a rule as curl's --connect-to takes it: HOST1:PORT1:HOST2:PORT2,
// IPv6 addresses in brackets.
func ParseConnectTo(s string) (ConnectTo, error) {
	var parts [4]string
	rest := s
	for i := range parts {
		part, after, err := cutPart(rest)
		if err != nil {
			return ConnectTo{}, fmt.Errorf("connect-to rule %q: %w", s, err)
		}
		if last := i == len(parts)-1; last != (after == nil) {
			return ConnectTo{}, fmt.Errorf("connect-to rule %q is not HOST1:PORT1:HOST2:PORT2", s)
		}
		parts[i] = part
		if after != nil {
			rest = *after
		}
	}
	for _, port := range []string{parts[1], parts[3]} {
		if _, err := parsePort(port); port != "" && err != nil {
			return ConnectTo{}, fmt.Errorf("connect-to rule %q: %w", s, err)
		}
	}
	return ConnectTo{parts[0], parts[1], parts[2], parts[3]}, nil
}

// ParseResolve reads a rule as curl's --resolve takes it: HOST:PORT:ADDRESS[,ADDRESS]…
// The key it returns belongs into Dial.Resolve. HOST may be * for any.
func ParseResolve(s string) (key string, addrs []netip.Addr, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("resolve rule %q: %w", s, err)
		}
	}()
	host, rest, err := cutPart(strings.TrimPrefix(s, "+"))
	if err != nil {
		return "", nil, err
	}
	if rest == nil || host == "" {
		return "", nil, errors.New("not HOST:PORT:ADDRESS")
	}
	port, list, found := strings.Cut(*rest, ":")
	if !found {
		return "", nil, errors.New("not HOST:PORT:ADDRESS")
	}
	n, err := parsePort(port)
	if err != nil {
		return "", nil, err
	}
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
		a, err := netip.ParseAddr(text)
		if err != nil {
			return "", nil, fmt.Errorf("%q is not an IP address", text)
		}
		addrs = append(addrs, a.Unmap())
	}
	return net.JoinHostPort(strings.ToLower(host), strconv.Itoa(int(n))), addrs, nil
}

// cutPart takes the part up to the next colon off s; after is nil if there is none.
func cutPart(s string) (part string, after *string, err error) {
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return "", nil, errors.New("bracket without an end")
		}
		part, s = s[1:i], s[i+1:]
		if s == "" {
			return part, nil, nil
		}
		if s[0] != ':' {
			return "", nil, errors.New("no colon behind the bracket")
		}
		return part, new(s[1:]), nil
	}
	part, rest, found := strings.Cut(s, ":")
	if !found {
		return part, nil, nil
	}
	return part, &rest, nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a port", s)
	}
	return uint16(n), nil
}

// connectTo applies the first rule that fits.
func connectTo(rules []ConnectTo, host string, port uint16) (string, uint16) {
	for _, r := range rules {
		if r.Host != "" && !strings.EqualFold(r.Host, host) || r.Port != "" && r.Port != strconv.Itoa(int(port)) {
			continue
		}
		if r.ToHost != "" {
			host = r.ToHost
		}
		if n, err := parsePort(r.ToPort); err == nil {
			port = n
		}
		return host, port
	}
	return host, port
}
