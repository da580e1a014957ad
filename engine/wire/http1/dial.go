package http1

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"plimsoll/engine"
	"plimsoll/engine/flow"
)

// Dial says where connections go to and come from.
type Dial struct {
	Resolve     map[string][]netip.Addr // "host:port" or "*:port" → addresses, instead of asking; see ParseResolve
	ConnectTo   []ConnectTo             // other places to connect to; the first rule that fits holds
	UnixSocket  string                  // path of a socket that takes every connection
	SourceAddrs []netip.Addr            // where connections come from, in turn
	DNSTTL      time.Duration           // how long an answer without a lifetime holds; 0 is 30 s
	Resolver    Resolver                // nil: the system's
}

// dialer makes connections.
type dialer struct {
	cfg    Dial
	secure *tls.Config
	names  *names
	net    net.Dialer
	turn   atomic.Uint64 // of the source addresses
}

func newDialer(cfg Dial, secure *tls.Config, now func() time.Duration) *dialer {
	d := &dialer{cfg: cfg, secure: secure, names: newNames(cfg, now)}
	d.net.KeepAlive = -1 // probes prove nothing that a request does not
	return d
}

// dial connects to the request's origin before due, an offset from base, and writes the
// phases into resp.
func (d *dialer) dial(ctx context.Context, req *flow.Request, resp *flow.Response, base time.Time, due time.Duration) (net.Conn, error) {
	if due != never {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, base.Add(due))
		defer cancel()
	}
	host, port, err := splitOrigin(req)
	if err != nil {
		return nil, failed(engine.ErrTemplate, err)
	}
	nc, err := d.connect(ctx, host, port, resp)
	if err != nil {
		return nil, err
	}
	resp.LocalAddr = nc.LocalAddr().String()
	if req.Scheme != "https" {
		return nc, nil
	}
	return d.handshake(ctx, nc, host, resp)
}

func (d *dialer) connect(ctx context.Context, host string, port uint16, resp *flow.Response) (net.Conn, error) {
	if d.cfg.UnixSocket != "" {
		start := time.Now()
		nc, err := d.net.DialContext(ctx, "unix", d.cfg.UnixSocket)
		resp.Phases[flow.Connect] = time.Since(start)
		if err != nil {
			return nil, failed(dialKind(err), err)
		}
		return nc, nil
	}
	host, port = connectTo(d.cfg.ConnectTo, host, port)
	start := time.Now()
	addrs, asked, err := d.names.lookup(ctx, host, port)
	if asked {
		resp.Phases[flow.DNS] = time.Since(start)
	}
	if err != nil {
		return nil, failed(dialKind(err), err)
	}
	start = time.Now()
	nc, err := d.connectAny(ctx, addrs, port)
	resp.Phases[flow.Connect] = time.Since(start)
	if err != nil {
		return nil, failed(dialKind(err), err)
	}
	return nc, nil
}

// connectAny tries the addresses one after the other; each may take its share of the time
// that is left.
func (d *dialer) connectAny(ctx context.Context, addrs addresses, port uint16) (net.Conn, error) {
	var first error
	for i := range addrs.len() {
		nc, err := d.connectOne(ctx, netip.AddrPortFrom(addrs.at(i), port), addrs.len()-i)
		if err == nil {
			return nc, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

func (d *dialer) connectOne(ctx context.Context, to netip.AddrPort, share int) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok && share > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(share))
		defer cancel()
	}
	nd := d.net
	if from, ok := d.source(to.Addr()); ok {
		nd.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		nd.ControlContext = bindLate
	}
	return nd.DialContext(ctx, "tcp", to.String())
}

// source returns the next source address of the same family.
func (d *dialer) source(to netip.Addr) (netip.Addr, bool) {
	n := uint64(len(d.cfg.SourceAddrs))
	if n == 0 {
		return netip.Addr{}, false
	}
	turn := d.turn.Add(1) - 1
	for i := range n {
		if a := d.cfg.SourceAddrs[(turn+i)%n]; a.Is4() == to.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func (d *dialer) handshake(ctx context.Context, nc net.Conn, host string, resp *flow.Response) (net.Conn, error) {
	cfg := d.secure
	if cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName = host
	}
	start := time.Now()
	tc := tls.Client(nc, cfg)
	err := tc.HandshakeContext(ctx)
	resp.Phases[flow.TLS] = time.Since(start)
	if err == nil {
		return tc, nil
	}
	_ = nc.Close()
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return nil, failed(handshakeKind(err), fmt.Errorf("handshake with %s: %w", host, err))
}

// splitOrigin returns the host, without brackets, and the port of the request.
func splitOrigin(req *flow.Request) (string, uint16, error) {
	host, port := req.Host, uint16(80)
	if req.Scheme == "https" {
		port = 443
	}
	if h, p, err := net.SplitHostPort(req.Host); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return "", 0, fmt.Errorf("port of host %q is not a number", req.Host)
		}
		host, port = h, uint16(n)
	} else if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	return host, port, nil
}
