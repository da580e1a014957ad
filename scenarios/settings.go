package scenarios

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"plimsoll/engine/flow"
	"plimsoll/engine/wire/http1"
)

// defaults hold for every request that does not say otherwise.
type defaults struct {
	headers   []flow.HeaderTemplate
	timeout   flow.Timeouts
	redirects int
	uses      []use
}

// httpSpec says how requests travel. Its files have been read.
type httpSpec struct {
	connections string
	config      http1.Config
}

func (d *decoder) target(n *yaml.Node) Target {
	t := Target{}
	if n.Kind == yaml.ScalarNode {
		d.template(n, "target", &t.uses, flow.ParseTemplate)
		t.URL = value(d, n, "target", func(s string) (string, error) { return s, checkTarget(s) })
		return t
	}
	t.Spots = map[string]Spot{"": d.spot(n, 0)}
	d.object(n, "target", fields{
		"reference": func(n *yaml.Node) { t.Reference = d.oneOf(n, "preset of the reference target", presets()...) },
		"set": func(n *yaml.Node) {
			t.Set = map[string]string{}
			d.pairs(n, "set", func(key, value *yaml.Node) { t.Set[key.Value], _ = d.text(value, "a knob") })
			d.spots(n, "", t.Spots)
		},
	})
	if valueOf(n, "reference") == nil {
		d.problem(n, "for instance  {reference: minimal}", "the target names no preset")
	}
	return t
}

// checkTarget accepts what requests can be sent to: http:// or https://, a host, perhaps a
// path that stands before every request's.
func checkTarget(s string) error {
	if strings.Contains(s, "{{") {
		return nil // known when the run is planned
	}
	u, err := url.Parse(s)
	switch {
	case err == nil && (u.Scheme == "" || u.Opaque != "") || err != nil && !strings.Contains(s, "://"):
		return valueError("write http://"+strings.TrimPrefix(s, "//"), "target %s has no scheme", quote(s))
	case err != nil || u.Host == "" || strings.ContainsAny(s, " \t\r\n"):
		return valueError("for instance http://127.0.0.1:8080", "target %s is not a URL", quote(s))
	case u.Scheme != "http" && u.Scheme != "https":
		return valueError("http and https are known", "target %s has the unknown scheme %s", quote(s), quote(u.Scheme))
	case !validPort(u.Port()):
		return valueError("ports are 1 to 65535", "target %s has the bad port %s", quote(s), u.Port())
	case u.User != nil:
		return valueError("use  auth: {basic: {user: …, password: …}}", "the target has a password in it")
	case u.RawQuery != "" || u.Fragment != "":
		return valueError("put it into the requests", "the target has a query or a fragment")
	}
	return nil
}

// validPort accepts a port, and none.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

func (d *decoder) variables(n *yaml.Node) (vars []variable) {
	d.pairs(n, "vars", func(key, value *yaml.Node) {
		d.identifier(key, "a variable")
		v := variable{node: key, name: key.Value, required: isNull(value)}
		if !v.required {
			v.value, _ = d.text(value, "a variable")
		}
		vars = append(vars, v)
	})
	return vars
}

func (d *decoder) defaults(n *yaml.Node) (v defaults) {
	d.object(n, "defaults", fields{
		"headers":   func(n *yaml.Node) { v.headers = append(v.headers, d.headers(n, &v.uses)...) },
		"auth":      func(n *yaml.Node) { v.headers = append(v.headers, d.auth(n, &v.uses)...) },
		"timeout":   func(n *yaml.Node) { v.timeout = d.timeouts(n) },
		"redirects": func(n *yaml.Node) { v.redirects = d.redirects(n) },
	})
	return v
}

func (d *decoder) http(n *yaml.Node) (h httpSpec) {
	c := &h.config
	d.object(n, "http", fields{
		"connections": func(n *yaml.Node) { h.connections = d.oneOf(n, "connections", "keep", "new") },
		"tls":         func(n *yaml.Node) { c.TLS = d.tls(n) },
		"limits":      func(n *yaml.Node) { c.Limits = d.limits(n) },
		"resolve": func(n *yaml.Node) {
			d.items(n, func(n *yaml.Node) { d.resolve(n, &c.Dial) })
		},
		"connect_to": func(n *yaml.Node) {
			d.items(n, func(n *yaml.Node) {
				c.Dial.ConnectTo = append(c.Dial.ConnectTo, value(d, n, "connect_to", http1.ParseConnectTo))
			})
		},
		"source": func(n *yaml.Node) {
			d.items(n, func(n *yaml.Node) {
				c.Dial.SourceAddrs = append(c.Dial.SourceAddrs, value(d, n, "source", parseAddr))
			})
		},
		"unix_socket": func(n *yaml.Node) { c.Dial.UnixSocket, _ = d.text(n, "unix_socket") },
		"dns_ttl":     func(n *yaml.Node) { c.Dial.DNSTTL = d.span(n, "dns_ttl") },
	})
	return h
}

func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, valueError("for instance 192.0.2.7", "%s is not an IP address", quote(s))
	}
	return a, nil
}

func (d *decoder) resolve(n *yaml.Node, dial *http1.Dial) {
	text, ok := d.text(n, "resolve")
	if !ok {
		return
	}
	host, addrs, err := http1.ParseResolve(text)
	d.report(n, err)
	if dial.Resolve == nil {
		dial.Resolve = map[string][]netip.Addr{}
	}
	dial.Resolve[host] = slices.Concat(dial.Resolve[host], addrs)
}

func (d *decoder) tls(n *yaml.Node) (t http1.TLS) {
	d.object(n, "tls", fields{
		"insecure":    func(n *yaml.Node) { t.Insecure = d.boolean(n, "insecure") },
		"server_name": func(n *yaml.Node) { t.ServerName, _ = d.text(n, "server_name") },
		"ca":          func(n *yaml.Node) { t.CA = d.read(n) },
		"cert":        func(n *yaml.Node) { t.Certificate = d.read(n) },
		"key":         func(n *yaml.Node) { t.Key = d.read(n) },
	})
	cert, key := valueOf(n, "cert"), valueOf(n, "key")
	if (cert == nil) != (key == nil) {
		d.problem(cmp.Or(cert, key), "both may be the same file", "a client certificate has cert and key")
		return t
	}
	if t.CA != nil {
		_, err := http1.New(http1.Config{TLS: http1.TLS{CA: t.CA}})
		d.report(valueOf(n, "ca"), err)
	}
	if t.Certificate != nil && t.Key != nil {
		_, err := http1.New(http1.Config{TLS: http1.TLS{Certificate: t.Certificate, Key: t.Key}})
		d.report(cert, err)
	}
	return t
}

func (d *decoder) limits(n *yaml.Node) (l http1.Limits) {
	size := func(n *yaml.Node, what string, least int64) int64 {
		return value(d, n, what, func(s string) (int64, error) {
			v, err := ParseSize(s)
			if err == nil && (v < least || v > 1<<30) {
				err = valueError("", "%s must be from %dB to 1GiB", what, least)
			}
			return v, err
		})
	}
	d.object(n, "limits", fields{
		"header": func(n *yaml.Node) { l.HeaderBytes = int(size(n, "header", 1024)) },
		"body":   func(n *yaml.Node) { l.BodyBytes = size(n, "body", 1) },
	})
	return l
}
