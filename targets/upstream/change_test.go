package upstream

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"plimsoll/targets/middleware"
)

func BenchmarkRoundTrip(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(ok))
	defer s.Close()
	u := New(defaults(), Options{})
	defer u.Close()
	ctx, _ := middleware.Fork(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := get(ctx, u, s.URL); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPlainTransport(b *testing.B) { // what net/http takes for the same
	s := httptest.NewServer(http.HandlerFunc(ok))
	defer s.Close()
	t := &http.Transport{DisableCompression: true}
	defer t.CloseIdleConnections()
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.URL, http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		resp, err := t.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		io.ReadAll(resp.Body)
		resp.Body.Close()
	}
}

func TestSettingsChangeWithoutHarmToCallsUnderWay(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Millisecond)
		ok(w, r)
	})
	u := open(t, defaults())
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got, err := get(t.Context(), u, s.URL); err != nil || got != "ok" {
					t.Errorf("%q: %v", got, err)
					return
				}
			}
		})
	}
	for i := range 50 {
		cfg := defaults()
		cfg.KeepAlive, cfg.MaxConns, cfg.MaxIdle, cfg.Propagate = i%2 == 0, i%4, 1+i%5, i%3 == 0
		u.Configure(cfg)
		time.Sleep(2 * time.Millisecond)
	}
	close(done)
	wg.Wait()
	if got := u.Stats(); got.Errors != 0 || got.InFlight != 0 || got.Calls == 0 {
		t.Errorf("%+v", got)
	}
}

func TestChangesThatConcernNoConnectionKeepThem(t *testing.T) {
	s := start(t, ok)
	cfg := defaults()
	u := open(t, cfg)
	mustGet(t, u, s.URL)
	cfg.Timeout, cfg.Propagate, cfg.Baggage = time.Second, false, nil
	u.Configure(cfg)
	mustGet(t, u, s.URL)
	if got := u.Stats(); got.Dials != 1 {
		t.Errorf("%+v", got)
	}
}

func TestConnectionsOfOldSettingsAreClosed(t *testing.T) {
	var conns sync.Map
	s := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	s.Config.ConnState = func(c net.Conn, state http.ConnState) { conns.Store(c, state) }
	s.Start()
	defer s.Close()
	cfg := defaults()
	cfg.IdleTimeout = time.Hour
	u := open(t, cfg)
	mustGet(t, u, s.URL)
	cfg.MaxIdle = 7
	u.Configure(cfg)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		closed := true
		conns.Range(func(_, state any) bool { closed = closed && state == http.StateClosed; return true })
		if closed {
			return
		}
	}
	t.Error("the connection of the old settings is still open")
}
