package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plimsoll/targets/knob"
	"plimsoll/targets/middleware"
)

func defaults() Config {
	var doc struct {
		HTTP Config `yaml:"http"`
	}
	knob.Defaults(&doc)
	return doc.HTTP
}

func start(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

func open(t *testing.T, cfg Config) *Upstream {
	t.Helper()
	u := New(cfg, Options{})
	t.Cleanup(u.Close)
	return u
}

// get reads an answer whole.
func get(ctx context.Context, u *Upstream, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := u.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func mustGet(t *testing.T, u *Upstream, url string) {
	t.Helper()
	if got, err := get(t.Context(), u, url); err != nil || got != "ok" {
		t.Fatalf("%q: %v", got, err)
	}
}

func ok(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }

func TestTheDefaultsAreThoseThatAreDocumented(t *testing.T) {
	got := defaults()
	if !got.KeepAlive || got.MaxConns != 0 || got.MaxIdle != 100 || got.IdleTimeout != 4*time.Second || got.HTTP != "h1" ||
		!got.TLS.Verify || !got.TLS.Resume || !got.Propagate || !slices.Equal(got.Baggage, []string{"tenant", "plan"}) {
		t.Errorf("%+v", got)
	}
}

func TestConnectionsAreUsedAgainUnlessTheyAreNotKept(t *testing.T) {
	s := start(t, ok)
	cfg := defaults()
	u := open(t, cfg)
	for range 10 {
		mustGet(t, u, s.URL)
	}
	if got := u.Stats(); got.Dials != 1 || got.Reused != 9 || got.Calls != 10 || got.InFlight != 0 || got.Errors != 0 {
		t.Errorf("kept: %+v", got)
	}
	cfg.KeepAlive = false
	u.Configure(cfg)
	for range 10 {
		mustGet(t, u, s.URL)
	}
	if got := u.Stats(); got.Dials != 11 || got.Reused != 9 {
		t.Errorf("not kept: %+v", got)
	}
}

func TestFewIdleConnectionsMeanManyDials(t *testing.T) {
	const together, rounds = 20, 5
	var here sync.WaitGroup
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		here.Done()
		here.Wait() // so that the calls of a round need a connection each
		ok(w, r)
	})
	dials := func(idle int) uint64 {
		cfg := defaults()
		cfg.MaxIdle = idle
		u := open(t, cfg)
		for range rounds {
			here.Add(together)
			var wg sync.WaitGroup
			for range together {
				wg.Go(func() {
					if _, err := get(t.Context(), u, s.URL); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		return u.Stats().Dials
	}
	if n := dials(2); n < together+(rounds-1)*(together-2) {
		t.Errorf("%d dials when 2 of %d are kept", n, together)
	}
	if n := dials(100); n != together {
		t.Errorf("%d dials when all are kept, want %d", n, together)
	}
}

func TestACapMakesCallsWaitAndTheWaitIsTold(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		ok(w, r)
	})
	cfg := defaults()
	cfg.MaxConns = 2
	u := open(t, cfg)
	var waited atomic.Int64
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			ctx, request := middleware.Fork(t.Context())
			if _, err := get(ctx, u, s.URL); err != nil {
				t.Error(err)
			}
			if request.Timing.Of("pool") > 5*time.Millisecond {
				waited.Add(1)
			}
		})
	}
	<-arrived
	<-arrived
	time.Sleep(30 * time.Millisecond) // the others would have come
	if n := len(arrived); n != 0 {
		t.Errorf("%d more calls than connections", n)
	}
	close(release)
	wg.Wait()
	if waited.Load() != 4 {
		t.Errorf("%d calls waited for a connection, want 4", waited.Load())
	}
	if got := u.Stats(); got.Dials != 2 || got.Reused != 4 || got.Pool < .1 || got.InFlight != 0 {
		t.Errorf("%+v", got)
	}
}

func TestMakingAConnectionIsToldApartFromWaitingForOne(t *testing.T) {
	s := start(t, ok)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		time.Sleep(20 * time.Millisecond)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	u := New(defaults(), Options{Dial: dial})
	defer u.Close()
	for i, want := range []time.Duration{20 * time.Millisecond, 0} {
		ctx, request := middleware.Fork(t.Context())
		if _, err := get(ctx, u, s.URL); err != nil {
			t.Fatal(err)
		}
		if got := request.Timing.Of("connect"); got < want || want == 0 && got != 0 {
			t.Errorf("call %d: connect %v, want %v or a little more", i, got, want)
		}
		if got := request.Timing.Of("pool"); got > 10*time.Millisecond {
			t.Errorf("call %d: pool %v", i, got)
		}
	}
}

func TestACallEndsAtItsTimeLimitEvenWithinItsBody(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	})
	cfg := defaults()
	cfg.Timeout = 50 * time.Millisecond
	u := open(t, cfg)
	for path, want := range map[string]string{"/header": "", "/body": "half"} {
		got, err := get(t.Context(), u, s.URL+path)
		if !errors.Is(err, context.DeadlineExceeded) || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if got := u.Stats(); got.InFlight != 0 || got.Calls != 2 {
		t.Errorf("%+v", got)
	}
}

func TestAnAnswerWithoutABodyAndOneThatIsClosedEarlyEndTheCall(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/none" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Write(make([]byte, 1<<20))
	})
	u := open(t, defaults())
	for _, path := range []string{"/none", "/long"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := u.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Request != r {
			t.Error("the answer is to another request")
		}
		resp.Body.Close()
		resp.Body.Close()
		if got := u.Stats(); got.InFlight != 0 {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestRefusedConnectionsAreErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	u := open(t, defaults())
	ctx, request := middleware.Fork(t.Context())
	if _, err := get(ctx, u, "http://"+l.Addr().String()); err == nil {
		t.Error("an answer from nobody")
	}
	if got := u.Stats(); got.DialErrors != 1 || got.Errors != 1 || got.InFlight != 0 || request.Timing.Of("connect") == 0 {
		t.Errorf("%+v, connect %v", got, request.Timing.Of("connect"))
	}
}

// A server that keeps idle connections for less long than the client closes them under
// its calls: one that may not be repeated fails. The other way round none does.
func TestAClientThatKeepsConnectionsForLongerThanTheServerMeetsClosedOnes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // answers one request, and closes when the second comes, as when both cross on the wire
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				request, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				io.Copy(io.Discard, request.Body)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				r.ReadByte()
			}()
		}
	}()
	post := func(u *Upstream) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String(), strings.NewReader("x"))
		if err != nil {
			return err
		}
		r.GetBody = nil
		resp, err := u.RoundTrip(r)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	}
	cfg := defaults()
	cfg.IdleTimeout = time.Hour
	longer := open(t, cfg)
	if err := post(longer); err != nil {
		t.Fatal(err)
	}
	if post(longer) == nil {
		t.Error("a call on a connection that the server closes succeeds")
	}
	cfg.IdleTimeout = 10 * time.Millisecond
	shorter := open(t, cfg)
	for range 3 {
		if err := post(shorter); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
