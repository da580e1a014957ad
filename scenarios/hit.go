package scenarios

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Hit is a scenario of one request, as a command line describes it. Texts are taken as
// they are: braces in them are no variables. Rates, durations and numbers are written as
// in the scenario file.
type Hit struct {
	URL       string
	Method    string   // empty: GET, or POST with a body
	Headers   []string // "Name: value"
	Body      []byte   // nil: none
	Rate      string   // open load; exactly one of Rate and Users, or neither for one user
	Arrivals  string   // with Rate
	Users     string   // closed load
	For       string   // empty: 10s, or no bound with Requests
	Requests  string   // with Users: how many in all
	Budgets   []string
	Load      map[string]string // further keys of the load: max_in_flight, seed, connections …
	Transport *Transport
}

// Transport is how the requests of a Hit travel: the keys timeout, redirects and http of
// the scenario file, and files for TLS.
type Transport struct {
	Timeout, Connect     string // of the whole call, and of connecting
	Redirects            string
	Insecure             bool
	CA, Cert, Key        string // files
	Resolve, ConnectTo   []string
	UnixSocket, SourceIP string
}

// Scenario returns the scenario that does what h says. Relative names of files count from
// the working directory. The error is Problems, each with the key that the value belongs
// to.
func (h Hit) Scenario() (*Scenario, error) {
	root, origin, err := h.tree()
	if err != nil {
		return nil, err
	}
	d := &decoder{tree: &tree{file: "hit", root: root, origin: origin}, files: folder(".")}
	return d.understand()
}

// tree builds what the author of a file would have written.
func (h Hit) tree() (*yaml.Node, map[*yaml.Node]string, error) {
	m := &mapping{node: &yaml.Node{Kind: yaml.MappingNode}, origin: map[*yaml.Node]string{}}
	m.origin[m.node] = "hit"
	target, err := url.Parse(h.URL)
	if err != nil || target.Host == "" {
		return nil, nil, cmp.Or(checkTarget(h.URL), valueError("for instance http://127.0.0.1:8080/", "%s is not a URL", quote(h.URL)))
	}
	if method := strings.ToLower(h.Method); method != "" && !slices.Contains(methods(), method) {
		return nil, nil, valueError(didYouMean(method, methods()), "unknown method %s", quote(h.Method))
	}
	for _, line := range h.Headers {
		if !strings.Contains(line, ":") {
			return nil, nil, valueError("write it as NAME: VALUE", "header %s has no colon", quote(line))
		}
	}
	m.put("scenario", target.Host)
	m.put("target", target.Scheme+"://"+target.Host)
	h.step(m.list("flows").item(), target)
	h.load(m.list("load").item())
	if h.Transport != nil {
		h.Transport.http(m.child("http"))
	}
	for _, b := range h.Budgets {
		m.list("budgets").add(b)
	}
	return m.node, m.origin, nil
}

func (h Hit) step(m *mapping, target *url.URL) {
	method := cmp.Or(h.Method, "GET")
	if h.Body != nil {
		method = cmp.Or(h.Method, "POST")
		m.put("body", literal(string(h.Body)))
	}
	text := target.RequestURI()
	m.put(strings.ToLower(method), literal(text))
	m.put("name", shorten(method+" "+text))
	if t := h.Transport; t != nil {
		limits := m.child("timeout")
		limits.some("total", t.Timeout)
		limits.some("connect", t.Connect)
		m.some("redirects", t.Redirects)
	}
	if target.User != nil {
		basic := m.child("auth").child("basic")
		password, _ := target.User.Password()
		basic.put("user", literal(target.User.Username()))
		basic.put("password", literal(password))
	}
	h.headers(m.child("headers"))
}

// headers are those of h. As curl has it, one without a value is not sent, and a body is a
// form if nothing else is said.
func (h Hit) headers(m *mapping) {
	typed := h.Body == nil
	for _, line := range h.Headers {
		name, value, _ := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		isType := strings.EqualFold(name, "Content-Type")
		typed = typed || isType
		if value != "" || isType { // without it, there would be a type of our own
			m.field(name, literal(value))
		}
	}
	if !typed {
		m.field("Content-Type", "application/x-www-form-urlencoded")
	}
}

// shorten cuts a name that is too long for a report.
func shorten(name string) string {
	if r := []rune(name); len(r) > maxName {
		return string(r[:maxName-1]) + "…"
	}
	return name
}

func (h Hit) load(m *mapping) {
	m.some("rate", h.Rate)
	m.some("arrivals", h.Arrivals)
	m.some("iterations", h.Requests)
	if h.Rate == "" {
		m.put("users", cmp.Or(h.Users, "1"))
	} else {
		m.some("users", h.Users)
	}
	if h.Requests == "" {
		m.put("for", cmp.Or(h.For, "10s"))
	} else {
		m.some("for", h.For)
	}
	for key, value := range h.Load {
		m.some(key, value)
	}
}

func (t *Transport) http(m *mapping) {
	m.some("unix_socket", t.UnixSocket)
	m.some("source", t.SourceIP)
	for _, rule := range t.Resolve {
		m.list("resolve").add(rule)
	}
	for _, rule := range t.ConnectTo {
		m.list("connect_to").add(rule)
	}
	tls := m.child("tls")
	if t.Insecure {
		tls.put("insecure", "true")
	}
	tls.some("ca", t.CA)
	tls.some("cert", t.Cert)
	tls.some("key", cmp.Or(t.Key, t.Cert)) // as curl has it, one file may hold both
}

// literal writes text so that no part of it is taken for a variable.
func literal(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }
