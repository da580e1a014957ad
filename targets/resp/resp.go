// Package resp is a server that speaks the Redis protocol (RESP2), with the commands that
// caches, rate limiters, idempotency keys and sessions need. It holds everything in
// memory under one lock, as Redis runs one command at a time, so that transactions and
// scripts are atomic. Scripts are known by their Lua text but run as Go functions. It
// does not interpret Lua, save to disk, replicate, publish, or know users and databases
// other than 0.
package resp

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/redcon"

	"plimsoll/targets/alarm"
	"plimsoll/targets/knob"
)

// Config bounds a server.
type Config struct {
	MaxBytes       knob.Bytes    `yaml:"max_bytes" default:"64MiB" min:"0B" max:"16GiB" about:"memory that keys and values may take; 0B is no bound"`
	Eviction       string        `yaml:"eviction" default:"allkeys-lru" oneof:"allkeys-lru noeviction" about:"what a write meets past max_bytes: keys least recently used go, or an error"`
	MaxClients     int           `yaml:"max_clients" default:"10000" min:"1" max:"1000000" about:"connections at a time; further ones are refused"`
	Service        time.Duration `yaml:"service" default:"0s" min:"0s" max:"10s" about:"time every command takes before it runs, without holding up others; 0s is none"`
	CommandTimeout time.Duration `yaml:"command_timeout" default:"5s" min:"1ms" max:"10m" about:"the longest that a command of an extension may take"`
}

// Extensions are what a server can do besides the commands of Redis.
type Extensions struct {
	Scripts  []Script
	Commands []Command

	// Before is called before every command, with its lower-case name, on the goroutine of
	// the connection and without any lock, so it may wait: it delays nobody else. An error
	// is the command's answer; ErrHangUp closes the connection without one. The context
	// ends when the server is closed. Nil is none.
	Before func(ctx context.Context, command string) error
}

// Script is a Lua script that this server knows: the same text runs on a real Redis, the
// function runs here. EVAL finds it by its text, EVALSHA by its SHA-1.
type Script struct {
	Lua string
	Run func(tx *Tx, keys, args []string) (any, error)
}

// Command is a command of an extension. Run gets the arguments without the name, and a
// context that ends after Config.CommandTimeout. It runs outside of the server's lock and
// not within MULTI. The reply is what Status, string, []byte, int, int64, bool, float64,
// nil, []string or []any make of it; an error is sent as one, with ERR in front unless
// its first word is upper case.
type Command struct {
	Name string
	Run  func(ctx context.Context, args [][]byte) (any, error)
}

// Status is a reply of one short line, like OK, where a string would be a bulk string.
type Status string

// ErrHangUp closes the connection without an answer when Extensions.Before returns it.
var ErrHangUp = errors.New("connection closed by the server")

// Server holds the keys and answers connections. Make one with New.
type Server struct {
	commands map[string]*command
	before   func(ctx context.Context, command string) error
	config   atomic.Pointer[Config]
	alarm    alarm.Alarm
	started  time.Time

	mu   sync.Mutex // held for the whole of a command, a script, a transaction
	data *keyspace

	clients clients
	life    life
}

// clients counts connections.
type clients struct {
	open            atomic.Int64
	opened, refused atomic.Uint64
}

// life is how a server ends.
type life struct {
	mu      sync.Mutex // guards over, and starting to serve
	over    bool
	done    chan struct{} // closed by Close
	serving sync.WaitGroup
}

// New returns a server without keys. It panics if two scripts or two commands are the
// same, which is a mistake of the program.
func New(cfg Config, ext Extensions) *Server {
	s := &Server{before: ext.Before, started: time.Now(), data: newKeyspace(), life: life{done: make(chan struct{})}}
	s.commands = table(ext.Commands)
	s.data.tx = Tx{data: s.data, commands: s.commands, scripts: bySHA(ext.Scripts)}
	s.Configure(cfg)
	return s
}

// Configure changes the bounds. Keys past a smaller max_bytes go at once if they may.
func (s *Server) Configure(cfg Config) {
	s.config.Store(&cfg)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.maxBytes, s.data.evicts = int64(cfg.MaxBytes), cfg.Eviction != "noeviction"
	s.data.makeRoom()
}

// Serve answers the connections that the listener accepts, until Close is called or the
// listener fails. It closes the listener and every connection before it returns, nil after
// Close.
func (s *Server) Serve(ln net.Listener) error {
	if !s.begin() {
		return cmp.Or(ln.Close(), net.ErrClosed)
	}
	defer s.life.serving.Done()
	ctx, cancel := context.WithCancel(context.Background())
	var own sync.WaitGroup
	defer own.Wait()
	defer cancel()
	own.Go(func() { s.sweepUntil(ctx) })
	own.Go(func() {
		select {
		case <-s.life.done:
			cancel()
		case <-ctx.Done():
		}
		ln.Close()
	})
	server := redcon.NewServerNetwork(ln.Addr().Network(), "",
		func(conn redcon.Conn, cmd redcon.Command) { s.handle(ctx, conn, cmd.Args) },
		func(conn redcon.Conn) bool { return s.accept(conn, &own) },
		func(conn redcon.Conn, _ error) { s.leave(conn, &own) })
	server.AcceptError = func(error) { pause(ctx, 10*time.Millisecond) } // out of descriptors: no use in asking again at once
	return server.Serve(ln)
}

// begin tells whether the server may still start to serve.
func (s *Server) begin() bool {
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	if s.life.over {
		return false
	}
	s.life.serving.Add(1)
	return true
}

// Close ends every Serve and waits until their connections are gone. The keys stay until
// the server itself does.
func (s *Server) Close() error {
	s.life.mu.Lock()
	if !s.life.over {
		s.life.over = true
		close(s.life.done)
	}
	s.life.mu.Unlock()
	s.life.serving.Wait()
	return nil
}

// accept lets a connection in, or refuses it as Redis does.
func (s *Server) accept(conn redcon.Conn, own *sync.WaitGroup) bool {
	if s.clients.open.Load() >= int64(s.config.Load().MaxClients) {
		s.clients.refused.Add(1)
		conn.WriteError("ERR max number of clients reached")
		return false
	}
	own.Add(1)
	s.clients.open.Add(1)
	conn.SetContext(&client{id: int64(s.clients.opened.Add(1))})
	return true
}

func (s *Server) leave(conn redcon.Conn, own *sync.WaitGroup) {
	s.mu.Lock()
	s.data.unwatch(conn.Context().(*client))
	s.mu.Unlock()
	s.clients.open.Add(-1)
	own.Done()
}

// handle answers one command on its connection.
func (s *Server) handle(ctx context.Context, conn redcon.Conn, args [][]byte) {
	c := conn.Context().(*client)
	if c.leaving {
		return
	}
	c.out = s.answer(ctx, c, c.out[:0], args)
	conn.WriteRaw(c.out)
	if cap(c.out) > keptBuffer {
		c.out = nil
	}
	if c.leaving {
		conn.Close() //nolint:errcheck // it is over either way
	}
}

// keptBuffer is how large a connection's buffer may be and still be used again.
const keptBuffer = 64 << 10

// Do runs one command within the process, as a connection of its own would.
func (s *Server) Do(ctx context.Context, args ...string) (any, error) {
	words := make([][]byte, len(args))
	for i, a := range args {
		words[i] = []byte(a)
	}
	if len(words) == 0 {
		return nil, errors.New("ERR empty command")
	}
	_, v := decode(s.answer(ctx, &client{}, nil, words))
	if err, ok := v.(error); ok {
		return nil, err
	}
	return v, nil
}

// sweepUntil removes keys whose time is over, ten times a second as Redis does by default
// (hz 10), until ctx ends.
func (s *Server) sweepUntil(ctx context.Context) {
	tick := time.NewTicker(time.Second / 10)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for s.sweep() { // in portions, so that commands get their turn
			}
		}
	}
}

func (s *Server) sweep() (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.sweep(time.Now().UnixMilli(), 1000)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Stats are the counts of a server since it was made, and what it holds now.
type Stats struct {
	Commands    map[string]uint64 `json:"commands_total"` // by lower-case name, those that were called
	Hits        uint64            `json:"hits_total"`     // reads that found their key
	Misses      uint64            `json:"misses_total"`
	Expired     uint64            `json:"expired_total"`
	Evicted     uint64            `json:"evicted_total"`
	Opened      uint64            `json:"connections_total"`
	Refused     uint64            `json:"refused_total"` // connections past max_clients
	Connections int64             `json:"connections"`
	Keys        int               `json:"keys"`
	Bytes       int64             `json:"bytes"`     // what keys and values take, as counted against max_bytes
	MaxBytes    int64             `json:"max_bytes"` // 0: no bound
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	st := Stats{Commands: map[string]uint64{}, Opened: s.clients.opened.Load(), Refused: s.clients.refused.Load(), Connections: s.clients.open.Load()}
	for name, c := range s.commands {
		if n := c.calls.Load(); n > 0 {
			st.Commands[name] = n
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.data
	st.Hits, st.Misses, st.Expired, st.Evicted = d.counts.hits, d.counts.misses, d.counts.expired, d.counts.evicted
	st.Keys, st.Bytes, st.MaxBytes = len(d.entries), d.bytes, d.maxBytes
	return st
}
