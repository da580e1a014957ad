package limiter

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
	"plimsoll/targets/servertest"
)

// silent is a store that takes as long as the context lets it, or answers if it works.
type silent struct {
	works atomic.Bool
	calls atomic.Int64
	local *localStore
}

func (s *silent) take(ctx context.Context, asks []Ask, now int64, out []Decision) error {
	s.calls.Add(1)
	if s.works.Load() {
		s.local.take(asks, now, out)
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// withStore returns a limiter whose shared store is s.
func withStore(s store, cfg Config, parts Parts) *Limiter {
	l := New(cfg, parts)
	l.shared = &guard{store: s, changed: parts.OnStore}
	l.Configure(cfg)
	return l
}

func TestWithoutTheStoreTheSettingsSayWhoIsAdmitted(t *testing.T) {
	for mode, want := range map[string]struct{ admitted, status int }{
		"open": {100, 200}, "closed": {0, 503}, "local": {12, 429}, // a fourth of 50
	} {
		synctest.Test(t, func(t *testing.T) {
			l := withStore(&silent{}, settings(func(c *Config) { c.Store, c.OnStoreError, c.Rate = "shared", mode, 1 }), Parts{Workers: func() int { return 4 }})
			h, admitted, last := l.Layer()(ok), 0, 0
			begin := time.Now()
			for range 100 {
				w := send(t, h, "a", "")
				if last = w.Code; last == 200 {
					admitted++
				}
				if last == 503 && w.Header().Get("Retry-After") == "" {
					t.Error("a 503 without Retry-After")
				}
			}
			if admitted != want.admitted || last != want.status {
				t.Errorf("%s: admitted %d, last %d, want %d, %d", mode, admitted, last, want.admitted, want.status)
			}
			if took := time.Since(begin); took != 50*time.Millisecond {
				t.Errorf("%s: the dead store cost 100 requests %v, want 50ms once", mode, took)
			}
			s := l.Stats().Store
			if s.Errors != 1 || s.Skipped != 99 || s.Open+s.Closed+s.Local != 100 {
				t.Errorf("%s: %+v", mode, s)
			}
		})
	}
}

func TestAStoreThatIsDownIsTriedByOneRequestAfterTheCoolDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := &silent{local: newLocalStore(1000)}
		var told []bool
		l := withStore(dead, settings(func(c *Config) { c.Store = "shared" }), Parts{OnStore: func(down bool, _ error) { told = append(told, down) }})
		h := l.Layer()(ok)
		send(t, h, "a", "")
		time.Sleep(900 * time.Millisecond)
		send(t, h, "a", "")
		if n := dead.calls.Load(); n != 1 {
			t.Errorf("asked %d times within the cool-down", n)
		}
		time.Sleep(200 * time.Millisecond)
		var clients sync.WaitGroup
		for range 10 {
			clients.Go(func() { send(t, h, "a", "") })
		}
		clients.Wait()
		if n := dead.calls.Load(); n != 2 {
			t.Errorf("asked %d times after the cool-down, want once more", n-1)
		}
		dead.works.Store(true)
		time.Sleep(1100 * time.Millisecond)
		for range 5 {
			send(t, h, "a", "")
		}
		if n := dead.calls.Load(); n != 7 || len(told) != 2 || !told[0] || told[1] {
			t.Errorf("asked %d times, told %v", n, told)
		}
	})
}

func TestAClientThatGoesAwayDoesNotCondemnTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := withStore(&silent{}, settings(func(c *Config) { c.Store = "shared" }), Parts{})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		c := l.calls.Get().(*call)
		l.begin(c, from(ctx, "a", ""), time.Now())
		if err := l.decide(ctx, c, &middleware.Request{}, time.Now()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if s := l.Stats().Store; s.Errors != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestARedisThatDoesNotAnswerCostsItsTimeoutOnce(t *testing.T) {
	// It accepts connections and says nothing.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l := New(settings(func(c *Config) { c.Store, c.OnStoreError, c.Outage.CoolDown = "redis", "open", time.Minute }), Parts{Redis: client(t, ln.Addr().String())})
	h := l.Layer()(ok)
	for range 20 {
		if w := send(t, h, "a", ""); w.Code != 200 {
			t.Fatalf("%d", w.Code)
		}
	}
	if s := l.Stats().Store; s.Errors != 1 || s.Skipped != 19 || s.Open != 20 {
		t.Errorf("%+v", s)
	}
}

func TestRedisLimitsThroughTheLayer(t *testing.T) {
	for _, addr := range []string{embedded(t), servertest.Redis(t)} {
		l := New(settings(func(c *Config) {
			c.Store, c.Rate, c.Burst, c.Outage.Timeout = "redis", .001, 5, 10*time.Second
			c.Policies = map[string]Policy{"all": {Key: "global", Rate: .001, Burst: 8, Window: time.Second}}
		}), Parts{Redis: client(t, addr)})
		h := l.Layer()(ok)
		admitted := map[string]int{}
		for range 10 {
			for _, who := range []string{"a", "b"} {
				if send(t, h, who, "").Code == 200 {
					admitted[who]++
				}
			}
		}
		if s := l.Stats(); admitted["a"] != 4 || admitted["b"] != 4 || s.Store.Errors != 0 || s.Violated["all"] != 12 {
			t.Errorf("%v, %+v", admitted, s)
		}
	}
}
