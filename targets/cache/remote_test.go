package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

func twoTiers() Config {
	cfg := local()
	cfg.Tiers = []string{"l1", "l2"}
	cfg.L2 = Remote{Prefix: "te*st:", Timeout: 2 * time.Second, Errors: 3, Cooldown: time.Second, Lock: 5 * time.Second}
	return cfg
}

func TestTwoWorkersShareL2(t *testing.T) {
	everyServer(t, func(t *testing.T, addr string) {
		conn := client(t, addr)
		a, b := New(twoTiers(), conn, Hooks{}), New(twoTiers(), conn, Hooks{})
		defer a.Close()
		defer b.Close()
		p, o := Policy{TTL: time.Hour, SWR: time.Hour}, &origin{}
		expect(t, a, p, o, "1", "l2; fwd=uri-miss; stored, l1; fwd=uri-miss; stored")
		expect(t, b, p, o, "1", "l2; hit; ttl=3599, l1; fwd=uri-miss; stored")
		expect(t, b, p, o, "1", "l1; hit; ttl=3599")
		if left := conn.PTTL(t.Context(), "te*st:v1:k").Val(); left < 7100*time.Second || left > 7200*time.Second {
			t.Errorf("l2 keeps it for %v, want ttl and swr: 2h", left)
		}
		if s := b.Stats(); s.L2.Hits != 1 || s.L1.Misses != 1 || s.Loads != 0 || !s.L2.Up {
			t.Errorf("%+v", s)
		}

		if err := a.Put(t.Context(), "k", []byte("put"), p); err != nil {
			t.Error(err)
		}
		expect(t, b, p, o, "1", "l1; hit; ttl=3599") // another worker's l1 does not learn of it
		b.setup.Load().l1.remove("k")
		expect(t, b, p, o, "put", "l2; hit; ttl=3599, l1; fwd=uri-miss; stored")

		if err := b.Delete(t.Context(), "k", "unknown"); err != nil {
			t.Error(err)
		}
		expect(t, b, p, o, "2", "l2; fwd=uri-miss; stored, l1; fwd=uri-miss; stored")
	})
}

func TestFlushEmptiesL2OfItsOwn(t *testing.T) {
	everyServer(t, func(t *testing.T, addr string) {
		conn := client(t, addr)
		c := New(twoTiers(), conn, Hooks{})
		defer c.Close()
		for i := range 1200 {
			if err := c.Put(t.Context(), fmt.Sprint(i), nil, Policy{TTL: time.Hour}); err != nil {
				t.Fatal(err)
			}
		}
		conn.Set(t.Context(), "test:v1:foreign", "1", 0)
		conn.Set(t.Context(), "teXst:v1:foreign", "1", 0)
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if keys := conn.Keys(t.Context(), "*").Val(); len(keys) != 2 || c.Stats().L1.Entries != 0 {
			t.Errorf("left are %d keys, %.3v, and %d entries in l1", len(keys), keys, c.Stats().L1.Entries)
		}
	})
}

func TestAStaleEntryOfL2AnswersWhileItIsRefreshed(t *testing.T) {
	everyServer(t, func(t *testing.T, addr string) {
		conn := client(t, addr)
		a, b := New(twoTiers(), conn, Hooks{}), New(twoTiers(), conn, Hooks{})
		defer a.Close()
		defer b.Close()
		p, o := Policy{TTL: time.Hour, SWR: time.Hour}, &origin{}
		old := &Entry{Body: []byte("old"), Stored: time.Now().Add(-90 * time.Minute), TTL: time.Hour}
		if err := a.setup.Load().l2.put(t.Context(), "k", old, time.Hour); err != nil {
			t.Fatal(err)
		}
		expect(t, b, p, o, "old", "l2; hit; ttl=-1801, l1; fwd=uri-miss; stored")
		b.crew.all.Wait() // the refresh
		expect(t, b, p, o, "1", "l1; hit; ttl=3599")

		// A worker whose own entry is stale takes the newer one of another, without a load.
		a.change(func(m *memory) { m.set("k", old) })
		expect(t, a, p, o, "old", "l1; hit; ttl=-1801")
		a.crew.all.Wait()
		expect(t, a, p, o, "1", "l1; hit; ttl=3599")
		if n := o.calls.Load(); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

func TestAnEarlyRefreshLoadsThoughL2HasTheSameEntry(t *testing.T) {
	c := New(twoTiers(), client(t, embedded(t)), Hooks{})
	defer c.Close()
	p, o := Policy{TTL: time.Hour, XFetch: 1}, &origin{takes: time.Millisecond}
	draws := []float64{1 - 1e-16, 0} // l1: refresh; l2: not yet
	expect(t, c, Policy{TTL: time.Hour}, o, "1", "l2; fwd=uri-miss; stored, l1; fwd=uri-miss; stored")
	c.change(func(m *memory) {
		e, _ := m.get("k")
		slow := *e
		slow.Delta = 2 * time.Minute
		m.set("k", &slow)
	})
	c.draw = func() float64 { d := draws[0]; draws = append(draws[1:], 0); return d }
	expect(t, c, p, o, "1", "l1; hit; ttl=3599")
	c.crew.all.Wait()
	expect(t, c, p, o, "2", "l1; hit; ttl=3599")
}

func TestStaleIfErrorReachesL2(t *testing.T) {
	c := New(twoTiers(), client(t, embedded(t)), Hooks{})
	defer c.Close()
	p, o := Policy{TTL: time.Hour, SIE: 2 * time.Hour}, &origin{}
	o.failWith(errors.New("down"))
	old := &Entry{Body: []byte("old"), Stored: time.Now().Add(-90 * time.Minute), TTL: time.Hour}
	if err := c.setup.Load().l2.put(t.Context(), "k", old, time.Hour); err != nil {
		t.Fatal(err)
	}
	expect(t, c, p, o, "old", "l2; fwd=stale, l1; fwd=stale; ttl=-1801")
}

func TestWorkersShareALoadByALock(t *testing.T) {
	everyServer(t, func(t *testing.T, addr string) {
		o := &origin{takes: 50 * time.Millisecond}
		var all sync.WaitGroup
		for range 8 {
			c := New(twoTiers(), client(t, addr), Hooks{})
			defer c.Close()
			for range 10 {
				all.Go(func() {
					e, st, err := c.Get(t.Context(), "k", Policy{TTL: time.Hour, Coalesce: "shared"}, o.load)
					if err != nil || string(e.Body) != "1" {
						t.Errorf("%q, %s, %v", e.Body, st.String(), err)
					}
				})
			}
		}
		all.Wait()
		if n := o.calls.Load(); n != 1 {
			t.Errorf("%d loads by 8 workers", n)
		}
	})
}

func TestAWorkerThatDiesWithTheLockHoldsOthersUpForItsTimeOnly(t *testing.T) {
	everyServer(t, func(t *testing.T, addr string) {
		cfg := twoTiers()
		cfg.L2.Lock = 100 * time.Millisecond
		dead, c := New(cfg, client(t, addr), Hooks{}), New(cfg, client(t, addr), Hooks{})
		defer c.Close()
		begin := time.Now()
		if mine, _ := dead.setup.Load().l2.lock(t.Context(), "k"); !mine {
			t.Fatal("no lock")
		}
		expect(t, c, Policy{TTL: time.Hour, Coalesce: "shared"}, &origin{}, "1", "l2; fwd=uri-miss; stored, l1; fwd=uri-miss; stored")
		if waited := time.Since(begin); waited < 99*time.Millisecond {
			t.Errorf("waited %v, want the lock's 100ms", waited)
		}
		if mine, _ := dead.setup.Load().l2.lock(t.Context(), "k"); !mine {
			t.Error("the lock was not given back")
		}
	})
}

func TestWhoGetsTheLockLooksAgainBeforeItLoads(t *testing.T) {
	gets, released := 0, false
	c := New(twoTiers(), fake(func(_ context.Context, args []any) (any, error) {
		switch args[0] {
		case "GET":
			if gets++; gets > 1 { // another worker has stored it and given the lock back in between
				return string(encode(nil, &Entry{Body: []byte("theirs"), Stored: time.Now(), TTL: time.Hour})), nil
			}
			return nil, redis.Nil
		case "DEL":
			released = true
		}
		return "OK", nil
	}), Hooks{})
	defer c.Close()
	o := &origin{}
	expect(t, c, Policy{TTL: 2 * time.Hour, Coalesce: "shared"}, o, "theirs", "l2; fwd=uri-miss; collapsed, l1; fwd=uri-miss; stored")
	if o.calls.Load() != 0 || !released {
		t.Errorf("%d loads, lock given back: %v", o.calls.Load(), released)
	}
}

func TestABrokenEntryOfL2IsLoadedAnew(t *testing.T) {
	conn := client(t, embedded(t))
	c := New(twoTiers(), conn, Hooks{})
	defer c.Close()
	conn.Set(t.Context(), "te*st:v1:k", "something else", 0)
	expect(t, c, Policy{TTL: time.Hour}, &origin{}, "1", "l2; fwd=uri-miss; stored; detail=unavailable, l1; fwd=uri-miss; stored")
	if s := c.Stats().L2; s.Errors != 1 || !s.Up {
		t.Errorf("%+v", s)
	}
}

func TestAServerThatHangsCostsItsTimeoutOnly(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, conn)
		}
	}()
	cfg := twoTiers()
	cfg.L2.Timeout, cfg.L2.Cooldown, cfg.L2.Errors = 20*time.Millisecond, time.Minute, 2
	c := New(cfg, client(t, ln.Addr().String()), Hooks{})
	defer c.Close()
	begin := time.Now()
	expect(t, c, Policy{TTL: time.Hour}, &origin{}, "1", "l2; fwd=uri-miss; detail=unavailable, l1; fwd=uri-miss; stored")
	if took := time.Since(begin); took > 2*time.Second { // two commands of 20 ms; the client alone would wait for 3 s each
		t.Errorf("took %v", took)
	}
	c.setup.Load().l1.remove("k")
	expect(t, c, Policy{TTL: time.Hour}, &origin{}, "1", "l2; fwd=bypass; detail=cooling-down, l1; fwd=uri-miss; stored")
}

// fake is a client whose server is a function.
type fake func(ctx context.Context, args []any) (any, error)

func (f fake) Do(ctx context.Context, args ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx, args...)
	v, err := f(ctx, args)
	cmd.SetVal(v)
	cmd.SetErr(err)
	return cmd
}

func TestL2IsLeftAloneAfterErrorsAndProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		var down atomic.Bool
		var told []string
		down.Store(true)
		c := New(twoTiers(), fake(func(context.Context, []any) (any, error) {
			sent.Add(1)
			if down.Load() {
				return nil, errors.New("refused")
			}
			return nil, redis.Nil
		}), Hooks{OnL2: func(up bool, err error) { told = append(told, fmt.Sprint(up, err)) }})
		defer c.Close()
		o, n := &origin{}, 0
		get := func() (commands int64) {
			n++
			before := sent.Load()
			if _, _, err := c.Get(t.Context(), fmt.Sprint(n), Policy{TTL: time.Hour}, o.load); err != nil {
				t.Errorf("an error because of the cache: %v", err)
			}
			return sent.Load() - before
		}
		steps := []struct {
			wait time.Duration
			heal bool
			want int64
		}{
			{0, false, 2}, // GET and SET fail
			{0, false, 1}, // the third error: no SET any more
			{0, false, 0},
			{999 * time.Millisecond, false, 0},
			{time.Millisecond, false, 1}, // a probe
			{0, false, 0},
			{time.Second, true, 2}, // a probe that succeeds
			{0, true, 2},
		}
		for i, step := range steps {
			time.Sleep(step.wait)
			down.Store(!step.heal)
			if got := get(); got != step.want {
				t.Errorf("step %d: %d commands, want %d", i, got, step.want)
			}
		}
		if want := "false refused true <nil>"; strings.Join(told, " ") != want {
			t.Errorf("told %q, want %q", told, want)
		}
		if s := c.Stats().L2; s.Errors != 4 || s.Skipped == 0 || !s.Up {
			t.Errorf("%+v", s)
		}
	})
}

func TestOneErrorAmongOthersIsNoReasonToLeaveL2Alone(t *testing.T) {
	n := 0
	c := New(twoTiers(), fake(func(context.Context, []any) (any, error) {
		if n++; n%3 != 0 {
			return nil, errors.New("refused")
		}
		return nil, redis.Nil
	}), Hooks{})
	defer c.Close()
	for i := range 50 {
		c.Get(t.Context(), fmt.Sprint(i), Policy{TTL: time.Hour}, (&origin{}).load)
	}
	if s := c.Stats().L2; !s.Up || s.Skipped != 0 {
		t.Errorf("%+v", s)
	}
}

func TestACallerThatLeavesIsNoErrorOfL2(t *testing.T) {
	c := New(twoTiers(), fake(func(ctx context.Context, _ []any) (any, error) { return nil, ctx.Err() }), Hooks{})
	defer c.Close()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 50 {
		c.Get(gone, fmt.Sprint(i), Policy{TTL: time.Hour, Coalesce: "none"}, (&origin{}).load)
	}
	if s := c.Stats().L2; !s.Up || s.Errors != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAWriteDuringALoadKeepsItOutOfL2(t *testing.T) {
	for name, write := range map[string]func(context.Context, *Cache){
		"":    func(ctx context.Context, c *Cache) { c.Delete(ctx, "k") },
		"put": func(ctx context.Context, c *Cache) { c.Put(ctx, "k", []byte("put"), Policy{TTL: time.Hour}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			kept := map[string]string{}
			c := New(twoTiers(), mapped(kept), Hooks{})
			defer c.Close()
			go c.Get(t.Context(), "k", Policy{TTL: time.Hour}, (&origin{takes: time.Second}).load)
			time.Sleep(time.Second / 2)
			write(t.Context(), c)
			time.Sleep(time.Second)
			e, _ := decode([]byte(kept["te*st:v1:k"]))
			inL1 := ""
			if e, ok := c.setup.Load().l1.get("k"); ok {
				inL1 = string(e.Body)
			}
			if string(e.Body) != name || inL1 != name {
				t.Errorf("kept are %q in l2 and %q in l1, want %q", e.Body, inL1, name)
			}
		})
	}
}

// mapped is a client whose server is a map, without expiry.
func mapped(kept map[string]string) fake {
	var mu sync.Mutex
	return func(_ context.Context, args []any) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		key := args[1].(string)
		switch args[0] {
		case "SET":
			kept[key] = string(args[2].([]byte))
		case "DEL":
			delete(kept, key)
		case "GET":
			if v, ok := kept[key]; ok {
				return v, nil
			}
			return nil, redis.Nil
		}
		return "OK", nil
	}
}
