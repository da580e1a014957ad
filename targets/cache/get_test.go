package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func local() Config {
	return Config{Tiers: []string{"l1"}, L1: Memory{Policy: "lru", Entries: 1000}, LoadTimeout: 5 * time.Second, Refreshes: 64}
}

// origin is where values come from.
type origin struct {
	takes time.Duration
	calls atomic.Int64
	fail  atomic.Pointer[error]
}

func (o *origin) load(ctx context.Context) ([]byte, error) {
	n := o.calls.Add(1)
	if o.takes > 0 {
		select {
		case <-time.After(o.takes):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err := o.fail.Load(); err != nil {
		return nil, *err
	}
	return fmt.Append(nil, n), nil
}

func (o *origin) failWith(err error) { o.fail.Store(&err) }
func (o *origin) recover()           { o.fail.Store(nil) }

func expect(t *testing.T, c *Cache, p Policy, o *origin, body, status string) {
	t.Helper()
	e, st, err := c.Get(t.Context(), "k", p, o.load)
	if err != nil || string(e.Body) != body || st.String() != status {
		t.Errorf("got %q with %q, %v; want %q with %q", e.Body, st.String(), err, body, status)
	}
}

func TestAValueLivesForItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o, p := New(local(), nil, Hooks{}), &origin{}, Policy{TTL: 10 * time.Second}
		defer c.Close()
		expect(t, c, p, o, "1", "l1; fwd=uri-miss; stored")
		time.Sleep(4 * time.Second)
		expect(t, c, p, o, "1", "l1; hit; ttl=6")
		time.Sleep(6*time.Second - 1)
		expect(t, c, p, o, "1", "l1; hit; ttl=0")
		time.Sleep(time.Nanosecond)
		expect(t, c, p, o, "2", "l1; fwd=uri-miss; stored")
		s := c.Stats()
		if s.L1.Hits != 2 || s.L1.Misses != 2 || s.L1.HitRatio != .5 || s.Loads != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestACacheThatIsOffOnlyLoads(t *testing.T) {
	o := &origin{}
	for name, c := range map[string]*Cache{
		"no tiers":             New(Config{}, nil, Hooks{}),
		"a tier not there":     New(Config{Tiers: []string{"l2"}}, nil, Hooks{}),
		"no ttl of the policy": New(local(), nil, Hooks{}),
	} {
		before := o.calls.Load()
		p := Policy{TTL: time.Hour}
		if name == "no ttl of the policy" {
			p.TTL = 0
		}
		for range 3 {
			if _, st, err := c.Get(t.Context(), "k", p, o.load); err != nil || st.String() != "" {
				t.Errorf("%s: %q, %v", name, st.String(), err)
			}
		}
		if n := o.calls.Load() - before; n != 3 || c.Stats().Loads != 3 {
			t.Errorf("%s: %d loads of 3", name, n)
		}
		c.Close()
	}
}

func TestStaleWhileRevalidate(t *testing.T) { // RFC 5861 §3
	synctest.Test(t, func(t *testing.T) {
		c, o, p := New(local(), nil, Hooks{}), &origin{takes: 2 * time.Second}, Policy{TTL: 600 * time.Second, SWR: 30 * time.Second}
		defer c.Close()
		expect(t, c, p, o, "1", "l1; fwd=uri-miss; stored")
		time.Sleep(601 * time.Second)
		begin := time.Now()
		for range 10 {
			expect(t, c, p, o, "1", "l1; hit; ttl=-1")
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("stale answers took %v", waited)
		}
		time.Sleep(3 * time.Second)
		expect(t, c, p, o, "2", "l1; hit; ttl=599")
		if n := o.calls.Load(); n != 2 {
			t.Errorf("%d loads, want 2: one refresh", n)
		}
		time.Sleep(599*time.Second + 31*time.Second)
		begin = time.Now()
		expect(t, c, p, o, "3", "l1; fwd=uri-miss; stored")
		if waited := time.Since(begin); waited != 2*time.Second {
			t.Errorf("past the window the answer took %v, want 2s", waited)
		}
		if s := c.Stats(); s.Refreshes != 1 || s.L1.Stale != 10 {
			t.Errorf("%+v", s)
		}
	})
}

func TestStaleIfError(t *testing.T) { // RFC 5861 §4
	synctest.Test(t, func(t *testing.T) {
		c, o, p := New(local(), nil, Hooks{}), &origin{}, Policy{TTL: 600 * time.Second, SIE: 1200 * time.Second}
		defer c.Close()
		expect(t, c, p, o, "1", "l1; fwd=uri-miss; stored")
		down := errors.New("down")
		o.failWith(down)
		time.Sleep(900 * time.Second)
		expect(t, c, p, o, "1", "l1; fwd=stale; ttl=-300")
		if got := c.Stats().StaleIfError; got != 1 {
			t.Errorf("%d answers in place of an error", got)
		}
		time.Sleep(901 * time.Second)
		if _, _, err := c.Get(t.Context(), "k", p, o.load); !errors.Is(err, down) {
			t.Errorf("past the window: %v", err)
		}
		o.recover()
		expect(t, c, p, o, "4", "l1; fwd=uri-miss; stored")
		o.failWith(ErrNotFound) // not a failure: the origin says that there is nothing
		time.Sleep(900 * time.Second)
		if _, _, err := c.Get(t.Context(), "k", p, o.load); !errors.Is(err, ErrNotFound) {
			t.Errorf("nothing there: %v", err)
		}
		o.failWith(down)
		if _, _, err := c.Get(t.Context(), "k", p, o.load); !errors.Is(err, down) {
			t.Errorf("what is known not to be there came back: %v", err)
		}
	})
}

func TestAFailedRefreshLeavesTheStaleEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o, p := New(local(), nil, Hooks{}), &origin{}, Policy{TTL: time.Second, SWR: 10 * time.Second}
		defer c.Close()
		expect(t, c, p, o, "1", "l1; fwd=uri-miss; stored")
		o.failWith(errors.New("down"))
		time.Sleep(2 * time.Second)
		expect(t, c, p, o, "1", "l1; hit; ttl=-1")
		synctest.Wait()
		expect(t, c, p, o, "1", "l1; hit; ttl=-1")
		synctest.Wait()
		o.recover()
		expect(t, c, p, o, "1", "l1; hit; ttl=-1")
		synctest.Wait()
		expect(t, c, p, o, "4", "l1; hit; ttl=1")
		if s := c.Stats(); s.StaleIfError != 0 || s.LoadErrors != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWhatIsNotThereIsRememberedOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o := New(local(), nil, Hooks{}), &origin{}
		defer c.Close()
		gone := fmt.Errorf("product 7: %w", ErrNotFound)
		o.failWith(gone)
		ask := func(p Policy) error { _, _, err := c.Get(t.Context(), "k", p, o.load); return err }
		for range 3 {
			if err := ask(Policy{TTL: time.Minute}); !errors.Is(err, gone) {
				t.Fatal(err)
			}
		}
		if n := o.calls.Load(); n != 3 {
			t.Errorf("%d loads without negative_ttl, want 3", n)
		}
		p := Policy{TTL: time.Minute, Negative: time.Second, SWR: time.Minute, SIE: time.Minute}
		for range 3 {
			if err := ask(p); !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
		}
		if n := o.calls.Load(); n != 4 {
			t.Errorf("%d loads with negative_ttl, want 4", n)
		}
		o.recover()
		time.Sleep(time.Second)
		expect(t, c, p, o, "5", "l1; fwd=uri-miss; stored")
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	c, o, p := New(local(), nil, Hooks{}), &origin{}, Policy{TTL: time.Minute, Negative: time.Minute}
	defer c.Close()
	o.failWith(errors.New("down"))
	for range 3 {
		if _, _, err := c.Get(t.Context(), "k", p, o.load); err == nil {
			t.Fatal("no error")
		}
	}
	o.recover()
	expect(t, c, p, o, "4", "l1; fwd=uri-miss; stored")
}

func TestWritesAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o, p := New(local(), nil, Hooks{}), &origin{takes: time.Second}, Policy{TTL: time.Minute, SWR: time.Minute}
		defer c.Close()
		early := make(chan string)
		get := func() { e, _, _ := c.Get(t.Context(), "k", p, o.load); early <- string(e.Body) }

		go get() // reads before the write
		synctest.Wait()
		c.Delete(t.Context(), "k")
		go get() // reads after it: has to load anew
		a, b := <-early, <-early
		if a+b != "12" && a+b != "21" {
			t.Errorf("got %s and %s, want two loads", a, b)
		}
		expect(t, c, p, o, "2", "l1; hit; ttl=60")

		time.Sleep(61 * time.Second)
		expect(t, c, p, o, "2", "l1; hit; ttl=-1") // a refresh begins, which must not overwrite what is put
		synctest.Wait()
		if err := c.Put(t.Context(), "k", []byte("put"), p); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		expect(t, c, p, o, "put", "l1; hit; ttl=58")
		if n := o.calls.Load(); n != 3 {
			t.Errorf("%d loads, want 3", n)
		}

		c.Put(t.Context(), "k", []byte("again"), p)
		expect(t, c, p, o, "again", "l1; hit; ttl=60")
		if err := c.Flush(t.Context()); err != nil || c.Stats().L1.Entries != 0 {
			t.Errorf("after Flush: %v, %d entries", err, c.Stats().L1.Entries)
		}
	})
}

func TestAllAtOnce(t *testing.T) {
	c := New(local(), nil, Hooks{Load: func() float64 { return .5 }})
	defer c.Close()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			p := Policy{TTL: 100 * time.Microsecond, SWR: time.Millisecond, SIE: time.Second, XFetch: 1, Jitter: .5, Adaptive: 2}
			if i%4 == 0 {
				p.Coalesce = "none"
			}
			for n := range 2000 {
				key := fmt.Sprint(n % 7)
				e, st, err := c.Get(t.Context(), key, p, func(context.Context) ([]byte, error) { return []byte(key), nil })
				if err != nil || string(e.Body) != key {
					t.Errorf("%q, %v, %v", e.Body, st.String(), err)
				}
				switch {
				case n%50 == 0:
					c.Delete(t.Context(), key)
				case n%50 == 1:
					c.Put(t.Context(), key, []byte(key), p)
				case n%200 == 2:
					cfg := local()
					cfg.L1.Policy = []string{"lru", "fifo", "tinylfu"}[i%3]
					c.Configure(cfg)
				case n%500 == 3:
					c.Flush(t.Context())
				case n%100 == 4:
					c.Stats()
				}
			}
		})
	}
	all.Wait()
}
