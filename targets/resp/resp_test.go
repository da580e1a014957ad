package resp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"plimsoll/targets/knob"
)

// TestAnySequenceOfCommandsGoesAsWithRedis compares the answers, and at the end the keys.
func TestAnySequenceOfCommandsGoesAsWithRedis(t *testing.T) {
	real := dial(t, realRedis(t))
	key := rapid.SampledFrom([]string{"a", "b", "c"})
	word := rapid.SampledFrom([]string{"", "0", "1", "2", "-3", "x", "y", "9223372036854775807", "1.5", "-1"})
	words := map[string]int{}
	for _, c := range append(keyCommands(), valueCommands()...) {
		words[c.name] = c.words
	}
	commands := rapid.SampledFrom(sorted(words))
	options := rapid.SampledFrom([]string{"NX", "XX", "GET", "KEEPTTL", "GT", "LT", "CH", "EX", "LIMIT", "WITHSCORES", "(1", "-inf", "inf"})
	rapid.Check(t, func(r *rapid.T) {
		ours := New(defaults(), Extensions{})
		defer ours.Close()
		real.ask("FLUSHALL")
		for range rapid.IntRange(1, 40).Draw(r, "commands") {
			name := commands.Draw(r, "command")
			args := draw(r, name, words[name], key, word, options)
			want := real.ask(args...)
			got := say(ours.Do(t.Context(), args...))
			if !alike(args[0], got, want) {
				r.Fatalf("%q\nembedded %s\n   redis %s", args, got, want)
			}
			sound(r, ours)
		}
	})
}

// draw makes up arguments, of a number that the command takes.
func draw(r *rapid.T, name string, n int, key, word, option *rapid.Generator[string]) []string {
	if n < 0 {
		n = rapid.IntRange(-n, 3-n).Draw(r, "words")
	}
	args := []string{name}
	for i := 1; i < n; i++ {
		switch {
		case i == 1, i > 1 && slices.Contains([]string{"del", "unlink", "mget", "exists"}, name):
			args = append(args, key.Draw(r, "key"))
		case rapid.IntRange(0, 5).Draw(r, "is option") == 0:
			args = append(args, option.Draw(r, "option"))
		default:
			args = append(args, word.Draw(r, "word"))
		}
		if last := args[i]; (last == "1" || last == "2") && slices.Contains([]string{"set", "setex", "psetex", "expire", "pexpire"}, name) {
			args[i] = last + "00000" // milliseconds that do not end while the test runs
		}
	}
	return args
}

// alike compares two answers, but for the order of what has none and times under way.
func alike(command, got, want string) bool {
	switch command {
	case "keys", "hgetall":
		return inOrder(got) == inOrder(want)
	case "ttl", "pttl":
		a, errA := strconv.ParseInt(got, 10, 64)
		b, errB := strconv.ParseInt(want, 10, 64)
		return errA == nil && errB == nil && (a == b || a > 0 && b > 0)
	case "scan": // a cursor is the server's own, and so is when a page ends
		return (got[0] == '-') == (want[0] == '-')
	case "expireat", "pexpireat", "flushdb", "flushall":
		return (got[0] == '-') == (want[0] == '-')
	}
	return got == want
}

// sound checks what always holds: the bytes are those of the keys, the rings and heaps whole.
func sound(t interface{ Fatalf(string, ...any) }, s *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for key, e := range s.data.entries {
		want := entryBytes + int64(len(key)+len(e.text))
		for f, v := range e.hash {
			want += int64(len(f)+len(v)) + 2*elementBytes
		}
		for i := 0; e.list != nil && i < e.list.len(); i++ {
			want += int64(len(e.list.at(i))) + elementBytes
		}
		if e.zset != nil {
			for _, m := range e.zset.order {
				want += int64(len(m.name)) + elementBytes + scoreBytes
			}
			if len(e.zset.order) != len(e.zset.scores) || !slices.IsSortedFunc(e.zset.order, byScore) {
				t.Fatalf("%q: members %v out of order, or not those of %v", key, e.zset.order, e.zset.scores)
			}
		}
		if e.bytes != want || e.size() == 0 || (e.expires != 0) != (e.place >= 0) {
			t.Fatalf("%q: %d bytes counted, %d there; %d elements; expires %d at place %d", key, e.bytes, want, e.size(), e.expires, e.place)
		}
		sum += want
	}
	ring := 0
	for e := s.data.use.newer; e != &s.data.use; e = e.newer {
		ring++
	}
	for i, e := range s.data.expiring {
		if e.place != i || s.data.entries[e.key] != e {
			t.Fatalf("the heap of what expires is torn at %d", i)
		}
	}
	if sum != s.data.bytes || ring != len(s.data.entries) {
		t.Fatalf("%d bytes counted, %d there; %d keys, %d in the ring", s.data.bytes, sum, len(s.data.entries), ring)
	}
}

func do(t testing.TB, s *Server, command string) string {
	t.Helper()
	return say(s.Do(t.Context(), strings.Fields(command)...))
}

func TestAKeyLivesAsLongAsItWasGivenAndNotLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(defaults(), Extensions{})
		defer s.Close()
		do(t, s, "SET k v PX 1500")
		for _, step := range []struct {
			after     time.Duration
			ttl, pttl string
		}{
			{0, "2", "1500"}, {time.Millisecond, "1", "1499"}, {999 * time.Millisecond, "1", "500"},
			{500 * time.Millisecond, "0", "0"}, {time.Millisecond, "-2", "-2"},
		} {
			time.Sleep(step.after)
			if ttl, pttl := do(t, s, "TTL k"), do(t, s, "PTTL k"); ttl != step.ttl || pttl != step.pttl {
				t.Errorf("TTL %s, PTTL %s, want %s, %s", ttl, pttl, step.ttl, step.pttl)
			}
		}
		if got := do(t, s, "GET k"); got != "nil" {
			t.Errorf("GET %s", got)
		}
		if st := s.Stats(); st.Expired != 1 || st.Keys != 0 || st.Bytes != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestKeysThatNobodyAsksForAreSweptAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ln := New(defaults(), Extensions{}), newPipes()
		go s.Serve(ln)
		c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:0", Dialer: ln.dial, MaxRetries: -1, PoolSize: 1, Protocol: 2})
		for i := range 2500 {
			c.Set(t.Context(), fmt.Sprint(i), "v", time.Second)
		}
		c.Set(t.Context(), "kept", "v", 0)
		time.Sleep(1500 * time.Millisecond)
		if st := s.Stats(); st.Keys != 1 || st.Expired != 2500 {
			t.Errorf("%d keys are left, %d expired", st.Keys, st.Expired)
		}
		c.Close()
		s.Close()
	})
}

func TestTheLeastRecentlyUsedKeysMakeRoom(t *testing.T) {
	cfg := defaults()
	cfg.MaxBytes = knob.Bytes(3 * (entryBytes + 101)) // three keys of one byte with a hundred
	s := New(cfg, Extensions{})
	defer s.Close()
	hundred := strings.Repeat("x", 100)
	for _, key := range []string{"a", "b", "c"} {
		do(t, s, "SET "+key+" "+hundred)
	}
	do(t, s, "GET a")
	do(t, s, "SET d "+hundred) // past the bound, as a write may be that began within
	do(t, s, "SET e "+hundred)
	if got, want := do(t, s, "KEYS *"), `["a" "c" "d" "e"]`; got != want {
		t.Errorf("kept %s, want %s: b was not used for the longest time", got, want)
	}
	cfg.MaxBytes = knob.Bytes(entryBytes + 101)
	s.Configure(cfg)
	if got := do(t, s, "KEYS *"); got != `["e"]` {
		t.Errorf("a smaller bound leaves %s", got)
	}
	if st := s.Stats(); st.Evicted != 4 || st.Bytes != st.MaxBytes {
		t.Errorf("%+v", st)
	}
}

func TestWithoutEvictionAWriteFailsPastTheBound(t *testing.T) {
	cfg := defaults()
	cfg.MaxBytes, cfg.Eviction = 1, "noeviction"
	s := New(cfg, Extensions{})
	defer s.Close()
	for _, step := range []struct{ command, want string }{
		{"SET a 1", "+OK"},
		{"SET b 1", "-OOM command not allowed when used memory > 'maxmemory'."},
		{"GET a", `"1"`},
		{"DEL a", "1"},
		{"SET b 1", "+OK"},
	} {
		if got := do(t, s, step.command); got != step.want {
			t.Errorf("%s: %s, want %s", step.command, got, step.want)
		}
	}
}

func TestMemoryStaysWithinTheBoundWhateverIsWritten(t *testing.T) {
	cfg := defaults()
	cfg.MaxBytes = 10_000
	s := New(cfg, Extensions{})
	defer s.Close()
	most := int64(entryBytes + 110)
	for i := range 5000 {
		do(t, s, fmt.Sprintf("SET key:%d %s", i, strings.Repeat("x", i%100)))
		if st := s.Stats(); st.Bytes > st.MaxBytes+most {
			t.Fatalf("%d bytes, %d are allowed and one write of %d", st.Bytes, st.MaxBytes, most)
		}
	}
	sound(t, s)
}

func TestWhatWaitsBeforeACommandHoldsUpNobodyElse(t *testing.T) {
	release := make(chan struct{})
	s, addr := serve(t, defaults(), Extensions{Before: func(ctx context.Context, command string) error {
		switch command {
		case "get":
			select {
			case <-release:
			case <-ctx.Done():
			}
		case "incr":
			return errors.New("injected")
		case "decr":
			return errors.New("LOADING the data set")
		case "del":
			return ErrHangUp
		}
		return nil
	}})
	slow, other := dial(t, addr), dial(t, addr)
	answered := make(chan string)
	go func() { answered <- slow.ask("GET", "k") }()
	for _, step := range []struct{ command, want string }{
		{"SET k v", "+OK"}, {"INCR k", "-ERR injected"}, {"DECR k", "-LOADING the data set"},
	} {
		if got := other.ask(strings.Fields(step.command)...); got != step.want {
			t.Errorf("%s: %s, want %s", step.command, got, step.want)
		}
	}
	close(release)
	if got := <-answered; got != `"v"` {
		t.Errorf("GET: %s", got)
	}
	if err := client0(t, addr).Del(t.Context(), "k").Err(); err == nil {
		t.Errorf("a connection that is hung up: %v", err)
	}
	if st := s.Stats(); st.Commands["get"] != 1 || st.Commands["incr"] != 1 || st.Keys != 1 {
		t.Errorf("%+v", st)
	}
}

func TestServiceTakesItsTimeOnEveryConnectionByItself(t *testing.T) {
	cfg := defaults()
	cfg.Service = 20 * time.Millisecond
	_, addr := serve(t, cfg, Extensions{})
	began := time.Now()
	done := make(chan string)
	for range 10 {
		go func() { done <- dial(t, addr).ask("PING") }()
	}
	for range 10 {
		if got := <-done; got != "+PONG" {
			t.Error(got)
		}
	}
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func TestCloseEndsWhatWaitsAndEveryConnection(t *testing.T) {
	waiting := make(chan struct{})
	s := New(defaults(), Extensions{Before: func(ctx context.Context, command string) error {
		if command == "get" {
			close(waiting)
			<-ctx.Done()
		}
		return nil
	}})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	idle, busy := dial(t, ln.Addr().String()), dial(t, ln.Addr().String())
	idle.ask("PING")
	go busy.conn.Write([]byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"))
	<-waiting
	s.Close()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := idle.reply(); err == nil {
		t.Error("a connection is still open")
	}
	if st := s.Stats(); st.Connections != 0 {
		t.Errorf("%d connections are left", st.Connections)
	}
	if err := s.Serve(ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve after Close: %v", err)
	}
	s.Close()
}

func TestConnectionsPastTheBoundAreRefused(t *testing.T) {
	cfg := defaults()
	cfg.MaxClients = 1
	s, addr := serve(t, cfg, Extensions{})
	first := dial(t, addr)
	first.ask("PING")
	if got, _ := dial(t, addr).reply(); got != "-ERR max number of clients reached" {
		t.Errorf("the second connection got %s", got)
	}
	if got := first.ask("QUIT"); got != "+OK" {
		t.Error(got)
	}
	if _, err := first.reply(); err == nil {
		t.Error("the connection is open after QUIT")
	}
	if st := s.Stats(); st.Opened != 1 || st.Refused != 1 {
		t.Errorf("%+v", st)
	}
}

func TestACommandOfAnExtension(t *testing.T) {
	cfg := defaults()
	cfg.CommandTimeout = 10 * time.Millisecond
	var calls atomic.Int64
	s := New(cfg, Extensions{Commands: []Command{
		{Name: "X.ECHO", Run: func(_ context.Context, args [][]byte) (any, error) {
			calls.Add(1)
			return []any{bytes.Join(args, []byte("+")), 1, int64(2), true, false, nil, 1.5, Status("FINE"), []string{"a"}}, nil
		}},
		{Name: "x.wait", Run: func(ctx context.Context, _ [][]byte) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}},
		{Name: "X.ODD", Run: func(context.Context, [][]byte) (any, error) { return struct{}{}, nil }},
	}})
	defer s.Close()
	for _, step := range []struct{ command, want string }{
		{"x.echo a b", `["a+b" 1 2 1 0 nil "1.5" +FINE ["a"]]`},
		{"X.WAIT", "-ERR context deadline exceeded"},
		{"X.ODD", "-ERR a reply of a kind that cannot be sent"},
	} {
		if got := do(t, s, step.command); got != step.want {
			t.Errorf("%s: %s, want %s", step.command, got, step.want)
		}
	}
	if n := s.Stats().Commands["x.echo"]; n != 1 || calls.Load() != 1 {
		t.Errorf("counted %d calls of %d", n, calls.Load())
	}
}

func TestACommandOfAnExtensionIsNotForTransactions(t *testing.T) {
	_, addr := serve(t, defaults(), Extensions{Commands: []Command{{Name: "X", Run: func(context.Context, [][]byte) (any, error) { return 1, nil }}}})
	w := dial(t, addr)
	for _, step := range []struct{ command, want string }{
		{"MULTI", "+OK"}, {"X", "-ERR 'x' is not for transactions"}, {"EXEC", "-" + errAborted}, {"X", "1"},
		{"MULTI", "+OK"}, {"INFO", "+QUEUED"}, {"EXEC", "[-ERR 'info' is not for transactions]"},
	} {
		if got := w.ask(strings.Fields(step.command)...); got != step.want {
			t.Errorf("%s: %s, want %s", step.command, got, step.want)
		}
	}
}

func TestAScriptIsAtomicAndSeesOneMoment(t *testing.T) {
	add := Script{Lua: "-- add", Run: func(tx *Tx, keys, _ []string) (any, error) {
		before := tx.Now()
		v, err := tx.Call("GET", keys[0])
		if err != nil {
			return nil, err
		}
		n := 0
		if v != nil {
			n, _ = strconv.Atoi(v.(string))
		}
		if !tx.Now().Equal(before) {
			return nil, errors.New("time went on")
		}
		return tx.Call("SET", keys[0], strconv.Itoa(n+1))
	}}
	_, addr := serve(t, defaults(), Extensions{Scripts: []Script{add}})
	c := client0(t, addr)
	done := make(chan error)
	for range 8 {
		go func() {
			var err error
			for range 200 {
				err = errors.Join(err, c.EvalSha(t.Context(), add.SHA(), []string{"n"}).Err())
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n, _ := c.Get(t.Context(), "n").Int(); n != 1600 {
		t.Errorf("%d of 1600 were counted", n)
	}
}

func TestWhatAScriptMayNotCall(t *testing.T) {
	call := Script{Lua: "call", Run: func(tx *Tx, _, args []string) (any, error) { return tx.Call(args...) }}
	no := Script{Lua: "no", Run: func(*Tx, []string, []string) (any, error) { return false, nil }}
	s := New(defaults(), Extensions{Scripts: []Script{call, no}})
	defer s.Close()
	for _, step := range []struct{ command, want string }{
		{"EVAL call 0 PING", "+PONG"},
		{"EVAL call 0 GET", "-ERR Wrong number of args calling Redis command from script"},
		{"EVAL call 0 NOSUCH", "-ERR Unknown Redis command called from script"},
		{"EVAL call 0 MULTI", "-ERR This Redis command is not allowed from script"},
		{"EVAL call 0 EVAL call 0", "-ERR This Redis command is not allowed from script"},
		{"EVAL call 0", "-ERR a script has to name the command it calls"},
		{"EVAL call 1", "-ERR Number of keys can't be greater than number of args"},
		{"EVAL call -1", "-ERR Number of keys can't be negative"},
		{"EVAL call x", "-ERR value is not an integer or out of range"},
		{"EVAL no 0", "nil"},
		{"EVAL other 0", "-ERR this server runs only the scripts it was made with"},
		{"SCRIPT LOAD other", "-ERR this server runs only the scripts it was made with"},
		{"SCRIPT LOAD no", `"` + no.SHA() + `"`},
		{"SCRIPT KILL", "-ERR unknown subcommand 'KILL'. Try SCRIPT HELP."},
	} {
		if got := do(t, s, step.command); got != step.want {
			t.Errorf("%s: %s, want %s", step.command, got, step.want)
		}
	}
}

func TestTheSameNameTwiceIsAMistakeOfTheProgram(t *testing.T) {
	for name, ext := range map[string]Extensions{
		"scripts":  {Scripts: []Script{{Lua: "a"}, {Lua: "a"}}},
		"commands": {Commands: []Command{{Name: "GET"}}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("New did not mind")
				}
			}()
			New(defaults(), ext)
		})
	}
}

func TestAPatternMatchesAsWithRedis(t *testing.T) {
	real := dial(t, realRedis(t))
	rapid.Check(t, func(r *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?[]^-\\c")), 1, 8, -1).Draw(r, "pattern")
		key := rapid.StringOfN(rapid.SampledFrom([]rune("abc-]")), 1, 6, -1).Draw(r, "key")
		real.ask("FLUSHALL")
		real.ask("SET", key, "")
		if want := real.ask("KEYS", pattern) != "[]"; glob(pattern, key) != want {
			r.Fatalf("glob(%q, %q) is not %v", pattern, key, want)
		}
	})
}

func FuzzCommands(f *testing.F) {
	for line := range strings.Lines(conversation) {
		if command, _, ok := strings.Cut(line, "> "); ok {
			f.Add(command)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := New(defaults(), Extensions{Scripts: []Script{take}})
		defer s.Close()
		c := &client{}
		for line := range strings.Lines(text) {
			args := bytes.Fields([]byte(line))
			if len(args) == 0 {
				continue
			}
			out := s.answer(t.Context(), c, nil, args)
			if n, _ := decode(out); n != len(out) {
				t.Fatalf("%q: the answer %q ends at %d", args, out, n)
			}
			sound(t, s)
		}
	})
}

func BenchmarkGetAndSetThroughGoRedis(b *testing.B) {
	_, embedded := serve(b, defaults(), Extensions{})
	for _, server := range []struct{ name, addr string }{{"embedded", embedded}, {"miniredis", miniredis.RunT(b).Addr()}, {"redis-server", realRedis(b)}} {
		c := client0(b, server.addr)
		value := strings.Repeat("x", 100)
		b.Run(server.name+"/set", func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := c.Set(b.Context(), "k", value, time.Minute).Err(); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
		b.Run(server.name+"/get", func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := c.Get(b.Context(), "k").Err(); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkCommand(b *testing.B) {
	s := New(defaults(), Extensions{Scripts: []Script{take}})
	defer s.Close()
	for _, line := range []string{
		"SET k value PX 60000", "GET k", "INCR n", "HSET h tokens 12.5 at 1753000000", "HGETALL h",
		"EVALSHA " + take.SHA() + " 1 stock 9 60000",
	} {
		args := bytes.Fields([]byte(line))
		b.Run(string(args[0]), func(b *testing.B) {
			c, ctx := &client{}, b.Context()
			b.ReportAllocs()
			for b.Loop() {
				c.out = s.answer(ctx, c, c.out[:0], args)
			}
		})
	}
}
