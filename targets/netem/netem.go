// Package netem puts a network between two ends that are on one machine: a round-trip
// time, jitter and bandwidth on the connections of a listener or a dialer. Each
// connection has a delay line in each direction; setting it up costs a round trip. It
// makes the identity that a TLS listener needs as well. It loses, reorders and corrupts
// nothing, and it does not know what travels on a connection.
package netem

import (
	"context"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"plimsoll/targets/knob"
)

// Config is the network. While all of it is zero, connections are left as they are, and
// those that were made then are not slowed down later. Others follow every change.
type Config struct {
	RTT       time.Duration `yaml:"rtt" default:"0s" min:"0s" max:"10s" about:"round-trip time, half of it each way; a new connection costs one more"`
	Jitter    time.Duration `yaml:"jitter" default:"0s" min:"0s" max:"10s" about:"by how much a round-trip time is longer or shorter at random; nothing overtakes"`
	Bandwidth knob.Bytes    `yaml:"bw" default:"0B" min:"0B" max:"100GB" about:"bytes per second of each connection and direction; 0B: no limit"`
}

// Net is a network. Create it with New.
type Net struct {
	cfg    atomic.Pointer[Config]
	opened atomic.Uint64
	open   atomic.Int64
}

// New returns a network.
func New(cfg Config) *Net {
	n := new(Net)
	n.Configure(cfg)
	return n
}

// Configure changes the network, for what is sent from now on.
func (n *Net) Configure(cfg Config) { n.cfg.Store(&cfg) }

// Stats is what goes through the network.
type Stats struct {
	Opened uint64 `json:"connections_total"` // that were slowed down
	Open   int64  `json:"connections"`       // of them now
}

// Stats returns the counters.
func (n *Net) Stats() Stats { return Stats{Opened: n.opened.Load(), Open: n.open.Load()} }

// Listener returns a listener whose clients are on the other side of the network. The
// client's side of setting up a connection cannot be seen from here, so the round trip
// that it costs comes before the first byte is read.
func (n *Net) Listener(l net.Listener) net.Listener { return listener{l, n} }

type listener struct {
	net.Listener
	net *Net
}

// Accept waits for the next connection.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.net.Accepted(c), nil
}

// Accepted returns a connection that was just accepted, as it is on this network.
func (n *Net) Accepted(c net.Conn) net.Conn {
	cfg := n.cfg.Load()
	if *cfg == (Config{}) {
		return c
	}
	// SYN, SYN-ACK and the first bytes: those are under way a round trip after the start.
	return newConn(n, c, cfg.RTT, cfg.RTT*3/2)
}

// Dial is how connections are made: net.Dialer.DialContext, and what is put around it.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Dialer returns a dialer whose servers are on the other side of the network.
func (n *Net) Dialer(dial Dial) Dial {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		cfg := n.cfg.Load()
		if err != nil || *cfg == (Config{}) {
			return c, err
		}
		timer := time.NewTimer(cfg.oneWay() + cfg.oneWay())
		defer timer.Stop()
		select {
		case <-timer.C:
			return newConn(n, c, 0, 0), nil
		case <-ctx.Done():
			c.Close()
			return nil, ctx.Err()
		}
	}
}

// oneWay draws the time that a packet takes.
func (c *Config) oneWay() time.Duration {
	delay := c.RTT / 2
	if c.Jitter > 0 {
		delay += time.Duration((rand.Float64() - .5) * float64(c.Jitter))
	}
	return max(0, delay)
}

// transmission is how long so many bytes keep the line busy.
func (c *Config) transmission(bytes int) time.Duration {
	if c.Bandwidth <= 0 {
		return 0
	}
	return time.Duration(float64(bytes) / float64(c.Bandwidth) * float64(time.Second))
}

// segment is how many bytes travel as one: ten milliseconds' worth, within bounds.
func (c *Config) segment() int {
	const least, most = 1 << 10, 16 << 10
	if c.Bandwidth <= 0 {
		return most
	}
	return int(min(max(int64(c.Bandwidth)/100, least), most))
}
