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

	"plimsoll/targets/middleware"
)

func TestAThousandCallsMakeOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o := New(local(), nil, Hooks{}), &origin{takes: 200 * time.Millisecond}
		defer c.Close()
		for _, test := range []struct {
			coalesce string
			want     int64
		}{{"singleflight", 1}, {"shared", 1}, {"none", 1000}} {
			o.calls.Store(0)
			p := Policy{TTL: time.Minute, Coalesce: test.coalesce}
			var all sync.WaitGroup
			var collapsed atomic.Int64
			for range 1000 {
				all.Go(func() {
					_, st, err := c.Get(t.Context(), test.coalesce, p, o.load)
					if err != nil {
						t.Error(err)
					}
					if st.Collapsed() {
						collapsed.Add(1)
					}
				})
			}
			all.Wait()
			if n := o.calls.Load(); n != test.want || collapsed.Load() != 1000-test.want {
				t.Errorf("%s: %d loads, want %d; %d collapsed", test.coalesce, n, test.want, collapsed.Load())
			}
		}
	})
}

func TestWhoLeavesDoesNotHarmWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o, p := New(local(), nil, Hooks{}), &origin{takes: time.Second}, Policy{TTL: time.Minute}
		defer c.Close()
		leader, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, _, err := c.Get(leader, "k", p, o.load)
			left <- err
		}()
		synctest.Wait()
		stays := make(chan error, 1)
		go func() {
			e, _, err := c.Get(t.Context(), "k", p, o.load)
			if string(e.Body) != "1" {
				t.Errorf("got %q", e.Body)
			}
			stays <- err
		}()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		if err := <-stays; err != nil {
			t.Errorf("who stayed got %v", err)
		}
		if n := o.calls.Load(); n != 1 {
			t.Errorf("%d loads", n)
		}
	})
}

func TestALoadEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := local()
		cfg.LoadTimeout = time.Second
		c, o := New(cfg, nil, Hooks{}), &origin{takes: time.Hour}
		defer c.Close()
		begin := time.Now()
		_, _, err := c.Get(t.Context(), "k", Policy{TTL: time.Minute}, o.load)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestALoadThatDoesNotHeedItsEndHoldsUpNoLaterCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := local()
		cfg.LoadTimeout = time.Second
		c, p, stuck := New(cfg, nil, Hooks{}), Policy{TTL: time.Minute}, make(chan struct{})
		go c.Get(t.Context(), "k", p, func(context.Context) ([]byte, error) { <-stuck; return nil, nil })
		time.Sleep(2 * time.Second)
		expect(t, c, p, &origin{}, "1", "l1; fwd=uri-miss; stored")
		close(stuck)
		c.Close()
	})
}

func TestPanicsDoNotSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o, p := New(local(), nil, Hooks{}), &origin{}, Policy{TTL: time.Minute, SIE: time.Hour}
		defer c.Close()
		bad := func(context.Context) ([]byte, error) { time.Sleep(time.Second); panic("broken") }
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				_, _, err := c.Get(t.Context(), "k", p, bad)
				var panicked *PanicError
				if !errors.As(err, &panicked) || panicked.Value != "broken" || len(panicked.Stack) == 0 {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		expect(t, c, p, o, "1", "l1; fwd=uri-miss; stored")
		time.Sleep(2 * time.Minute)
		if e, _, err := c.Get(t.Context(), "k", p, bad); err != nil || string(e.Body) != "1" {
			t.Errorf("with a stale entry: %q, %v", e.Body, err)
		}
		defer func() {
			if recover() == nil {
				t.Error("without coalescing the caller's own panic is the caller's")
			}
		}()
		c.Get(t.Context(), "other", Policy{TTL: time.Minute, Coalesce: "none"}, bad)
	})
}

func TestCloseEndsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o, p := New(local(), nil, Hooks{}), &origin{}, Policy{TTL: time.Second, SWR: time.Hour}
		expect(t, c, p, o, "1", "l1; fwd=uri-miss; stored")
		time.Sleep(2 * time.Second)
		o.takes = time.Hour
		cfg := local()
		cfg.LoadTimeout = 0
		c.Configure(cfg)
		expect(t, c, p, o, "1", "l1; hit; ttl=-1") // and a refresh begins
		waits := make(chan error)
		go func() { _, _, err := c.Get(t.Context(), "other", p, o.load); waits <- err }()
		synctest.Wait()
		begin := time.Now()
		go c.Close()
		if err := <-waits; !errors.Is(err, context.Canceled) {
			t.Errorf("who waited got %v", err)
		}
		c.Close()
		if time.Since(begin) != 0 {
			t.Errorf("Close took %v", time.Since(begin))
		}
		if _, _, err := c.Get(t.Context(), "third", p, o.load); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		expect(t, c, p, o, "1", "l1; hit; ttl=-1")
	})
}

func TestRefreshesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := local()
		cfg.Refreshes = 3
		c, o, p := New(cfg, nil, Hooks{}), &origin{}, Policy{TTL: time.Second, SWR: time.Hour}
		defer c.Close()
		for i := range 10 {
			c.Get(t.Context(), fmt.Sprint(i), p, o.load)
		}
		time.Sleep(2 * time.Second)
		o.takes = time.Second
		for i := range 10 {
			c.Get(t.Context(), fmt.Sprint(i), p, o.load)
		}
		if n := c.Stats().Refreshes; n != 3 {
			t.Errorf("%d refreshes at once, want 3", n)
		}
	})
}

func TestTheLoadHasTheCallersRequestToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := New(local(), nil, Hooks{}), Policy{TTL: time.Minute}
		defer c.Close()
		r := &middleware.Request{ID: "r1", Deadline: time.Now().Add(time.Millisecond), Priority: middleware.Batch}
		ctx := middleware.With(t.Context(), r)
		_, _, err := c.Get(ctx, "k", p, func(ctx context.Context) ([]byte, error) {
			own := middleware.From(ctx)
			if own == r || own.ID != "r1" || own.Priority != middleware.Batch {
				t.Errorf("the load sees %+v", own)
			}
			if left := time.Until(own.Deadline); left != 5*time.Second {
				t.Errorf("the load has %v, want 5s whoever waits", left)
			}
			own.Timing.Add("db", 7*time.Millisecond)
			return nil, nil
		})
		if err != nil || r.Timing.Of("db") != 7*time.Millisecond {
			t.Errorf("%v: the caller sees %v of the load's 7ms", err, r.Timing.Of("db"))
		}
	})
}

func TestWhoJoinsARefreshThatFailsGetsNothingTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, o, p := New(local(), nil, Hooks{}), &origin{}, Policy{TTL: 10 * time.Second, SWR: time.Second}
		defer c.Close()
		expect(t, c, p, o, "1", "l1; fwd=uri-miss; stored")
		o.failWith(errors.New("down"))
		o.takes = 2 * time.Second
		time.Sleep(10500 * time.Millisecond)
		expect(t, c, p, o, "1", "l1; hit; ttl=-1")
		time.Sleep(time.Second)
		if e, _, err := c.Get(t.Context(), "k", p, o.load); err == nil || o.calls.Load() != 2 {
			t.Errorf("past the window: %q after %d loads", e.Body, o.calls.Load())
		}
	})
}
