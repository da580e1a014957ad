package resp

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
)

// command is one line of the table. Exactly one of run, own and extension is set.
type command struct {
	name  string
	words int // how many with the name: exactly n, or at least -n
	calls atomic.Uint64

	run       func(t *Tx, out []byte, args [][]byte) []byte                // works on the keys
	own       func(s *Server, c *client, out []byte, args [][]byte) []byte // works on the connection or the server
	extension func(ctx context.Context, args [][]byte) (any, error)

	grows      bool // meets the memory bound first
	unqueued   bool // runs at once even within MULTI
	unscripted bool // not for scripts
}

// fits tells whether so many words are right for the command.
func (c *command) fits(words int) bool {
	return words == c.words || c.words < 0 && words >= -c.words
}

// table returns the commands by lower-case name.
func table(extensions []Command) map[string]*command {
	t := map[string]*command{}
	put := func(c *command) {
		if t[c.name] != nil {
			panic(fmt.Sprintf("resp: two commands with the name %q", c.name))
		}
		t[c.name] = c
	}
	for _, c := range connectionCommands() {
		put(c)
	}
	for _, c := range keyCommands() {
		put(c)
	}
	for _, c := range valueCommands() {
		put(c)
	}
	for _, e := range extensions {
		put(&command{name: strings.ToLower(e.Name), words: -1, extension: e.Run})
	}
	return t
}

// connectionCommands are those that are about a connection, the server or scripts.
func connectionCommands() []*command {
	return []*command{
		{name: "ping", words: -1, run: pingCommand},
		{name: "echo", words: 2, run: echoCommand},
		{name: "time", words: 1, run: timeCommand},
		{name: "hello", words: -1, own: helloCommand},
		{name: "client", words: -2, own: clientCommand},
		{name: "select", words: 2, own: selectCommand},
		{name: "quit", words: -1, own: quitCommand, unqueued: true},
		{name: "command", words: -1, own: commandCommand},
		{name: "info", words: -1, own: infoCommand},
		{name: "multi", words: 1, own: multiCommand, unqueued: true},
		{name: "exec", words: 1, own: execCommand, unqueued: true},
		{name: "discard", words: 1, own: discardCommand, unqueued: true},
		{name: "watch", words: -2, own: watchCommand, unqueued: true},
		{name: "unwatch", words: 1, own: unwatchCommand},
		{name: "eval", words: -3, run: evalCommand, grows: true, unscripted: true},
		{name: "evalsha", words: -3, run: evalSHACommand, grows: true, unscripted: true},
		{name: "script", words: -2, run: scriptCommand, unscripted: true},
	}
}

// keyCommands are those that work on keys of any kind.
func keyCommands() []*command {
	return []*command{
		{name: "del", words: -2, run: delCommand},
		{name: "unlink", words: -2, run: delCommand},
		{name: "exists", words: -2, run: existsCommand},
		{name: "type", words: 2, run: typeCommand},
		{name: "expire", words: -3, run: expireCommand(inSeconds, fromNow)},
		{name: "pexpire", words: -3, run: expireCommand(inMilliseconds, fromNow)},
		{name: "expireat", words: -3, run: expireCommand(inSeconds, atTime)},
		{name: "pexpireat", words: -3, run: expireCommand(inMilliseconds, atTime)},
		{name: "ttl", words: 2, run: ttlCommand},
		{name: "pttl", words: 2, run: pttlCommand},
		{name: "persist", words: 2, run: persistCommand},
		{name: "keys", words: 2, run: keysCommand},
		{name: "scan", words: -2, run: scanCommand},
		{name: "dbsize", words: 1, run: dbsizeCommand},
		{name: "flushdb", words: -1, run: flushCommand},
		{name: "flushall", words: -1, run: flushCommand},
	}
}

// valueCommands are those that work on values of one kind.
func valueCommands() []*command {
	return []*command{
		{name: "get", words: 2, run: getCommand},
		{name: "set", words: -3, run: setCommand, grows: true},
		{name: "setnx", words: 3, run: setnxCommand, grows: true},
		{name: "setex", words: 4, run: setexCommand(inSeconds), grows: true},
		{name: "psetex", words: 4, run: setexCommand(inMilliseconds), grows: true},
		{name: "getset", words: 3, run: getsetCommand, grows: true},
		{name: "getdel", words: 2, run: getdelCommand},
		{name: "mget", words: -2, run: mgetCommand},
		{name: "mset", words: -3, run: msetCommand, grows: true},
		{name: "append", words: 3, run: appendCommand, grows: true},
		{name: "strlen", words: 2, run: strlenCommand},
		{name: "incr", words: 2, run: countCommand(1), grows: true},
		{name: "decr", words: 2, run: countCommand(-1), grows: true},
		{name: "incrby", words: 3, run: countByCommand(1), grows: true},
		{name: "decrby", words: 3, run: countByCommand(-1), grows: true},

		{name: "hset", words: -4, run: hsetCommand, grows: true},
		{name: "hsetnx", words: 4, run: hsetnxCommand, grows: true},
		{name: "hget", words: 3, run: hgetCommand},
		{name: "hmget", words: -3, run: hmgetCommand},
		{name: "hgetall", words: 2, run: hgetallCommand},
		{name: "hexists", words: 3, run: hexistsCommand},
		{name: "hlen", words: 2, run: sizeCommand(aHash)},
		{name: "hincrby", words: 4, run: hincrbyCommand, grows: true},
		{name: "hdel", words: -3, run: hdelCommand},

		{name: "lpush", words: -3, run: pushCommand(front), grows: true},
		{name: "rpush", words: -3, run: pushCommand(back), grows: true},
		{name: "lpop", words: -2, run: popCommand(front)},
		{name: "rpop", words: -2, run: popCommand(back)},
		{name: "lrange", words: 4, run: lrangeCommand},
		{name: "llen", words: 2, run: sizeCommand(aList)},

		{name: "zadd", words: -4, run: zaddCommand, grows: true},
		{name: "zscore", words: 3, run: zscoreCommand},
		{name: "zcard", words: 2, run: sizeCommand(aZset)},
		{name: "zcount", words: 4, run: zcountCommand},
		{name: "zrange", words: 4, run: zrangeCommand},
		{name: "zrangebyscore", words: -4, run: zrangebyscoreCommand},
		{name: "zremrangebyscore", words: 4, run: zremrangebyscoreCommand},
		{name: "zrem", words: -3, run: zremCommand},
	}
}

// find returns the command of the name in any case, nil if there is none.
func find(commands map[string]*command, name []byte) *command {
	var room [32]byte
	if len(name) > len(room) {
		return commands[strings.ToLower(string(name))]
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		room[i] = c
	}
	return commands[string(room[:len(name)])]
}

func arityError(name string) string {
	return "ERR wrong number of arguments for '" + name + "' command"
}

func subcommandError(command string, sub []byte) string {
	return fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", sub, command)
}

// unknownError names the command and what of its arguments fits into 128 bytes.
func unknownError(args [][]byte) string {
	text := fmt.Sprintf("ERR unknown command '%.128s', with args beginning with: ", args[0])
	rest := ""
	for _, a := range args[1:] {
		if len(rest) >= 128 {
			break
		}
		rest += fmt.Sprintf("'%.*s' ", 128-len(rest), a)
	}
	return text + rest
}
