// Package upstream is outgoing HTTP: connections that are kept, capped and timed, whose
// settings change while calls are under way, and the request's context, trace, deadline
// and priority passed on to the next hop. It repeats nothing, limits nothing but
// connections, and does not say which answers are failures unless asked.
package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// Config is how connections are used. Changes hold for the calls that come after.
type Config struct {
	KeepAlive   bool          `yaml:"keepalive" default:"true" about:"connections are used again; otherwise each call makes one"`
	HTTP        string        `yaml:"http" default:"h1" oneof:"h1 h2 h2c" about:"protocol: HTTP/1.1, HTTP/2 where TLS offers it, or HTTP/2 without TLS"`
	MaxConns    int           `yaml:"max_conns" default:"0" min:"0" max:"100000" about:"connections to a host at once, so with h1 calls at once; further ones wait; 0: no limit"`
	MaxIdle     int           `yaml:"max_idle_per_host" default:"100" min:"1" max:"100000" about:"connections to a host that are kept while nothing uses them"`
	IdleTimeout time.Duration `yaml:"idle_timeout" default:"4s" min:"10ms" max:"1h" about:"how long an unused connection is kept; less than the server keeps it"`
	Timeout     time.Duration `yaml:"timeout" default:"0s" min:"0s" max:"10m" about:"of a call, until its body has been read; 0: none"`
	TLS         TLS           `yaml:"tls"`
	Propagate   bool          `yaml:"propagate" default:"true" about:"request id, trace, baggage, deadline, priority and attempt are passed on"`
	Baggage     []string      `yaml:"baggage" default:"tenant, plan" about:"baggage keys that are passed on; *: all"`
}

// TLS is how servers are spoken to over TLS.
type TLS struct {
	Verify bool `yaml:"verify" default:"true" about:"the server's certificate has to be one that is trusted"`
	Resume bool `yaml:"resume" default:"true" about:"sessions are resumed, which saves the certificate's arithmetic"`
}

// Options are what an Upstream is given for good.
type Options struct {
	// Dial makes connections; nil: a net.Dialer. An emulated network goes here.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Roots are the certificates that are trusted; nil: those of the system.
	Roots *x509.CertPool
}

// Upstream is an http.RoundTripper. Create it with New.
type Upstream struct {
	options Options
	change  sync.Mutex // held by Configure
	setup   atomic.Pointer[setup]
	counts  counts
}

// setup is one generation of connections.
type setup struct {
	cfg       Config
	transport *http.Transport
}

type counts struct {
	calls, errors, dials, dialErrors, reused atomic.Uint64
	inFlight, pool                           atomic.Int64 // pool in ns
}

// New returns an upstream.
func New(cfg Config, options Options) *Upstream {
	if options.Dial == nil {
		options.Dial = new(net.Dialer).DialContext
	}
	u := &Upstream{options: options}
	u.setup.Store(&setup{cfg, u.transport(cfg)})
	return u
}

// Configure changes the settings. Calls that are under way end on the connections that
// they have, which are closed then; idle ones are closed at once.
func (u *Upstream) Configure(cfg Config) {
	u.change.Lock()
	defer u.change.Unlock()
	old := u.setup.Load()
	if sameConnections(old.cfg, cfg) {
		u.setup.Store(&setup{cfg, old.transport})
		return
	}
	u.setup.Store(&setup{cfg, u.transport(cfg)})
	old.transport.CloseIdleConnections()
}

// Close closes the idle connections.
func (u *Upstream) Close() { u.setup.Load().transport.CloseIdleConnections() }

func sameConnections(a, b Config) bool {
	return a.KeepAlive == b.KeepAlive && a.HTTP == b.HTTP && a.MaxConns == b.MaxConns && a.MaxIdle == b.MaxIdle &&
		a.IdleTimeout == b.IdleTimeout && a.TLS == b.TLS
}

func (u *Upstream) transport(cfg Config) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(cfg.HTTP != "h2c")
	protocols.SetHTTP2(cfg.HTTP == "h2")
	protocols.SetUnencryptedHTTP2(cfg.HTTP == "h2c")
	t := &http.Transport{
		DialContext: u.dial, Protocols: protocols,
		DisableKeepAlives: !cfg.KeepAlive, MaxConnsPerHost: cfg.MaxConns,
		MaxIdleConnsPerHost: cfg.MaxIdle, IdleConnTimeout: cfg.IdleTimeout,
		DisableCompression: true, // what is passed on is passed on as it is
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: u.options.Roots,
			InsecureSkipVerify: !cfg.TLS.Verify, //nolint:gosec // a setting of a system under test
		},
	}
	if cfg.TLS.Resume {
		t.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	return t
}

// dial makes a connection and counts it.
func (u *Upstream) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.ConnectStart != nil {
		trace.ConnectStart(network, address) // not every Dial does
	}
	c, err := u.options.Dial(ctx, network, address)
	if err != nil {
		u.counts.dialErrors.Add(1)
		return nil, err
	}
	u.counts.dials.Add(1)
	return c, nil
}

// Stats is what the calls and connections have come to.
type Stats struct {
	Calls      uint64  `json:"calls_total"`
	Errors     uint64  `json:"errors_total"` // calls without an answer
	Dials      uint64  `json:"dials_total"`
	DialErrors uint64  `json:"dial_errors_total"`
	Reused     uint64  `json:"reused_total"`       // calls on a connection that had been used before
	Pool       float64 `json:"pool_seconds_total"` // waiting for a connection
	InFlight   int64   `json:"in_flight"`          // calls whose body has not been read or closed
}

// Stats returns the counters.
func (u *Upstream) Stats() Stats {
	c := &u.counts
	return Stats{
		Calls: c.calls.Load(), Errors: c.errors.Load(), Dials: c.dials.Load(), DialErrors: c.dialErrors.Load(),
		Reused: c.reused.Load(), Pool: time.Duration(c.pool.Load()).Seconds(), InFlight: c.inFlight.Load(),
	}
}
