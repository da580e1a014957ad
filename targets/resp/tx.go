package resp

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Tx is what a script, or one command, works on: the keys at one moment. A script must not
// keep it, nor use it on another goroutine.
type Tx struct {
	data     *keyspace
	commands map[string]*command
	scripts  map[string]Script // by the SHA-1 of their text, in lower-case hex
	now      int64             // Unix time in milliseconds, the same all through
	micros   int64             // the same in microseconds
}

// Now returns the time at which the script began, to the microsecond, as TIME does. It
// stays the same while the script runs.
func (t *Tx) Now() time.Time { return time.UnixMicro(t.micros) }

// Call runs a command as redis.call does in Lua: tx.Call("SET", key, value, "PX", "1000").
// The reply is nil, int64, string, Status or []any of these; an error has the text of
// Redis' own. What a script wrote before it fails stays.
func (t *Tx) Call(args ...string) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("ERR a script has to name the command it calls")
	}
	words := make([][]byte, len(args))
	for i, a := range args {
		words[i] = []byte(a)
	}
	cmd := find(t.commands, words[0])
	switch {
	case cmd == nil:
		return nil, serverError("ERR Unknown Redis command called from script")
	case cmd.run == nil || cmd.unscripted:
		return nil, serverError("ERR This Redis command is not allowed from script")
	case !cmd.fits(len(words)):
		return nil, serverError("ERR Wrong number of args calling Redis command from script")
	}
	var room [256]byte
	_, v := decode(cmd.run(t, room[:0], words))
	if err, ok := v.(error); ok {
		return nil, err
	}
	return v, nil
}

// begin makes the transaction ready for what runs next. The server's lock is held until it is done.
func (k *keyspace) begin(now time.Time) *Tx {
	k.tx.now, k.tx.micros = now.UnixMilli(), now.UnixMicro()
	return &k.tx
}

// read returns the entry for a command that reads it, and counts whether it was there. It
// is nil if there is none, or with wrong if it holds another kind.
func (t *Tx) read(key []byte, want kind) (e *entry, wrong bool) {
	e = t.data.look(key, t.now)
	if e == nil {
		t.data.counts.misses++
		return nil, false
	}
	t.data.counts.hits++
	if e.kind != want {
		return nil, true
	}
	return e, false
}

// write returns the entry for a command that changes it, like read, without counting.
func (t *Tx) write(key []byte, want kind) (e *entry, wrong bool) {
	e = t.data.look(key, t.now)
	if e != nil && e.kind != want {
		return nil, true
	}
	return e, false
}

// writeOrAdd is write, with a new entry where there is none.
func (t *Tx) writeOrAdd(key []byte, want kind) (e *entry, wrong bool) {
	e, wrong = t.write(key, want)
	if e == nil && !wrong {
		e = t.data.add(key, want)
	}
	return e, wrong
}

// set makes the key hold the text, whatever it held; when it expires is kept.
func (t *Tx) set(key []byte, text string) *entry {
	e := t.data.look(key, t.now)
	if e != nil && e.kind != aString {
		at := e.expires
		t.data.remove(e)
		e = t.data.add(key, aString)
		t.data.expireAt(e, at)
	}
	if e == nil {
		e = t.data.add(key, aString)
	}
	t.rewrite(e, text)
	return e
}

// rewrite changes the text of an entry.
func (t *Tx) rewrite(e *entry, text string) {
	t.data.grow(e, int64(len(text)-len(e.text)))
	e.text = text
	t.data.changed(e.key)
}

// settle ends a change of an entry: one that is empty goes.
func (t *Tx) settle(e *entry) {
	if e.size() == 0 {
		t.data.remove(e)
		return
	}
	t.data.changed(e.key)
}

// size returns how many elements an entry has; a string is one.
func (e *entry) size() int {
	switch e.kind {
	case aHash:
		return len(e.hash)
	case aList:
		return e.list.len()
	case aZset:
		return len(e.zset.order)
	case aString:
	}
	return 1
}

// SHA returns the name of a script for EVALSHA: the SHA-1 of its text in lower-case hex.
func (s Script) SHA() string {
	sum := sha1.Sum([]byte(s.Lua))
	return hex.EncodeToString(sum[:])
}

func bySHA(scripts []Script) map[string]Script {
	m := map[string]Script{}
	for _, s := range scripts {
		if _, double := m[s.SHA()]; double {
			panic(fmt.Sprintf("resp: two scripts with the text %q", s.Lua))
		}
		m[s.SHA()] = s
	}
	return m
}

// evalCommand runs the script of the text.
func evalCommand(t *Tx, out []byte, args [][]byte) []byte {
	s, ok := t.scripts[Script{Lua: string(args[1])}.SHA()]
	if !ok {
		return fail(out, "ERR this server runs only the scripts it was made with")
	}
	return t.run(s, out, args)
}

// evalSHACommand runs the script of the name.
func evalSHACommand(t *Tx, out []byte, args [][]byte) []byte {
	s, ok := t.scripts[strings.ToLower(string(args[1]))]
	if !ok {
		return fail(out, errNoScript)
	}
	return t.run(s, out, args)
}

func (t *Tx) run(s Script, out []byte, args [][]byte) []byte {
	n, ok := integer(args[2])
	switch {
	case !ok:
		return fail(out, errNotInteger)
	case n < 0:
		return fail(out, "ERR Number of keys can't be negative")
	case n > int64(len(args)-3):
		return fail(out, "ERR Number of keys can't be greater than number of args")
	}
	rest := make([]string, len(args)-3)
	for i, a := range args[3:] {
		rest[i] = string(a)
	}
	v, err := s.Run(t, rest[:n:n], rest[n:])
	if err != nil {
		return appendAny(out, err)
	}
	if b, ok := v.(bool); ok && !b {
		v = nil // as Lua's false
	}
	return appendAny(out, v)
}

// scriptCommand answers SCRIPT LOAD, EXISTS and FLUSH. The scripts are always there.
func scriptCommand(t *Tx, out []byte, args [][]byte) []byte {
	switch {
	case is(args[1], "LOAD") && len(args) == 3:
		s := Script{Lua: string(args[2])}
		if _, ok := t.scripts[s.SHA()]; !ok {
			return fail(out, "ERR this server runs only the scripts it was made with")
		}
		return appendAny(out, s.SHA())
	case is(args[1], "EXISTS") && len(args) > 2:
		known := make([]any, len(args)-2)
		for i, sha := range args[2:] {
			_, known[i] = t.scripts[strings.ToLower(string(sha))]
		}
		return appendAny(out, known)
	case is(args[1], "FLUSH") && len(args) <= 3:
		return appendAny(out, Status("OK"))
	}
	return fail(out, subcommandError("SCRIPT", args[1]))
}
