package resp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/redcon"
)

// client is what the server knows of one connection. It belongs to the connection's
// goroutine, but for spoilt and watching, which the server's lock guards.
type client struct {
	id      int64
	name    string
	out     []byte // the answer, used again
	leaving bool   // closes once answered

	multi    bool // between MULTI and EXEC
	broken   bool // a command was refused since MULTI
	queue    []queued
	watching []string
	spoilt   bool // a watched key was changed
}

type queued struct {
	command *command
	args    [][]byte
}

// answer appends the answer to one command.
func (s *Server) answer(ctx context.Context, c *client, out []byte, args [][]byte) []byte {
	cmd := find(s.commands, args[0])
	switch {
	case cmd == nil:
		c.broken = true
		return fail(out, unknownError(args))
	case !cmd.fits(len(args)):
		c.broken = true
		return fail(out, arityError(cmd.name))
	}
	cmd.calls.Add(1)
	if err := s.delay(ctx, cmd.name); err != nil {
		c.broken = true
		if errors.Is(err, ErrHangUp) {
			c.leaving = true
			return out
		}
		return appendAny(out, err)
	}
	switch {
	case c.multi && !cmd.unqueued:
		return c.enqueue(out, cmd, args)
	case cmd.own != nil:
		return cmd.own(s, c, out, args)
	case cmd.extension != nil:
		return s.extend(ctx, cmd, out, args)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cmd.grows && !s.data.makeRoom() {
		return fail(out, errMemory)
	}
	return cmd.run(s.data.begin(time.Now()), out, args)
}

// delay waits for what stands before every command.
func (s *Server) delay(ctx context.Context, name string) error {
	if d := s.config.Load().Service; d > 0 {
		if err := s.alarm.Wait(ctx, d); err != nil {
			return fmt.Errorf("the server is closing: %w", err)
		}
	}
	if s.before == nil {
		return nil
	}
	return s.before(ctx, name)
}

// extend runs a command of an extension, within its time.
func (s *Server) extend(ctx context.Context, cmd *command, out []byte, args [][]byte) []byte {
	ctx, cancel := context.WithTimeout(ctx, s.config.Load().CommandTimeout)
	defer cancel()
	v, err := cmd.extension(ctx, args[1:])
	if err != nil {
		return appendAny(out, err)
	}
	return appendAny(out, v)
}

func (c *client) enqueue(out []byte, cmd *command, args [][]byte) []byte {
	if cmd.extension != nil {
		c.broken = true
		return fail(out, "ERR '"+cmd.name+"' is not for transactions")
	}
	c.queue = append(c.queue, queued{cmd, args})
	return redcon.AppendString(out, "QUEUED")
}

// endMulti forgets the transaction of a client.
func (s *Server) endMulti(c *client) {
	c.multi, c.broken, c.queue = false, false, nil
	s.data.unwatch(c)
}

func multiCommand(_ *Server, c *client, out []byte, _ [][]byte) []byte {
	if c.multi {
		return fail(out, "ERR MULTI calls can not be nested")
	}
	c.multi, c.broken = true, false
	return redcon.AppendOK(out)
}

// execCommand runs what was queued under one lock.
func execCommand(s *Server, c *client, out []byte, _ [][]byte) []byte {
	if !c.multi {
		return fail(out, "ERR EXEC without MULTI")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	queue, broken, spoilt := c.queue, c.broken, c.spoilt
	s.endMulti(c)
	switch {
	case broken:
		return fail(out, errAborted)
	case spoilt:
		return append(out, "*-1\r\n"...)
	}
	room := s.data.makeRoom()
	out = redcon.AppendArray(out, len(queue))
	for _, q := range queue {
		switch {
		case q.command.own != nil:
			out = fail(out, "ERR '"+q.command.name+"' is not for transactions")
		case q.command.grows && !room:
			out = fail(out, errMemory)
		default:
			out = q.command.run(s.data.begin(time.Now()), out, q.args)
		}
	}
	return out
}

func discardCommand(s *Server, c *client, out []byte, _ [][]byte) []byte {
	if !c.multi {
		return fail(out, "ERR DISCARD without MULTI")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endMulti(c)
	return redcon.AppendOK(out)
}

func watchCommand(s *Server, c *client, out []byte, args [][]byte) []byte {
	if c.multi {
		return fail(out, "ERR WATCH inside MULTI is not allowed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.sweep(time.Now().UnixMilli(), -1)
	for _, key := range args[1:] {
		s.data.watch(string(key), c)
	}
	return redcon.AppendOK(out)
}

func unwatchCommand(s *Server, c *client, out []byte, _ [][]byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.unwatch(c)
	return redcon.AppendOK(out)
}

// helloCommand speaks RESP2 only, and says so to whoever asks for more.
func helloCommand(_ *Server, c *client, out []byte, args [][]byte) []byte {
	if len(args) > 1 && !is(args[1], "2") {
		if _, ok := integer(args[1]); !ok {
			return fail(out, "ERR Protocol version is not an integer or out of range")
		}
		return fail(out, "NOPROTO unsupported protocol version")
	}
	for rest := args[min(2, len(args)):]; len(rest) > 0; rest = rest[2:] {
		if len(rest) < 2 || !is(rest[0], "SETNAME") {
			return fail(out, fmt.Sprintf("ERR Syntax error in HELLO option '%.128s'", rest[0]))
		}
		c.name = string(rest[1])
	}
	return appendAny(out, []any{"server", "redis", "version", version, "proto", 2, "id", c.id, "mode", "standalone", "role", "master", "modules", []any{}})
}

// version is the release of Redis whose commands and errors these are.
const version = "7.0.15"

func clientCommand(_ *Server, c *client, out []byte, args [][]byte) []byte {
	sub, n := args[1], len(args)
	switch {
	case is(sub, "SETNAME") && n == 3:
		c.name = string(args[2])
		return redcon.AppendOK(out)
	case is(sub, "GETNAME") && n == 2:
		return redcon.AppendBulkString(out, c.name)
	case is(sub, "ID") && n == 2:
		return redcon.AppendInt(out, c.id)
	case is(sub, "SETINFO") && n == 4:
		return redcon.AppendOK(out)
	}
	return fail(out, subcommandError("CLIENT", sub))
}

func selectCommand(_ *Server, _ *client, out []byte, args [][]byte) []byte {
	n, ok := integer(args[1])
	switch {
	case !ok:
		return fail(out, errNotInteger)
	case n != 0:
		return fail(out, "ERR DB index is out of range")
	}
	return redcon.AppendOK(out)
}

func quitCommand(_ *Server, c *client, out []byte, _ [][]byte) []byte {
	c.leaving = true
	return redcon.AppendOK(out)
}

// commandCommand answers what clients ask before they start: how many, and the list.
func commandCommand(s *Server, _ *client, out []byte, args [][]byte) []byte {
	switch {
	case len(args) == 1:
		out = redcon.AppendArray(out, len(s.commands))
		for _, name := range sorted(s.commands) {
			out = appendAny(out, []any{name, s.commands[name].words, []any{}, 0, 0, 0})
		}
		return out
	case is(args[1], "COUNT") && len(args) == 2:
		return redcon.AppendInt(out, int64(len(s.commands)))
	case is(args[1], "DOCS"), is(args[1], "INFO"):
		return redcon.AppendArray(out, 0)
	}
	return fail(out, subcommandError("COMMAND", args[1]))
}

// infoCommand answers with the sections that clients and dashboards read, whichever is asked for.
func infoCommand(s *Server, _ *client, out []byte, _ [][]byte) []byte {
	st := s.Stats()
	var calls uint64
	for _, n := range st.Commands {
		calls += n
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\nuptime_in_seconds:%d\r\n", version, int(time.Since(s.started).Seconds()))
	fmt.Fprintf(&b, "\r\n# Clients\r\nconnected_clients:%d\r\nmaxclients:%d\r\n", st.Connections, s.config.Load().MaxClients)
	fmt.Fprintf(&b, "\r\n# Memory\r\nused_memory:%d\r\nmaxmemory:%d\r\nmaxmemory_policy:%s\r\n", st.Bytes, st.MaxBytes, s.config.Load().Eviction)
	fmt.Fprintf(&b, "\r\n# Stats\r\ntotal_connections_received:%d\r\ntotal_commands_processed:%d\r\nrejected_connections:%d\r\n", st.Opened, calls, st.Refused)
	fmt.Fprintf(&b, "expired_keys:%d\r\nevicted_keys:%d\r\nkeyspace_hits:%d\r\nkeyspace_misses:%d\r\n", st.Expired, st.Evicted, st.Hits, st.Misses)
	fmt.Fprintf(&b, "\r\n# Replication\r\nrole:master\r\n\r\n# Keyspace\r\n")
	if st.Keys > 0 {
		fmt.Fprintf(&b, "db0:keys=%d\r\n", st.Keys)
	}
	return redcon.AppendBulkString(out, b.String())
}
