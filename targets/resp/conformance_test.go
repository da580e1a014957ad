package resp

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"plimsoll/targets/servertest"
)

// conversation is what is sent, one command a line, and what has to come back. "·" is an
// empty argument, "_" within one a blank.
const conversation = `
PING                                      > +PONG
PING hello                                > "hello"
PING a b                                  > -ERR wrong number of arguments for 'ping' command
ECHO hi                                   > "hi"
SELECT 0                                  > +OK
SELECT 99                                 > -ERR DB index is out of range
SELECT x                                  > -ERR value is not an integer or out of range
CLIENT SETNAME me                         > +OK
CLIENT GETNAME                            > "me"
CLIENT NOSUCH                             > -ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.
NOSUCH a b                                > -ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' 
GET                                       > -ERR wrong number of arguments for 'get' command
gEt k                                     > nil

SET k v                                   > +OK
GET k                                     > "v"
SET k v NX                                > nil
SET none v XX                             > nil
SET k w XX GET                            > "v"
SET none w NX GET                         > nil
GET none                                  > "w"
SET k v EX 100                            > +OK
TTL k                                     > 100
SET k w KEEPTTL                           > +OK
TTL k                                     > 100
SET k w                                   > +OK
TTL k                                     > -1
TTL nothing                               > -2
SET k v PX 100000                         > +OK
TTL k                                     > 100
SET k v EX 0                              > -ERR invalid expire time in 'set' command
SET k v EX -1                             > -ERR invalid expire time in 'set' command
SET k v EX x                              > -ERR value is not an integer or out of range
SET k v EX 9223372036854775807            > -ERR invalid expire time in 'set' command
SET k v EX                                > -ERR syntax error
SET k v NX XX                             > -ERR syntax error
SET k v EX 1 PX 1                         > -ERR syntax error
SET k v EX 1 KEEPTTL                      > -ERR syntax error
SET k v WHAT                              > -ERR syntax error
SETNX k w                                 > 0
SETNX fresh w                             > 1
SETEX k 50 v                              > +OK
TTL k                                     > 50
SETEX k 0 v                               > -ERR invalid expire time in 'setex' command
PSETEX k 50000 v                          > +OK
TTL k                                     > 50
GETSET k w                                > "v"
TTL k                                     > -1
GETDEL k                                  > "w"
GETDEL k                                  > nil
MSET a 1 b 2                              > +OK
MSET a 1 b                                > -ERR wrong number of arguments for 'mset' command
MGET a nothing b                          > ["1" nil "2"]
APPEND a 23                               > 3
STRLEN a                                  > 3
INCR a                                    > 124
INCRBY a 6                                > 130
DECR a                                    > 129
DECRBY a 9                                > 120
INCR new                                  > 1
INCRBY a 1.5                              > -ERR value is not an integer or out of range
INCRBY a +1                               > -ERR value is not an integer or out of range
DECRBY a -9223372036854775808             > -ERR decrement would overflow
SET a 9223372036854775807                 > +OK
INCR a                                    > -ERR increment or decrement would overflow
SET a text                                > +OK
INCR a                                    > -ERR value is not an integer or out of range
SET a ·                                   > +OK
GET a                                     > ""
INCR a                                    > -ERR value is not an integer or out of range

EXISTS a a nothing                        > 2
TYPE a                                    > +string
TYPE nothing                              > +none
DEL a b nothing                           > 2
UNLINK new                                > 1
SET k v                                   > +OK
EXPIRE k 100                              > 1
EXPIRE k 200 NX                           > 0
EXPIRE k 50 GT                            > 0
EXPIRE k 200 GT                           > 1
EXPIRE k 100 LT                           > 1
TTL k                                     > 100
EXPIRE k 1 NX XX                          > -ERR NX and XX, GT or LT options at the same time are not compatible
EXPIRE k 1 GT LT                          > -ERR GT and LT options at the same time are not compatible
EXPIRE k 1 WHAT                           > -ERR Unsupported option WHAT
PERSIST k                                 > 1
PERSIST k                                 > 0
EXPIRE k 1 GT                             > 0
EXPIRE k 1 XX                             > 0
EXPIRE k 100 LT                           > 1
EXPIRE k x                                > -ERR value is not an integer or out of range
EXPIRE k 9223372036854775807              > -ERR invalid expire time in 'expire' command
EXPIREAT k 99999999999                    > 1
PEXPIREAT k 99999999999999                > 1
EXPIRE nothing 1                          > 0
EXPIRE k -1                               > 1
EXISTS k                                  > 0

HSET h f 1 g 2                            > 2
HSET h f 3                                > 0
HSET h f                                  > -ERR wrong number of arguments for 'hset' command
HSET h f 1 g                              > -ERR wrong number of arguments for 'hset' command
HGET h f                                  > "3"
HGET h nothing                            > nil
HGET nothing f                            > nil
HMGET h f nothing g                       > ["3" nil "2"]
HGETALL h                                 > ["f" "3" "g" "2"]
HGETALL nothing                           > []
HSETNX h f 4                              > 0
HSETNX h i x                              > 1
HEXISTS h i                               > 1
HEXISTS h nothing                         > 0
HLEN h                                    > 3
HINCRBY h f 4                             > 7
HINCRBY h i 4                             > -ERR hash value is not an integer
HINCRBY h f x                             > -ERR value is not an integer or out of range
HINCRBY fresh.h f -1                      > -1
HDEL h i nothing                          > 1
HDEL h f g                                > 2
EXISTS h                                  > 0

RPUSH l a b c                             > 3
LPUSH l y x                               > 5
LRANGE l 0 -1                             > ["x" "y" "a" "b" "c"]
LRANGE l -2 9                             > ["b" "c"]
LRANGE l 3 1                              > []
LRANGE l a 1                              > -ERR value is not an integer or out of range
LPOP l                                    > "x"
RPOP l                                    > "c"
LPOP l 2                                  > ["y" "a"]
LPOP l 0                                  > []
LPOP l -1                                 > -ERR value is out of range, must be positive
LLEN l                                    > 1
RPOP l 9                                  > ["b"]
RPOP l                                    > nil
RPOP l 1                                  > nil
LLEN l                                    > 0

ZADD z 1 a 2 b 3 c                        > 3
ZADD z 5 a 2 b                            > 0
ZADD z CH 6 a 4 d                         > 2
ZADD z NX 1 a 7 e                         > 1
ZADD z XX 1 a 1 nothing                   > 0
ZADD z GT 0 a 8 e                         > 0
ZADD z LT CH 0 a 9 e                      > 1
ZADD z x a                                > -ERR value is not a valid float
ZADD z 1                                  > -ERR wrong number of arguments for 'zadd' command
ZADD z 1 a 2                              > -ERR syntax error
ZADD z NX XX 1 a                          > -ERR XX and NX options at the same time are not compatible
ZADD z NX GT 1 a                          > -ERR GT, LT, and/or NX options at the same time are not compatible
ZADD ties 1 b 1 a 1 c 0 d                  > 4
ZRANGE ties 0 -1                          > ["d" "a" "b" "c"]
ZREM ties b                               > 1
ZRANGE ties 0 -1                          > ["d" "a" "c"]
ZSCORE z e                                > "8"
ZSCORE z nothing                          > nil
ZCARD z                                   > 5
ZCOUNT z 2 (4                             > 2
ZRANGE z 0 -1                             > ["a" "b" "c" "d" "e"]
ZRANGEBYSCORE z -inf +inf WITHSCORES      > ["a" "0" "b" "2" "c" "3" "d" "4" "e" "8"]
ZRANGEBYSCORE z (0 8 LIMIT 1 2            > ["c" "d"]
ZRANGEBYSCORE z 0 8 LIMIT 9 2             > []
ZRANGEBYSCORE z 0 8 LIMIT 0 -1            > ["a" "b" "c" "d" "e"]
ZRANGEBYSCORE z 8 0                       > []
ZRANGEBYSCORE z x 0                       > -ERR min or max is not a float
ZRANGEBYSCORE z 0 8 WHAT                  > -ERR syntax error
ZREMRANGEBYSCORE z -inf (3                > 2
ZREM z d nothing                          > 1
ZREMRANGEBYSCORE z 0 inf                  > 2
EXISTS z                                  > 0

SET s v                                   > +OK
HGET s f                                  > -WRONGTYPE Operation against a key holding the wrong kind of value
LPUSH s f                                 > -WRONGTYPE Operation against a key holding the wrong kind of value
ZADD s 1 f                                > -WRONGTYPE Operation against a key holding the wrong kind of value
LPUSH l v                                 > 1
GET l                                     > -WRONGTYPE Operation against a key holding the wrong kind of value
INCR l                                    > -WRONGTYPE Operation against a key holding the wrong kind of value
SET l v GET                               > -WRONGTYPE Operation against a key holding the wrong kind of value
MGET s l                                  > ["v" nil]
TYPE l                                    > +list
SET l v                                   > +OK
TYPE l                                    > +string

EXEC                                      > -ERR EXEC without MULTI
DISCARD                                   > -ERR DISCARD without MULTI
MULTI                                     > +OK
MULTI                                     > -ERR MULTI calls can not be nested
INCR n                                    > +QUEUED
LPUSH n a                                 > +QUEUED
INCR n                                    > +QUEUED
EXEC                                      > [1 -WRONGTYPE Operation against a key holding the wrong kind of value 2]
MULTI                                     > +OK
GET                                       > -ERR wrong number of arguments for 'get' command
EXEC                                      > -EXECABORT Transaction discarded because of previous errors.
MULTI                                     > +OK
SET n 9                                   > +QUEUED
DISCARD                                   > +OK
GET n                                     > "2"
WATCH n                                   > +OK
SET n 3                                   > +OK
MULTI                                     > +OK
INCR n                                    > +QUEUED
EXEC                                      > nil
WATCH n                                   > +OK
UNWATCH                                   > +OK
SET n 4                                   > +OK
MULTI                                     > +OK
WATCH n                                   > -ERR WATCH inside MULTI is not allowed
INCR n                                    > +QUEUED
EXEC                                      > [5]

FLUSHALL WHAT                             > -ERR syntax error
FLUSHALL ASYNC                            > +OK
DBSIZE                                    > 0
MSET one 1 two 2 three 3                  > +OK
DBSIZE                                    > 3
KEYS one                                  > ["one"]
KEYS [^a-n]??                             > ["one" "two"]
SCAN 0 MATCH thr* COUNT 100               > ["0" ["three"]]
SCAN 0 TYPE list COUNT 100                > ["0" []]
SCAN x                                    > -ERR invalid cursor
SCAN 0 COUNT 0                            > -ERR syntax error
EVALSHA ffffffffffffffffffffffffffffffffffffffff 0 > -NOSCRIPT No matching script. Please use EVAL.
FLUSHDB                                   > +OK
`

// TestAConversationGoesAsWithRedis holds the table against a real Redis too, so that it is
// not only what we believe.
func TestAConversationGoesAsWithRedis(t *testing.T) {
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			w := dial(t, start(t))
			for line := range strings.Lines(conversation) {
				command, want, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "> ")
				if !ok {
					continue
				}
				args := strings.Fields(command)
				for i, a := range args {
					args[i] = strings.ReplaceAll(a, "·", "")
				}
				got := w.ask(args...)
				if args[0] == "KEYS" {
					got = inOrder(got)
				}
				if got != want {
					t.Errorf("%s\n got %s\nwant %s", strings.TrimSpace(command), got, want)
				}
			}
		})
	}
}

// inOrder sorts the words of a flat list.
func inOrder(reply string) string {
	words := strings.Fields(strings.Trim(reply, "[]"))
	slices.Sort(words)
	return "[" + strings.Join(words, " ") + "]"
}

func servers() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"embedded": func(t testing.TB) string {
			_, addr := serve(t, defaults(), Extensions{Scripts: []Script{take}})
			return addr
		},
		"redis-server": servertest.Redis,
	}
}

// take is a script that runs on either side: it takes one of a stock, if there is one, and
// says how many are left.
var take = Script{
	Lua: `local n = tonumber(redis.call('GET', KEYS[1]) or ARGV[1])
if n < 1 then return {err = 'SOLDOUT nothing is left'} end
redis.call('SET', KEYS[1], n - 1, 'PX', ARGV[2])
return {n - 1, redis.call('TIME')[1] ~= false, KEYS[1]}`,
	Run: func(tx *Tx, keys, args []string) (any, error) {
		have, err := tx.Call("GET", keys[0])
		if err != nil {
			return nil, err
		}
		if have == nil {
			have = args[0]
		}
		n := 0
		for _, digit := range have.(string) {
			n = 10*n + int(digit-'0')
		}
		if n < 1 {
			return nil, errors.New("SOLDOUT nothing is left")
		}
		text := string(rune('0' + n - 1))
		if _, err := tx.Call("SET", keys[0], text, "PX", args[1]); err != nil {
			return nil, err
		}
		return []any{n - 1, !tx.Now().IsZero(), keys[0]}, nil
	},
}
