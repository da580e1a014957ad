package http1

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Resolver finds the addresses of a host. A ttl of 0 says that their lifetime is not known.
type Resolver interface {
	Lookup(ctx context.Context, host string) (addrs []netip.Addr, ttl time.Duration, err error)
}

// defaultTTL stands in for the lifetime of an answer, which the system's resolver does
// not tell.
const defaultTTL = 30 * time.Second

// names remembers the addresses of hosts for as long as they hold. One lookup per name is
// under way at a time; the others wait for it.
type names struct {
	resolver Resolver
	ttl      time.Duration
	now      func() time.Duration
	fixed    map[string]*name // by host:port
	mu       sync.Mutex
	known    map[string]*name // by host
}

// name is what is known of a host.
type name struct {
	ready  chan struct{} // closed when the lookup is over
	addrs  []netip.Addr
	err    error
	gaveUp bool // the caller who asked had no more time; others may have
	until  time.Duration
	turn   atomic.Uint64
}

// addresses are those of a host, starting with the one whose turn it is.
type addresses struct {
	list  []netip.Addr
	first uint64
}

func (a addresses) len() int { return len(a.list) }

func (a addresses) at(i int) netip.Addr {
	return a.list[(a.first+uint64(i))%uint64(len(a.list))]
}

func newNames(cfg Dial, now func() time.Duration) *names {
	n := &names{resolver: cfg.Resolver, ttl: cmp.Or(cfg.DNSTTL, defaultTTL), now: now}
	if n.resolver == nil {
		n.resolver = system{}
	}
	n.known = map[string]*name{}
	n.fixed = map[string]*name{}
	for key, addrs := range cfg.Resolve {
		fixed := &name{ready: make(chan struct{}), addrs: addrs}
		close(fixed.ready)
		n.fixed[strings.ToLower(key)] = fixed
	}
	return n
}

// lookup returns the addresses of host, and whether that meant waiting for a resolver.
func (n *names) lookup(ctx context.Context, host string, port uint16) (addresses, bool, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return addresses{list: []netip.Addr{a}}, false, nil
	}
	host = strings.ToLower(host)
	for {
		known, mine, asked := n.entry(host, port)
		if mine {
			n.ask(ctx, host, known)
		}
		select {
		case <-known.ready:
		case <-ctx.Done():
			return addresses{}, asked, ctx.Err()
		}
		switch {
		case known.err == nil:
			return addresses{known.addrs, known.turn.Add(1) - 1}, asked, nil
		case mine || !known.gaveUp || ctx.Err() != nil:
			return addresses{}, asked, known.err
		}
	}
}

// entry returns what is known of host. With mine the caller is the one to ask.
func (n *names) entry(host string, port uint16) (known *name, mine, asked bool) {
	key := net.JoinHostPort(host, strconv.Itoa(int(port)))
	n.mu.Lock()
	defer n.mu.Unlock()
	if fixed, ok := n.fixed[key]; ok {
		return fixed, false, false
	}
	if fixed, ok := n.fixed[net.JoinHostPort("*", strconv.Itoa(int(port)))]; ok {
		return fixed, false, false
	}
	if known, ok := n.known[host]; ok {
		select {
		case <-known.ready:
			if n.now() < known.until {
				return known, false, false
			}
		default:
			return known, false, true
		}
	}
	known = &name{ready: make(chan struct{})}
	n.known[host] = known
	return known, true, true
}

// ask fills in known. A lookup that fails holds for those who waited for it only.
func (n *names) ask(ctx context.Context, host string, known *name) {
	addrs, ttl, err := n.resolver.Lookup(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	known.addrs, known.err, known.gaveUp = addrs, err, ctx.Err() != nil
	if err == nil {
		known.until = n.now() + cmp.Or(ttl, n.ttl)
	}
	close(known.ready)
}

// system asks the machine's resolver.
type system struct{}

func (system) Lookup(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, 0, err
}
