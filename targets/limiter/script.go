package limiter

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Tx is one script's view of a store in the manner of Redis: Call runs a command, like
// redis.call in Lua, and returns its reply: nil, a string, an int64, or []any of these.
// Nobody else's commands run in between.
type Tx interface {
	Call(args ...string) (any, error)
}

// Script is one algorithm as a Redis script, and as the Go function that does the same for
// a server without Lua. Both get the names of the keys, and as arguments the instant and
// then seven numbers for each key: cost, interval, burst, limit, window, delay, and the
// milliseconds after which the key may be forgotten. They charge all keys if every one
// admits its cost, else none. They return three numbers for each key: its state before.
type Script struct {
	Algo Algo
	Lua  string
	Run  func(tx Tx, keys, args []string) (any, error)
}

// Scripts returns the scripts of all algorithms, for a server that runs them.
func Scripts() []Script {
	scripts := make([]Script, 0, 6)
	for _, algo := range []Algo{TokenBucket, LeakyBucket, GCRA, SlidingLog, SlidingWindow, FixedWindow} {
		scripts = append(scripts, Script{Algo: algo, Lua: lua(algo), Run: func(tx Tx, keys, args []string) (any, error) {
			return run(algo, tx, keys, args)
		}})
	}
	return scripts
}

// perKey is how many arguments each key has.
const perKey = 7

// ruleArgs appends a key's arguments to those of a script.
func ruleArgs(args []any, a *Ask) []any {
	r := a.Rule
	forget := (r.Forgettable() + linger).Milliseconds()
	return append(args, a.Cost, r.Interval, r.Burst, r.Limit, r.Window, r.Delay, forget)
}

// linger is how much longer than need be a key is kept, because the clock of Redis, which
// lets it go, is not the one that the instants are from.
const linger = 10 * time.Second

// run is a script in Go.
func run(algo Algo, tx Tx, keys, args []string) (any, error) {
	numbers := make([]int64, len(args))
	for i, arg := range args {
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read argument %d of the %s script: %w", i+1, algo, err)
		}
		numbers[i] = n
	}
	if len(numbers) != 1+perKey*len(keys) {
		return nil, fmt.Errorf("the %s script has %d arguments for %d keys", algo, len(args), len(keys))
	}
	now, all := numbers[0], true
	before, after := make([]State, len(keys)), make([]State, len(keys))
	for i, key := range keys {
		r, cost := ruleOf(algo, numbers[1+perKey*i:])
		var err error
		if before[i], err = load(tx, key, &r, now, cost); err != nil {
			return nil, err
		}
		var d Decision
		after[i], d = r.Take(before[i], now, cost)
		all = all && d.Allowed
	}
	reply := make([]any, 0, 3*len(keys))
	for i, key := range keys {
		if all {
			if err := save(tx, key, algo, after[i], now, numbers[1+perKey*i:]); err != nil {
				return nil, err
			}
		}
		reply = append(reply, before[i][0], before[i][1], before[i][2])
	}
	return reply, nil
}

func ruleOf(algo Algo, n []int64) (Rule, int64) {
	return Rule{Algo: algo, Interval: n[1], Burst: n[2], Limit: n[3], Window: n[4], Delay: n[5]}, n[0]
}

// load reads the state of a key.
func load(tx Tx, key string, r *Rule, now, cost int64) (State, error) {
	if r.Algo == SlidingLog {
		return loadLog(tx, key, r, now, cost)
	}
	reply, err := tx.Call("GET", key)
	if err != nil || reply == nil {
		return State{}, err
	}
	var s State
	if _, err := fmt.Sscan(text(reply), &s[0], &s[1], &s[2]); err != nil {
		return State{}, fmt.Errorf("read the state of %s: %w", key, err)
	}
	return s, nil
}

// loadLog sums up the log of a key, which is a sorted set of instants.
func loadLog(tx Tx, key string, r *Rule, now, cost int64) (State, error) {
	last, err := rank(tx, key, -1)
	if err != nil {
		return State{}, err
	}
	now = max(now, last)
	if _, err := tx.Call("ZREMRANGEBYSCORE", key, "-inf", decimal(now-r.Window)); err != nil {
		return State{}, err
	}
	reply, err := tx.Call("ZCARD", key)
	if err != nil {
		return State{}, err
	}
	count, ok := reply.(int64)
	if !ok || count == 0 {
		return State{}, nil
	}
	s := State{count, 0, last}
	if over := count + cost - r.Limit; over > 0 {
		s[1], err = rank(tx, key, min(over, count)-1)
	}
	return s, err
}

// rank returns the i-th oldest instant of a log, 0 if there is none. A member is the
// instant, and a number that tells it from others of the same instant.
func rank(tx Tx, key string, i int64) (int64, error) {
	at := decimal(i)
	reply, err := tx.Call("ZRANGE", key, at, at)
	if err != nil {
		return 0, err
	}
	members, ok := reply.([]any)
	if !ok || len(members) == 0 {
		return 0, nil
	}
	score, _, _ := strings.Cut(text(members[0]), "-")
	return strconv.ParseInt(score, 10, 64)
}

// save writes the state of a key that was charged.
func save(tx Tx, key string, algo Algo, s State, now int64, n []int64) error {
	if algo != SlidingLog {
		value := decimal(s[0]) + " " + decimal(s[1]) + " " + decimal(s[2])
		_, err := tx.Call("SET", key, value, "PX", decimal(n[6]))
		return err
	}
	now = max(now, s[2])
	score := decimal(now)
	reply, err := tx.Call("ZCOUNT", key, score, score)
	if err != nil {
		return err
	}
	twins, _ := reply.(int64)
	for i := range n[0] {
		if _, err := tx.Call("ZADD", key, score, score+"-"+decimal(twins+i)); err != nil {
			return err
		}
	}
	_, err = tx.Call("PEXPIRE", key, decimal(n[6]))
	return err
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func text(reply any) string {
	switch v := reply.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return strings.TrimSpace(fmt.Sprint(reply))
}
