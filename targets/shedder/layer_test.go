package shedder

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plimsoll/targets/middleware"
)

// ask sends a request of the given kind through the handler.
func ask(t testing.TB, h http.Handler, request *middleware.Request) *httptest.ResponseRecorder {
	t.Helper()
	return askWith(t.Context(), h, request)
}

func askWith(ctx context.Context, h http.Handler, request *middleware.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(middleware.With(ctx, request), "GET", "/", nil))
	return w
}

// answer is a handler that answers a status after some time.
func answer(status int, after time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(after)
		w.WriteHeader(status)
	}
}

func TestARefusalIsAProblem(t *testing.T) {
	for _, test := range []struct {
		name            string
		change          func(*Config)
		status          int
		kind            string
		after, notAgain string
	}{
		{"503", func(*Config) {}, 503, middleware.ReducedCapacity, "1", ""},
		{"429", func(c *Config) { c.Status = 429 }, 429, middleware.QuotaExceeded, "1", ""},
		{"no time", func(c *Config) { c.RetryAfter.Base = 0 }, 503, middleware.ReducedCapacity, "", ""},
		{"part of a second", func(c *Config) { c.RetryAfter.Base = 1100 * ms }, 503, middleware.ReducedCapacity, "2", ""},
		{"propagated", func(c *Config) { c.Propagate = true }, 503, middleware.ReducedCapacity, "1", "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := New(settings(t, one, room(0), test.change)).Layer()(answer(200, time.Second))
				go ask(t, h, &middleware.Request{})
				synctest.Wait()
				w := ask(t, h, &middleware.Request{ID: "r1"})
				var problem struct {
					Type, Title, Instance, Reason string
					Status                        int
				}
				if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
					t.Fatal(err)
				}
				if w.Code != test.status || problem.Status != test.status || problem.Type != test.kind {
					t.Errorf("status %d, problem %+v", w.Code, problem)
				}
				if problem.Reason != "full" || problem.Instance != "urn:request:r1" || problem.Title == "" {
					t.Errorf("problem %+v", problem)
				}
				if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
					t.Errorf("content type %q", got)
				}
				if got := w.Header().Get("Retry-After"); got != test.after {
					t.Errorf("Retry-After %q, want %q", got, test.after)
				}
				if got := w.Header().Get("X-No-Retry"); got != test.notAgain {
					t.Errorf("X-No-Retry %q, want %q", got, test.notAgain)
				}
				time.Sleep(time.Second)
			})
		})
	}
}

func TestRefusedClientsComeBackSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(settings(t, one, room(0), func(c *Config) {
			c.RetryAfter = RetryAfterConfig{Base: time.Second, Jitter: 10 * time.Second}
		})).Layer()(answer(200, time.Second))
		go ask(t, h, &middleware.Request{})
		synctest.Wait()
		back := map[int]int{} // by second
		for range 10000 {
			after, err := strconv.Atoi(ask(t, h, &middleware.Request{}).Header().Get("Retry-After"))
			if err != nil {
				t.Fatal(err)
			}
			back[after]++
		}
		// A thousand each, give or take: five deviations are 150.
		for second := 2; second <= 11; second++ {
			if n := back[second]; n < 850 || n > 1150 {
				t.Errorf("%d of 10000 come back after %d s", n, second)
			}
		}
		time.Sleep(time.Second)
	})
}

func TestTheWaitIsInTheTiming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(settings(t, one)).Layer()(answer(200, 20*ms))
		go ask(t, h, &middleware.Request{})
		synctest.Wait()
		r := &middleware.Request{}
		if w := ask(t, h, r); w.Code != 200 || string(r.Timing.Append(nil)) != "q;dur=20" {
			t.Errorf("status %d, timing %s", w.Code, r.Timing.Append(nil))
		}
	})
}

func TestWhatPassesFreely(t *testing.T) {
	for name, change := range map[string]func(*Config, *Shedder){
		"exempt requests":         func(_ *Config, s *Shedder) { s.Exempt = func(*http.Request) bool { return true } },
		"all while it is off":     func(c *Config, _ *Shedder) { c.Enabled = false },
		"all while it is allowed": func(c *Config, _ *Shedder) { c.Limit = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := settings(t, one, room(0))
				s := New(cfg)
				change(&cfg, s)
				s.Configure(cfg)
				h := s.Layer()(answer(200, time.Second))
				for range 10 {
					go func() {
						if w := ask(t, h, &middleware.Request{}); w.Code != 200 {
							t.Errorf("status %d", w.Code)
						}
					}()
				}
				time.Sleep(time.Second)
			})
		})
	}
}

func TestTheDeadlineOfARequest(t *testing.T) {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	cfg := settings(t, func(c *Config) { c.Deadline.Timeout = time.Second })
	if got := cfg.deadline(&middleware.Request{Arrived: begin}); !got.Equal(begin.Add(time.Second)) {
		t.Errorf("a request without one has until %v", got)
	}
	if got := cfg.deadline(&middleware.Request{Arrived: begin, Deadline: begin.Add(time.Minute)}); !got.Equal(begin.Add(time.Minute)) {
		t.Errorf("a request with one has until %v", got)
	}
	synctest.Test(t, func(t *testing.T) {
		if got := cfg.deadline(&middleware.Request{}); !got.Equal(time.Now().Add(time.Second)) {
			t.Errorf("a request that nobody saw arrive has until %v", got)
		}
	})
	cfg.Deadline.Timeout = 0
	if got := cfg.deadline(&middleware.Request{Arrived: begin}); !got.IsZero() {
		t.Errorf("without a timeout a request has until %v", got)
	}
}

func TestADeadlineThatPassesInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(settings(t, one, deadline(Expired), func(c *Config) { c.Deadline.Timeout = 10 * ms })).Layer()(answer(200, time.Second))
		go ask(t, h, &middleware.Request{})
		synctest.Wait()
		begin := time.Now()
		w := ask(t, h, &middleware.Request{})
		if took := time.Since(begin); w.Code != 503 || took != 10*ms || !strings.Contains(w.Body.String(), `"reason":"expired"`) {
			t.Errorf("after %v: %d %s", took, w.Code, w.Body)
		}
		time.Sleep(time.Second)
	})
}

func TestAClientThatLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one))
		h := s.Layer()(answer(200, time.Second))
		go ask(t, h, &middleware.Request{})
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(10*ms, leave)
		if w := askWith(ctx, h, &middleware.Request{}); w.Code != StatusClientClosedRequest || w.Body.Len() != 0 {
			t.Errorf("status %d %s", w.Code, w.Body)
		}
		if st := s.Stats(); st.QueueLength != 0 || st.Left != 1 {
			t.Errorf("stats %+v", st)
		}
		time.Sleep(time.Second)
	})
}

func TestAPanicFreesItsPlaceAndSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(settings(t, one, room(0)))
		h := s.Layer()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			time.Sleep(10 * ms)
			panic("on purpose")
		}))
		for range 3 {
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic was lost")
					}
				}()
				ask(t, h, &middleware.Request{})
			}()
		}
		if st := s.Stats(); st.InFlight != 0 || st.Admitted != 3 || st.ServiceP50 != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestWhatTheLimitLearnsFromAnAnswer(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for _, test := range []struct {
		name      string
		ctx       context.Context
		status    int
		propagate bool
		want      Outcome
	}{
		{"an answer", t.Context(), 200, false, Success},
		{"an answer without a status", t.Context(), 0, false, Success},
		{"an error", t.Context(), 500, false, Success},
		{"a timeout further down", t.Context(), 504, false, Dropped},
		{"a refusal further down", t.Context(), 503, true, Dropped},
		{"another", t.Context(), 429, true, Dropped},
		{"one that is not to be heard of", t.Context(), 503, false, Ignored},
		{"a client that left", gone, 200, true, Ignored},
		{"a deadline that passed", late, 200, false, Dropped},
	} {
		c := &call{status: test.status, propagate: test.propagate}
		if got := c.outcome(test.ctx); got != test.want {
			t.Errorf("%s: outcome %d, want %d", test.name, got, test.want)
		}
	}
}

func TestARefusalFromBelowIsPassedOnAsOne(t *testing.T) {
	for _, propagate := range []bool{false, true} {
		h := New(settings(t, one, func(c *Config) { c.Propagate = propagate })).Layer()(http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusEarlyHints) // not yet the answer
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
		if got := ask(t, h, &middleware.Request{}).Header().Get("X-No-Retry"); (got == "1") != propagate {
			t.Errorf("propagate %v: X-No-Retry %q", propagate, got)
		}
	}
}

func TestTheWriterIsAsGoodAsTheServers(t *testing.T) {
	h := New(settings(t, one)).Layer()(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		io.Copy(w, strings.NewReader("one"))
		w.(http.Flusher).Flush()
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("set a deadline: %v", err)
		}
		io.WriteString(w, "two")
	}))
	s := httptest.NewServer(h)
	defer s.Close()
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "onetwo" || resp.StatusCode != 200 {
		t.Errorf("status %d, body %q, %v", resp.StatusCode, body, err)
	}
}

// BenchmarkLayer is what a request costs that finds a free place, and what one does that
// finds the queue full.
func BenchmarkLayer(b *testing.B) {
	quick := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	request := httptest.NewRequestWithContext(middleware.With(b.Context(), &middleware.Request{Priority: middleware.Normal}), "GET", "/", nil)
	for name, changes := range map[string][]func(*Config){
		"off":       {func(c *Config) { c.Enabled = false }},
		"fixed":     {fixed},
		"deadline":  {fixed, deadline(Predictive), lanes("weighted"), func(c *Config) { c.Deadline.Timeout = time.Second }},
		"codel":     {fixed, discipline(CoDel)},
		"vegas":     {adaptive("vegas")},
		"gradient2": {adaptive("gradient2")},
		"envoy":     {adaptive("envoy")},
	} {
		b.Run(name, func(b *testing.B) {
			h := New(settings(b, changes...)).Layer()(quick)
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, request)
			}
		})
	}
	b.Run("full", func(b *testing.B) {
		s := New(settings(b, one, room(0)))
		if _, err := s.Acquire(b.Context(), middleware.Normal, time.Time{}); err != nil {
			b.Fatal(err)
		}
		h := s.Layer()(quick)
		b.ReportAllocs()
		for b.Loop() {
			h.ServeHTTP(httptest.NewRecorder(), request)
		}
	})
}
