package resp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"plimsoll/targets/knob"
)

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
			{0, "2", "1500"},
			{time.Millisecond, "1", "1499"},
			{999 * time.Millisecond, "1", "500"},
			{500 * time.Millisecond, "0", "0"},
			{time.Millisecond, "-2", "-2"},
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
	most := entryBytes + 110
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
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > cfg.CommandTimeout {
				return nil, errors.New("the time has no end, or another")
			}
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
		{"MULTI", "+OK"},
		{"X", "-ERR 'x' is not for transactions"},
		{"EXEC", "-" + errAborted},
		{"X", "1"},
		{"MULTI", "+OK"},
		{"INFO", "+QUEUED"},
		{"EXEC", "[-ERR 'info' is not for transactions]"},
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
